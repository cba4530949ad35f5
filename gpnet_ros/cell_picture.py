"""What the software believes of the cell, drawn over what the camera sees: where both differ, one of them is wrong."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.overlay import base_image
from gpnet_ros.pose import Transform, invert
from gpnet_ros.settings import Box

#: RGB of what is drawn: the workspace on the table, the tote, keep-out boxes, and depth that is off the table.
WORKSPACE, TOTE, KEEP_OUT, OFF = (30, 220, 60), (60, 140, 250), (235, 60, 40), (250, 190, 40)
#: Depth that is so far off the believed table [m] is coloured, within the workspace.
TABLE_OFF = 0.008
#: Lines are drawn in so many pieces, nothing of them nearer to the camera than this [m].
_PIECES, _NEAR = 24, 0.05


def draw_cell(frame: Frame, cell: Cell, T_base_camera: Transform) -> NDArray[np.uint8]:
    """The camera's picture (H, W, 3) RGB with workspace, tote and keep-out boxes where the cell file has them.

    Pixels of the workspace whose depth is more than 8 mm off the table of the cell file are yellow.

    Args:
        frame: with camera model.
        cell: what is believed.
        T_base_camera: (4, 4) at the exposure.
    """
    image, camera = base_image(frame), frame.intrinsics
    if camera is None:
        return image
    off = table_off(frame, cell, T_base_camera)
    image[off] = (image[off] // 2 + np.array(OFF, np.uint8) // 2).astype(np.uint8)
    (x, y), half, z = cell.workspace.centre, cell.workspace.side / 2, cell.workspace.table_z
    square = [(x - half, y - half, z), (x + half, y - half, z), (x + half, y + half, z), (x - half, y + half, z)]
    _loop(image, camera, T_base_camera, square, WORKSPACE)
    for boxes, color in ((cell.tote.walls, TOTE), (cell.keep_out, KEEP_OUT)):
        for box in boxes:
            for edge in _edges(box):
                _line(image, camera, T_base_camera, edge, color)
    return image


def table_off(frame: Frame, cell: Cell, T_base_camera: Transform) -> NDArray[np.bool_]:
    """Pixels (H, W) of the workspace whose depth is off the table of the cell file."""
    if frame.depth is None or frame.intrinsics is None:
        return np.zeros(frame.shape, dtype=bool)
    v, u = np.mgrid[: frame.shape[0], : frame.shape[1]]
    points = frame.intrinsics.deproject(np.stack([u, v], axis=-1), frame.depth)
    points = points @ T_base_camera[:3, :3].T + T_base_camera[:3, 3]
    inside = (np.abs(points[..., :2] - cell.workspace.centre) < cell.workspace.side / 2).all(axis=-1)
    return inside & (np.abs(points[..., 2] - cell.workspace.table_z) > TABLE_OFF)


def _edges(box: Box) -> Iterable[NDArray[np.float64]]:
    """The twelve edges of a box, (2, 3) [m] each."""
    ends = np.array([box.low, box.high])
    for axis in range(3):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        for i in range(2):
            for j in range(2):
                edge = ends.copy()
                edge[:, one], edge[:, other] = ends[i, one], ends[j, other]
                yield edge


def _loop(
    image: NDArray[np.uint8],
    camera: Intrinsics,
    T_base_camera: Transform,
    corners: list[tuple[float, float, float]],
    color: tuple[int, int, int],
) -> None:
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        _line(image, camera, T_base_camera, [a, b], color)


def _line(
    image: NDArray[np.uint8],
    camera: Intrinsics,
    T_base_camera: Transform,
    ends: ArrayLike,
    color: tuple[int, int, int],
) -> None:
    """A line between two points in base, as far as it is before the camera."""
    T = invert(T_base_camera)
    a, b = np.asarray(ends, dtype=np.float64) @ T[:3, :3].T + T[:3, 3]
    points = a + np.linspace(0.0, 1.0, _PIECES + 1)[:, None] * (b - a)
    ahead = points[:, 2] > _NEAR
    pixels = np.rint(np.clip(camera.project(np.where(ahead[:, None], points, 1.0)), -1e4, 1e4)).astype(int)
    thick = max(1, round(image.shape[1] / 400))
    for i in np.flatnonzero(ahead[:-1] & ahead[1:]):
        cv2.line(image, pixels[i].tolist(), pixels[i + 1].tolist(), color, thick, cv2.LINE_AA)
