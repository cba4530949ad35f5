"""Plans of a touch: closed jaws go down until they meet a surface, stay, and go up again."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gpnet_ros.cell import Cell
from gpnet_ros.errors import BadInput
from gpnet_ros.moves import joint_move, linear_move, slowed
from gpnet_ros.plan import Grip, Move, Plan
from gpnet_ros.pose import Transform
from gpnet_ros.reach import at_height, finite_pose, joints_at

#: A touch goes down at this speed [m/s] from this far above the surface [m], until it feels this force above the mean
#: before it [N]: what the arm goes on by after contact is a part of a millimetre, and would be taken for height.
TOUCH_SPEED, TOUCH_FROM, TOUCH_FORCE = 0.01, 0.02, 15.0
#: It aims so far below the surface [m], and meets it within as much above and below where it was measured; and stays
#: this much [m] within what it may.
TOUCH_REACH, TOUCH_SPARE = 0.012, 0.0005


def plan_touch(
    T_base_tcp_touch: Transform, q_start: ArrayLike, cell: Cell, heap_top: float, T_base_tcp: Transform
) -> Plan:
    """Plan to go down with closed jaws until they meet a surface; the arm stays where it met it.

    Args:
        T_base_tcp_touch: the TCP where the surface was measured, (4, 4); approach (z) vertical. Its yaw is kept.
        q_start: joints now, (6,) [rad].
        cell: the cell.
        heap_top: highest point of what lies on the table, in base [m].
        T_base_tcp: actual pose (4, 4) now: from lower than the way the arm rises first.

    Raises:
        BadInput: the pose or the height is not finite.
        Unreachable: no inverse kinematics on the branch of the home pose.
    """
    touch, motion, limits = finite_pose(T_base_tcp_touch), cell.motion, cell.limits
    if not np.isfinite(heap_top):
        raise BadInput(f"The top of what lies on the table is {heap_top}: take a frame with depth first.")
    z = float(touch[2, 3])
    above_z = max(z + motion.above, heap_top + motion.clearance)
    q_above = joints_at(at_height(touch, above_z), q_start, cell, "approach")
    aim = max(z - TOUCH_REACH, cell.workspace.table_z - limits.touch_depth + TOUCH_SPARE)
    descend = Move(
        "touch",
        "descend",
        min(TOUCH_SPEED, limits.touch_speed),
        motion.descent_acceleration,
        T_base_tcp=at_height(touch, aim),
        force_limit=min(TOUCH_FORCE, limits.touch_force),
        contact_from=z + TOUCH_REACH - aim,
    )
    steps = (
        *_closed_and_up(T_base_tcp, above_z, cell),
        joint_move("approach", q_above, cell),
        linear_move("pregrasp", at_height(touch, z + TOUCH_FROM), cell),
        descend,
    )
    return Plan("touch", slowed(steps, q_start, cell), np.asarray(q_start, dtype=np.float64))


def plan_untouch(q_start: ArrayLike, cell: Cell, heap_top: float, T_base_tcp: Transform) -> Plan:
    """Plan to go straight up out of a touch, and home.

    q_start (6,) [rad], heap_top [m] and T_base_tcp (4, 4) [m] as `plan_touch` takes them.
    """
    above_z = max(float(T_base_tcp[2, 3]) + cell.motion.above, heap_top + cell.motion.clearance)
    steps = (*_closed_and_up(T_base_tcp, above_z, cell), joint_move("home", cell.home, cell))
    return Plan("touch", slowed(steps, q_start, cell), np.asarray(q_start, dtype=np.float64))


def _closed_and_up(T_base_tcp: Transform, above_z: float, cell: Cell) -> tuple[Move | Grip, ...]:
    """Close the jaws, and from lower than above_z [m] rise straight up to it."""
    close = Grip("close", 0.0, cell.motion.grip_force, cell.motion.grip_speed)
    if T_base_tcp[2, 3] >= above_z - 0.01:
        return (close,)
    return close, linear_move("rise", at_height(T_base_tcp, above_z), cell)
