"""Poses as data sets store them: checked before they are trusted, in metres afterwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from gpnet_ros.errors import BadInput
from gpnet_ros.pose import Transform, transform

ROTATION_ERROR_MAX = 0.01  # files store single precision, or four digits
FARTHEST = 1e6  # no camera stands farther away, in any unit


def rigid(values: ArrayLike, unit: float, where: str) -> Transform:
    """Transform (4, 4) [m] of a matrix (4, 4) whose translation is in `unit` [m]; `where` names the file.

    Raises:
        BadInput: not finite, not 4x4, or its rotation mirrors or scales.
    """
    matrix = np.asarray(values, dtype=np.float64)
    usable = matrix.shape == (4, 4) and bool((np.abs(matrix) < FARTHEST).all())
    if usable:
        R = matrix[:3, :3]
        usable = np.abs(R @ R.T - np.eye(3)).max() < ROTATION_ERROR_MAX and np.linalg.det(R) > 0
    if not usable or np.abs(matrix[3] - (0, 0, 0, 1)).max() > ROTATION_ERROR_MAX:
        raise BadInput(f"{where} holds a camera pose that is no rigid transform (4x4): the file is damaged.")
    return transform(Rotation.from_matrix(matrix[:3, :3]).as_matrix(), matrix[:3, 3] * unit)
