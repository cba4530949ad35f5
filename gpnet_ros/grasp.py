"""Grasps in the image: peaks of Q*, best first, each with angle, width and depth, or a reason why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import NoDepth
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Maps
from gpnet_ros.settings import setting, validate

#: Reason codes of `Rejected`, in the order in which the checks run: `candidates`, then `fit`, then `pick`.
REASONS = ("low_quality", "hole", "outside", "failed_before", "width", "not_seen", "clearance", "unreachable", "unsafe")


@dataclass(frozen=True)
class SelectSettings:
    """Settings by which peaks of Q* become candidates."""

    quality_min: float = setting(0.05, "Smallest Q* of a grasp.", low=0.0, high=1.0)
    count: int = setting(30, "Most candidates that are looked at in one frame.", low=1, high=100)
    compare: int = setting(8, "Candidates with room for the jaw that are compared; 1: the first.", low=1, high=100)
    separation: int = setting(8, "Smallest distance between candidates on the grid.", unit="px", low=1, high=100)
    depth_window: int = setting(5, "Side of the window for the robust depth.", unit="px", low=1, high=31)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class Grasp:
    """A grasp in the image.

    Attributes:
        pixel: (u, v) in the colour image as it came [px].
        angle: of the opening axis, from +u towards +v, in [-pi/2, pi/2) [rad].
        width_px: opening on the network's grid [grid px].
        width: opening that is commanded [m]; None without depth and camera model.
        depth: robust depth of the surface at the pixel [m]; None without depth.
        score: Q* at the peak; quality: clamped Q there; priority: clamped P around there.
    """

    pixel: tuple[float, float]
    angle: float
    width_px: float
    width: float | None
    depth: float | None
    score: float
    quality: float
    priority: float

    @property
    def angle_deg(self) -> float:
        """The angle in degrees, in [-90, 90)."""
        return float(np.degrees(self.angle))


@dataclass(frozen=True)
class Rejected:
    """A candidate that lost, and the reason.

    Attributes:
        pixel: (u, v) in the colour image [px].
        reason: one of `REASONS`.
        detail: one sentence with the figures.
    """

    pixel: tuple[float, float]
    reason: str
    detail: str


def candidates(maps: Maps, frame: Frame, settings: SelectSettings | None = None) -> Iterator[Grasp | Rejected]:
    """Peaks of Q*, best first: the argmax with borders allowed, then the next beside it, and so on.

    A peak below `quality_min` ends the list; it is reported as rejected so that nobody has to guess.

    Args:
        maps: the five maps of this frame.
        frame: the frame, for depth, camera model and the region to which candidates are kept.
        settings: see `SelectSettings`.
    """
    s = settings or SelectSettings()
    q_star = maps.q_star
    open_cells = np.where(_inside(maps, frame), q_star, -1.0).astype(np.float32)
    for _ in range(s.count):
        row, column = (int(i) for i in np.unravel_index(int(np.argmax(open_cells)), open_cells.shape))
        score = float(open_cells[row, column])
        u, v = maps.grid.to_image((column, row))
        pixel = (float(u), float(v))
        if score < s.quality_min:
            yield Rejected(pixel, "low_quality", f"Q* is {max(score, 0.0):.2f}, {s.quality_min:.2f} is needed.")
            return
        yield _decode(maps, frame, row, column, pixel, score, q_star, s)
        cv2.circle(open_cells, (column, row), s.separation, -1.0, thickness=-1)


def grasp_at(
    maps: Maps, frame: Frame, pixel: tuple[float, float], settings: SelectSettings | None = None
) -> Grasp | Rejected:
    """The grasp that the maps name at a pixel (u, v) of the colour image [px], good or not; see `candidates`."""
    column, row = (int(i) for i in np.rint(maps.grid.to_grid(pixel)))
    q_star = maps.q_star
    score = float(q_star[row, column])
    return _decode(maps, frame, row, column, pixel, score, q_star, settings or SelectSettings())


def outside_region(maps: Maps, frame: Frame, settings: SelectSettings | None = None) -> list[Rejected]:
    """The peaks of Q* outside the frame's region that would have come before all inside it; none without a region.

    Args:
        maps: the five maps of this frame.
        frame: with its region.
        settings: see `SelectSettings`; with its smallest Q* and its number of candidates.
    """
    s = settings or SelectSettings()
    if frame.region is None:
        return []
    q_star, inside = maps.q_star, _inside(maps, frame)
    best = max(float(q_star[inside].max(initial=0.0)), s.quality_min)
    elsewhere = np.where(_inside(maps, replace(frame, region=None)) & ~inside, q_star, -1.0).astype(np.float32)
    found: list[Rejected] = []
    while len(found) < s.count and float(elsewhere.max()) > best:
        row, column = (int(i) for i in np.unravel_index(int(np.argmax(elsewhere)), elsewhere.shape))
        u, v = maps.grid.to_image((column, row))
        detail = f"Q* is {elsewhere[row, column]:.2f}, but the pixel lies outside the region that counts."
        found.append(Rejected((float(u), float(v)), "outside", detail))
        cv2.circle(elsewhere, (column, row), s.separation, -1.0, thickness=-1)
    return found


def surface_depth(frame: Frame, pixel: tuple[float, float], window: int = 5) -> float:
    """Median of the valid depth [m] in a window around a pixel.

    Raises:
        NoDepth: the frame has no depth, or fewer than half of the window's pixels have one.
    """
    if frame.depth is None:
        raise NoDepth("The frame has no depth.")
    u, v = round(pixel[0]), round(pixel[1])
    h = window // 2
    patch = frame.depth[max(v - h, 0) : v + h + 1, max(u - h, 0) : u + h + 1]
    valid = patch[np.isfinite(patch)]
    if 2 * valid.size < patch.size or valid.size == 0:
        raise NoDepth(f"Only {valid.size} of {patch.size} depth pixels around ({u}, {v}) are valid, half are needed.")
    return float(np.median(valid))


def _decode(
    maps: Maps,
    frame: Frame,
    row: int,
    column: int,
    pixel: tuple[float, float],
    score: float,
    weights: NDArray[np.float32],
    settings: SelectSettings,
) -> Grasp | Rejected:
    width_px = maps.width_px_at(row, column, weights)
    depth = width = None
    if frame.depth is not None:
        try:
            depth = surface_depth(frame, pixel, settings.depth_window)
        except NoDepth as error:
            return Rejected(pixel, "hole", str(error))
        if frame.intrinsics is not None:
            width = width_px * depth / (frame.intrinsics.fx * maps.grid.scale)
    return Grasp(
        pixel=pixel,
        angle=maps.angle_at(row, column, weights),
        width_px=width_px,
        width=width,
        depth=depth,
        score=score,
        quality=float(np.clip(maps.quality[row, column], 0, 1)),
        priority=maps.priority_at(row, column),
    )


def _inside(maps: Maps, frame: Frame) -> NDArray[np.bool_]:
    """Grid cells (h, w) that lie on the camera image, not on the padding, and in the frame's region."""
    v, u = np.mgrid[0 : maps.grid.height, 0 : maps.grid.width]
    pixels = maps.grid.to_image(np.stack([u, v], axis=-1))
    height, width = frame.shape
    inside: NDArray[np.bool_] = (
        (pixels[..., 0] >= -0.5)
        & (pixels[..., 0] <= width - 0.5)
        & (pixels[..., 1] >= -0.5)
        & (pixels[..., 1] <= height - 0.5)
    )
    if frame.region is not None:
        u, v = np.moveaxis(np.clip(np.rint(pixels), 0, (width - 1, height - 1)).astype(int), -1, 0)
        inside &= frame.region[v, u]
    return inside
