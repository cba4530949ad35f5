"""Seeded procedural textures, as images of linear albedo in the frame of the thing they cover.

A texture is projected along the dominant axis of the face normal (hard triplanar mapping), so
meshes need no texture coordinates; beyond its tile it is mirrored, so it has no seams.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput

Color = tuple[float, float, float]  # sRGB in [0, 1]
Image = NDArray[np.floating]

#: cv2.remap takes images of at most 32767 pixels a side, so lists of points are folded to this width.
_FOLD = 1024


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
    """

    kind: str = "plain"
    seed: int = 0
    color: Color = (0.6, 0.6, 0.6)
    accent: Color = (0.9, 0.9, 0.9)
    tile: float = 0.2
    gloss: float = 0.3
    metallic: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in PATTERNS:
            raise BadInput(f"Texture kind '{self.kind}' is not known: use one of {', '.join(PATTERNS)}.")

    def albedo(self, local: NDArray[np.float32], side: NDArray[np.int8]) -> NDArray[np.float32]:
        """Linear albedo (n, 3) in [0, 1].

        Args:
            local: (n, 3) points in the frame of the mesh [m].
            side: (n,) side that the face looks to, as in `raycast.Hits`.
        """
        if len(local) == 0:
            return np.empty((0, 3), dtype=np.float32)
        image = texture_image(self)
        size, sheets = image.shape[1], image.shape[0] // image.shape[1]
        axis = side // 2
        x = np.where(axis == 0, local[:, 1], local[:, 0]) / np.float32(self.tile)
        y = np.where(axis == 2, local[:, 1], local[:, 2]) / np.float32(self.tile)
        # Print reads from left to right, and upwards is up, on every side seen from outside.
        x[(side == 1) | (side == 2) | (side == 5)] *= -1.0
        u, v = _mirror(np.float32(0.5) + x, size), _mirror(np.float32(0.5) - y, size)
        v += np.float32(size) * (axis % sheets)
        pad = -len(u) % _FOLD
        u, v = (np.pad(c, (0, pad)).reshape(-1, _FOLD).astype(np.float32) for c in (u, v))
        colors = np.asarray(cv2.remap(image, u, v, cv2.INTER_LINEAR), dtype=np.float32)
        return colors.reshape(-1, 3)[: len(local)]


def _mirror(t: Image, size: int) -> Image:
    """Pixel coordinate in a picture that repeats as its own mirror image."""
    folded = np.abs((t % 2.0) - 1.0)
    return np.clip((1.0 - folded) * size - 0.5, 0.0, size - 1.0).astype(np.float32)


@lru_cache(maxsize=256)
def texture_image(texture: Texture) -> Image:
    """The picture: (s, s, 3) for all axes, or (3 s, s, 3) with one sheet per axis; linear, in [0, 1]."""
    rng = np.random.default_rng([texture.seed, sum(map(ord, texture.kind))])
    image = PATTERNS[texture.kind](texture, rng)
    linear = to_linear(np.clip(image, 0.0, 1.0)).astype(np.float32)
    return np.ascontiguousarray(np.clip(linear, 0.015, 0.88))


def to_linear(srgb: NDArray) -> NDArray:
    """Linear light of sRGB values in [0, 1] (IEC 61966-2-1, approximated by a power of 2.2)."""
    return np.power(srgb, 2.2)


def fractal(
    rng: np.random.Generator, size: int, cells: tuple[float, float], octaves: int = 4, fade: float = 0.55
) -> Image:
    """Noise (size, size) of zero mean and about unit deviation.

    Args:
        rng: source of randomness.
        size: side of the picture [px].
        cells: cells of the coarsest octave along rows and columns; unequal ones stretch the noise.
        octaves: number of octaves, each twice as fine and `fade` times as strong.
        fade: see `octaves`.
    """
    total = np.zeros((size, size), dtype=np.float32)
    for k in range(octaves):
        rows, cols = (int(np.clip(round(c * 2**k), 2, size)) for c in cells)
        grid = rng.standard_normal((rows, cols)).astype(np.float32)
        total += fade**k * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
    return (total - total.mean()) / (total.std() + 1e-6)


def _mix(a: Color, b: Color, t: Image) -> Image:
    """Colours between a (t = 0) and b (t = 1); t may leave [0, 1]."""
    return np.asarray(a, np.float32) + t[..., None] * (np.asarray(b, np.float32) - np.asarray(a, np.float32))


def _plain(texture: Texture, rng: np.random.Generator) -> Image:
    grain = 1.0 + 0.012 * fractal(rng, 128, (8, 8), 3)
    return np.asarray(texture.color, np.float32) * grain[..., None]


def _mottled(texture: Texture, rng: np.random.Generator) -> Image:
    """Concrete, stone, worn paint."""
    t = 0.5 + 0.22 * fractal(rng, 512, (5, 5), 6, 0.65)
    return _mix(texture.color, texture.accent, t) * (1 + 0.02 * fractal(rng, 512, (256, 256), 1))[..., None]


def _speckled(texture: Texture, rng: np.random.Generator) -> Image:
    """Terrazzo, laminate with chips, recycled plastic."""
    chips = fractal(rng, 512, (190, 190), 2, 0.5)
    t = np.clip((np.abs(chips) - 1.7) * 3.0, 0.0, 1.0)
    return _mix(texture.color, texture.accent, t) * (1 + 0.015 * fractal(rng, 512, (6, 6), 3))[..., None]


def _wood(texture: Texture, rng: np.random.Generator) -> Image:
    """Boards, or one veneer, with stretched grain; the accent is the colour of the late wood."""
    size, boards = 1024, int(rng.choice([1, 1, 6, 8, 10, 14]))
    rows = np.linspace(0.0, 1.0, size, dtype=np.float32)[:, None]
    warp = fractal(rng, size, (10, 2), 2)
    rings = 0.5 + 0.5 * np.sin((rows * rng.uniform(40, 110) + warp * rng.uniform(0.8, 2.5)) * 2 * np.pi)
    fibre = fractal(rng, size, (250, 5), 2, 0.7)
    t = 0.25 * rings**2 + 0.12 * fibre + 0.14 * fractal(rng, size, (25, 2), 2) + 0.28
    board = np.minimum((rows[:, 0] * boards).astype(int), boards - 1)
    t = t + rng.normal(0, 0.11, boards).astype(np.float32)[board][:, None]
    for k in range(boards if boards > 1 else 0):  # no two boards are cut alike
        t[board == k] = np.roll(t[board == k], int(rng.integers(size)), axis=1)
    image = _mix(texture.color, texture.accent, t)
    if boards > 1:
        image[np.flatnonzero(np.diff(board))] *= np.float32(0.55)
    return image


def _cloth(texture: Texture, rng: np.random.Generator) -> Image:
    """Woven threads, a broad stripe now and then, soft creases."""
    size = 1024
    thread = np.sin(np.arange(size, dtype=np.float32) * 2 * np.pi / rng.uniform(3.2, 5.0))
    weave = 0.035 * (thread[:, None] * thread[None, :]) + 0.03 * fractal(rng, size, (500, 500), 1)
    creases = 0.04 * fractal(rng, size, (4, 4), 4, 0.6)
    stripe = np.zeros((size, size), dtype=np.float32)
    if rng.random() < 0.35:
        period, width = rng.uniform(60, 180), rng.uniform(0.15, 0.5)
        stripe[:] = ((np.arange(size) / period) % 1.0 < width)[:, None] * 0.6
    return _mix(texture.color, texture.accent, stripe) * (1 + weave + creases)[..., None]


def _brushed(texture: Texture, rng: np.random.Generator) -> Image:
    """Brushed or rolled metal."""
    t = 1 + 0.04 * fractal(rng, 512, (256, 3), 2, 0.7) + 0.03 * fractal(rng, 512, (3, 3), 3)
    return np.asarray(texture.color, np.float32) * t[..., None]


def _cardboard(texture: Texture, rng: np.random.Generator) -> Image:
    flutes = 0.015 * np.sin(np.arange(256, dtype=np.float32) * 2 * np.pi / 6.0)[None, :]
    t = 1 + flutes + 0.03 * fractal(rng, 256, (12, 12), 4)
    image = np.asarray(texture.color, np.float32) * t[..., None]
    cv2.rectangle(image, (-5, 112), (260, 112 + int(rng.integers(14, 34))), [0.72, 0.6, 0.42], -1)
    return image


def _banded(texture: Texture, rng: np.random.Generator) -> Image:
    """Bands around the third axis, as on cans, tools and bottles."""
    t = np.zeros(256, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        start, width = int(rng.integers(70, 170)), int(rng.integers(5, 45))
        t[start : start + width] = rng.uniform(0.5, 1.0)
    soft = np.asarray(cv2.GaussianBlur(t[:, None], (1, 3), 0.6)).reshape(-1, 1)
    return _mix(texture.color, texture.accent, np.repeat(soft, 256, axis=1))


def _package(texture: Texture, rng: np.random.Generator) -> Image:
    """Printed packaging: every side a ground colour with fields, a mark and lines of print."""
    sheets = []
    for _ in range(3):
        sheet = np.empty((256, 256, 3), dtype=np.uint8)  # text is only drawn on 8 bit
        sheet[:] = np.round(np.asarray(texture.color) * 255)
        _print_fields(sheet, texture, rng)
        sheets.append(cv2.GaussianBlur(sheet, (0, 0), 0.6))
    return np.concatenate(sheets).astype(np.float32) / np.float32(255.0)


def _print_fields(sheet: NDArray[np.uint8], texture: Texture, rng: np.random.Generator) -> None:
    """Draw a field, a mark and lines of print near the centre, where small objects show them."""
    dark_ground = sum(texture.color) < 1.4
    ink = (242, 242, 235) if dark_ground else (20, 20, 26)
    corner = rng.integers(60, 120, 2)
    opposite = corner + rng.integers((40, 15), (110, 60))
    cv2.rectangle(sheet, corner.tolist(), opposite.tolist(), _bytes(texture.accent), -1)
    if rng.random() < 0.6:
        spot = _bytes(rng.uniform(0.1, 0.95, 3))
        cv2.circle(sheet, rng.integers(90, 170, 2).tolist(), int(rng.integers(6, 20)), spot, -1, cv2.LINE_AA)
    word = "".join(rng.choice(list("AEIOURSTLNMK"), int(rng.integers(3, 6))))
    at = (int(rng.integers(80, 120)), int(rng.integers(100, 165)))
    cv2.putText(sheet, word, at, cv2.FONT_HERSHEY_DUPLEX, rng.uniform(0.5, 1.0), ink, 2, cv2.LINE_AA)
    for row in range(int(rng.integers(2, 7))):
        v = at[1] + 9 + 5 * row
        cv2.line(sheet, (at[0], v), (at[0] + int(rng.integers(20, 60)), v), ink, 1)


def _bytes(color: Sequence[float] | NDArray) -> tuple[int, int, int]:
    r, g, b = (round(255 * float(c)) for c in color)
    return r, g, b


PATTERNS: dict[str, Callable[[Texture, np.random.Generator], Image]] = {
    "plain": _plain,
    "mottled": _mottled,
    "speckled": _speckled,
    "wood": _wood,
    "cloth": _cloth,
    "brushed": _brushed,
    "cardboard": _cardboard,
    "banded": _banded,
    "package": _package,
}
