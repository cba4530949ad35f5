"""Motion plans: what the arm and the jaws will do, as a list of steps that nobody can change any more.

The planner's own (nominal) kinematics decides only feasibility, branch and the targets of joint
moves; every pose that must be exact is a Cartesian target which the robot's controller solves with
its own calibration.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from gpnet_ros import safety
from gpnet_ros.cell import Cell
from gpnet_ros.errors import BadInput, UnsafePlan
from gpnet_ros.homeward import Held, slow_way_home
from gpnet_ros.kinematics import Joints
from gpnet_ros.moves import joint_move, linear_move, slowed
from gpnet_ros.plan import Grip, Move, Plan
from gpnet_ros.pose import Transform
from gpnet_ros.reach import at_height, best_yaw, finite_pose, home_height, joints_at
from gpnet_ros.release import carry_height, contact_height, may_fall, release_pose

__all__ = [
    "Grip", "Move", "Plan", "plan_home", "plan_hover", "plan_pick", "plan_place", "ways", "without_haste",
]  # fmt: skip

#: Height of a heap that nobody has measured [m]; higher than any object of the cell stands.
HEAP_TOP_UNKNOWN = 0.20
#: A way from just above the heap to the tote may sag over it: the next is so much higher [m].
HIGHER = 0.05


def plan_pick(
    T_base_tcp_grasp: Transform,
    width: float,
    q_start: ArrayLike,
    cell: Cell,
    heap_top: float | None = None,
    spot: int = 0,
    free_z: float | None = None,
    felt_from: float | None = None,
) -> Plan:
    """Plan to take the object at the grasp, put it into the tote and go home, or let it fall there and stay.

    Args:
        T_base_tcp_grasp: the TCP when the jaws close, or the cup holds; approach (z) vertical.
        width: opening on the way down [m]; of a cup the width that lets go.
        q_start: joints now, (6,) [rad].
        cell: the cell.
        heap_top: highest point of the heap in base [m]; None when unknown.
        spot: which of the tote's spots, taken modulo their number.
        free_z: height of the TCP in base [m] from which on the jaw is above all that was measured there; None when
            nobody knows.
        felt_from: height of the TCP in base [m] from which on the way down is guarded because ground below was not
            seen; None: all was.

    Raises:
        BadInput: the grasp or the width is not finite.
        Unreachable: no inverse kinematics on the branch of the home pose.
    """
    grasp, motion = finite_pose(T_base_tcp_grasp), cell.motion
    if not np.isfinite(width):
        raise BadInput(f"Width {width} m of a grasp is not usable: it must be finite; drop the candidate.")
    z = float(grasp[2, 3])
    hang, above_z, lift_z = _heights(z, cell, heap_top)
    grasp, q_above = best_yaw(grasp, above_z, q_start, cell)
    q_lift = joints_at(at_height(grasp, lift_z), q_above, cell, "lift")
    place, q_place = release_pose(cell, spot, hang, q_lift)
    steps = (
        Grip("open", width, motion.grip_force, motion.grip_speed),
        *_risen(q_start, cell),
        joint_move("approach", q_above, cell),
        linear_move("pregrasp", at_height(grasp, z + _guarded(z, free_z, felt_from, cell)), cell),
        _descend(grasp, cell),
        Grip("close", 0.0, motion.grip_force, motion.grip_speed, takes=True),
        linear_move("lift", at_height(grasp, lift_z), cell, motion.held_share),
        *_let_go(place, q_place, width, cell),
    )
    return Plan("pick", slowed(steps, q_start, cell), np.asarray(q_start, dtype=np.float64), hang)


def _descend(grasp: Transform, cell: Cell) -> Move:
    """Down to the grasp, stopped by contact."""
    motion, (contact_from, force_limit) = cell.motion, _contact(cell)
    speed, acceleration = motion.descent_speed, motion.descent_acceleration
    return Move("descend", "descend", speed, acceleration, None, grasp, force_limit, contact_from)


def _contact(cell: Cell) -> tuple[float | None, float]:
    """How high over its end [m] a descent may end by contact, None where it may not, and at which force [N]."""
    force = cell.cup.descent_force if cell.tool == "suction" else cell.motion.descent_force
    return contact_height(cell) or None, force


def _guarded(grasp_z: float, free_z: float | None, felt_from: float | None, cell: Cell) -> float:
    """Length of the descent [m], the last and guarded part of the way down."""
    motion = cell.motion
    if felt_from is not None:
        return max(felt_from - grasp_z, motion.pregrasp)
    if free_z is None or cell.tool != "jaw":
        return motion.pregrasp
    return min(max(free_z - grasp_z, motion.pregrasp_least), motion.pregrasp)


def _heights(grasp_z: float, cell: Cell, heap_top: float | None) -> tuple[float, float, float]:
    """How far what is held may reach below the tips, and the TCP's heights in base above the grasp and lifted [m]."""
    motion, top = cell.motion, HEAP_TOP_UNKNOWN if heap_top is None else heap_top
    hang = max(grasp_z + contact_height(cell) - cell.workspace.table_z, 0.0)
    above_z = max(grasp_z + motion.above, top + motion.clearance)
    lift_z = max(above_z, top + hang + motion.clearance)
    if may_fall(cell):  # so that the way over the walls is level
        lift_z = max(lift_z, carry_height(cell, hang))
    return hang, above_z, lift_z


def _risen(q_start: ArrayLike, cell: Cell) -> tuple[Move, ...]:
    """Straight up to the height of home, from lower, unless picks begin where the last one ended."""
    T_start = cell.kinematics.forward(np.asarray(q_start, dtype=np.float64)) @ cell.T_flange_tcp
    if cell.motion.waits_over_tote or not T_start[2, 3] < home_height(cell) - 0.01:
        return ()
    return (linear_move("rise", at_height(T_start, home_height(cell)), cell),)


def _let_go(place: Transform, q_place: Joints, width: float, cell: Cell) -> tuple[Move | Grip, ...]:
    """From above the heap into the tote, where the jaws open to a width [m], and home where the arm does not wait."""
    motion = cell.motion
    steps: list[Move | Grip] = [joint_move("carry", q_place, cell, motion.held_share)]
    if not may_fall(cell):
        steps.append(linear_move("place", place, cell, motion.held_share))
    steps.append(Grip("release", width, motion.grip_force, motion.grip_speed))
    if not (may_fall(cell) and motion.waits_over_tote):
        steps.append(linear_move("retreat", at_height(place, max(home_height(cell), float(place[2, 3]))), cell))
        steps.append(joint_move("home", cell.home, cell))
    return tuple(steps)


def ways(cell: Cell) -> tuple[Cell, ...]:
    """Cells by which a pick is planned, the shortest way first: in haste if it makes any, then not; each higher too."""
    slow = without_haste(cell)
    return tuple(way for each in ((cell, slow) if cell != slow else (slow,)) for way in (each, _higher(each)))


def _higher(cell: Cell) -> Cell:
    """The cell with a higher way over the heap."""
    return replace(cell, motion=replace(cell.motion, clearance=min(cell.motion.clearance + HIGHER, 0.2)))


def without_haste(cell: Cell) -> Cell:
    """The cell in which an object is put down, from home to home, and the last part of a descent is as long as ever."""
    motion = cell.motion
    least = max(motion.pregrasp_least, motion.pregrasp)  # never shortened: see `plan_pick`
    slow = replace(motion, drop=0.0, waits_over_tote=False, pregrasp_least=least)
    return replace(cell, motion=slow)


def plan_hover(T_base_tcp_grasp: Transform, q_start: ArrayLike, cell: Cell, heap_top: float | None = None) -> Plan:
    """Plan to show the grasp from above the whole heap, without the jaws, and go home.

    T_base_tcp_grasp (4, 4), q_start (6,) [rad] and heap_top [m] as `plan_pick` takes them.

    Raises:
        BadInput: the grasp is not finite.
        Unreachable: no inverse kinematics on the branch of the home pose.
    """
    grasp, motion = finite_pose(T_base_tcp_grasp), cell.motion
    top = HEAP_TOP_UNKNOWN if heap_top is None else heap_top
    hover_z = max(float(grasp[2, 3]), top) + motion.hover
    grasp, q_above = best_yaw(grasp, hover_z + motion.clearance, q_start, cell)
    steps = (
        joint_move("approach", q_above, cell),
        linear_move("hover", at_height(grasp, hover_z), cell),
        linear_move("retreat", at_height(grasp, hover_z + motion.clearance), cell),
        joint_move("home", cell.home, cell),
    )
    return Plan("hover", slowed(steps, q_start, cell), np.asarray(q_start, dtype=np.float64))


def plan_home(
    q_start: ArrayLike,
    cell: Cell,
    holding: bool = False,
    hang: float = 0.0,
    T_base_tcp: Transform | None = None,
) -> Plan:
    """A way home that the safety check has passed; a held object stays held.

    From where plans of this package end: straight up to the height of the home pose where the arm is lower, then
    home. From anywhere else, and where a joint turns more than half a turn: a slow way, see `homeward`.

    Args:
        q_start: joints now, (6,) [rad].
        cell: the cell.
        holding: whether an object is held.
        hang: how far it may reach below the fingertips [m].
        T_base_tcp: actual pose as the controller's own kinematics reports it, so that "straight up" is just that;
            None takes the nominal one.

    Raises:
        BadInput: q_start is not six finite numbers.
        Unreachable: there is none; the message says which joints to jog where, in degrees.
    """
    start = np.array(q_start, dtype=np.float64)
    cell.kinematics.branch_of(start)  # refuses what is not six finite numbers
    if T_base_tcp is None:
        T_base_tcp = cell.kinematics.forward(start) @ cell.T_flange_tcp
    if np.abs(start - np.array(cell.home)).max() <= np.pi:
        try:
            return safety.check(_straight_home(start, cell, holding, hang, T_base_tcp), cell, start)
        except UnsafePlan:
            pass
    return slow_way_home(start, cell, Held(holding, hang), T_base_tcp)


def _straight_home(start: Joints, cell: Cell, holding: bool, hang: float, T_base_tcp: Transform) -> Plan:
    """Straight up where the arm is lower than home, then home, both as fast as a pick moves."""
    steps: list[Move] = []
    share = cell.motion.held_share if holding else 1.0
    if T_base_tcp[2, 3] < home_height(cell) - 0.01:
        steps.append(linear_move("rise", at_height(T_base_tcp, home_height(cell)), cell, share))
    return Plan("home", slowed((*steps, joint_move("home", cell.home, cell, share)), start, cell), start, hang, holding)


def plan_place(q_start: ArrayLike, cell: Cell, hang: float, spot: int = 0) -> Plan:
    """Plan to put what is still held after an interruption into the tote, from near home, and go home.

    q_start: joints now, (6,) [rad]; hang: how far the object may reach below the tips [m].

    Raises:
        Unreachable: no inverse kinematics on the branch of the home pose.
    """
    start, slow = np.array(q_start, dtype=np.float64), without_haste(cell)
    place, q_place = release_pose(slow, spot, hang, start)
    steps = _let_go(place, q_place, cell.gripper.stroke, slow)
    return Plan("pick", slowed(steps, start, cell), start, hang, holding=True)
