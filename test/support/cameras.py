"""Cameras that look at a heap on a table from anywhere that is possible, and the mistakes in telling where they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, from_xyz_quat, invert, look_at, to_xyz_quat, transform
from gpnet_ros.settings import Workspace

CAMERA = Intrinsics(320, 240, 307.0, 307.0, 160.0, 120.0)
T_BASE_LINK_BASE = transform(np.diag([-1.0, -1.0, 1.0]), (0.0, 0.0, 0.0))
#: camera_link: x forward, y left, z up.
T_OPTICAL_LINK = transform([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]], (0.0, 0.0, 0.0))
#: In ur_description the frame flange looks along x, tool0 along z: rpy (pi/2, 0, pi/2).
T_ROS_FLANGE_TOOL0 = transform(Rotation.from_euler("xyz", (np.pi / 2, 0.0, np.pi / 2)).as_matrix(), (0.0, 0.0, 0.0))


@dataclass(frozen=True)
class PlacedCamera:
    """A workspace, where the camera is in truth, and what its depth shows."""

    workspace: Workspace
    T_base_camera: Transform
    depth: NDArray[np.float32]


def placed_camera(rng: np.random.Generator) -> PlacedCamera:
    """0.4 to 1.5 m over the table, tilted by up to 45 degrees, turned anyhow; the workspace may be cut."""
    radius, round_base = rng.uniform(0.4, 0.9), rng.uniform(-np.pi, np.pi)
    centre = (float(radius * np.cos(round_base)), float(radius * np.sin(round_base)))
    workspace = Workspace(centre, side=float(rng.uniform(0.2, 0.5)))
    while True:
        height, tilt, around = rng.uniform(0.4, 1.5), np.deg2rad(rng.uniform(0, 45)), rng.uniform(-np.pi, np.pi)
        target = np.array([*(centre + rng.normal(scale=0.12, size=2)), 0.0])
        eye = target + height * np.array([np.tan(tilt) * np.cos(around), np.tan(tilt) * np.sin(around), 1.0])
        roll = rng.uniform(-np.pi, np.pi)
        T = look_at(eye, target, right=(np.cos(roll), np.sin(roll), 0.0))
        u, v = CAMERA.project((invert(T) @ np.array([*centre, 0.0, 1.0]))[:3])
        if 0 <= u < CAMERA.width and 0 <= v < CAMERA.height:
            return PlacedCamera(workspace, T, _depth(T, _boxes(workspace, rng), rng))


def mistaken(T_base_camera: Transform, kind: str) -> Transform:
    """What a person gives who makes a mistake of this kind."""
    if kind == "base_link":
        return T_BASE_LINK_BASE @ T_base_camera
    if kind == "camera_link":
        return T_base_camera @ T_OPTICAL_LINK
    if kind == "frame flange":  # of a camera on the flange
        return T_ROS_FLANGE_TOOL0 @ T_base_camera
    if kind == "inverted":
        return invert(T_base_camera)
    assert kind == "w, x, y, z"
    position, quaternion = to_xyz_quat(T_base_camera)
    return from_xyz_quat(position, np.roll(quaternion, 1))


def _boxes(workspace: Workspace, rng: np.random.Generator) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    boxes = []
    for _ in range(rng.integers(0, 12)):
        size = rng.uniform(0.02, 0.12, 3)
        low = np.array([*(workspace.centre + rng.uniform(-0.5, 0.5, 2) * workspace.side - size[:2] / 2), 0.0])
        boxes.append((low, low + size))
    return boxes


def _depth(
    T: Transform, boxes: list[tuple[NDArray[np.float64], NDArray[np.float64]]], rng: np.random.Generator
) -> NDArray[np.float32]:
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    rays, eye = CAMERA.deproject(np.stack([u, v], axis=-1), np.ones(u.shape)) @ T[:3, :3].T, T[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = -eye[2] / rays[..., 2]
        z = np.where(z > 0, z, np.inf)
        for low, high in boxes:
            one, two = (low - eye) / rays, (high - eye) / rays
            enter, leave = np.minimum(one, two).max(axis=-1), np.maximum(one, two).min(axis=-1)
            z = np.where((enter < leave) & (enter > 0) & (enter < z), enter, z)
    z = np.where(z < 4.0, z, np.nan) * (1 + 0.004 * rng.normal(size=z.shape))
    z[rng.random(z.shape) < 0.1] = np.nan
    return z.astype(np.float32)
