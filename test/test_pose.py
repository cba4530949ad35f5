"""Poses: group laws, round trips of every convention, and the laws of a lifted grasp."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gpnet_ros import pose
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics

CAMERA = Intrinsics(640, 480, 615.0, 612.0, 318.0, 243.0)
T_BASE_CAMERA = pose.look_at((0.85, 0.0, 0.85), (0.65, 0.0, 0.0))
angles = st.floats(-np.pi / 2, np.pi / 2 - 1e-6)
numbers = st.floats(-2, 2)


def random_transform(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return pose.transform(Rotation.random(rng=rng).as_matrix(), rng.uniform(-1, 1, 3))


@given(seed=st.integers(0, 10_000))
def test_round_trips(seed: int) -> None:
    T = random_transform(seed)
    assert np.allclose(T @ pose.invert(T), np.eye(4), atol=1e-12)
    assert np.allclose(pose.from_xyz_quat(*pose.to_xyz_quat(T)), T, atol=1e-12)
    assert np.allclose(pose.from_rotvec(pose.to_rotvec(T)), T, atol=1e-9)


def test_rotation_vectors_near_pi_are_the_same_pose() -> None:
    a = pose.from_rotvec([0, 0, 0, np.pi - 1e-9, 0, 0])
    b = pose.from_rotvec([0, 0, 0, -np.pi, 0, 0])
    assert pose.distance(a, b)[1] < 1e-6
    assert pose.distance(a, pose.from_rotvec([0.003, 0.004, 0, np.pi, 0, 0]))[0] == pytest.approx(0.005)


@given(u=st.floats(0, 639), v=st.floats(0, 479), angle=angles, z=st.floats(0.2, 2.0))
def test_lifted_grasp_projects_onto_its_pixel_and_angle(u: float, v: float, angle: float, z: float) -> None:
    for T in (None, T_BASE_CAMERA):
        T_camera_grasp = pose.lift((u, v), angle, z, CAMERA, T)
        assert np.allclose(CAMERA.project(T_camera_grasp[:3, 3]), (u, v), atol=1e-6)
        seen = pose.image_angles(T_camera_grasp[:3, 3], T_camera_grasp[:3, 0], CAMERA)
        assert abs(pose.wrap_half_turn(seen - angle)) < 1e-6
        assert np.allclose(T_camera_grasp[:3, :3] @ T_camera_grasp[:3, :3].T, np.eye(3), atol=1e-9)
        assert np.linalg.det(T_camera_grasp[:3, :3]) == pytest.approx(1.0)


@given(angle=angles)
def test_lifted_grasp_is_vertical_in_base_where_the_hand_eye_is_known(angle: float) -> None:
    T_base_grasp = T_BASE_CAMERA @ pose.lift((400, 150), angle, 0.85, CAMERA, T_BASE_CAMERA)
    assert np.allclose(T_base_grasp[:3, 2], (0, 0, -1), atol=1e-12)
    assert abs(T_base_grasp[2, 0]) < 1e-12
    assert np.allclose(pose.lift((400, 150), angle, 0.85, CAMERA)[:3, 2], (0, 0, 1))


@pytest.mark.parametrize("angle", [-1.2, 0.0, 0.7])
def test_yaw_plus_180_degrees_is_the_same_grasp(angle: float) -> None:
    a = pose.lift((300, 200), angle, 0.8, CAMERA, T_BASE_CAMERA)
    b = pose.lift((300, 200), angle + np.pi, 0.8, CAMERA, T_BASE_CAMERA)
    assert np.allclose(a[:3, 3], b[:3, 3])
    assert np.allclose(a[:3, 0], -b[:3, 0])
    assert pose.wrap_half_turn(angle + np.pi) == pytest.approx(angle)


@pytest.mark.parametrize("z", [0.0, -0.5, np.nan, np.inf])
def test_no_depth_gives_no_pose(z: float) -> None:
    with pytest.raises(BadInput, match="Depth"):
        pose.lift((300, 200), 0.0, z, CAMERA)


@pytest.mark.parametrize("quaternion", [[0, 0, 0, 0], [0, 0, 1], [np.nan, 0, 0, 1]])
def test_impossible_quaternion_is_refused(quaternion: list[float]) -> None:
    with pytest.raises(BadInput, match="quaternion"):
        pose.from_xyz_quat([0, 0, 0], quaternion)


def test_look_at_sees_its_target_in_the_middle() -> None:
    target = pose.invert(T_BASE_CAMERA) @ [0.65, 0.0, 0.0, 1.0]
    assert np.allclose(target[:2], 0, atol=1e-12)
    assert target[2] == pytest.approx(np.hypot(0.2, 0.85))
    assert np.linalg.det(T_BASE_CAMERA[:3, :3]) == pytest.approx(1.0)


@pytest.mark.parametrize(("angle", "expected"), [(np.pi / 2, -np.pi / 2), (-np.pi / 2, -np.pi / 2), (3.0, 3.0 - np.pi)])
def test_wrap_half_turn(angle: float, expected: float) -> None:
    assert pose.wrap_half_turn(angle) == pytest.approx(expected)
