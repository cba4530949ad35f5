"""What strayed from the heap: objects that rolled, or were pushed, out of the workspace's square.

The camera sees further than the network looks, and the arm reaches further than the heap lies. What lies there alone on
a bare table needs no network: its outline in the height map says where it is slim enough for the jaw. Only what came
there since the task began is fetched, onto ground that had been seen bare: what stood there before, in sight or in the
heap's shadow, belongs to the cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from gpnet_ros.cell import Cell
from gpnet_ros.fit import Fit, Memory, fit_in_cell
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected
from gpnet_ros.height_map import CELL_SIDE, MAP_BORDER, HeightMap, height_map, measured_map
from gpnet_ros.pose import Transform, image_angles, invert
from gpnet_ros.standing import LEFT_HEIGHT, standing_cells

#: Something that strayed covers at least this much [m^2] of the table.
STRAY_AREA = 1.5e-4
#: What came to lie within this distance [m] of something that stood there before is not told from it.
BESIDE = 0.01
#: Ground without a reading that is narrower than this [m] hides nothing that would be taken for a stray.
GAP = 0.006
#: The jaw is tried across an outline and in this many directions in all, ...
DIRECTIONS = 8
#: ... and across it this far [m] to both sides of its middle, too.
ALONG = (0.0, 0.012, -0.012, 0.024, -0.024, 0.036, -0.036)
#: A grasp this far [m] from the middle of the outline is worth 1/e of one there: what is held at its end slips.
OFF_MIDDLE = 0.03


@dataclass(frozen=True, eq=False)
class Stray:
    """Something that stands on the table; it strayed if its middle lies outside of the workspace's square.

    Attributes:
        points: (n, 3) the cells that show it, in base [m].
        reaches_on: whether it touches what was not seen, and may go on there.
    """

    points: NDArray[np.float64]
    reaches_on: bool

    @property
    def middle(self) -> NDArray[np.float64]:
        """(2,) x, y in base [m] of the middle of the smallest rectangle around it."""
        return np.asarray(cv2.minAreaRect(self.points[:, :2].astype(np.float32))[0], dtype=np.float64)

    def is_beside(self, spots: Sequence[tuple[float, float]]) -> bool:
        """Whether a cell of it lies within `BESIDE` of one of the spots (x, y) [m]."""
        if not spots:
            return False
        return bool((cKDTree(np.asarray(spots, dtype=np.float64)).query(self.points[:, :2])[0] < BESIDE).any())


def fetching(cell: Cell) -> Cell:
    """The cell with the square from which strays are fetched, in place of that over which the heap lies.

    No way down is felt there: what was not seen around the workspace may belong to the cell.
    """
    side = cell.workspace.side + 2 * cell.fetch_border
    limits = replace(cell.limits, felt_width=0.0)
    return replace(cell, workspace=replace(cell.workspace, side=side), limits=limits)


def strays(heights: HeightMap, cell: Cell) -> list[Stray]:
    """What stands outside of the workspace's square, but within the square from which it is fetched; largest first.

    What reaches over the edge of what was seen does not count: it may be an arm, or as long as it likes.

    Args:
        heights: of the square of `fetching`, with the border of every height map.
        cell: with the workspace over which the heap lies.
    """
    whole, wide = (stray for stray in _outside(heights, cell) if not stray.reaches_on), fetching(cell)
    near = [stray for stray in whole if _within(stray.middle, wide)]
    return sorted(near, key=lambda stray: -len(stray.points))


def standing_spots(heights: HeightMap, cell: Cell) -> tuple[tuple[float, float], ...]:
    """Spots (x, y) in base [m] around the workspace's square at which something stands.

    Args:
        heights: as `strays` takes them; of the beginning of a task.
        cell: with the workspace over which the heap lies.
    """
    # What the heap leans on, too, though both are one to the camera: it stays when the heap has gone.
    return _spots([standing.points for standing in _standing(heights, cell)], cell)


def unseen_spots(
    measured: HeightMap, frame: Frame, T_base_camera: Transform, cell: Cell
) -> tuple[tuple[float, float], ...]:
    """Spots (x, y) in base [m] around the square that are in the picture, but were not seen to be bare table.

    Shadows, holes, and what stands. What lies beyond the edge of the picture does not count: what is seen of it later
    reaches over that edge. Gaps narrower than `GAP` hide nothing that would be fetched.

    Args:
        measured: of the square of `fetching`, see `height_map.measured_map`.
        frame: of which it was made.
        T_base_camera: hand-eye at its exposure, (4, 4).
        cell: with the workspace over which the heap lies.
    """
    assert frame.intrinsics is not None
    _, table = standing_cells(measured, cell)
    every = _points(measured, np.ones_like(measured.z, dtype=bool))
    every[:, 2] = table
    u, v = np.rint(frame.intrinsics.project((every - T_base_camera[:3, 3]) @ T_base_camera[:3, :3])).T
    pictured = ((u >= 0) & (u < frame.intrinsics.width) & (v >= 0) & (v < frame.intrinsics.height)).reshape(
        measured.z.shape
    )
    bare = measured.z - table < LEFT_HEIGHT / 2  # NaN compares false
    side = round(GAP / measured.side)
    gaps = cv2.morphologyEx((pictured & ~bare).astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return _spots([_points(measured, gaps > 0)], cell)


def _spots(points: Sequence[NDArray[np.float64]], cell: Cell) -> tuple[tuple[float, float], ...]:
    """Where points (n, 3) in base [m] lie around the square from which strays are kept, on a grid of `BESIDE`."""
    xy = np.concatenate([np.zeros((0, 3)), *points])[:, :2]
    coarse, wide = np.unique(np.round(xy / BESIDE), axis=0) * BESIDE, fetching(cell)
    return tuple((float(x), float(y)) for x, y in coarse if _within((x, y), wide) and not _within((x, y), cell))


def _points(heights: HeightMap, cells: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Points (n, 3) in base [m] of chosen cells (ny, nx) of a map."""
    rows, columns = np.nonzero(cells)
    xy = np.array(heights.origin) + heights.side * np.stack([columns, rows], axis=-1)
    return np.column_stack([xy, heights.z[rows, columns]])


def _outside(heights: HeightMap, cell: Cell) -> list[Stray]:
    """Everything that stands on the table with its middle outside of the workspace's square."""
    return [stray for stray in _standing(heights, cell) if not _within(stray.middle, cell)]


def _standing(heights: HeightMap, cell: Cell) -> list[Stray]:
    """Everything that stands on the table, in the workspace's square or around it."""
    seen, (stands, table) = np.isfinite(heights.z), standing_cells(heights, cell)
    unknown = cv2.dilate((~seen).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    unknown[[0, -1]] = unknown[:, [0, -1]] = True
    count, labels = cv2.connectedComponents(stands.astype(np.uint8), connectivity=8)
    found = []
    for label in range(1, count):
        own = labels == label
        points = _points(heights, own & seen & (heights.z - table > LEFT_HEIGHT / 2))
        if len(points) * heights.side**2 < STRAY_AREA:
            continue
        found.append(Stray(points, bool((own & unknown).any())))
    return found


def _within(xy: ArrayLike, cell: Cell) -> bool:
    """Whether a point (2,) [m] lies in the square of a cell's workspace."""
    away = np.abs(np.asarray(xy) - cell.workspace.centre)
    return bool((away <= cell.workspace.side / 2).all())


def note_standing(memory: Memory, frame: Frame, T_base_camera: Transform, cell: Cell) -> None:
    """Let the memory know what stands, or may stand unseen, around a workspace from which strays are fetched.

    What stood there at the first look of a task stays so. What was hidden then, by the heap's shadow or for want of
    depth, is given free by a later look that sees bare table there.

    Args:
        memory: of the task.
        frame: to be decided on next.
        T_base_camera: hand-eye at its exposure, (4, 4).
        cell: with the workspace over which the heap lies.
    """
    if cell.fetch_border <= 0 or cell.tool != "jaw" or (memory.standing is not None and not memory.unseen):
        return
    wide = fetching(cell)
    unseen = unseen_spots(measured_map(frame, T_base_camera, wide), frame, T_base_camera, cell)
    if memory.standing is None:
        stood = standing_spots(height_map(frame, T_base_camera, wide), cell)
        memory.unseen = tuple(sorted(set(unseen) - set(stood)))
        memory.standing = tuple(sorted({*stood, *unseen}))
        return
    bare = set(memory.unseen) - set(unseen)
    memory.unseen = tuple(spot for spot in memory.unseen if spot not in bare)
    memory.standing = tuple(spot for spot in memory.standing if spot not in bare)


def stray_fits(
    stray: Stray, frame: Frame, heights: HeightMap, T_base_camera: Transform, cell: Cell, memory: Memory
) -> list[Fit | Rejected]:
    """Grasps on a stray, with the jaw around them, the likeliest first, or why it does not fit.

    Args:
        stray: what is to be fetched.
        frame: in which it was seen.
        heights: of this frame, around the stray.
        T_base_camera: hand-eye at the exposure, (4, 4).
        cell: that of `fetching`.
        memory: grasps that failed before.
    """
    found = [
        fit_in_cell(grasp, frame, heights, T_base_camera, cell, memory)
        for grasp in _across(stray, frame, T_base_camera, cell)
    ]
    return sorted(found, key=lambda fit: -fit.chance if isinstance(fit, Fit) else 0.0)


def around(heights: HeightMap, stray: Stray, cell: Cell) -> HeightMap:
    """The part of a map that reaches over workspace and stray, with the border of every height map, and no further.

    Rows and columns at its edge of which nothing is known are left out, too: the picture does not show that ground, and
    off the map the cell's boxes tell what stands.

    Args:
        heights: of the square of `fetching`.
        stray: on it.
        cell: with the workspace over which the heap lies.
    """
    half = cell.workspace.side / 2
    low = np.minimum(stray.points[:, :2].min(axis=0), np.array(cell.workspace.centre) - half) - MAP_BORDER
    high = np.maximum(stray.points[:, :2].max(axis=0), np.array(cell.workspace.centre) + half) + MAP_BORDER
    seen = np.isfinite(heights.z)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    limits = (rows[0], columns[0]), (rows[-1], columns[-1])
    (top, left), (bottom, right) = (np.clip(heights.cells(xy), *limits) for xy in (low, high))
    origin = np.array(heights.origin) + heights.side * np.array([left, top])
    return HeightMap((float(origin[0]), float(origin[1])), heights.side, heights.z[top : bottom + 1, left : right + 1])


def _across(stray: Stray, frame: Frame, T_base_camera: Transform, cell: Cell) -> Iterator[Grasp]:
    """Grasps across an outline: over its short side at several places, and through its middle in other directions."""
    _, (width, height), degrees = cv2.minAreaRect(stray.points[:, :2].astype(np.float32))
    short = np.radians(degrees) + (0.0 if width <= height else np.pi / 2)
    for turn in range(DIRECTIONS):
        for along in ALONG if turn == 0 else ALONG[:1]:
            grasp = _grasp(stray, short + turn * np.pi / DIRECTIONS, along, frame, T_base_camera, cell)
            if grasp is not None:
                yield grasp


def _grasp(stray: Stray, yaw: float, along: float, frame: Frame, T_base_camera: Transform, cell: Cell) -> Grasp | None:
    """The grasp that opens along a yaw [rad] in base, `along` [m] beside the middle; None where nothing lies there."""
    assert frame.intrinsics is not None
    axis, aside = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    x, y = ((stray.points[:, :2] - stray.middle) @ each for each in (axis, aside))
    under = np.abs(y - along) <= cell.gripper.pad_width / 2
    if under.sum() < 10:
        return None
    low, high = np.percentile(x[under], [1, 99])
    middle = under & (np.abs(x - (low + high) / 2) <= 0.005)
    if not middle.any():  # a ring, or a mug: nothing lies between the pads' middles
        middle = under
    xy = stray.middle + (low + high) / 2 * axis + along * aside
    point = invert(T_base_camera) @ np.array([*xy, np.median(stray.points[middle, 2]), 1.0])
    turned = T_base_camera[:3, :3].T @ np.array([*axis, 0.0])
    u, v = frame.intrinsics.project(point[:3])
    angle = float(image_angles(point[:3], turned, frame.intrinsics))
    width, share = float(high - low), float(under.sum() * CELL_SIDE**2 / ((high - low) * cell.gripper.pad_width))
    score = min(share, 1.0) * float(np.exp(-abs(along) / OFF_MIDDLE - width / cell.gripper.stroke))
    grid_width = width * frame.intrinsics.fx / float(point[2])
    return Grasp((float(u), float(v)), angle, grid_width, width, float(point[2]), score, score, 1.0)
