"""Poses: from a grasp in the image to a grasp in space, and the few transforms that needs."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics

Transform = NDArray[np.float64]  # (4, 4), T_a_b maps coordinates of b into a
_Angle = TypeVar("_Angle", float, NDArray[Any])


def transform(rotation: ArrayLike, translation: ArrayLike) -> Transform:
    """4x4 transform from a 3x3 rotation and a translation [m]."""
    T = np.eye(4)
    T[:3, :3] = np.asarray(rotation)
    T[:3, 3] = np.asarray(translation)
    return T


#: Pose of the controller's `base` in ROS's `base_link` (ur_description): 180 degrees about z, its own inverse.
T_BASE_LINK_BASE: Transform = transform(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))


def invert(T_a_b: Transform) -> Transform:
    """The inverse (4, 4), T_b_a, of a rigid transform."""
    R = T_a_b[:3, :3]
    return transform(R.T, -R.T @ T_a_b[:3, 3])


def from_xyz_quat(position: ArrayLike, quaternion: ArrayLike) -> Transform:
    """Transform from position [m] and quaternion xyzw (need not be normalised).

    Raises:
        BadInput: not 3 and 4 finite numbers, or a zero quaternion.
    """
    p, q = np.asarray(position, dtype=np.float64), np.asarray(quaternion, dtype=np.float64)
    if p.shape != (3,) or q.shape != (4,) or not np.isfinite([*p, *q]).all() or np.linalg.norm(q) < 1e-6:
        raise BadInput(f"Pose position {p}, quaternion {q} is not usable: three and four finite numbers, xyzw.")
    return transform(Rotation.from_quat(q).as_matrix(), p)


def to_xyz_quat(T: Transform) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (..., 3) [m] and unit quaternions xyzw (..., 4) with w >= 0 of transforms (..., 4, 4)."""
    return T[..., :3, 3].copy(), Rotation.from_matrix(T[..., :3, :3]).as_quat(canonical=True)


def from_rotvec(pose: ArrayLike) -> Transform:
    """Transform from the UR form x, y, z [m], rx, ry, rz (rotation vector) [rad]."""
    p = np.asarray(pose, dtype=np.float64)
    return transform(Rotation.from_rotvec(p[3:6]).as_matrix(), p[:3])


def to_rotvec(T: Transform) -> NDArray[np.float64]:
    """The UR form x, y, z [m], rx, ry, rz (rotation vector) [rad]."""
    return np.concatenate([T[:3, 3], Rotation.from_matrix(T[:3, :3]).as_rotvec()])


def distance(T_a: Transform, T_b: Transform) -> tuple[float, float]:
    """Translation [m] and rotation [rad] between two transforms."""
    turn = Rotation.from_matrix(T_a[:3, :3].T @ T_b[:3, :3]).magnitude()
    return float(np.linalg.norm(T_a[:3, 3] - T_b[:3, 3])), float(turn)


def look_at(eye: ArrayLike, target: ArrayLike, right: ArrayLike = (0.0, 1.0, 0.0)) -> Transform:
    """T_base_camera of a camera at `eye` looking at `target` [m], image x along `right`."""
    z = np.asarray(target, dtype=np.float64) - np.asarray(eye, dtype=np.float64)
    z /= np.linalg.norm(z)
    x = np.asarray(right, dtype=np.float64)
    x = x - z * (x @ z)
    x /= np.linalg.norm(x)
    return transform(np.column_stack([x, np.cross(z, x), z]), eye)


def opening_axis(
    pixel: ArrayLike, angle: float, intrinsics: Intrinsics, approach_in_camera: ArrayLike
) -> NDArray[np.float64]:
    """Unit opening axis in the camera frame, perpendicular to the approach.

    The plane through the camera centre that contains the image line at `pixel` with `angle`
    cuts the plane perpendicular to the approach in exactly this axis, so its projection has the
    image angle whatever the tilt of the camera.

    Args:
        pixel: (u, v) [px].
        angle: of the opening axis in the image, from +u towards +v [rad].
        approach_in_camera: unit approach direction in the camera frame, (3,).
    """
    ray = intrinsics.deproject(pixel, 1.0)
    step = np.array([np.cos(angle) / intrinsics.fx, np.sin(angle) / intrinsics.fy, 0.0])
    a = np.asarray(approach_in_camera, dtype=np.float64)
    axis = np.cross(np.cross(ray, step), a)
    axis /= np.linalg.norm(axis)
    # Two signs satisfy the projection; take the one that points along the image direction.
    moved = intrinsics.project(ray + 1e-4 * axis) - np.asarray(pixel, dtype=np.float64)
    return axis if moved @ np.array([np.cos(angle), np.sin(angle)]) >= 0 else -axis


def image_angles(points_in_camera: ArrayLike, axes_in_camera: ArrayLike, intrinsics: Intrinsics) -> NDArray[np.float64]:
    """Image angles (...) [rad] in [-pi/2, pi/2) of axes (..., 3) at points (..., 3) [m]; undoes `opening_axis`."""
    p = np.asarray(points_in_camera, dtype=np.float64)
    a = np.asarray(axes_in_camera, dtype=np.float64)
    du = intrinsics.fx * (a[..., 0] * p[..., 2] - p[..., 0] * a[..., 2])
    dv = intrinsics.fy * (a[..., 1] * p[..., 2] - p[..., 1] * a[..., 2])
    return wrap_half_turn(np.arctan2(dv, du))


def wrap_half_turn(angle: _Angle) -> _Angle:
    """Angles (...) [rad] of axes in [-pi/2, pi/2), in their own precision: an opening axis has no direction."""
    return (angle + np.pi / 2) % np.pi - np.pi / 2


def lift(
    pixel: ArrayLike,
    angle: float,
    z: float,
    intrinsics: Intrinsics,
    T_base_camera: Transform | None = None,
) -> Transform:
    """T_camera_grasp of an image grasp whose origin lies at depth z on the ray of its pixel.

    Args:
        pixel: (u, v) in the image of `intrinsics` [px].
        angle: of the opening axis, from +u towards +v [rad].
        z: depth of the grasp's origin along the optical axis [m].
        T_base_camera: hand-eye; with it the approach is vertical in base, else the optical axis.

    Raises:
        BadInput: z is not positive and finite.
    """
    if not (np.isfinite(z) and z > 0):
        raise BadInput(f"Depth {z} m of a grasp is not usable: it must be positive and finite.")
    approach = np.array([0.0, 0.0, 1.0])
    if T_base_camera is not None:
        approach = T_base_camera[:3, :3].T @ np.array([0.0, 0.0, -1.0])
    x = opening_axis(pixel, angle, intrinsics, approach)
    rotation = np.column_stack([x, np.cross(approach, x), approach])
    return transform(rotation, intrinsics.deproject(pixel, z))
