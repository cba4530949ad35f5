"""Motion plans: what the arm and the jaws will do, as a list of steps that nobody can change any more.

The planner's own (nominal) kinematics decides only feasibility, branch and the targets of joint
moves; every pose that must be exact is a Cartesian target which the robot's controller solves with
its own calibration. In one file because hover, pick, place and home are built of the same steps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation, Slerp

from gpnet_ros import safety
from gpnet_ros.cell import Cell
from gpnet_ros.errors import BadInput, Unreachable, UnsafePlan
from gpnet_ros.homeward import Held, slow_way_home
from gpnet_ros.kinematics import Joints, UrKinematics
from gpnet_ros.plan import Grip, Move, Plan
from gpnet_ros.pose import Transform, invert, transform

__all__ = [
    "Grip", "Move", "Plan", "plan_home", "plan_hover", "plan_pick", "plan_place", "plan_touch", "plan_untouch",
    "ways_in_haste", "without_haste",
]  # fmt: skip

#: Height of a heap that nobody has measured [m]; higher than any object of the cell stands.
HEAP_TOP_UNKNOWN = 0.20
#: Half a turn about the approach: the same grasp, for the jaw is symmetric; to a cup every turn is, but not to the
#: long object at it.
HALF_TURN = np.diag([-1.0, -1.0, 1.0, 1.0])
QUARTER_TURN = np.array([[0.0, -1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
#: What is held is planned to pass the tote's walls with this much more [m] than it must.
PLACE_SPARE = 0.002
#: A touch goes down at this speed [m/s] from this far above the surface [m], until it feels this force above the mean
#: before it [N]: what the arm goes on by after contact is a part of a millimetre, and would be taken for height.
TOUCH_SPEED, TOUCH_FROM, TOUCH_FORCE = 0.01, 0.02, 15.0
#: It aims so far below the surface [m], and meets it within as much above and below where it was measured; and stays
#: this much [m] within what it may.
TOUCH_REACH, TOUCH_SPARE = 0.012, 0.0005
#: Lines are followed in steps of this length [m] to see how fast joints turn on them.
PACE_STEP = 0.02
#: A line is slowed to this share of the joints' limits, and no further than to this share of its own speed.
PACE_SHARE, PACE_LEAST = 0.9, 0.1
#: Joint moves are followed in steps of this many radians to see how fast the TCP becomes on them.
SWEEP_STEP = 0.05
#: Where objects fall into the tote any yaw will do: so many are tried.
DROP_YAWS = 12
#: A way from just above the heap to the tote may sag over it: the next is so much higher [m].
HIGHER = 0.05
#: What falls is let go this much higher [m] than it must be: a way straight in joint space is not level.
DROP_SPARE = 0.01


def plan_pick(
    T_base_tcp_grasp: Transform,
    width: float,
    q_start: ArrayLike,
    cell: Cell,
    heap_top: float | None = None,
    spot: int = 0,
    free_z: float | None = None,
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

    Raises:
        BadInput: the grasp or the width is not finite.
        Unreachable: no inverse kinematics on the branch of the home pose.
    """
    grasp, motion = _finite_pose(T_base_tcp_grasp), cell.motion
    if not np.isfinite(width):
        raise BadInput(f"Width {width} m of a grasp is not usable: it must be finite; drop the candidate.")
    # A cup stops where it meets the surface, which may be higher than the end of the descent; so may fingers, a little.
    contact_from, force_limit = motion.descent_contact or None, motion.descent_force
    if cell.tool == "suction":
        contact_from, force_limit = cell.cup.contact_from, cell.cup.descent_force
    hang = max(float(grasp[2, 3]) + (contact_from or 0.0) - cell.workspace.table_z, 0.0)
    top = HEAP_TOP_UNKNOWN if heap_top is None else heap_top
    above_z = max(float(grasp[2, 3]) + motion.above, top + motion.clearance)
    lift_z = max(above_z, top + hang + motion.clearance)
    falls = _falls(cell)
    if falls:  # so that the way over the walls is level
        lift_z = max(lift_z, _carry_height(cell, hang))
    grasp, q_above = _best_yaw(grasp, above_z, q_start, cell)
    q_lift = _joints(_at_height(grasp, lift_z), q_above, cell, "lift")
    place, q_place = (_drop if falls else _place)(cell, spot, hang, q_lift)
    guarded = motion.pregrasp
    if free_z is not None and cell.tool == "jaw":
        guarded = min(max(free_z - float(grasp[2, 3]), motion.pregrasp_least), motion.pregrasp)
    descend = Move(
        "descend",
        "descend",
        motion.descent_speed,
        motion.descent_acceleration,
        T_base_tcp=grasp,
        force_limit=force_limit,
        contact_from=contact_from,
    )
    steps = (
        Grip("open", width, motion.grip_force, motion.grip_speed),
        *_risen(q_start, cell),
        _joint("approach", q_above, cell),
        _linear("pregrasp", _at_height(grasp, float(grasp[2, 3]) + guarded), cell),
        descend,
        Grip("close", 0.0, motion.grip_force, motion.grip_speed, takes=True),
        _linear("lift", _at_height(grasp, lift_z), cell, motion.held_share),
        *_let_go(place, q_place, width, cell),
    )
    return Plan("pick", _paced(steps, q_start, cell), np.asarray(q_start, dtype=np.float64), hang)


def _risen(q_start: ArrayLike, cell: Cell) -> tuple[Move, ...]:
    """Straight up to the height of home, from lower, unless picks begin where the last one ended."""
    T_start = cell.kinematics.forward(np.asarray(q_start, dtype=np.float64)) @ cell.T_flange_tcp
    if cell.motion.waits_over_tote or not T_start[2, 3] < _home_height(cell) - 0.01:
        return ()
    return (_linear("rise", _at_height(T_start, _home_height(cell)), cell),)


def _let_go(place: Transform, q_place: Joints, width: float, cell: Cell) -> tuple[Move | Grip, ...]:
    """From above the heap into the tote, where the jaws open to a width [m], and home where the arm does not wait."""
    motion = cell.motion
    steps: list[Move | Grip] = [_joint("carry", q_place, cell, motion.held_share)]
    if not _falls(cell):
        steps.append(_linear("place", place, cell, motion.held_share))
    steps.append(Grip("release", width, motion.grip_force, motion.grip_speed))
    if not (_falls(cell) and motion.waits_over_tote):
        steps.append(_linear("retreat", _at_height(place, max(_home_height(cell), float(place[2, 3]))), cell))
        steps.append(_joint("home", cell.home, cell))
    return tuple(steps)


def ways_in_haste(cell: Cell) -> tuple[Cell, ...]:
    """The cell as it makes haste, then with a higher way over the heap; empty where it makes none."""
    if without_haste(cell) == cell:
        return ()
    higher = replace(cell.motion, clearance=min(cell.motion.clearance + HIGHER, 0.2))
    return cell, replace(cell, motion=higher)


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
    grasp, motion = _finite_pose(T_base_tcp_grasp), cell.motion
    top = HEAP_TOP_UNKNOWN if heap_top is None else heap_top
    hover_z = max(float(grasp[2, 3]), top) + motion.hover
    grasp, q_above = _best_yaw(grasp, hover_z + motion.clearance, q_start, cell)
    steps = (
        _joint("approach", q_above, cell),
        _linear("hover", _at_height(grasp, hover_z), cell),
        _linear("retreat", _at_height(grasp, hover_z + motion.clearance), cell),
        _joint("home", cell.home, cell),
    )
    return Plan("hover", _paced(steps, q_start, cell), np.asarray(q_start, dtype=np.float64))


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
    touch, motion, limits = _finite_pose(T_base_tcp_touch), cell.motion, cell.limits
    if not np.isfinite(heap_top):
        raise BadInput(f"The top of what lies on the table is {heap_top}: take a frame with depth first.")
    z = float(touch[2, 3])
    above_z = max(z + motion.above, heap_top + motion.clearance)
    q_above = _joints(_at_height(touch, above_z), q_start, cell, "approach")
    aim = max(z - TOUCH_REACH, cell.workspace.table_z - limits.touch_depth + TOUCH_SPARE)
    descend = Move(
        "touch",
        "descend",
        min(TOUCH_SPEED, limits.touch_speed),
        motion.descent_acceleration,
        T_base_tcp=_at_height(touch, aim),
        force_limit=min(TOUCH_FORCE, limits.touch_force),
        contact_from=z + TOUCH_REACH - aim,
    )
    steps = (
        *_closed_and_up(T_base_tcp, above_z, cell),
        _joint("approach", q_above, cell),
        _linear("pregrasp", _at_height(touch, z + TOUCH_FROM), cell),
        descend,
    )
    return Plan("touch", _paced(steps, q_start, cell), np.asarray(q_start, dtype=np.float64))


def plan_untouch(q_start: ArrayLike, cell: Cell, heap_top: float, T_base_tcp: Transform) -> Plan:
    """Plan to go straight up out of a touch, and home.

    q_start (6,) [rad], heap_top [m] and T_base_tcp (4, 4) [m] as `plan_touch` takes them.
    """
    above_z = max(float(T_base_tcp[2, 3]) + cell.motion.above, heap_top + cell.motion.clearance)
    steps = (*_closed_and_up(T_base_tcp, above_z, cell), _joint("home", cell.home, cell))
    return Plan("touch", _paced(steps, q_start, cell), np.asarray(q_start, dtype=np.float64))


def _closed_and_up(T_base_tcp: Transform, above_z: float, cell: Cell) -> tuple[Move | Grip, ...]:
    """Close the jaws, and from lower than above_z [m] rise straight up to it."""
    close = Grip("close", 0.0, cell.motion.grip_force, cell.motion.grip_speed)
    if T_base_tcp[2, 3] >= above_z - 0.01:
        return (close,)
    return close, _linear("rise", _at_height(T_base_tcp, above_z), cell)


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
    if T_base_tcp[2, 3] < _home_height(cell) - 0.01:
        steps.append(_linear("rise", _at_height(T_base_tcp, _home_height(cell)), cell, share))
    return Plan("home", _paced((*steps, _joint("home", cell.home, cell, share)), start, cell), start, hang, holding)


def plan_place(q_start: ArrayLike, cell: Cell, hang: float, spot: int = 0) -> Plan:
    """Plan to put what is still held after an interruption into the tote, from near home, and go home.

    q_start: joints now, (6,) [rad]; hang: how far the object may reach below the tips [m].

    Raises:
        Unreachable: no inverse kinematics on the branch of the home pose.
    """
    start, slow = np.array(q_start, dtype=np.float64), without_haste(cell)
    place, q_place = _place(slow, spot, hang, start)
    steps = _let_go(place, q_place, cell.gripper.stroke, slow)
    return Plan("pick", _paced(steps, start, cell), start, hang, holding=True)


def _joint(name: str, q: ArrayLike, cell: Cell, share: float = 1.0) -> Move:
    speed, acceleration = share * cell.motion.joint_speed, share * cell.motion.joint_acceleration
    return Move(name, "joint", speed, acceleration, q=np.asarray(q, dtype=np.float64))


def _linear(name: str, T_base_tcp: Transform, cell: Cell, share: float = 1.0) -> Move:
    speed, acceleration = share * cell.motion.linear_speed, share * cell.motion.linear_acceleration
    return Move(name, "linear", speed, acceleration, T_base_tcp=T_base_tcp)


def _paced(steps: tuple[Move | Grip, ...], q_start: ArrayLike, cell: Cell) -> tuple[Move | Grip, ...]:
    """The steps, slowed until every joint keeps its limits on straight lines, and the TCP its speed on joint moves."""
    q, paced = np.asarray(q_start, dtype=np.float64), list(steps)
    for i, step in enumerate(steps):
        if isinstance(step, Grip):
            continue
        if step.q is not None:
            paced[i], q = _swept(step, q, cell), step.q
            continue
        T_start = cell.kinematics.forward(q) @ cell.T_flange_tcp
        path = _line_joints(T_start, step, q, cell)
        if not np.isfinite(path).all():
            return tuple(paced)  # the safety check says what is wrong with it
        paced[i], q = _slower(step, path, T_start, cell), path[-1]
    return tuple(paced)


def _swept(turn: Move, q: Joints, cell: Cell) -> Move:
    """The joint move from q (6,) [rad] at a speed at which the TCP keeps its own; no slower than a tenth."""
    assert turn.q is not None
    travel = float(np.abs(turn.q - q).max())
    if not np.isfinite(turn.q).all() or not 0.0 < travel < np.inf:
        return turn
    path = q + np.linspace(0.0, 1.0, int(np.ceil(travel / SWEEP_STEP)) + 2)[:, None] * (turn.q - q)
    tcp = (cell.kinematics.forward(path) @ cell.T_flange_tcp)[:, :3, 3]
    fastest = float(np.linalg.norm(np.diff(tcp, axis=0), axis=1).max()) / (travel / (len(path) - 1))
    k = min(1.0, PACE_SHARE * cell.limits.tcp_speed / max(turn.speed * fastest, 1e-9))
    return replace(turn, speed=k * turn.speed) if PACE_LEAST <= k < 1.0 else turn


def _line_joints(T_start: Transform, line: Move, q: Joints, cell: Cell) -> NDArray[np.float64]:
    """Joints (n, 6) [rad] at even distances along a straight line from T_start (4, 4), where the joints are q (6,)."""
    assert line.T_base_tcp is not None
    way = line.T_base_tcp[:3, 3] - T_start[:3, 3]
    turns = Rotation.from_matrix(np.stack([T_start[:3, :3], line.T_base_tcp[:3, :3]]))
    s = np.linspace(0.0, 1.0, int(np.ceil(np.linalg.norm(way) / PACE_STEP)) + 4)
    poses = np.tile(np.eye(4), (len(s), 1, 1))
    poses[:, :3, 3] = T_start[:3, 3] + s[:, None] * way
    poses[:, :3, :3] = Slerp([0.0, 1.0], turns)(s).as_matrix()
    return cell.kinematics.follow(poses @ invert(cell.T_flange_tcp), q)


def _slower(line: Move, path: NDArray[np.float64], T_start: Transform, cell: Cell) -> Move:
    """The line at a speed at which the joints (n, 6) [rad] along it keep their limits; no slower than a tenth."""
    assert line.T_base_tcp is not None
    length = float(np.linalg.norm(line.T_base_tcp[:3, 3] - T_start[:3, 3]))
    step = max(length, 1e-3) / (len(path) - 1)
    turn = np.gradient(path, step, axis=0, edge_order=2)  # rad per metre
    bend = float(np.abs(np.gradient(turn, step, axis=0)).max())
    most = float(np.abs(turn).max())
    fastest = PACE_SHARE * cell.limits.joint_speed / max(line.speed * most, 1e-9)
    # Time stretched by 1/k takes the speed k times and every acceleration k^2 times as large.
    needed = line.acceleration * most + line.speed**2 * bend
    k = min(1.0, fastest, float(np.sqrt(PACE_SHARE * cell.limits.line_joint_acceleration / max(needed, 1e-9))))
    if not PACE_LEAST <= k < 1.0:
        return line
    return replace(line, speed=k * line.speed, acceleration=k**2 * line.acceleration)


def _best_yaw(grasp: Transform, z: float, q_start: ArrayLike, cell: Cell) -> tuple[Transform, Joints]:
    """Of the two yaws of a symmetric jaw the one with less joint travel to the point above the grasp."""
    start = np.asarray(q_start, dtype=np.float64)
    options = []
    for turned in (grasp, grasp @ HALF_TURN):
        q = _near_home(_at_height(turned, z), start, cell)
        if q is not None:
            options.append((_travel(start, q, cell), q, turned))
    if not options:
        raise Unreachable(
            f"The arm cannot reach ({grasp[0, 3]:.3f}, {grasp[1, 3]:.3f}, {z:.3f}) m above the grasp on the branch "
            "of its home pose; take another candidate."
        )
    _, q, turned = min(options, key=lambda option: option[0])
    return turned, q


def _travel(q_start: Joints, q: Joints, cell: Cell) -> float:
    """How far [rad] the joints have to go; the way home counts too, or the wrist winds up, and the sum breaks ties."""
    there, home = np.abs(q - q_start), np.abs(q - np.array(cell.home))
    return float(there.max() + 0.5 * home.max() + 0.01 * (there.sum() + home.sum()))


def _joints(T_base_tcp: Transform, q_near: ArrayLike, cell: Cell, name: str) -> Joints:
    q = _near_home(T_base_tcp, np.asarray(q_near), cell)
    if q is None:
        x, y, z = T_base_tcp[:3, 3]
        raise Unreachable(f"The arm cannot reach ({x:.3f}, {y:.3f}, {z:.3f}) m ({name}); take another candidate.")
    return q


def _near_home(T_base_tcp: Transform, q_near: NDArray[np.float64], cell: Cell) -> Joints | None:
    """Joints near q_near, on the branch of the home pose and within the joint range; None when there are none."""
    kinematics: UrKinematics = cell.kinematics
    limit = 2 * np.pi - cell.limits.joint_margin
    q = kinematics.on_branch(T_base_tcp @ invert(cell.T_flange_tcp), kinematics.branch_of(cell.home), q_near)
    q = q - 2 * np.pi * (q > limit) + 2 * np.pi * (q < -limit)
    return q if (np.abs(q) <= limit).all() else None


def _place(cell: Cell, spot: int, hang: float, q_lift: Joints) -> tuple[Transform, Joints]:
    """T_base_tcp where the object is let go, and the joints above it: low if it fits between the walls, then near."""
    tote = cell.tote
    dx, dy = tote.spots[spot % len(tote.spots)]
    options = []
    for quarter in range(4):
        fits = _fits_into_tote(cell, dx, dy, across=quarter % 2 == 0)
        down = transform(np.diag([1.0, -1.0, -1.0]), (tote.centre[0] + dx, tote.centre[1] + dy, 0.0))
        place = _at_height(down @ np.linalg.matrix_power(QUARTER_TURN, quarter), _release_height(cell, hang, fits))
        q = _near_home(_at_height(place, _carry_height(cell, hang)), q_lift, cell)
        if q is not None:
            options.append((not fits, _travel(q_lift, q, cell), q, place))
    if not options:
        raise Unreachable("The arm cannot reach above the tote (carry); move the tote or its spots in cell.yaml.")
    _, _, q, place = min(options, key=lambda option: option[:2])
    return place, q


def _falls(cell: Cell) -> bool:
    """Whether what is held may fall from above the tote's walls."""
    return cell.motion.drop >= cell.tote.height + cell.limits.tote_gap + PLACE_SPARE + DROP_SPARE


def _drop(cell: Cell, spot: int, hang: float, q_lift: Joints) -> tuple[Transform, Joints]:
    """T_base_tcp where the object falls from, just above the walls, and its joints: of the yaws the nearest."""
    tote, options = cell.tote, []
    dx, dy = tote.spots[spot % len(tote.spots)]
    z = _release_height(cell, hang, fits=False) + DROP_SPARE
    for yaw in np.arange(DROP_YAWS) * (2 * np.pi / DROP_YAWS):
        R = Rotation.from_euler("z", yaw).as_matrix() @ np.diag([1.0, -1.0, -1.0])
        place = transform(R, (tote.centre[0] + dx, tote.centre[1] + dy, z))
        q = _near_home(place, q_lift, cell)
        if q is not None:
            options.append((_travel(q_lift, q, cell), q, place))
    if not options:
        raise Unreachable("The arm cannot reach above the tote (carry); move the tote or its spots in cell.yaml.")
    _, q, place = min(options, key=lambda option: option[0])
    return place, q


def _fits_into_tote(cell: Cell, dx: float, dy: float, across: bool) -> bool:
    """Whether what may be held fits between the walls at a spot, its long side along x of base, or across it."""
    tote, limits = cell.tote, cell.limits
    reach = (limits.held_half_width, limits.held_radius) if across else (limits.held_radius, limits.held_half_width)
    room = np.array(tote.inner) / 2 - np.abs((dx, dy)) - reach
    return bool((room >= limits.tote_gap + PLACE_SPARE).all())


def _release_height(cell: Cell, hang: float, fits: bool) -> float:
    """Height of the TCP in base [m] where the object is let go: near the floor, or above walls that it might touch."""
    tote, motion = cell.tote, cell.motion
    low = tote.floor_z + max(motion.place_low, hang + motion.place_drop)
    return low if fits else max(low, tote.floor_z + tote.height + cell.limits.tote_gap + PLACE_SPARE + hang)


def _carry_height(cell: Cell, hang: float) -> float:
    """Height of the TCP in base [m] on the way over the tote's walls with what hangs so far below the tips [m]."""
    over = _release_height(cell, hang, fits=False)
    return over + DROP_SPARE if _falls(cell) else max(_home_height(cell), over)


def _home_height(cell: Cell) -> float:
    """Height of the TCP at the home pose [m]."""
    return float((cell.kinematics.forward(cell.home) @ cell.T_flange_tcp)[2, 3])


def _at_height(T_base_tcp: Transform, z: float) -> Transform:
    """The same pose at height z [m] of base."""
    raised = T_base_tcp.copy()
    raised[2, 3] = z
    return raised


def _finite_pose(T: Transform) -> Transform:
    pose = np.array(T, dtype=np.float64)
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        raise BadInput("The grasp pose is not a finite 4x4 transform; drop the candidate.")
    return pose
