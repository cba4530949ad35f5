"""Clearance: a height map of the heap from one depth frame, and whether the open jaw fits into it.

A planar grasp needs three columns free of anything from above: one under each finger and one under
the palm. Checking them on the measured surface needs no model of any object.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.errors import FrameRefused, NoClearance, NoDepth
from gpnet_ros.frame import Frame
from gpnet_ros.pose import Transform
from gpnet_ros.settings import GripperGeometry

#: Side of a cell of the height map [m]; a D435 pixel covers 1.4 mm at 0.85 m (640x480).
CELL_SIDE = 0.002
#: The map reaches this far beyond the workspace [m]: a finger at its edge must find heights.
MAP_BORDER = 0.10
#: Unknown cells within this distance [m] of known ones are filled from them.
FILL_RADIUS = 0.05
#: Step of the heights at which a shadow is probed [m].
BOUND_STEP = 0.004
#: This many samples under a finger or the palm may stand higher: flying pixels and outliers of the depth.
OUTLIERS = 4
#: Share of the cells under a finger or the palm that must be known after filling.
KNOWN_SHARE = 0.5
#: A fingertip may stand this much [m] below the measured top of its column: depth noise at 0.85 m.
TOUCH = 0.002
#: A camera draws an object about this much [m] wider than it is: the strip of a finger's column beside the
#: object is not judged.
EDGE_BLUR = 0.003
#: Openings beyond the object that are tried, per side [m], best first.
MARGINS = (0.010, 0.006, 0.003)
#: The tips are raised at most this far [m]; what is left of their depth must still hold the object.
RAISE_MAX = 0.012
#: Tips that must be raised pass this far [m] above what is in their way: it is there, not noise.
RAISE_SPARE = 0.001


@dataclass(frozen=True, eq=False)
class HeightMap:
    """Highest measured point of each cell of a grid on the table.

    Attributes:
        origin: x, y in base of the centre of cell (0, 0) [m].
        side: of a cell [m].
        z: heights in base, (ny, nx) float32 [m]; rows along y, columns along x; NaN unknown.
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

    @property
    def top(self) -> float:
        """Height of the heap [m], robust against single flying pixels.

        Raises:
            NoDepth: nothing is known.
        """
        return float(self.smooth.max())

    @property
    def smooth(self) -> NDArray[np.float32]:
        """Heights (ny, nx) [m] without single flying pixels; unknown cells are as high as the highest known one.

        Raises:
            NoDepth: nothing is known.
        """
        known = np.isfinite(self.z)
        if not known.any():
            raise NoDepth("The height map is empty: the camera saw nothing of the workspace.")
        smooth = cv2.medianBlur(np.where(known, self.z, np.float32(self.z[known].min())), 5)
        return np.where(known, smooth, smooth.max())


@dataclass(frozen=True, eq=False)
class Clearance:
    """A grasp whose jaw fits.

    Attributes:
        T_base_tcp: the grasp, raised where that was needed.
        opening: width to which the jaw opens before the descent [m].
        margin: free space per side between object and finger [m].
        raised: how far the tips were raised [m].
    """

    T_base_tcp: Transform
    opening: float
    margin: float
    raised: float


def height_map(frame: Frame, T_base_camera: Transform, cell: Cell) -> HeightMap:
    """The heap's surface over the workspace, from the depth of one frame.

    Every pixel becomes a point; each cell keeps its highest. Cells that no pixel hit (shadows behind
    objects, holes) are filled from known cells nearby; the rest stays NaN.

    Args:
        frame: with depth and intrinsics.
        T_base_camera: camera at the frame's exposure.
        cell: for the workspace's place and size.

    Raises:
        FrameRefused: no depth or no camera model.
    """
    if frame.depth is None or frame.intrinsics is None:
        raise FrameRefused("A height map needs depth and its camera model; use an RGB-D camera with camera_info.")
    half = cell.workspace.side / 2 + MAP_BORDER
    origin = (cell.workspace.centre[0] - half, cell.workspace.centre[1] - half)
    n = round(2 * half / CELL_SIDE) + 1
    rows, columns = np.nonzero(frame.depth > 0)  # NaN compares false
    points = frame.intrinsics.deproject(np.stack([columns, rows], axis=-1), frame.depth[rows, columns])
    points = points @ T_base_camera[:3, :3].T + T_base_camera[:3, 3]
    index = np.round((points[:, :2] - np.array(origin)) / CELL_SIDE).astype(int)
    inside = ((index >= 0) & (index < n)).all(axis=1)
    highest = np.full(n * n, -np.inf, dtype=np.float32)
    np.maximum.at(highest, index[inside, 1] * n + index[inside, 0], points[inside, 2].astype(np.float32))
    z = highest.reshape(n, n)
    return HeightMap(
        origin, CELL_SIDE, _fill(np.where(np.isfinite(z), z, np.float32(np.nan)), origin, frame, T_base_camera)
    )


def finger_clearance(
    heights: HeightMap,
    T_base_tcp: Transform,
    width: float,
    gripper: GripperGeometry,
    margins: tuple[float, ...] = MARGINS,
    raise_max: float = RAISE_MAX,
) -> Clearance:
    """Fit the open jaw into the height map at a vertical grasp.

    The largest margin whose columns are free at the wanted height is taken; when none is free, the
    tips are raised as little as possible, at most by `raise_max`.

    Args:
        heights: measured surface.
        T_base_tcp: the grasp: origin between the fingertips, x along the opening, z down.
        width: of the object between the pads [m].
        gripper: geometry and stroke.
        margins: openings beyond the object that are tried, per side [m], best first.
        raise_max: greatest raise of the tips [m].

    Raises:
        NoClearance: the object is wider than the stroke allows, or the fingers or the palm do not fit.
    """
    usable = [m for m in margins if width + 2 * m <= gripper.stroke + 1e-9]
    if not usable:
        raise NoClearance(
            f"Width {width:.4f} m and {min(margins):.4f} m of margin per side exceed the stroke of "
            f"{gripper.stroke:.4f} m; take another candidate."
        )
    raises = [needed_raise(heights, T_base_tcp, width + 2 * m, gripper) for m in usable]
    raises = [r + TOUCH + RAISE_SPARE if r > 0 else 0.0 for r in raises]
    crowds = [_crowd(heights, T_base_tcp, width + 2 * m, gripper) for m in usable]
    raised, _, margin = min(zip(raises, crowds, usable, strict=True), key=lambda found: (*found[:2], -found[2]))
    if not raised <= raise_max:
        what = "are not known well enough" if not np.isfinite(raised) else f"stand {raised * 1e3:.0f} mm too high"
        raise NoClearance(
            f"The surroundings of the grasp {what} for the fingers (at most {raise_max * 1e3:.0f} mm can be "
            "made up by raising the tips); take another candidate."
        )
    T_raised = np.array(T_base_tcp, dtype=np.float64)
    T_raised[2, 3] += raised
    return Clearance(T_raised, width + 2 * margin, margin, raised)


def _crowd(heights: HeightMap, T_base_tcp: Transform, opening: float, gripper: GripperGeometry) -> int:
    """Samples that stand above the tips under the whole fingers: of openings that fit, the freer one is taken.

    What alone is noise or the object's own edge does not forbid an opening, but of two it tells the better one.
    """
    inner, outer = opening / 2, opening / 2 + gripper.finger_thickness
    half = gripper.pad_width / 2
    standing = 0
    for side in (-1, 1):
        ends = sorted((side * inner, side * outer))
        found = _under(heights, T_base_tcp, (ends[0], ends[1]), (-half, half))
        standing += int((found > T_base_tcp[2, 3] + TOUCH).sum())  # NaN compares false
    return standing


def needed_raise(
    heights: HeightMap, T_base_tcp: Transform, opening: float, gripper: GripperGeometry, touch: float = TOUCH
) -> float:
    """How far [m] the tips must rise for fingers and palm to be free; 0 when they are, inf when unknown.

    Args:
        heights: measured surface.
        T_base_tcp: grasp with a vertical approach.
        opening: between the pads [m].
        gripper: geometry.
        touch: how much higher than the tip the surface may be measured [m].
    """
    thickness, pad = gripper.finger_thickness, gripper.pad_width
    inner, outer = opening / 2, opening / 2 + thickness
    z = float(T_base_tcp[2, 3])
    tops = [
        _column_top(heights, T_base_tcp, (inner + EDGE_BLUR, outer), (-pad / 2, pad / 2)) - z,
        _column_top(heights, T_base_tcp, (-outer, -inner - EDGE_BLUR), (-pad / 2, pad / 2)) - z,
        _column_top(
            heights,
            T_base_tcp,
            (-gripper.palm[0] / 2, gripper.palm[0] / 2),
            (-gripper.palm[1] / 2, gripper.palm[1] / 2),
        )
        - z
        - gripper.finger_length,
    ]
    highest = float(np.max(tops))
    return highest - touch if highest > touch else 0.0


def surface_height(heights: HeightMap, xy: ArrayLike, window: float = 0.010) -> float:
    """Median height [m] of the known cells in a square window around a point of base.

    Raises:
        NoDepth: no cell of the window is known.
    """
    offsets = np.arange(-window / 2, window / 2 + heights.side / 2, heights.side)
    grid = np.stack(np.meshgrid(offsets, offsets), axis=-1) + np.asarray(xy, dtype=np.float64)
    found = heights.at(grid)
    if not np.isfinite(found).any():
        raise NoDepth(f"There is no height around {np.asarray(xy).round(3)}; take another candidate.")
    return float(np.nanmedian(found))


def tip_height(z_surface: float, cell: Cell) -> float:
    """Height [m] of the fingertips for a surface: as deep as the fingers go, but clear of the table."""
    workspace = cell.workspace
    return max(z_surface - cell.gripper.finger_depth, workspace.table_z + workspace.table_clearance)


def _column_top(
    heights: HeightMap, T_base_tcp: Transform, along_x: tuple[float, float], along_y: tuple[float, float]
) -> float:
    """Robust top [m] of the map under a rectangle of the grasp's x-y plane; inf where too little is known."""
    found = _under(heights, T_base_tcp, along_x, along_y)
    known = found[np.isfinite(found)]
    if len(known) < KNOWN_SHARE * len(found):
        return float("inf")
    return float(np.partition(known, -OUTLIERS - 1)[-OUTLIERS - 1])


def _under(
    heights: HeightMap, T_base_tcp: Transform, along_x: tuple[float, float], along_y: tuple[float, float]
) -> NDArray[np.float32]:
    """Heights (n,) [m] under a rectangle of the grasp's x-y plane; NaN where unknown."""
    # Half a cell finer than the map, so that a thin finger cannot step over a cell.
    xs = _steps(*along_x, heights.side)
    ys = _steps(*along_y, heights.side)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    return heights.at(grid @ T_base_tcp[:2, :2].T + T_base_tcp[:2, 3])


def _steps(low: float, high: float, side: float) -> NDArray[np.float64]:
    """Positions from low to high, less than a cell apart."""
    return np.linspace(low, high, int(np.ceil((high - low) / side)) + 1)


def _fill(
    z: NDArray[np.float32], origin: tuple[float, float], frame: Frame, T_base_camera: Transform
) -> NDArray[np.float32]:
    """Fill unknown cells with the mean of the known cells around them that may continue there; far ones stay NaN.

    A cell in a shadow cannot be higher than the ray that grazes the edge which casts the shadow. So
    the top of the occluder itself does not count, and an object does not grow into its shadow.
    """
    rows, columns = np.nonzero(~np.isfinite(z))
    if not len(rows) or not np.isfinite(z).any():
        return z
    x, y = origin[0] + columns * CELL_SIDE, origin[1] + rows * CELL_SIDE
    bound = _bound(x, y, z, frame, T_base_camera)
    steps = int(FILL_RADIUS / CELL_SIDE)
    reach = np.unique(np.r_[-2:3, -steps : steps + 1 : 4])  # dense near, thinner farther away
    offsets = np.array([(r, c) for r in reach for c in reach if np.hypot(r, c) <= steps])
    padded = np.pad(z, steps, constant_values=np.float32(np.nan))
    around = padded[rows[:, None] + steps + offsets[:, 0], columns[:, None] + steps + offsets[:, 1]]
    weight = np.where(around <= bound[:, None] + CELL_SIDE, 1.0 / (1.0 + (offsets**2).sum(axis=1)), 0.0)
    total = weight.sum(axis=1)
    filled = z.copy()
    mean = (weight * np.nan_to_num(around)).sum(axis=1) / np.where(total > 0, total, 1.0)
    filled[rows, columns] = np.where(total > 0, mean, np.nan)
    return filled


def _bound(
    x: ArrayLike, y: ArrayLike, z: NDArray[np.float32], frame: Frame, T_base_camera: Transform
) -> NDArray[np.float64]:
    """Greatest height (n,) [m] that each column x, y (n,) may have without hiding what the camera saw."""
    assert frame.depth is not None and frame.intrinsics is not None
    levels = np.arange(float(np.nanmin(z)), float(np.nanmax(z)) + BOUND_STEP, BOUND_STEP)
    points = np.empty((len(levels), np.size(x), 3))
    points[..., 0], points[..., 1], points[..., 2] = x, y, levels[:, None]
    seen = (points - T_base_camera[:3, 3]) @ T_base_camera[:3, :3]
    pixels = np.round(frame.intrinsics.project(seen)).astype(int)
    inside = ((pixels >= 0) & (pixels < (frame.intrinsics.width, frame.intrinsics.height))).all(axis=-1)
    u, v = np.where(inside, pixels[..., 0], 0), np.where(inside, pixels[..., 1], 0)
    # Free: the camera saw something behind the point. A hole in the depth image frees nothing.
    free = inside & (frame.depth[v, u] > seen[..., 2] + BOUND_STEP)
    blocked = ~free
    last = len(levels) - 1 - np.argmax(blocked[::-1], axis=0)
    return np.where(blocked.any(axis=0), levels[last], levels[0])
