"""Stored poses: in metres afterwards, and refused where they are none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gpnet_ros.data.loaders.rigid import rigid
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import transform

T_BASE_CAMERA = transform(Rotation.from_rotvec((0.3, -0.2, 2.0)).as_matrix(), (10.0, -20.0, 75.0))


def test_a_pose_in_centimetres_is_one_in_metres() -> None:
    pose = rigid(T_BASE_CAMERA.astype(np.float32), 0.01, "f")
    assert np.allclose(pose[:3, 3], (0.1, -0.2, 0.75)) and np.allclose(pose[:3, :3], T_BASE_CAMERA[:3, :3], atol=1e-6)
    assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)  # made exact


@pytest.mark.parametrize(
    "matrix",
    [
        T_BASE_CAMERA[:3],
        np.full((4, 4), np.nan),
        T_BASE_CAMERA @ np.diag([1.1, 1.1, 1.1, 1.0]),
        T_BASE_CAMERA @ np.diag([1.0, 1.0, -1.0, 1.0]),
        T_BASE_CAMERA.T,
        np.zeros((4, 4)),
    ],
    ids=["3x4", "nan", "scaled", "mirrored", "transposed", "zero"],
)
def test_what_is_no_pose_names_its_file(matrix: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"camera_poses\.npy"):
        rigid(matrix, 1.0, "camera_poses.npy")
