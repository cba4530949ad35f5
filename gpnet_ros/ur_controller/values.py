"""Values of URScript and the functions on them that need no robot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gpnet_ros.pose import from_rotvec, invert, to_rotvec
from gpnet_ros.ur_controller.tokens import ScriptError


def floats(values: Iterable[float]) -> list[float]:
    """Numbers of any length and kind as a list of Python floats."""
    return [float(v) for v in values]


def six_numbers(values: Iterable[float]) -> list[float]:
    """Six finite numbers (6,): what a program sets for later cycles must not break them.

    Raises:
        ScriptError: there are not six, or one is not finite.
    """
    numbers = floats(values)
    if len(numbers) != 6 or not np.isfinite(numbers).all():
        raise ScriptError(f"The vector {numbers} is not usable: it must hold six finite numbers.")
    return numbers


class Pose(tuple[float, ...]):
    """p[x, y, z, rx, ry, rz]: position [m] and rotation vector [rad]; a tuple, to differ from joint lists."""

    def __new__(cls, values: Iterable[float]) -> Pose:
        """Six numbers."""
        return super().__new__(cls, (float(v) for v in values))


class Values:
    """Arithmetic on lists and poses; every method is a URScript function of that name, described in the manual."""

    def set_item(self, values: Any, index: float, value: Any) -> Any:
        changed = list(values)
        changed[int(index)] = value
        return Pose(changed) if isinstance(values, Pose) else changed

    def pose_trans(self, a: Pose, b: Pose) -> Pose:
        return Pose(to_rotvec(from_rotvec(a) @ from_rotvec(b)))

    def pose_inv(self, a: Pose) -> Pose:
        return Pose(to_rotvec(invert(from_rotvec(a))))

    def pose_add(self, a: Pose, b: Pose) -> Pose:
        T, U = from_rotvec(a), from_rotvec(b)
        T[:3, :3], T[:3, 3] = T[:3, :3] @ U[:3, :3], T[:3, 3] + U[:3, 3]
        return Pose(to_rotvec(T))

    def pose_sub(self, a: Pose, b: Pose) -> Pose:
        T, U = from_rotvec(a), from_rotvec(b)
        T[:3, :3], T[:3, 3] = U[:3, :3].T @ T[:3, :3], T[:3, 3] - U[:3, 3]
        return Pose(to_rotvec(T))

    def norm(self, a: Any) -> float:
        return float(np.linalg.norm(a))

    def sqrt(self, a: float) -> float:
        return float(np.sqrt(a))

    def floor(self, a: float) -> int:
        return int(np.floor(a))

    def ceil(self, a: float) -> int:
        return int(np.ceil(a))

    def to_str(self, a: Any) -> str:
        return str(a)

    def length(self, a: Any) -> int:
        return len(a)
