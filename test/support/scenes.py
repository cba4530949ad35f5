"""A frame of one box on the table with its true maps, made by projection alone, for tests of the planner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.maps import Grid, Maps, encode_angle, encode_width
from gpnet_ros.picking.attention import Sight
from gpnet_ros.pose import Transform, image_angles, invert

CELL = load_cell()
T_BASE_CAMERA: Transform = load_hand_eye().T_base_camera()
CAMERA = Intrinsics(640, 480, 615.0, 615.0, 320.0, 240.0)
#: The box: centre on the table, size along x and y, height [m].
CENTRE, SIZE, HEIGHT = (0.66, 0.03), (0.04, 0.10), 0.05


def table_and_box(height: float = HEIGHT) -> NDArray[np.float32]:
    """Depth (480, 640) [m] of the table with the box on it; height 0 leaves the table empty."""
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    rays = CAMERA.deproject(np.stack([u, v], axis=-1), np.ones(u.shape)) @ T_BASE_CAMERA[:3, :3].T
    eye = T_BASE_CAMERA[:3, 3]
    low = np.array([CENTRE[0] - SIZE[0] / 2, CENTRE[1] - SIZE[1] / 2, 0.0])
    high = low + (*SIZE, height)
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (low - eye) / rays, (high - eye) / rays
    enter, leave = np.minimum(one, two).max(axis=-1), np.maximum(one, two).min(axis=-1)
    table = -eye[2] / rays[..., 2]
    hit = (enter < leave) & (enter > 0) & (height > 0)
    return np.where(hit, np.minimum(enter, table), table).astype(np.float32)


def sight(stamp: float = 1.0, height: float = HEIGHT, depth: NDArray[np.float32] | None = None) -> Sight:
    """A frame, and maps that name the grasp across the box's narrow side."""
    depth = table_and_box(height) if depth is None else depth
    color = np.full((CAMERA.height, CAMERA.width, 3), 120, np.uint8)
    frame = Frame(color, depth, CAMERA, stamp)
    square = CELL.workspace
    grid = Grid.workspace(CAMERA, T_BASE_CAMERA, square.centre, square.side, square.table_z)
    return Sight(frame, replace(box_maps(grid, height), stamp=stamp, frame_id=frame.frame_id))


def box_maps(grid: Grid, height: float) -> Maps:
    """One bump of Q over the box's top."""
    T_camera_base = invert(T_BASE_CAMERA)
    top = T_camera_base[:3, :3] @ np.array([*CENTRE, height]) + T_camera_base[:3, 3]
    angle = float(image_angles(top, T_camera_base[:3, 0], CAMERA))
    column, row = grid.to_grid(CAMERA.project(top))
    v, u = np.mgrid[0 : grid.height, 0 : grid.width]
    quality = np.exp(-((u - column) ** 2 + (v - row) ** 2) / (2 * 4.0**2)).astype(np.float32)
    if height == 0:
        quality *= 0
    flat = np.ones_like(quality)
    cos2, sin2 = (float(x) * flat for x in encode_angle(angle))
    width = float(encode_width(SIZE[0], top[2], grid.intrinsics(CAMERA).fx)) * flat
    return Maps(quality, cos2, sin2, width, flat, grid)
