"""NOT a safety-rated function: a program that refuses motion plans it can see are dangerous.

It replaces neither a risk assessment nor the robot's own safety configuration, and it knows nothing
of people. `check` is the only judge between a plan and the arm: it shares no decision with the
planner, rolls every move out by itself, and refuses what it cannot judge. Every comparison is
written so that NaN fails it. The limits live in the frozen `Limits` of the cell. In one file because
who trusts it must read all of it, and `test_safety_mutations.py` breaks all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation, Slerp

from gpnet_ros.cell import Cell
from gpnet_ros.clearance import needed_raise
from gpnet_ros.collision import Spheres, Terrain, base_column, self_gaps, spheres
from gpnet_ros.cup_room import needed_lift
from gpnet_ros.errors import UnsafePlan
from gpnet_ros.height_map import MAP_BORDER, HeightMap
from gpnet_ros.kinematics import JOINT_LIMIT, Joints
from gpnet_ros.plan import Grip, Move, Plan
from gpnet_ros.pose import invert
from gpnet_ros.settings import Box

#: Distance between samples of a motion: joints [rad] and TCP [m]; the gaps to boxes hold what lies between.
JOINT_STEP = 0.03
LINE_STEP = 0.010
#: A line that moves less than this sideways [m] is vertical: its lowest point answers for its columns.
VERTICAL = 0.002
#: Bodies of the arm come at most this much nearer [m] between two samples: the rounding of a pass at JOINT_STEP.
SELF_DIP = 0.001
#: Parts of each tool, and those of them whose height is that of the TCP and judged with it.
TOOL_PARTS = {"jaw": {"palm", "finger"}, "suction": {"mount", "rod", "cup"}}
AT_TCP = {"finger", "rod", "cup"}
#: Parts of the arm that what is held keeps off; the others carry it.
HELD_APART = ("shoulder", "upper arm", "elbow", "forearm", "wrist 1")
#: On a slow way home a gap that is too small at the start may shrink by this much [m]: the rounding of samples.
EASE = 5e-4
#: There the first part of a joint move [rad] is judged in finer steps [rad]: something may be very near.
FINE_TURN, FINE_STEP = 0.1, 0.005
#: Jaws that touch are closed: at most so far open [m].
CLOSED = 0.001
#: Below the height of an unknown heap a body that rises goes sideways by at most this share of its rise ...
RISE_SLOPE = 0.25
#: ... and may be at most this much off [m] between two samples.
RISE_SPARE = 5e-4
#: What a refusal advises, by the plan's task.
ADVICE = {
    "home": "take another way home, or jog the arm by hand",
    "touch": "touch another point, or clear the table of all that is not touched",
}
#: Longest straight line [m] and joint travel [rad] of one move; more is a mistake, and slow to judge.
LINE_MAX = 2.0
TRAVEL_MAX = 4 * np.pi


@dataclass(frozen=True, eq=False)
class Segment:
    """A move as the arm will do it.

    Attributes:
        move: the move.
        q: joints along it, (n, 6) [rad]; NaN where the arm cannot be.
        T_base_tcp: poses along it, (n, 4, 4).
        opening: of the jaws [m].
        holding: whether an object is held; fresh: it was taken just now and is among its neighbours.
        eased: part of a slow way home, which may leave the TCP's box and tilt the tool, and is judged by more instead.
        into: how far [m] the tips may be below surface and table: in the descent of a touch, and straight up out of it.
    """

    move: Move
    q: NDArray[np.float64]
    T_base_tcp: NDArray[np.float64]
    opening: float
    holding: bool
    fresh: bool
    eased: bool
    into: float


@dataclass(frozen=True, eq=False)
class Ground:
    """What stands on the table.

    Attributes:
        known: the height map, NaN where nobody knows.
        assumed: the same, as high as what may stand there in place of NaN.
        terrain: for bodies of the arm that pass over it.
    """

    known: HeightMap
    assumed: HeightMap
    terrain: Terrain


class _Broken(UnsafePlan):
    """A limit that is broken, without advice."""


def check(plan: Plan, cell: Cell, q_start: ArrayLike, heights: HeightMap | None = None) -> Plan:
    """Return the plan itself if no limit of the cell is broken anywhere on its way.

    Args:
        plan: to be judged, from its start to its end.
        cell: geometry and limits.
        q_start: joints of the arm now, (6,) [rad].
        heights: measured surface of the heap; without it only a `home` plan passes over the heap unjudged. Where it is
            NaN nobody has seen what stands: as high as the cell's `unknown_height`, for all that passes there but the
            guarded descent of a pick into a hole narrower than `felt_width`, and the lift straight up from there.

    Raises:
        UnsafePlan: names the move and the limit.
    """
    try:
        _judge(plan, cell, q_start, heights)
    except _Broken as refusal:
        raise UnsafePlan(f"{refusal}; {ADVICE.get(plan.task, 'take another grasp')}.") from refusal
    return plan


def _judge(plan: Plan, cell: Cell, q_start: ArrayLike, heights: HeightMap | None) -> None:
    """Every limit, step by step."""
    _judge_numbers(plan, q_start)
    _judge_start(plan, cell, np.asarray(q_start, dtype=np.float64))
    _judge_task(plan, cell, heights)
    grounds = {} if heights is None else _grounds(heights, cell)
    for step in plan.steps:
        if isinstance(step, Grip):
            _judge_grip(step, cell)
        else:
            _judge_move(step, plan.task, cell)
    before: Segment | None = None
    for segment in _segments(plan, cell):
        _judge_joints(segment, cell)
        _judge_tcp(segment, cell)
        if plan.task == "touch":
            _judge_touch(segment, cell)
        if segment.eased:
            _judge_way_home(segment, plan, cell)
        if segment.move.kind == "joint":
            _judge_sweep(segment, cell)
        else:
            _judge_line(segment, cell)
            _judge_line_acceleration(segment, cell)
        frames = cell.kinematics.link_frames(segment.q)
        body = spheres(frames, cell, segment.opening)
        _judge_self(segment, frames, cell)
        _judge_boxes(segment, body, cell)
        _judge_table(segment, body, cell)
        if segment.eased:
            _judge_pace(segment, body, cell)
            _judge_unmeasured(segment, body, plan.hang, cell)
        feels = plan.task == "pick" and _feels(segment, before, cell)
        ground, before = grounds.get(feels), segment
        if ground is not None:
            if feels and segment.move.kind == "descend":  # from above what may stand there, not from within
                _judge_unknown(_begun(segment), plan.hang, cell, grounds[False].known)
            _judge_unknown(segment, plan.hang, cell, ground.known)
            _judge_heap(segment, body, cell, ground)
            if plan.task == "hover":
                _judge_hover(segment, cell, ground.terrain)
        if segment.holding:
            _judge_held(segment, body, plan.hang, cell, None if ground is None else ground.terrain)


def _require(name: str, what: str, values: ArrayLike, low: float, high: float, unit: str = "") -> None:
    """Refuse unless every value lies in [low, high]; NaN never does."""
    array = np.asarray(values, dtype=np.float64)
    good = (array >= low) & (array <= high)
    if not good.all():
        bad = array[~good]
        worst = bad[np.argmax(np.nan_to_num(np.maximum(low - bad, bad - high), nan=np.inf))]
        allowed = f"{low:.4g} to {high:.4g}" if np.isfinite(high) else f"at least {low:.4g}"
        raise _Broken(f"Move {name!r}: {what} is {worst:.4g} {unit}, allowed is {allowed} {unit}")


def _require_gaps(segment: Segment, what: str, gaps: NDArray[np.float64], names: list[str], least: float) -> None:
    """Refuse unless gaps (n, p) [m] along a segment are at least `least`; `what` is completed with the pair's name.

    A slow way home may begin where a gap is smaller, but not where bodies meet: until it is as large as it must be it
    may only grow. So an arm that stopped too near something has a way out.
    """
    low = np.full(gaps.shape, least)
    if segment.eased:
        grown = np.maximum.accumulate(gaps, axis=0)
        low = np.minimum(low, np.maximum(grown - EASE, 0.0))
    index = np.unravel_index(np.argmin(gaps - low), gaps.shape)
    _require(segment.move.name, what + names[index[1]], gaps[index], float(low[index]), np.inf, "m")


def _judge_numbers(plan: Plan, q_start: ArrayLike) -> None:
    """Everything is there, of the right kind, and finite."""
    for name, value in (("start", plan.q_start), ("start", q_start), ("plan", plan.hang)):
        _require(name, "a value", value, -1e6, 1e6)
    _require("start", "the number of joints", np.size(np.asarray(q_start)), 6, 6)
    for step in plan.steps:
        for field in fields(step):
            value = getattr(step, field.name)
            if value is not None and not isinstance(value, str):
                _require(step.name, field.name, value, -1e6, 1e6)
    for step in plan.steps:
        if isinstance(step, Move):
            needed = {"joint": (step.q,), "linear": (step.T_base_tcp,), "descend": (step.T_base_tcp, step.force_limit)}
            if step.kind not in needed or any(value is None for value in needed[step.kind]):
                raise UnsafePlan(f"Move {step.name!r}: kind {step.kind!r} lacks its target or limit; plan it anew.")
            if step.T_base_tcp is not None:
                R = step.T_base_tcp[:3, :3]
                _require(step.name, "the error of the rotation matrix", np.abs(R @ R.T - np.eye(3)), 0.0, 1e-6)
                _require(step.name, "the rotation's determinant", np.linalg.det(R), 0.999, 1.001)


def _judge_start(plan: Plan, cell: Cell, q_start: Joints) -> None:
    """The arm is where the plan begins."""
    tolerance = cell.limits.start_tolerance
    _require("start", "the arm's distance from the plan's start", np.abs(plan.q_start - q_start), 0.0, tolerance, "rad")


def _judge_task(plan: Plan, cell: Cell, heights: HeightMap | None) -> None:
    """A task holds only what belongs to it: jaws and contact in a pick alone."""
    grips = sum(isinstance(step, Grip) for step in plan.steps)
    descents = sum(isinstance(step, Move) and step.kind == "descend" for step in plan.steps)
    most = {"pick": (3, 1), "hover": (0, 0), "home": (0, 0), "touch": (1, 1)}
    if plan.task not in most:
        raise UnsafePlan(f"Task {plan.task!r} is not known; allowed: {', '.join(most)}.")
    _require(plan.task, "the number of jaw motions", grips, 0, most[plan.task][0])
    _require(plan.task, "the number of descents", descents, 0, most[plan.task][1])
    _require(plan.task, "the reach of the held object below the tips", plan.hang, 0.0, cell.limits.held_hang, "m")
    if plan.task != "home" and heights is None:
        raise UnsafePlan(f"Move {plan.task!r}: there is no height map of the heap; take a frame with depth first.")
    if heights is not None and not np.isfinite(heights.z).any():
        raise UnsafePlan(f"Move {plan.task!r}: the height map is empty, the camera saw nothing; take another frame.")


def _judge_grip(grip: Grip, cell: Cell) -> None:
    """Opening, force and speed of the jaws."""
    limits = cell.limits
    _require(grip.name, "the opening", grip.width, 0.0, cell.gripper.stroke, "m")
    _require(grip.name, "the grip force", grip.force, 0.0, limits.grip_force, "N")
    _require(grip.name, "the speed of the jaws", grip.speed, 0.001, limits.grip_speed, "m/s")


def _judge_move(move: Move, task: str, cell: Cell) -> None:
    """Speed, acceleration and force limit of the command itself."""
    limits = cell.limits
    speed, acceleration, unit = limits.linear_speed, limits.linear_acceleration, "m/s"
    if move.kind == "joint":
        speed, acceleration, unit = limits.joint_speed, limits.joint_acceleration, "rad/s"
    if move.kind == "descend":
        speed = limits.descent_speed
        _require(move.name, "the force limit", move.force_limit or 0.0, 1.0, limits.descent_force, "N")
    if move.contact_from is not None:
        if move.kind != "descend":
            raise UnsafePlan(f"Move {move.name!r}: contact is meant in a descent only; plan it anew.")
        most = 2 * limits.touch_depth if task == "touch" else _contact_max(cell)
        _require(move.name, "the height from which contact is meant", move.contact_from, 0.0, most, "m")
    _require(move.name, "the speed", move.speed, 0.001, speed, unit)
    _require(move.name, "the acceleration", move.acceleration, 0.01, acceleration, unit + "^2")


def _contact_max(cell: Cell) -> float:
    """Height [m] above the end of a descent from which contact may be meant: a cup's lip gives, fingers do not."""
    return cell.cup.contact_from if cell.tool == "suction" else cell.limits.descent_contact


def _judge_joints(segment: Segment, cell: Cell) -> None:
    """Inverse kinematics exists everywhere, and joints keep their margin."""
    reachable = float(np.isfinite(segment.q).all())
    _require(segment.move.name, "the reachable part of the line", reachable, 1.0, 1.0)
    range_ = np.full(6, JOINT_LIMIT - cell.limits.joint_margin)
    if segment.eased:  # from beyond the margin it may only turn back
        range_ = np.clip(np.abs(segment.q[0]), range_, JOINT_LIMIT)
    worst = np.abs(segment.q) - range_
    joint = int(np.unravel_index(np.argmax(worst), worst.shape)[1])
    _require(segment.move.name, "a joint angle", segment.q[:, joint], -range_[joint], range_[joint], "rad")


def _judge_tcp(segment: Segment, cell: Cell) -> None:
    """The TCP stays in its box, off the arm's own base, and the tool points down; the fingertips keep off the table."""
    limits, name = cell.limits, segment.move.name
    position = segment.T_base_tcp[:, :3, 3]
    tip = position[:, 2:] - cell.workspace.table_z
    tip_low = -segment.into if segment.into > 0.0 else limits.tip_above_table
    _require_gaps(segment, "the fingertips' height above the table", tip, [""], tip_low)
    if segment.eased:
        return
    for i, axis in enumerate("xyz"):
        low = limits.tcp_low[i] - (segment.into if axis == "z" else 0.0)
        _require(name, f"{axis} of the TCP", position[:, i], low, limits.tcp_high[i], "m")
    radius = np.hypot(position[:, 0], position[:, 1])
    _require(name, "the TCP's distance from the axis of joint 1", radius, limits.reach_min, np.inf, "m")
    _require(name, "the tilt of the tool", _tilt(segment), 0.0, limits.tilt_max, "rad")


def _judge_touch(segment: Segment, cell: Cell) -> None:
    """A touch: slow, gentle and with closed jaws on the way down; below the surface it goes straight down or up."""
    limits, move, heights = cell.limits, segment.move, segment.T_base_tcp[:, 2, 3]
    if cell.tool != "jaw":
        raise UnsafePlan(f"Move {move.name!r}: only closed jaws touch, not tool {cell.tool!r}; plan it anew.")
    if move.kind == "descend":
        _require(move.name, "the force limit of a touch", move.force_limit or 0.0, 1.0, limits.touch_force, "N")
        _require(move.name, "the speed of a touch", move.speed, 0.001, limits.touch_speed, "m/s")
        _require(move.name, "the opening of jaws that touch", segment.opening, 0.0, CLOSED, "m")
    elif segment.into > 0.0:
        # It is straight as the controller reports it, whose kinematics may be that far from the model's.
        aside = np.ptp(segment.T_base_tcp[:, :2, 3], axis=0) - cell.arm_tolerance
        astray = max(float(aside.max()), float(np.max(-np.diff(heights))))
        _require(move.name, "what goes but straight up out of a touch", astray, -np.inf, VERTICAL, "m")


def _judge_way_home(segment: Segment, plan: Plan, cell: Cell) -> None:
    """Slow ways home, from wherever a person left the arm: instead of the TCP's box and an upright tool.

    The TCP goes no farther out of the sides of its box than where it began, and a tool that may hold something never
    tilts more than it did. What the box and the upright tool protect besides is judged by itself: gaps to table,
    boxes and the arm itself, and nothing below the height of an unknown heap but straight up (`_judge_unmeasured`).
    """
    limits, name = cell.limits, segment.move.name
    position = segment.T_base_tcp[:, :3, 3]
    T_start = cell.kinematics.forward(plan.q_start) @ cell.T_flange_tcp
    for i, axis in enumerate("xy"):
        low, high = min(limits.tcp_low[i], T_start[i, 3] - EASE), max(limits.tcp_high[i], T_start[i, 3] + EASE)
        _require(name, f"{axis} of the TCP", position[:, i], low, high, "m")
    if plan.holding:
        begun = float(np.arccos(np.clip(-T_start[2, 2], -1.0, 1.0)))
        most = max(limits.tilt_max, begun + 1e-3)
        _require(name, "the tilt of a tool that may hold something", _tilt(segment), 0.0, most, "rad")


def _tilt(segment: Segment) -> NDArray[np.float64]:
    """Angles (n,) [rad] between the tool's axis and straight down."""
    return np.arccos(np.clip(-segment.T_base_tcp[:, 2, 2], -1.0, 1.0))


def _judge_pace(segment: Segment, body: Spheres, cell: Cell) -> None:
    """On a slow way home no part of the arm is fast, not only the TCP."""
    move, centres = segment.move, np.concatenate([body.centres, segment.T_base_tcp[:, None, :3, 3]], axis=1)
    way = np.linalg.norm(np.diff(centres, axis=0), axis=-1).max(axis=1)
    if move.kind == "joint":
        turn = np.abs(np.diff(segment.q, axis=0)).max(axis=1)
    else:
        turn = np.linalg.norm(np.diff(segment.T_base_tcp[:, :3, 3], axis=0), axis=1)
    speed = move.speed * way / np.maximum(turn, 1e-9)
    _require(move.name, "the speed of the arm on a slow way home", speed, 0.0, cell.limits.home_body_speed, "m/s")


def _judge_unmeasured(segment: Segment, body: Spheres, hang: float, cell: Cell) -> None:
    """Where a heap or what is in the tote may stand that nobody measured, arm and tool only rise, steeply."""
    centres, radii, wide, names = body.centres, body.radii, body.radii, list(body.names)
    if segment.holding:
        below, _, around = _held_reach(segment, hang, cell.limits.held_radius, cell)
        low = segment.T_base_tcp[:, :3, 3] - below[:, None] * np.array([0.0, 0.0, 1.0])
        centres = np.concatenate([centres, low[:, None]], axis=1)
        radii, wide, names = np.append(radii, 0.0), np.append(wide, around.max()), [*names, "held object"]
    way = np.diff(centres, axis=0)
    aside = np.linalg.norm(way[..., :2], axis=-1) - RISE_SLOPE * way[..., 2]
    heap, tote = _unmeasured_places(cell)
    for region in (heap, tote):
        low_side, high_side = np.array(region.low[:2]), np.array(region.high[:2])
        side = np.maximum(low_side - centres[..., :2], centres[..., :2] - high_side)
        over = np.linalg.norm(np.maximum(side, 0.0), axis=-1) < wide
        inside = over & (centres[..., 2] - radii < region.high[2])
        moved = np.where(inside[1:] | inside[:-1], np.maximum(aside, -way[..., 2]), -1.0)
        if segment.holding and region is tote:
            moved[:, -1] = -1.0  # what is held may reach into the tote, as it does when it is put there
        part = names[int(np.unravel_index(np.argmax(moved), moved.shape)[1])]
        what = f"what {part} goes but straight up where the {region.name} may stand"
        _require(segment.move.name, what, moved, -np.inf, RISE_SPARE, "m")


def _unmeasured_places(cell: Cell) -> tuple[Box, Box]:
    """Where things may lie that nobody has measured: the heap, as far as a height map reaches, and in the tote."""
    (x, y), half, tote = cell.workspace.centre, cell.workspace.side / 2 + MAP_BORDER, cell.tote
    (tx, ty), (ix, iy), table, floor = tote.centre, tote.inner, cell.workspace.table_z, tote.floor_z
    return (
        Box("heap", (x - half, y - half, table), (x + half, y + half, _unknown_top(cell))),
        Box("content of the tote", (tx - ix / 2, ty - iy / 2, floor), (tx + ix / 2, ty + iy / 2, floor + tote.height)),
    )


def _held_reach(
    segment: Segment, hang: float, radius: float, cell: Cell
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """How far (n,) [m] a cylinder along the tool reaches below, above and around the TCP; upright within the limit."""
    tilt = _tilt(segment)
    tilt = np.where(tilt > cell.limits.tilt_max, tilt, 0.0)
    lean, up = np.sin(tilt), hang * np.cos(tilt)
    return np.maximum(up, 0.0) + radius * lean, np.maximum(-up, 0.0) + radius * lean, radius + hang * lean


def _judge_sweep(segment: Segment, cell: Cell) -> None:
    """Joint moves: how fast the TCP becomes when the leading axis moves at its speed."""
    turn = np.abs(np.diff(segment.q, axis=0)).max(axis=1)
    way = np.linalg.norm(np.diff(segment.T_base_tcp[:, :3, 3], axis=0), axis=1)
    speed = segment.move.speed * way / np.maximum(turn, 1e-9)
    _require(segment.move.name, "the speed of the TCP", speed, 0.0, cell.limits.tcp_speed, "m/s")


def _judge_line(segment: Segment, cell: Cell) -> None:
    """Straight lines: joint speeds, branch jumps, singularities, and the length of a descent."""
    limits, move, q = cell.limits, segment.move, segment.q
    way = np.linalg.norm(np.diff(segment.T_base_tcp[:, :3, 3], axis=0), axis=1)
    # A turn in place has no way, so almost no time: it becomes a joint speed that is refused.
    seconds = np.maximum(way, LINE_STEP / 10) / move.speed
    # A jump to another branch is a joint speed that no line has.
    speeds = np.abs(np.diff(q, axis=0)).max(axis=1) / seconds
    _require(move.name, "a joint speed on the line", speeds, 0.0, limits.joint_speed, "rad/s")
    _require(move.name, "the wrist's |sin q5|", np.abs(np.sin(q[:, 4])), limits.wrist_sine, 1.0)
    _require(move.name, "the elbow's |sin q3|", np.abs(np.sin(q[:, 2])), limits.elbow_sine, 1.0)
    wrist = cell.kinematics.link_frames(q)[:, 5, :2, 3]
    radius = np.linalg.norm(wrist, axis=-1)
    _require(move.name, "joint 5's distance from the axis of joint 1", radius, limits.shoulder_radius, np.inf, "m")
    if move.kind == "descend":
        _require(move.name, "the length of the descent", way.sum(), 0.0, limits.descent_length, "m")
        drop = segment.T_base_tcp[0, 2, 3] - segment.T_base_tcp[-1, 2, 3]
        _require(move.name, "the sideways part of the descent", way.sum() - drop, -1.0, VERTICAL, "m")


def _judge_line_acceleration(segment: Segment, cell: Cell) -> None:
    """Straight lines: how hard a joint must accelerate to follow the TCP's ramps of speed, and the line's bend."""
    move, q = segment.move, segment.q
    way = np.linalg.norm(np.diff(segment.T_base_tcp[:, :3, 3], axis=0), axis=1)
    step = np.maximum(way, LINE_STEP / 10)
    turn = np.diff(q, axis=0) / step[:, None]  # rad per metre of the way, between the samples
    bend = np.abs(np.diff(turn, axis=0)).max(axis=1, initial=0.0) / ((step[1:] + step[:-1]) / 2)
    s, length = np.concatenate([[0.0], np.cumsum(step)]), float(step.sum())
    # The ramps begin at both ends; speed^2 grows with twice the way times the acceleration.
    square = np.minimum(move.speed**2, 2 * move.acceleration * np.minimum(s, length - s))
    ramp = 2 * move.acceleration * np.minimum(s[:-1], length - s[1:]) < move.speed**2
    bent = np.concatenate([bend[:1], np.maximum(bend[1:], bend[:-1]), bend[-1:]])
    needed = np.abs(turn).max(axis=1) * move.acceleration * ramp + bent * np.maximum(square[:-1], square[1:])
    _require(move.name, "a joint acceleration on the line", needed, 0.0, cell.limits.line_joint_acceleration, "rad/s^2")


def _judge_self(segment: Segment, frames: NDArray[np.float64], cell: Cell) -> None:
    """Forearm, wrist and tool keep off each other and off the rest of the arm."""
    near = self_gaps(frames, cell, segment.opening)
    names = [f"{other} and {one}" for one, other in near.names]
    _require_gaps(segment, "the gap between ", near.gaps - SELF_DIP, names, cell.limits.self_gap)


def _judge_boxes(segment: Segment, body: Spheres, cell: Cell) -> None:
    """Arm and tool keep off mast, camera and the tote's walls."""
    for boxes, gap in ((cell.keep_out, cell.limits.box_gap), (cell.tote.walls, cell.limits.tote_gap)):
        if boxes:
            gaps = body.box_gaps(boxes)
            names = [f"{part} and {box.name}" for part in body.names for box in boxes]
            _require_gaps(segment, "the gap between ", gaps.reshape(len(gaps), -1), names, gap)


def _judge_table(segment: Segment, body: Spheres, cell: Cell) -> None:
    """Links and palm, or mount, stay above the table; fingertips, rod and cup are judged with the TCP."""
    links = [i for i, name in enumerate(body.names) if name not in {"shoulder", *AT_TCP}]
    above = body.bottoms()[:, links] - cell.workspace.table_z
    names = [body.names[i] for i in links]
    _require_gaps(segment, "a link's height above the table, ", above, names, cell.limits.arm_above_table)


def _judge_unknown(segment: Segment, hang: float, cell: Cell, heights: HeightMap) -> None:
    """Over ground that nobody has measured tool and held object stay higher than what may stand there.

    On the map that is `unknown_height`: where the camera saw nothing, something black or glossy may stand. Off the map
    no heap lies, and the cell's boxes tell what stands: there `off_map_height` keeps the tool from going down blindly.
    Over the tote, whose walls are boxes, it may.
    """
    name, table, limits = segment.move.name, cell.workspace.table_z, cell.limits
    held = hang if segment.holding and not segment.fresh else 0.0
    # Where all of the map is known, the corners tell whether the tool is on it.
    side = 1.0 if np.isfinite(heights.z).all() else heights.side
    for T in segment.T_base_tcp:
        low = T[2, 3] - held - table
        if low >= max(limits.off_map_height, limits.unknown_height):
            continue
        xy = _footprint(T, segment.opening, cell, side)
        on = heights.covers(xy)
        if not on.all() and not _over_tote(T[:2, 3], cell):
            _require(name, "the height above ground off the height map", low, limits.off_map_height, np.inf, "m")
        unseen = on & ~np.isfinite(heights.at(xy))
        if unseen.any():
            x, y = xy[unseen].mean(axis=0)
            what = f"the height above unknown ground, without depth around ({x:.3f}, {y:.3f}) m,"
            _require(name, what, low, limits.unknown_height, np.inf, "m")


def _feels(segment: Segment, before: Segment | None, cell: Cell) -> bool:
    """Whether a move of a pick may feel its way into holes that are too narrow to hide a whole object.

    Its guarded descent is slow, and ends where it meets something. Straight up from there is the way it came. A cup
    feels nothing, for its lip gives; nor does a jaw that holds something.
    """
    if cell.tool != "jaw" or not _is_vertical(segment):
        return False
    if segment.move.kind == "descend":
        return not segment.holding
    descended = before is not None and before.move.kind == "descend"
    return segment.fresh and descended and bool(segment.T_base_tcp[-1, 2, 3] >= segment.T_base_tcp[0, 2, 3])


def _begun(segment: Segment) -> Segment:
    """The place alone where a move begins."""
    return replace(segment, q=segment.q[:1], T_base_tcp=segment.T_base_tcp[:1])


def _grounds(heights: HeightMap, cell: Cell) -> dict[bool, Ground]:
    """What a move is judged by, by whether it feels its way."""
    felt, seen = heights.felt(cell.limits.felt_width), _ground(heights, cell)
    return {False: seen, True: seen if felt is heights else _ground(felt, cell)}


def _ground(known: HeightMap, cell: Cell) -> Ground:
    """A height map with what is made of it."""
    top = _unknown_top(cell)
    z = np.where(np.isfinite(known.z), known.z, np.float32(top))
    return Ground(known, HeightMap(known.origin, known.side, z), Terrain(known, top))


def _footprint(T_base_tcp: NDArray[np.float64], opening: float, cell: Cell, side: float) -> NDArray[np.float64]:
    """Points (n, 2) in base [m] under the tool's widest parts, at most `side` apart [m]; the corners are among them."""
    gripper, cup = cell.gripper, cell.cup
    half_x = max(gripper.palm[0] / 2, opening / 2 + gripper.finger_thickness)
    half_y = max(gripper.palm[1], gripper.pad_width) / 2
    if cell.tool == "suction":
        half_x = half_y = max(cup.mount_radius, cup.rod_radius, cup.lip_radius)
    x, y = (np.linspace(-h, h, int(np.ceil(2 * h / side)) + 1) for h in (half_x, half_y))
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2) @ T_base_tcp[:2, :2].T + T_base_tcp[:2, 3]


def _over_tote(xy: NDArray[np.float64], cell: Cell) -> bool:
    """Whether a point (2,) in base [m] lies over the tote."""
    away = np.abs(xy - np.array(cell.tote.centre))
    return bool((away <= np.array(cell.tote.inner) / 2).all())


def _unknown_top(cell: Cell) -> float:
    """Height in base [m] that what was not seen may have."""
    return cell.workspace.table_z + cell.limits.unknown_height


def _judge_heap(segment: Segment, body: Spheres, cell: Cell, ground: Ground) -> None:
    """Arm and tool keep off the measured surface; on vertical lines the exact columns of jaw or cup count."""
    limits, name, heights, terrain = cell.limits, segment.move.name, ground.assumed, ground.terrain
    tool: set[str] = set()
    lowest = segment.T_base_tcp[np.argmin(segment.T_base_tcp[:, 2, 3])]
    if (_is_vertical(segment) or segment.into > 0.0) and heights.covers(
        _footprint(lowest, segment.opening, cell, 1.0)
    ).all():
        tool = TOOL_PARTS[cell.tool]
        if cell.tool == "suction":
            # Contact ends a descent; and where it ended, the lift begins.
            guarded = segment.move.kind == "descend" or segment.fresh
            rise = needed_lift(heights, lowest, cell.cup, into=cell.cup.overtravel if guarded else 0.0)
            _require(name, "the height map above what carries the lip", rise, 0.0, limits.heap_touch, "m")
        else:
            # The tips of a touch may be lower than what was measured, the palm may not.
            tips = lowest + np.outer((0.0, 0.0, segment.into, 0.0), (0.0, 0.0, 0.0, 1.0))
            shorter = replace(cell.gripper, finger_length=cell.gripper.finger_length - segment.into)
            rise = needed_raise(heights, tips, segment.opening, shorter, touch=0.0)
            _require(name, "the height map above the fingertips", rise, 0.0, limits.heap_touch, "m")
    for radius in np.unique(body.radii):
        chosen = [i for i, r in enumerate(body.radii) if r == radius and body.names[i] not in tool]
        if chosen:
            gap = body.bottoms()[:, chosen] - terrain.below(body.centres[:, chosen, :2], radius)
            _require(name, f"the gap between {body.names[chosen[0]]} and heap", gap, limits.heap_gap, np.inf, "m")


def _judge_held(segment: Segment, body: Spheres, hang: float, cell: Cell, terrain: Terrain | None) -> None:
    """What may be held keeps off all there is: it is long along the pads, and slim where it hangs deep."""
    limits, name, tips = cell.limits, segment.move.name, segment.T_base_tcp[:, 2, 3]
    # The tool may have met something higher than the plan's target: the object stood on what it stands on.
    deeper = _contact_max(cell) if segment.fresh else 0.0
    _require(name, "the held object's height", tips - hang - cell.workspace.table_z, -0.001 - deeper, np.inf, "m")
    beside_tool = cell.cup.rod_length if cell.tool == "suction" else cell.gripper.finger_length
    half_length = max(limits.held_radius - limits.held_half_width, 0.0)
    for half, depth in ((half_length, min(hang, limits.held_radius)), (0.0, hang)):
        # A straight line over the floor, widened by the half width, from `bottom` to `top`; tilted, as large as it
        # may reach.
        along = np.linspace(-half, half, int(np.ceil(2 * half / LINE_STEP)) + 1)[:, None]
        line = segment.T_base_tcp[:, None, :2, 3] + along * segment.T_base_tcp[:, None, :2, 1]
        below, above, around = _held_reach(
            segment, depth, limits.held_half_width if half == 0.0 else limits.held_radius, cell
        )
        bottom, top = tips - below, tips + np.maximum(beside_tool, above)
        wide = np.where(_tilt(segment) > limits.tilt_max, around, limits.held_half_width)
        for boxes, gap in ((cell.keep_out, limits.box_gap), (cell.tote.walls, limits.tote_gap)):
            for box in boxes:
                low, high = np.array(box.low), np.array(box.high)
                side = np.maximum(np.maximum(low[:2] - line, line - high[:2]), 0.0)
                beside = np.linalg.norm(side, axis=-1).min(axis=1) - wide
                over = np.maximum(bottom - high[2], low[2] - top)
                _require(
                    name, f"the gap between held object and {box.name}", np.maximum(beside, over), gap, np.inf, "m"
                )
        arm = [i for i, part in enumerate(body.names) if part in HELD_APART]
        away = np.linalg.norm(body.centres[:, arm, None, :2] - line[:, None], axis=-1).min(axis=2)
        beside = away - wide[:, None] - body.radii[arm]
        over = np.maximum(bottom[:, None] - body.centres[:, arm, 2], body.centres[:, arm, 2] - top[:, None])
        gaps = np.maximum(beside, over - body.radii[arm])
        _require(name, "the gap between held object and arm", gaps, limits.self_gap, np.inf, "m")
        column = np.linalg.norm(line, axis=-1) - wide[:, None] - base_column(cell).radius
        _require(name, "the gap between held object and base", column, limits.self_gap, np.inf, "m")
        if terrain is not None and not segment.fresh:
            gap_below = bottom - terrain.below(line, float(wide.max())).max(axis=1)
            _require(name, "the gap between held object and heap", gap_below, limits.heap_gap, np.inf, "m")


def _judge_hover(segment: Segment, cell: Cell, terrain: Terrain) -> None:
    """A hover keeps its distance everywhere, not only where it stops."""
    tip = segment.T_base_tcp[:, :3, 3]
    gap = tip[:, 2] - terrain.below(tip[:, :2], 0.0)
    _require(segment.move.name, "the tips' gap to the heap", gap, cell.limits.hover_gap, np.inf, "m")


def _is_vertical(segment: Segment) -> bool:
    """Whether the tool only rises or sinks, without moving sideways or turning."""
    T = segment.T_base_tcp
    return bool(np.ptp(T[:, :2, 3], axis=0).max() <= VERTICAL and np.ptp(T[:, :3, :3], axis=0).max() <= VERTICAL)


def _segments(plan: Plan, cell: Cell) -> Iterator[Segment]:
    """Every move rolled out with the nominal kinematics, jaws and held object carried along."""
    q = plan.q_start
    opening, holding, fresh, eased = cell.gripper.stroke, plan.holding, False, _is_slow_home(plan, cell)
    for index, step in enumerate(plan.steps):
        if isinstance(step, Grip):
            holding = fresh = step.takes
            # Jaws that close on an object stay as far apart as it is wide, at most as they were.
            opening = opening if step.takes else step.width
            continue
        path = _joint_path(step, q, eased) if step.kind == "joint" else _line_path(step, q, cell)
        out = step.kind == "linear" and not any(isinstance(before, Move) for before in plan.steps[:index])
        into = cell.limits.touch_depth if plan.task == "touch" and (step.kind == "descend" or out) else 0.0
        into += cell.arm_tolerance if out and into > 0.0 else 0.0  # where it stands is known by the model only
        T_base_tcp = cell.kinematics.forward(path) @ cell.T_flange_tcp
        yield Segment(step, path, T_base_tcp, opening, holding, fresh, eased, into)
        q, fresh = path[-1], False


def _is_slow_home(plan: Plan, cell: Cell) -> bool:
    """Whether a plan goes home at the low speeds at which it is judged by what it could hit."""
    most = {"joint": cell.limits.home_joint_speed, "linear": cell.limits.home_linear_speed}
    moves = [step for step in plan.steps if isinstance(step, Move)]
    return plan.task == "home" and all(move.speed <= most.get(move.kind, 0.0) for move in moves)


def _joint_path(move: Move, q: Joints, fine: bool) -> NDArray[np.float64]:
    """Samples (n, 6) of a move that is straight in joint space, both ends included; `fine` ones at its start."""
    assert move.q is not None
    travel = float(np.abs(move.q - q).max())
    _require(move.name, "the travel of a joint", travel, 0.0, TRAVEL_MAX, "rad")
    shares = np.linspace(0.0, 1.0, int(np.ceil(travel / JOINT_STEP)) + 2)
    if fine:
        first = min(FINE_TURN / max(travel, FINE_TURN), 1.0)
        near = np.linspace(0.0, first, int(np.ceil(first * travel / FINE_STEP)) + 2)
        shares = np.concatenate([near, shares[shares > first + 1e-9]])
    return q + shares[:, None] * (move.q - q)


def _line_path(move: Move, q: Joints, cell: Cell) -> NDArray[np.float64]:
    """Samples (n, 6) of a straight line of the TCP on the branch where it begins, both ends included."""
    assert move.T_base_tcp is not None
    T_start, T_end = cell.kinematics.forward(q) @ cell.T_flange_tcp, move.T_base_tcp
    length = float(np.linalg.norm(T_end[:3, 3] - T_start[:3, 3]))
    _require(move.name, "the length of the line", length, 0.0, LINE_MAX, "m")
    s = np.linspace(0.0, 1.0, int(np.ceil(length / LINE_STEP)) + 2)
    poses = np.tile(np.eye(4), (len(s), 1, 1))
    poses[:, :3, 3] = T_start[:3, 3] + s[:, None] * (T_end[:3, 3] - T_start[:3, 3])
    turns = Rotation.from_matrix(np.stack([T_start[:3, :3], T_end[:3, :3]]))
    poses[:, :3, :3] = Slerp([0.0, 1.0], turns)(s).as_matrix()
    return cell.kinematics.follow(poses @ invert(cell.T_flange_tcp), q)
