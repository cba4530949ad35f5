"""Which joints reach a pose of the tool: on the branch of the home pose, within the joint range, near those before."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.errors import BadInput, Unreachable
from gpnet_ros.kinematics import Joints, UrKinematics
from gpnet_ros.pose import Transform, invert

#: Half a turn about the approach: the same grasp, for the jaw is symmetric; to a cup every turn is, but not to the
#: long object at it.
HALF_TURN = np.diag([-1.0, -1.0, 1.0, 1.0])


def best_yaw(grasp: Transform, z: float, q_start: ArrayLike, cell: Cell) -> tuple[Transform, Joints]:
    """Of the two yaws of a symmetric jaw the one with less joint travel to the point above the grasp.

    Args:
        grasp: the TCP at the grasp, (4, 4) [m].
        z: height of the point above it in base [m].
        q_start: joints now, (6,) [rad].
        cell: the cell.

    Returns:
        The grasp with its yaw, (4, 4), and the joints above it, (6,) [rad].

    Raises:
        Unreachable: neither can be reached.
    """
    start = np.asarray(q_start, dtype=np.float64)
    options = []
    for turned in (grasp, grasp @ HALF_TURN):
        q = near_home(at_height(turned, z), start, cell)
        if q is not None:
            options.append((travel(start, q, cell), q, turned))
    if not options:
        raise Unreachable(
            f"The arm cannot reach ({grasp[0, 3]:.3f}, {grasp[1, 3]:.3f}, {z:.3f}) m above the grasp on the branch "
            "of its home pose; take another candidate."
        )
    _, q, turned = min(options, key=lambda option: option[0])
    return turned, q


def travel(q_start: Joints, q: Joints, cell: Cell) -> float:
    """How far [rad] joints (6,) have to go; the way home counts too, or the wrist winds up, and the sum breaks ties."""
    there, home = np.abs(q - q_start), np.abs(q - np.array(cell.home))
    return float(there.max() + 0.5 * home.max() + 0.01 * (there.sum() + home.sum()))


def joints_at(T_base_tcp: Transform, q_near: ArrayLike, cell: Cell, name: str) -> Joints:
    """Joints (6,) [rad] near q_near (6,) at which the TCP is at a pose (4, 4) [m].

    Raises:
        Unreachable: there are none; the message names the step.
    """
    q = near_home(T_base_tcp, np.asarray(q_near), cell)
    if q is None:
        x, y, z = T_base_tcp[:3, 3]
        raise Unreachable(f"The arm cannot reach ({x:.3f}, {y:.3f}, {z:.3f}) m ({name}); take another candidate.")
    return q


def near_home(T_base_tcp: Transform, q_near: NDArray[np.float64], cell: Cell) -> Joints | None:
    """Joints (6,) [rad] near q_near, on the branch of the home pose and within the joint range, or None.

    The TCP is then at T_base_tcp, (4, 4) [m].
    """
    kinematics: UrKinematics = cell.kinematics
    limit = 2 * np.pi - cell.limits.joint_margin
    q = kinematics.on_branch(T_base_tcp @ invert(cell.T_flange_tcp), kinematics.branch_of(cell.home), q_near)
    q = q - 2 * np.pi * (q > limit) + 2 * np.pi * (q < -limit)
    return q if (np.abs(q) <= limit).all() else None


def home_height(cell: Cell) -> float:
    """Height of the TCP at the home pose [m]."""
    return float((cell.kinematics.forward(cell.home) @ cell.T_flange_tcp)[2, 3])


def at_height(T_base_tcp: Transform, z: float) -> Transform:
    """The same pose (4, 4) at height z [m] of base."""
    raised = T_base_tcp.copy()
    raised[2, 3] = z
    return raised


def finite_pose(T: Transform) -> Transform:
    """A pose as doubles, (4, 4) [m].

    Raises:
        BadInput: it is none, or not finite.
    """
    pose = np.array(T, dtype=np.float64)
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        raise BadInput("The grasp pose is not a finite 4x4 transform; drop the candidate.")
    return pose
