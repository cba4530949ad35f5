"""Seeded procedural textures, in the frame of the thing they cover.

A texture is projected along the dominant axis of the face normal (hard triplanar mapping), or around the third axis,
so meshes need no texture coordinates; beyond its tile it is mirrored, so it has no seams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.errors import BadInput
from gpnet_ros.sim.looks import patterns, prints
from gpnet_ros.sim.looks.noise_images import Bytes, fractal
from gpnet_ros.sim.looks.patterns import Color

PATTERNS: dict[str, Callable[[Color, Color, np.random.Generator, int], Bytes]] = {
    "plain": patterns.plain,
    "scuffed": patterns.scuffed,
    "mottled": patterns.mottled,
    "speckled": patterns.speckled,
    "strand_board": patterns.strand_board,
    "wood": patterns.wood,
    "butcher_block": patterns.butcher_block,
    "cloth": patterns.cloth,
    "brushed": patterns.brushed,
    "cardboard": patterns.kraft,
    "belt": patterns.belt,
    "glazed": patterns.glazed,
    "skin": patterns.skin,
    "banded": patterns.banded,
    "package": prints.package,
    "label": prints.label,
    "carton": prints.carton,
}

#: Albedo of real surfaces: soot to fresh plaster.
_ALBEDO = np.clip((np.arange(256) / 255.0) ** 2.2, 0.015, 0.88).astype(np.float32)

#: cv2.remap takes images of at most 32767 pixels a side, so lists of points are folded to this width.
_FOLD = 1024

#: Pixel of a picture on the surface [m], as far as 512 pixels reach; cameras above a table see no finer.
_FINEST = 0.0009

#: Side of the square that fine detail repeats in [m].
_DETAIL_TILE = {"grain": 0.13, "fibre": 0.16, "weave": 0.18}


#: Patterns whose grain runs along the longest side of the thing, as it is sawn and turned.
_GRAINED = ("wood", "butcher_block")
_PARTS = ("core", *(sign + axis for sign in ("", "+", "-") for axis in "xyz"))


@dataclass(frozen=True)
class Texture:
    """Looks of a surface.

    Attributes:
        kind: pattern, a key of `PATTERNS`.
        seed: of the pattern; the same seed is the same picture.
        color, accent: the two colours that the pattern is made of, sRGB in [0, 1].
        tile: side of the picture on the surface [m].
        gloss: 0 matt to 1 polished.
        metallic: 0 for plastics, wood and paper, 1 for bare metal.
        origin: point of the mesh's frame that the middle of the picture lies on [m].
        mapping: "tile" repeats the picture, "fit" prints it once on each side of the mesh's box, "wrap" lays it
            once around the third axis.
        detail: relief finer than the picture: "", "grain", "fibre" or "weave".
        part: looks of a part of the mesh; see `where`.
        where: which part: "+z" the upper end, "-z" the lower, "z" both, likewise for x and y, and how long it is; or
            "core" and its radius about the third axis [m].
    """

    kind: str = "plain"
    seed: int = 0
    color: Color = (0.6, 0.6, 0.6)
    accent: Color = (0.9, 0.9, 0.9)
    tile: float = 0.2
    gloss: float = 0.3
    metallic: float = 0.0
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mapping: Literal["tile", "fit", "wrap"] = "tile"
    detail: str = ""
    part: Texture | None = None
    where: tuple[str, float] = ("+z", 0.0)

    def __post_init__(self) -> None:
        if self.kind not in PATTERNS:
            raise BadInput(f"Texture kind '{self.kind}' is not known: use one of {', '.join(PATTERNS)}.")
        if self.detail and self.detail not in _DETAIL_TILE:
            raise BadInput(f"Texture detail '{self.detail}' is not known: use one of {', '.join(_DETAIL_TILE)}.")
        if self.where[0] not in _PARTS:
            raise BadInput(f"Part '{self.where[0]}' of a texture is not known: use one of {', '.join(_PARTS)}.")

    def surface(self, local: Floats, side: NDArray[np.int8], bounds: Floats | None = None) -> tuple[Floats, Floats]:
        """Linear albedo (n, 3) in [0, 1], and gloss and metallic (n, 2).

        Args:
            local: (n, 3) points in the frame of the mesh [m].
            side: (n,) side that the face looks to, as in `raycast.Hits`.
            bounds: (2, 3) lowest and highest corner of the mesh [m]; None takes a cube of one tile.
        """
        if bounds is None:
            bounds = np.array([[-self.tile / 2] * 3, [self.tile / 2] * 3], dtype=np.float32) + _f32(self.origin)
        albedo, shine = self._picture(local, side, bounds)
        finish = np.empty((len(local), 2), dtype=np.float32)
        finish[:, 0] = np.minimum(np.float32(self.gloss) * shine, 1.0)
        finish[:, 1] = self.metallic
        if self.part is not None:
            rows = np.flatnonzero(_in_part(local, bounds, *self.where))
            albedo[rows], finish[rows] = self.part.surface(local[rows], side[rows], bounds)
        return albedo, finish

    def _picture(self, local: Floats, side: NDArray[np.int8], bounds: Floats) -> tuple[Floats, Floats]:
        """Linear albedo (n, 3) and factor of the shine (n,)."""
        if len(local) == 0:
            return np.empty((0, 3), dtype=np.float32), np.empty(0, dtype=np.float32)
        sheets = texture_sheets(self)
        axis = side >> 1
        x, y = (_planar if self.mapping != "wrap" else _around)(local, side, bounds, self)
        height, width = sheets.shape[1:3]
        u, v = _mirror(np.float32(0.5) + x, width), _mirror(np.float32(0.5) - y, height)
        v += np.float32(height) * (axis % len(sheets))
        pixels = pixels_at(sheets.reshape(-1, width, 4), u, v)
        shine = pixels[:, 3].astype(np.float32) * np.float32(1 / patterns.SHINE_NOMINAL)
        albedo = np.asarray(cv2.LUT(np.ascontiguousarray(pixels[:, :3]), _ALBEDO), dtype=np.float32).reshape(-1, 3)
        if self.detail:
            scale = np.float32(self.tile / _DETAIL_TILE[self.detail])
            image = _detail(self.detail)
            fine = pixels_at(image, _mirror(x * scale, image.shape[1]), _mirror(y * scale, image.shape[0]))
            albedo *= fine.astype(np.float32)[:, None] * np.float32(1 / 128)
        return albedo, shine


def _planar(local: Floats, side: NDArray[np.int8], bounds: Floats, texture: Texture) -> tuple[Floats, Floats]:
    """Place (x right, y up) in the picture, in pictures, 0 in its middle: projected along the axis of the side."""
    axis = side >> 1
    if texture.mapping == "fit":
        size = np.maximum(bounds[1] - bounds[0], 0.6 * (bounds[1] - bounds[0]).max())  # print is not squeezed
        at = (local - bounds.mean(axis=0)) / size
    else:
        at = (local - _f32(texture.origin)) * np.float32(1.0 / texture.tile)
    x = np.where(axis == 0, at[:, 1], at[:, 0])
    y = np.where(axis == 2, at[:, 1], at[:, 2])
    if texture.kind in _GRAINED:
        longest = int((bounds[1] - bounds[0]).argmax())
        turned = (axis == 2) if longest == 1 else (axis < 2) & (longest == 2)
        x, y = np.where(turned, y, x), np.where(turned, x, y)
    # Print reads from left to right, and upwards is up, on every side seen from outside.
    x[(side == 1) | (side == 2) | (side == 5)] *= -1.0
    return x, y


def _around(local: Floats, side: NDArray[np.int8], bounds: Floats, texture: Texture) -> tuple[Floats, Floats]:
    """As `_planar`, but once around the third axis; on the ends the edge of the picture, as a plain lid."""
    x = np.arctan2(local[:, 1], local[:, 0]) * np.float32(0.5 / np.pi)
    y = (local[:, 2] - bounds[:, 2].mean()) / np.maximum(bounds[1, 2] - bounds[0, 2], np.float32(1e-6))
    return x, np.where(side >= 4, np.float32(0.49), y)


def _in_part(local: Floats, bounds: Floats, where: str, size: float) -> NDArray[np.bool_]:
    """Which of the points (n, 3) lie in a part; see `Texture.where`."""
    if where == "core":
        return np.einsum("nj,nj->n", local[:, :2], local[:, :2]) < size**2
    axis = "xyz".index(where[-1])
    upper, lower = local[:, axis] > bounds[1, axis] - size, local[:, axis] < bounds[0, axis] + size
    return {"+": upper, "-": lower}.get(where[0], upper | lower)


def _mirror(t: Floats, size: int) -> Floats:
    """Pixel coordinate in a picture that repeats as its own mirror image."""
    # What is left of a division by two, to the last bit; `%` takes five times as long.
    folded = 1.0 - np.abs((t - 2.0 * np.floor(0.5 * t)) - 1.0)
    return np.clip(folded * np.float32(size) - np.float32(0.5), 0.0, np.float32(size - 1))


def pixels_at(image: NDArray, u: Floats, v: Floats) -> NDArray:
    """Pixels (n, channels) or (n,) of an image at n places, linear between pixels."""
    n, pad = len(u), -len(u) % _FOLD
    u, v = (np.pad(c, (0, pad)).reshape(-1, _FOLD) for c in (u, v))
    found = np.asarray(cv2.remap(image, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return found.reshape(-1, *image.shape[2:])[:n]


@lru_cache(maxsize=64)
def texture_sheets(texture: Texture) -> Bytes:
    """The picture of a texture (sheets, rows, columns, 4): one sheet for all axes, or one per axis."""
    rng = np.random.default_rng([texture.seed, sum(map(ord, texture.kind))])
    side = next(s for s in (128, 256, 512) if s == 512 or s * _FINEST >= texture.tile)
    made = PATTERNS[texture.kind](texture.color, texture.accent, rng, side)
    return np.ascontiguousarray(made.reshape(-1, *made.shape[-3:]))


@lru_cache(maxsize=4)
def _detail(kind: str) -> Bytes:
    """Relief that is finer than pictures resolve, as a factor of the albedo times 128."""
    rng = np.random.default_rng(11)
    side = 256
    if kind == "grain":
        relief = 0.025 * fractal(rng, (side, side), (120, 120), 1)
    elif kind == "fibre":
        relief = 0.045 * fractal(rng, (side, side), (128, 5), 2, 0.8)
    else:
        thread = np.sin(np.arange(side, dtype=np.float32) * np.float32(2 * np.pi * 60 / side))
        uneven = 0.5 + 0.25 * fractal(rng, (side, side), (60, 60), 1)
        relief = 0.09 * thread[:, None] * thread[None, :] * uneven + 0.05 * fractal(rng, (side, side), (128, 128), 1)
    return np.clip(128 * (1 + relief), 0, 255).astype(np.uint8)


def _f32(values: tuple[float, float, float]) -> Floats:
    return np.asarray(values, dtype=np.float32)
