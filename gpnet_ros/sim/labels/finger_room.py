"""Room for the gripper: swept clearance of a vertical approach, from the exact surface of the scene.

For a vertical approach a finger sweeps the column above its footprint, so "the highest surface under the
footprint lies below the fingertip" is the exact test against neighbours, the object itself and the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    def at(self, xy: NDArray[np.floating]) -> Floats:
        """Height (...) of the cells nearest to points (..., 2) [m]; the border's value outside."""
        origin = np.array(self.origin, dtype=np.float32)
        index = np.rint((xy - origin) / np.float32(self.cell)).astype(np.int32)
        rows, columns = self.height.shape
        return self.height[np.clip(index[..., 1], 0, rows - 1), np.clip(index[..., 0], 0, columns - 1)]

    def highest_under(self, size: tuple[float, float], angle: float) -> SurfaceLattice:
        """Highest surface under a rectangle (along, across) [m] turned by `angle` [rad], per centre."""
        return SurfaceLattice(cv2.dilate(self.height, _rectangle(size, angle, self.cell)), self.origin, self.cell)

    def lowest_towards(self, start: float, stop: float, angle: float) -> SurfaceLattice:
        """Lowest value met between two distances [m] from each point in direction `angle` [rad]."""
        reach = int(np.ceil(stop / self.cell)) + 1
        kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
        steps = np.arange(start, stop + self.cell / 2, self.cell) / self.cell
        kernel[
            np.rint(reach + steps * np.sin(angle)).astype(int), np.rint(reach + steps * np.cos(angle)).astype(int)
        ] = 1
        low = cv2.erode(self.height, kernel, borderType=cv2.BORDER_REPLICATE)
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


class FingerRoom:
    """Room that fingers and palm of a gripper find, for one opening direction."""

    def __init__(self, heights: SurfaceLattice, coarse: SurfaceLattice, gripper: GripperGeometry, angle: float) -> None:
        self._gripper = gripper
        self._axis = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
        self._finger = heights.highest_under((gripper.finger_thickness, gripper.pad_width), angle)
        self._palm = coarse.highest_under(gripper.palm, angle)
        half = gripper.finger_thickness / 2
        self._sides = [self._finger.lowest_towards(half, gripper.stroke / 2 + half, a) for a in (angle, angle + np.pi)]

    def possible(self, xy: Floats, tip: Floats) -> NDArray[np.bool_]:
        """Whether palm and, at some opening, each finger find room: a quick test (n,) before rays are cast."""
        limit = tip - np.float32(SAFETY)
        room = self._palm.at(xy) < limit + np.float32(self._gripper.finger_length)
        for side in self._sides:
            room &= side.at(xy) < limit
        return room

    def fits(self, xy: Floats, tip: Floats, opening: Floats) -> NDArray[np.bool_]:
        """Whether both fingers find room at an opening (n,) [m] around points (n, 2), tips at `tip` (n,)."""
        offset = (opening[:, None] + np.float32(self._gripper.finger_thickness)) / 2 * self._axis
        highest = np.maximum(self._finger.at(xy + offset), self._finger.at(xy - offset))
        return highest < tip - np.float32(SAFETY)


def finger_rooms(
    heights: SurfaceLattice, gripper: GripperGeometry, angles: Sequence[float] | NDArray[np.float64]
) -> list[FingerRoom]:
    """One `FingerRoom` per opening direction [rad] in base."""
    coarse = heights.coarser(PALM_COARSER)
    return [FingerRoom(heights, coarse, gripper, angle) for angle in angles]


def _rectangle(size: tuple[float, float], angle: float, cell: float) -> NDArray[np.uint8]:
    """Cells (k, k) under a turned rectangle, with a border of half a cell."""
    reach = int(np.ceil(np.hypot(*size) / 2 / cell))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] * cell
    along = np.abs(x * np.cos(angle) + y * np.sin(angle))
    across = np.abs(y * np.cos(angle) - x * np.sin(angle))
    inside = (along <= (size[0] + cell) / 2) & (across <= (size[1] + cell) / 2)
    return inside.astype(np.uint8)
