"""Height map: the highest measured point of every cell of the table, from one depth frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.errors import FrameRefused, NoDepth
from gpnet_ros.frame import Frame
from gpnet_ros.holes import unexplained_holes
from gpnet_ros.pose import Transform

#: Side of a cell of the height map [m]; a D435 pixel covers 1.4 mm at 0.85 m (640x480).
CELL_SIDE = 0.002
#: The map reaches this far beyond the workspace [m]: a finger at its edge must find heights.
MAP_BORDER = 0.10
#: Cells without a measurement are filled, where that is allowed, from those within this distance [m].
FILL_RADIUS = 0.05
#: The height of the heap is that below which this share of the cells lie: single flying pixels do not raise it.
TOP_QUANTILE = 0.999
#: Readings narrower than this [m] within a hole do not make two narrow ones of it: a black object gives such.
SPECK = 0.006
#: Step of the heights at which a shadow is probed [m].
BOUND_STEP = 0.004


@dataclass(frozen=True, eq=False)
class HeightMap:
    """Highest measured point of each cell of a grid on the table.

    Attributes:
        origin: x, y in base of the centre of cell (0, 0) [m].
        side: of a cell [m].
        z: heights in base, (ny, nx) float32 [m]; rows along y, columns along x; NaN unknown: what stands there has not
            been seen, and may be of any height.
    """

    origin: tuple[float, float]
    side: float
    z: NDArray[np.float32]

    def __post_init__(self) -> None:
        z = np.array(self.z, dtype=np.float32)
        z.setflags(write=False)
        object.__setattr__(self, "z", z)

    def cells(self, xy: ArrayLike) -> NDArray[np.int_]:
        """Row and column (..., 2) of points (..., 2) in base [m]; may lie outside the map."""
        index = np.round((np.asarray(xy, dtype=np.float64) - np.array(self.origin)) / self.side)
        return index.astype(int)[..., ::-1]

    def at(self, xy: ArrayLike) -> NDArray[np.float32]:
        """Heights (...) [m] at points (..., 2) in base; NaN where unknown or outside."""
        rows, columns = np.moveaxis(self.cells(xy), -1, 0)
        inside = (rows >= 0) & (rows < self.z.shape[0]) & (columns >= 0) & (columns < self.z.shape[1])
        found = self.z[np.where(inside, rows, 0), np.where(inside, columns, 0)]
        return np.where(inside, found, np.float32(np.nan))

    def covers(self, xy: ArrayLike) -> NDArray[np.bool_]:
        """Whether points (..., 2) in base [m] lie on the map at all, known or not; NaN does not."""
        rows, columns = np.moveaxis((np.asarray(xy, dtype=np.float64) - self.origin) / self.side, -1, 0)[::-1]
        ny, nx = self.z.shape
        return np.asarray((rows > -0.5) & (rows < ny - 0.5) & (columns > -0.5) & (columns < nx - 0.5))

    def felt(self, width: float) -> HeightMap:
        """The map for whoever feels its way down: holes narrower than `width` [m] count as free down to the table.

        What stands in one of them is met, and the contact ends a guarded descent. A wider hole may hide a whole object,
        as likely there as not: it stays unknown wherever a disc of that width fits into it, its corners do not; and so
        does everything outside of the map. Readings within a hole that cover less than `SPECK` are noise, and do not
        part it.
        """
        return _felt(self, width)

    @property
    def top(self) -> float:
        """Height of what is known of the heap [m], robust against single flying pixels.

        Raises:
            NoDepth: nothing is known.
        """
        return float(np.nanmax(self.smooth))

    def top_to_pass(self, unknown: float) -> float:
        """Height [m] of the heap for whoever travels over all of it: unknown cells count as `unknown` high [m].

        Raises:
            NoDepth: nothing is known.
        """
        return max(self.top, unknown) if np.isnan(self.z).any() else self.top

    @property
    def smooth(self) -> NDArray[np.float32]:
        """Heights (ny, nx) [m] without single flying pixels; NaN unknown.

        Raises:
            NoDepth: nothing is known.
        """
        known = np.isfinite(self.z)
        if not known.any():
            raise NoDepth("The height map is empty: the camera saw nothing of the workspace.")
        smooth = cv2.medianBlur(np.where(known, self.z, np.float32(self.z[known].min())), 5)
        return np.where(known, smooth, np.float32(np.nan))


@lru_cache(maxsize=2)  # asked for by every candidate of a frame, and by the safety check
def _felt(heights: HeightMap, width: float) -> HeightMap:
    unknown = ~np.isfinite(heights.z)
    if width <= 0.0 or not unknown.any() or unknown.all():
        return heights
    speck = max(round(SPECK / heights.side), 1)
    reach = round(width / heights.side / 2)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    # Beyond its border nothing is known either: a hole there goes on, and no disc from farther away reaches the map.
    edge = reach + speck
    around = cv2.copyMakeBorder(unknown.astype(np.uint8), *(edge,) * 4, cv2.BORDER_CONSTANT, value=1)
    known = cv2.morphologyEx(1 - around, cv2.MORPH_OPEN, np.ones((speck, speck), np.uint8))
    wide = _any_within(disc, ~_any_within(disc, known > 0))[edge:-edge, edge:-edge]
    return replace(heights, z=np.where(unknown & ~wide, heights.z[~unknown].min(), heights.z))


def _any_within(disc: NDArray[np.uint8], cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any of the cells (h, w) lies within a disc (d, d) around each; counted: large discs dilate slowly."""
    count = cv2.filter2D(cells.astype(np.float32), -1, disc.astype(np.float32), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(count > 0.5, dtype=bool)


def height_map(frame: Frame, T_base_camera: Transform, cell: Cell, holes: NDArray[np.bool_] | None = None) -> HeightMap:
    """The heap's surface over the workspace, from the depth of one frame.

    Every pixel becomes a point; each cell keeps its highest. Cells that no pixel hit are filled from known cells nearby
    if what was seen explains why: the shadow of an object, the band along an edge, a speckle. Cells that an unexplained
    hole may hide are NaN, see `holes`, and those that the picture does not show up to the height of the heap.

    Args:
        frame: with depth and intrinsics.
        T_base_camera: camera at the frame's exposure, (4, 4).
        cell: for centre and side of the workspace.
        holes: pixels (H, W) that may hide anything; None finds them, see `holes.unexplained_holes`.

    Raises:
        FrameRefused: no depth or no camera model.
    """
    if frame.depth is None or frame.intrinsics is None:
        raise FrameRefused("A height map needs depth and its camera model; use an RGB-D camera with camera_info.")
    holes = unexplained_holes(frame.depth, frame.intrinsics) if holes is None else holes
    measured = measured_map(frame, T_base_camera, cell, holes)
    filled = _fill(measured.z, measured.origin, frame, T_base_camera, holes)
    return replace(measured, z=_in_picture(filled, measured.origin, frame, T_base_camera))


def measured_map(
    frame: Frame, T_base_camera: Transform, cell: Cell, holes: NDArray[np.bool_] | None = None
) -> HeightMap:
    """As `height_map`, but nothing is filled: every cell that no pixel hit is NaN, whatever may explain why.

    Args:
        frame: with depth and intrinsics.
        T_base_camera: camera at the frame's exposure, (4, 4).
        cell: for centre and side of the workspace.
        holes: pixels (H, W) whose readings are not believed; None believes all.

    Raises:
        FrameRefused: no depth or no camera model.
    """
    if frame.depth is None or frame.intrinsics is None:
        raise FrameRefused("A height map needs depth and its camera model; use an RGB-D camera with camera_info.")
    half = cell.workspace.side / 2 + MAP_BORDER
    origin = (cell.workspace.centre[0] - half, cell.workspace.centre[1] - half)
    n = round(2 * half / CELL_SIDE) + 1
    rows, columns = np.nonzero((frame.depth > 0) if holes is None else (frame.depth > 0) & ~holes)  # NaN compares false
    points = frame.intrinsics.deproject(np.stack([columns, rows], axis=-1), frame.depth[rows, columns])
    points = points @ T_base_camera[:3, :3].T + T_base_camera[:3, 3]
    index = np.round((points[:, :2] - np.array(origin)) / CELL_SIDE).astype(int)
    inside = ((index >= 0) & (index < n)).all(axis=1)
    highest = np.full(n * n, -np.inf, dtype=np.float32)
    np.maximum.at(highest, index[inside, 1] * n + index[inside, 0], points[inside, 2].astype(np.float32))
    z = highest.reshape(n, n)
    return HeightMap(origin, CELL_SIDE, np.where(np.isfinite(z), z, np.float32(np.nan)))


def _fill(
    z: NDArray[np.float32],
    origin: tuple[float, float],
    frame: Frame,
    T_base_camera: Transform,
    holes: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Fill unknown cells with the mean of the known cells around them that may continue there; far ones stay NaN.

    A cell in a shadow cannot be higher than the ray that grazes the edge which casts the shadow. So
    the top of the occluder itself does not count, and an object does not grow into its shadow.
    """
    rows, columns = np.nonzero(~np.isfinite(z))
    if not len(rows) or not np.isfinite(z).any():
        return z
    x, y = origin[0] + columns * CELL_SIDE, origin[1] + rows * CELL_SIDE
    bound, hidden = _bound(x, y, z, frame, T_base_camera, holes)
    steps = int(FILL_RADIUS / CELL_SIDE)
    reach = np.unique(np.r_[-2:3, -steps : steps + 1 : 4])  # dense near, thinner farther away
    offsets = np.array([(r, c) for r in reach for c in reach if np.hypot(r, c) <= steps])
    weight = (1.0 / (1.0 + (offsets**2).sum(axis=1))).astype(np.float32)
    padded = np.pad(np.where(np.isfinite(z), z, np.float32(np.inf)), steps, constant_values=np.float32(np.inf))
    index = (rows + steps) * padded.shape[1] + columns + steps
    around = padded.ravel()[index[:, None] + offsets[:, 0] * padded.shape[1] + offsets[:, 1]]
    counts = around <= (bound[:, None] + CELL_SIDE).astype(np.float32)
    total = counts.astype(np.float32) @ weight
    mean = (np.where(counts, around, np.float32(0)) @ weight) / np.where(total > 0, total, np.float32(1))
    filled = z.copy()
    filled[rows, columns] = np.where((total > 0) & ~hidden, mean, np.float32(np.nan))
    return filled


def _in_picture(
    z: NDArray[np.float32], origin: tuple[float, float], frame: Frame, T_base_camera: Transform
) -> NDArray[np.float32]:
    """The map without the cells that the picture does not show from their surface up to the height of the heap."""
    if not np.isfinite(z).any():
        return z
    assert frame.intrinsics is not None
    T, c = T_base_camera, frame.intrinsics
    y, x = np.mgrid[0 : z.shape[0], 0 : z.shape[1]] * CELL_SIDE
    top = np.fmax(z, np.float32(np.nanquantile(z, TOP_QUANTILE)))
    inside = np.isfinite(z)
    for height in (np.where(inside, z, top), top):  # what lies between them is between them in the picture, too
        points = np.stack([origin[0] + x, origin[1] + y, height], axis=-1)
        u, v = np.moveaxis(np.rint(c.project((points - T[:3, 3]) @ T[:3, :3])), -1, 0)
        inside &= (u >= 0) & (u < c.width) & (v >= 0) & (v < c.height)
    return np.where(inside, z, np.float32(np.nan))


def _bound(
    x: ArrayLike,
    y: ArrayLike,
    z: NDArray[np.float32],
    frame: Frame,
    T_base_camera: Transform,
    holes: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Greatest height (n,) [m] that each column x, y (n,) may have without hiding what the camera saw.

    And whether it crosses an unexplained hole (n,): then it may have any height.
    """
    assert frame.depth is not None and frame.intrinsics is not None
    levels = np.arange(float(np.nanmin(z)), float(np.nanmax(z)) + BOUND_STEP, BOUND_STEP)
    T = T_base_camera
    on_table = (np.stack([x, y, np.zeros_like(x)], axis=-1) - T[:3, 3]) @ T[:3, :3]
    # The points of each column in the camera's frame, x, y, z first: (3, levels, n) is faster than points of three.
    seen = on_table.T[:, None] + T[2, :3, None, None] * levels[:, None]
    pixels = frame.intrinsics.project(np.moveaxis(seen, 0, -1))
    u, v = (np.rint(pixels[..., k]).astype(int) for k in range(2))
    inside = (u >= 0) & (u < frame.intrinsics.width) & (v >= 0) & (v < frame.intrinsics.height)
    u, v = np.where(inside, u, 0), np.where(inside, v, 0)
    # Free: the camera saw something behind the point. A hole in the depth image frees nothing.
    free = inside & (frame.depth[v, u] > seen[2] + BOUND_STEP) & ~holes[v, u]
    blocked = ~free
    last = len(levels) - 1 - np.argmax(blocked[::-1], axis=0)
    bound = np.where(blocked.any(axis=0), levels[last], levels[0])
    return bound, (inside & holes[v, u]).any(axis=0)
