"""Boxes on a table as a D435 would see them, and grasps and height maps for tests."""

from __future__ import annotations

import numpy as np

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.height_map import HeightMap
from gpnet_ros.pose import Transform, transform

D435 = Intrinsics(640, 480, 615.0, 615.0, 320.3, 240.3)
CELL = load_cell()
T_CAMERA = load_hand_eye().T_base_camera()
BoxBounds = tuple[tuple[float, float, float], tuple[float, float, float]]


def see(boxes: list[BoxBounds], noise: float = 0.0, holes: float = 0.0, seed: int = 0) -> Frame:
    """Depth of axis-aligned boxes on the table, by the slab test, as an independent ray caster."""
    rows, columns = np.mgrid[0 : D435.height, 0 : D435.width]
    rays = D435.deproject(np.stack([columns, rows], axis=-1), np.ones(rows.shape)) @ T_CAMERA[:3, :3].T
    eye = T_CAMERA[:3, 3]
    depth = -eye[2] / rays[..., 2]
    for low, high in boxes:
        near, far = (np.array(low) - eye) / rays, (np.array(high) - eye) / rays
        enter, leave = np.minimum(near, far).max(axis=-1), np.maximum(near, far).min(axis=-1)
        depth = np.where((enter <= leave) & (enter < depth), enter, depth)
    rng = np.random.default_rng(seed)
    depth = depth + rng.normal(0.0, noise, depth.shape)
    depth[rng.random(depth.shape) < holes] = np.nan
    return Frame(None, depth.astype(np.float32), D435)


def box(x: float, y: float, size: tuple[float, float, float], z: float = 0.0) -> BoxBounds:
    return (x - size[0] / 2, y - size[1] / 2, z), (x + size[0] / 2, y + size[1] / 2, z + size[2])


def down(x: float, y: float, z: float, yaw: float = 0.0) -> Transform:
    c, s = np.cos(yaw), np.sin(yaw)
    return transform([[c, s, 0], [s, -c, 0], [0, 0, -1]], (x, y, z))


def flat(height: float = 0.0, shape: tuple[int, int] = (260, 260)) -> HeightMap:
    return HeightMap((0.39, -0.26), 0.002, np.full(shape, height, np.float32))
