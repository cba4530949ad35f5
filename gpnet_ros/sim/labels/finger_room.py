"""Room for the gripper: swept clearance of a vertical approach, from the exact surface of the scene.

For a vertical approach a finger sweeps the column above its footprint, so "the highest surface under the
footprint lies below the fingertip" is the exact test against neighbours, the object itself and the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.settings import GripperGeometry

CELL = 0.002  # of the height map; the fingers [m]
PALM_COARSER = 4  # the palm's footprint is looked up on a map this many times coarser
BORDER = 0.13  # of table around the objects: half a stroke, a finger and half a palm [m]
SAFETY = 0.0015  # a finger stays this far above what lies under it [m]


@dataclass(frozen=True, eq=False)
class SurfaceLattice:
    """Exact highest surface within the cells of a lattice on the table; the core's `HeightMap` is a measured one.

    Attributes:
        height: (rows along y, columns along x) float32 in base [m].
        origin: x and y of the first cell's centre [m].
        cell: distance of cells [m].
    """

    height: Floats
    origin: tuple[float, float]
    cell: float

    def cells(self, xy: NDArray[np.floating]) -> NDArray[np.int32]:
        """Index (...) into the flat heights of the cells nearest to points (..., 2) [m]; at the border if outside."""
        rows, columns = self.height.shape
        column, row = (
            np.rint((xy[..., k] - np.float32(self.origin[k])) / np.float32(self.cell)).astype(np.int32) for k in (0, 1)
        )
        return np.asarray(np.clip(row, 0, rows - 1) * np.int32(columns) + np.clip(column, 0, columns - 1))

    def highest_under(self, size: tuple[float, float], angle: float) -> SurfaceLattice:
        """Highest surface under a rectangle (along, across) [m] turned by `angle` [rad], per centre."""
        return SurfaceLattice(cv2.dilate(self.height, _rectangle(size, angle, self.cell)), self.origin, self.cell)

    def lowest_towards(self, start: float, stop: float, angle: float) -> SurfaceLattice:
        """Lowest value met between two distances [m] from each point in direction `angle` [rad]."""
        low = cv2.erode(self.height, _ray(start, stop, angle, self.cell), borderType=cv2.BORDER_REPLICATE)
        return SurfaceLattice(low, self.origin, self.cell)

    def coarser(self, factor: int) -> SurfaceLattice:
        """Lattice with cells `factor` times as large, each as high as its highest point."""
        grown = cv2.dilate(self.height, np.ones((factor + 1, factor + 1), dtype=np.uint8))
        return SurfaceLattice(np.ascontiguousarray(grown[::factor, ::factor]), self.origin, self.cell * factor)


def surface_lattice(
    scene: EmbreeScene, low: NDArray[np.float64], high: NDArray[np.float64], table_z: float
) -> SurfaceLattice:
    """Surface by rays from above over the box low..high (3,) [m] and a border of table, at `table_z` [m].

    Rays fall half a cell apart, and a cell is as high as the highest of the nine on it: an edge that lies
    between two lattice points still counts.
    """
    x = np.arange(low[0] - BORDER, high[0] + BORDER, CELL)
    y = np.arange(low[1] - BORDER, high[1] + BORDER, CELL)
    height = np.full((len(y), len(x)), table_z, dtype=np.float32)
    # Rays only over the objects themselves; the border is table.
    rows = np.flatnonzero((y > low[1] - CELL) & (y < high[1] + CELL))
    columns = np.flatnonzero((x > low[0] - CELL) & (x < high[0] + CELL))
    start = float(high[2]) + 0.1
    fine = [np.arange(-1, 2 * len(index)) * CELL / 2 + line[index[0]] for line, index in ((x, columns), (y, rows))]
    grid = np.stack(np.meshgrid(*fine), axis=-1).reshape(-1, 2)
    origins = np.column_stack([grid, np.full(len(grid), start)]).astype(np.float32)
    down = np.tile(np.array([0, 0, -1], dtype=np.float32), (len(grid), 1))
    hit = scene.run(origins, down, output=1)
    z = np.where(hit["geomID"] >= 0, start - hit["tfar"], table_z).astype(np.float32)
    highest = cv2.dilate(np.maximum(z, table_z).reshape(len(fine[1]), len(fine[0])), np.ones((3, 3), np.uint8))
    height[np.ix_(rows, columns)] = highest[1::2, 1::2]
    return SurfaceLattice(height, (float(x[0]), float(y[0])), CELL)


class FingerRooms:
    """Room that fingers and palm of a gripper find, for each of several opening directions."""

    def __init__(
        self, heights: SurfaceLattice, gripper: GripperGeometry, angles: Sequence[float] | NDArray[np.float64]
    ) -> None:
        """Look under fingers and palm everywhere.

        Args:
            heights: what lies there.
            gripper: its geometry.
            angles: opening directions in base [rad].
        """
        self._gripper, self._fine, self._coarse = gripper, heights, heights.coarser(PALM_COARSER)
        self._axes = np.array([[np.cos(angle), np.sin(angle)] for angle in angles], dtype=np.float32)
        half = gripper.finger_thickness / 2
        fingers = [heights.highest_under((gripper.finger_thickness, gripper.pad_width), angle) for angle in angles]
        sides = [
            np.maximum(*(f.lowest_towards(half, gripper.stroke / 2 + half, a).height for a in (angle, angle + np.pi)))
            for f, angle in zip(fingers, angles, strict=True)
        ]
        palms = [self._coarse.highest_under(gripper.palm, angle).height for angle in angles]
        self._finger, self._side, self._palm = (
            np.stack(maps).reshape(len(maps), -1) for maps in ([f.height for f in fingers], sides, palms)
        )

    def possible(self, xy: Floats, tips: Floats) -> NDArray[np.bool_]:
        """Whether palm and, at some opening, each finger find room: a quick test before rays are cast.

        Args:
            xy: n points (n, 2) in base [m].
            tips: heights of the fingertips in base that are tried above each, (k, n) [m].

        Returns:
            (k, angles, n).
        """
        limit = (tips - np.float32(SAFETY))[:, None]
        side, palm = self._side[:, self._fine.cells(xy)], self._palm[:, self._coarse.cells(xy)]
        return np.asarray((side < limit) & (palm < limit + np.float32(self._gripper.finger_length)))

    def fits(self, xy: Floats, tip: Floats, opening: Floats, direction: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether both fingers find room (n,).

        Args:
            xy: points (n, 2) between the fingers, in base [m].
            tip: height of the fingertips in base (n,) [m].
            opening: of the jaw (n,) [m].
            direction: index (n,) of the opening direction.
        """
        reach = (opening + np.float32(self._gripper.finger_thickness)) / 2
        offset = reach[:, None] * self._axes[direction]
        first, second = (self._finger[direction, self._fine.cells(at)] for at in (xy + offset, xy - offset))
        return np.asarray(np.maximum(first, second) < tip - np.float32(SAFETY))


@lru_cache(maxsize=128)
def _ray(start: float, stop: float, angle: float, cell: float) -> NDArray[np.uint8]:
    """Cells (k, k) between two distances [m] from the middle in a direction."""
    reach = int(np.ceil(stop / cell)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
    steps = np.arange(start, stop + cell / 2, cell) / cell
    rows, columns = (np.rint(reach + steps * along).astype(int) for along in (np.sin(angle), np.cos(angle)))
    kernel[rows, columns] = 1
    return kernel


@lru_cache(maxsize=128)
def _rectangle(size: tuple[float, float], angle: float, cell: float) -> NDArray[np.uint8]:
    """Cells (k, k) under a turned rectangle, with a border of half a cell."""
    reach = int(np.ceil(np.hypot(*size) / 2 / cell))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] * cell
    along = np.abs(x * np.cos(angle) + y * np.sin(angle))
    across = np.abs(y * np.cos(angle) - x * np.sin(angle))
    inside = (along <= (size[0] + cell) / 2) & (across <= (size[1] + cell) / 2)
    return inside.astype(np.uint8)
