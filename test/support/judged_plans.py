"""Plans for the safety check with the verdict that each is due, as data: sweeps of every limit, and refusals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from support.boxes import down

from gpnet_ros.cell import Cell, load_cell, load_hand_eye
from gpnet_ros.height_map import HeightMap
from gpnet_ros.motion import Grip, Move, Plan, plan_hover, plan_pick
from gpnet_ros.pose import Transform, transform
from gpnet_ros.settings import Box, config_dir
from gpnet_ros.touch_plan import plan_touch, plan_untouch

CELL = load_cell()
#: The home pose with the jaws opening along y: what is held is long along the tote's longer side.
HOME = np.array(CELL.home) + [0, 0, 0, 0, 0, 1.5708]
T_HOME = CELL.kinematics.forward(HOME) @ CELL.T_flange_tcp
Arguments = tuple[Plan, Cell, Any, HeightMap | None]


def heap(height: float = 0.0, *towers: tuple[float, float, float, float]) -> HeightMap:
    """A flat height map with square towers (x, y, half side, height)."""
    z = np.full((261, 261), height, np.float32)
    x, y = 0.39 + 0.002 * np.arange(261), -0.26 + 0.002 * np.arange(261)
    for tx, ty, half, top in towers:
        z[np.ix_(np.abs(y - ty) <= half, np.abs(x - tx) <= half)] = top
    return HeightMap((0.39, -0.26), 0.002, z)


def limited(cell: Cell = CELL, **limits: Any) -> Cell:
    return dataclasses.replace(cell, limits=dataclasses.replace(cell.limits, **limits))


def shifted(dx: float = 0.0, dy: float = 0.0, dz: float = 0.0) -> Transform:
    T = T_HOME.copy()
    T[:3, 3] += (dx, dy, dz)
    return T


def line(T: Transform | None = None, cell: Cell = CELL, heights: HeightMap | None = None, **changes: Any) -> Arguments:
    """One straight line from the home pose, by default 50 mm up."""
    values: dict[str, Any] = {"speed": 0.1, "acceleration": 0.5, "T_base_tcp": shifted(dz=0.05) if T is None else T}
    plan = {k: changes.pop(k) for k in ("hang", "holding") if k in changes}
    return Plan("home", (Move("line", "linear", **{**values, **changes}),), HOME, **plan), cell, HOME, heights


def joint(q: Any = None, cell: Cell = CELL, **changes: Any) -> Arguments:
    """One joint move from the home pose, by default half a radian around the base."""
    target = HOME + [0.5, 0, 0, 0, 0, 0] if q is None else q
    values: dict[str, Any] = {"speed": 1.0, "acceleration": 1.0, "q": target}
    return Plan("home", (Move("turn", "joint", **{**values, **changes}),), HOME), cell, HOME, None


def grip(cell: Cell = CELL, **changes: Any) -> Arguments:
    values: dict[str, Any] = {"width": 0.05, "force": 40.0, "speed": 0.1}
    return Plan("pick", (Grip("jaws", **{**values, **changes}),), HOME), cell, HOME, heap()


def descent(cell: Cell = CELL, T: Transform | None = None, **changes: Any) -> Arguments:
    """One descent of 50 mm from the home pose."""
    target = shifted(dz=-0.05) if T is None else T
    values: dict[str, Any] = {"speed": 0.05, "acceleration": 0.5, "T_base_tcp": target, "force_limit": 30.0}
    return Plan("pick", (Move("down", "descend", **{**values, **changes}),), HOME), cell, HOME, heap()


def pick(z: float = 0.03, cell: Cell = CELL, heights: HeightMap | None = None, top: float = 0.06) -> Arguments:
    return plan_pick(down(0.65, 0.05, z, 0.3), 0.05, HOME, cell, top), cell, HOME, heights or heap()


#: The same cell with the suction cup in the jaw's place; at home the lip is where home has the middle of the tips.
CUP_CELL = dataclasses.replace(CELL, tool="suction")
CUP = CUP_CELL.cup


def cup_pick(
    z: float = 0.03, heights: HeightMap | None = None, cell: Cell = CUP_CELL, top: float = 0.06, **descend: Any
) -> Arguments:
    """A pick with the cup, its lip going to z; the descent with other values where some are given."""
    plan = plan_pick(down(0.65, 0.05, z, 0.3), CELL.gripper.stroke, HOME, cell, top)
    return _with_descent(plan, **descend), cell, HOME, heap() if heights is None else heights


def _with_descent(plan: Plan, **changes: Any) -> Plan:
    steps = tuple(
        dataclasses.replace(s, **changes) if isinstance(s, Move) and s.kind == "descend" else s for s in plan.steps
    )
    return dataclasses.replace(plan, steps=steps)


def cup_line(T: Transform | None = None, cell: Cell = CUP_CELL, **changes: Any) -> Arguments:
    """One straight line of the cup from the home pose, by default 50 mm up."""
    target = cup_at_home(dz=0.05) if T is None else T
    return line(target, cell, **changes)


def cup_at_home(dx: float = 0.0, dy: float = 0.0, dz: float = 0.0) -> Transform:
    T = CELL.kinematics.forward(HOME) @ CUP_CELL.T_flange_tcp
    T[:3, 3] += (dx, dy, dz)
    return T


def cup_post(gap: float, part: str) -> Arguments:
    """The home pose with a post beside a part of the suction tool, at a distance."""
    x, y, z = cup_at_home()[:3, 3]
    radius, low = {
        "cup": (CUP.lip_radius, z),
        "rod": (CUP.rod_radius, z + 0.05),
        "mount": (CUP.mount_radius, z + 0.14),
    }[part]
    side = y - radius - gap
    post = Box("post", (x - 0.05, side - 0.01, low), (x + 0.05, side, low + 0.012))
    return cup_line(cell=dataclasses.replace(CUP_CELL, keep_out=(post,)), T=cup_at_home(dz=0.001))


def cup_lowered(x: float, y: float, z: float, heights: HeightMap, cell: Cell = CUP_CELL, **plan: Any) -> Arguments:
    """A line of the cup straight down to a height, unguarded, from 0.30 m above the table."""
    q = CELL.kinematics.on_branch(
        down(x, y, 0.30, np.pi / 2) @ np.linalg.inv(CUP_CELL.T_flange_tcp),
        CELL.kinematics.branch_of(HOME),
        HOME + [1.0, 0, 0, 0, 0, 0],
    )
    move = Move("lower", "linear", 0.1, 0.5, T_base_tcp=down(x, y, z, np.pi / 2))
    return Plan("home", (move,), q, **plan), cell, q, heights


def boxed(low: tuple[float, float, float], high: tuple[float, float, float]) -> Cell:
    return dataclasses.replace(CELL, keep_out=(Box("post", low, high),))


def with_camera(cell: Cell, lower: float = 0.0) -> Cell:
    """The cell with a camera on the flange, `lower` [m] nearer to the fingertips than it is shipped."""
    eye = load_hand_eye(config_dir() / "hand_eye_flange.yaml")
    x, y, z = eye.position
    return cell.carrying(dataclasses.replace(eye, position=(x, y, z + lower)))


def toted(
    dx: float = 0.0, dy: float = 0.0, z: float = 0.12, hang: float = 0.0, holding: bool = True, cell: Cell = CELL
) -> Arguments:
    """A line from over the tote into it, at an offset from its centre."""
    q = CELL.kinematics.on_branch(
        shifted(dx, dy) @ np.linalg.inv(CELL.T_flange_tcp), CELL.kinematics.branch_of(HOME), HOME
    )
    target = shifted(dx, dy)
    target[2, 3] = z
    plan = Plan("home", (Move("into", "linear", 0.1, 0.5, T_base_tcp=target),), q, hang, holding)
    return plan, cell, q, None


def over_heap(heights: HeightMap, dx: float = -0.1, cell: Cell = CELL, **plan: Any) -> Arguments:
    """A sideways line 0.15 m above the table over the heap; it begins there."""
    start = down(0.70, 0.0, 0.15, np.pi / 2)
    q = CELL.kinematics.on_branch(
        start @ np.linalg.inv(CELL.T_flange_tcp), CELL.kinematics.branch_of(HOME), HOME + [1.4, 0, 0, 0, 0, 0]
    )
    target = start.copy()
    target[0, 3] += dx
    return Plan("home", (Move("across", "linear", 0.1, 0.5, T_base_tcp=target),), q, **plan), cell, q, heights


def lowered(
    x: float, y: float, z: float, cell: Cell = CELL, heights: HeightMap | None = None, **plan: Any
) -> Arguments:
    """A line straight down to a height, from 0.30 m above the table; it begins there."""
    start = down(x, y, 0.30, np.pi / 2)
    q = CELL.kinematics.on_branch(
        start @ np.linalg.inv(CELL.T_flange_tcp), CELL.kinematics.branch_of(HOME), HOME + [1.0, 0, 0, 0, 0, 0]
    )
    target = down(x, y, z, np.pi / 2)
    move = Move("lower", "linear", 0.1, 0.5, T_base_tcp=target)
    return Plan("home", (move,), q, **plan), cell, q, heap() if heights is None else heights


def over_hole(dx: float, z: float, cell: Cell = CELL) -> Arguments:
    """A line straight down beside a hole in the height map, 10 mm wide and dx [m] outside of the tool's axis."""
    return lowered(0.60, 0.0, z, cell, heap(0.0, (0.60 + dx, 0.0, 0.005, np.nan)))


def felt_pick(
    felt_from: float = 0.25,
    half: float = 0.02,
    cell: Cell = CELL,
) -> Arguments:
    """A pick over a square hole of the height map whose way down is felt from a height on."""
    plan = plan_pick(down(0.65, 0.05, 0.03, 0.3), 0.05, HOME, cell, 0.25, felt_from=felt_from)
    return plan, cell, HOME, heap(0.0, (0.65, 0.05, half, np.nan))


def steps_in_hole(*steps: Move | Grip, start: float = 0.30, cell: Cell = CELL, half: float = 0.015) -> Arguments:
    """Steps of a pick that begins `start` [m] above a square hole of the height map that may be felt for."""
    q = CELL.kinematics.on_branch(
        down(0.65, 0.05, start, 0.3) @ np.linalg.inv(cell.T_flange_tcp), CELL.kinematics.branch_of(HOME), HOME
    )
    return Plan("pick", steps, q), cell, q, heap(0.0, (0.65, 0.05, half, np.nan))


def felt_at(z: float, dx: float = 0.0, yaw: float = 0.3, name: str = "down", **changes: Any) -> Move:
    """A guarded descent to a height over that hole, or another move with the same end."""
    values = {"kind": "descend", "speed": 0.05, "acceleration": 0.3, "force_limit": 30.0, **changes}
    return Move(name, T_base_tcp=down(0.65 + dx, 0.05, z, yaw), **values)


def straight_at(z: float, dx: float = 0.0) -> Move:
    """An unguarded, fast line straight up or down, or aside, to a height over that hole."""
    return felt_at(z, dx, name="line", kind="linear", speed=0.4, force_limit=None)


def touch_in_hole(half: float) -> Arguments:
    """A touch with closed jaws from above what may stand in a hole of that half width [m]."""
    jaws, down_ = Grip("close", 0.0, 40.0, 0.1), felt_at(0.0, speed=0.02, force_limit=20.0, contact_from=0.02)
    plan, *others = steps_in_hole(jaws, down_, start=0.252, half=half)
    return dataclasses.replace(plan, task="touch"), *others


def wall_gap(gap: float) -> Arguments:
    """The home pose with a post beside the outer finger, at a distance."""
    reach = CELL.gripper.stroke / 2 + CELL.gripper.finger_thickness / 2 + np.hypot(0.012, 0.022) / 2
    y = -0.65 - float(reach) - gap
    return line(cell=boxed((-0.05, y - 0.01, 0.33), (0.05, y, 0.36)))


def long_fingers(self_gap: float) -> Arguments:
    """An object that reaches up to the flange, between fingers as long, under the forearm."""
    gripper = dataclasses.replace(CELL.gripper, finger_length=0.165)
    return line(cell=limited(dataclasses.replace(CELL, gripper=gripper), self_gap=self_gap), holding=True)


def held_towards_base(dy: float, along: bool = True) -> Arguments:
    """A line by dy towards the base with an object half a metre long, along the line or across it."""
    q = HOME - [0, 0, 0, 0, 0, np.pi / 2 if along else 0]
    target = CELL.kinematics.forward(q) @ CELL.T_flange_tcp
    target[1, 3] += dy
    move = Move("nearer", "linear", 0.1, 0.5, T_base_tcp=target)
    return Plan("home", (move,), q, 0.0, True), limited(held_radius=0.5), q, None


def turned(angle: float) -> Arguments:
    """The home pose tilted about base x by turning joint 4."""
    return joint(HOME + [0, 0, 0, angle, 0, 0])


def joints_at(T: Transform, turn: float = 0.0) -> Any:
    """Joints [rad] on home's branch with the TCP at a pose, near home turned about the base."""
    near = HOME + [turn, 0, 0, 0, 0, 0]
    return CELL.kinematics.on_branch(T @ np.linalg.inv(CELL.T_flange_tcp), CELL.kinematics.branch_of(HOME), near)


def slow(q_to: Any, q_from: Any = HOME, cell: Cell = CELL, speed: float = 0.1, **plan: Any) -> Arguments:
    """One joint move of a slow way home."""
    return Plan("home", (Move("slow", "joint", speed, 0.5, q=q_to),), q_from, **plan), cell, q_from, None


def slow_line(
    q_from: Any, dx: float = 0.0, dz: float = 0.05, dy: float = 0.0, cell: Cell = CELL, speed: float = 0.04, **plan: Any
) -> Arguments:
    """One straight line of a slow way home, by default 50 mm up."""
    T = CELL.kinematics.forward(q_from) @ CELL.T_flange_tcp
    T[:3, 3] += (dx, dy, dz)
    return Plan("home", (Move("slow", "linear", speed, 0.2, T_base_tcp=T),), q_from, **plan), cell, q_from, None


#: Where slow ways home begin: tilted, over the heap, in the tote, just over the table, with the palm near the forearm.
TILTED = HOME + [0, 0, 0, 0.3, 0, 0]
OVER_HEAP = joints_at(down(0.70, 0.0, 0.15, np.pi / 2), 1.4)
IN_TOTE = joints_at(shifted(dz=-0.26))
LOW = joints_at(down(0.40, -0.30, 0.04), 0.7)
FOLDED = HOME + [0, 0, 0, 0, -0.6, 0]


def tilted_post(distance: float) -> Cell:
    """A post at a distance [m] in x of where the tilted tool's TCP is."""
    x, y, z = (CELL.kinematics.forward(TILTED) @ CELL.T_flange_tcp)[:3, 3]
    return boxed((x + distance, y - 0.01, z - 0.01), (x + distance + 0.01, y + 0.01, z))


def beside_post(gap: float, dy: float) -> Arguments:
    """A slow line aside with a post beside the outer finger, at a distance [m]."""
    return slow_line(HOME, dy=dy, dz=0.0, cell=wall_gap(gap)[1])


def touch(z: float = 0.03, heights: HeightMap | None = None, cell: Cell = CELL, **descend: Any) -> Arguments:
    """A touch of a surface at z, which the height map shows there unless told otherwise."""
    T_home = CELL.kinematics.forward(HOME) @ cell.T_flange_tcp
    plan = plan_touch(down(0.65, 0.05, z, 0.3), HOME, cell, 0.06, T_home)
    return _with_descent(plan, **descend), cell, HOME, heap(z) if heights is None else heights


def aimed(z: float, cell: Cell = CELL) -> Arguments:
    """A touch of the table that aims at z."""
    return touch(0.0, cell=cell, T_base_tcp=down(0.65, 0.05, z, 0.3))


def untouch(dx: float = 0.0, dz: float = 0.15, z: float = 0.01, heights: HeightMap | None = None) -> Arguments:
    """The way out of a touch at z, by a line from there."""
    T = down(0.65, 0.05, z, np.pi / 2)
    q = joints_at(T, 1.4)
    plan = plan_untouch(q, CELL, 0.06, T)
    T[:3, 3] += (dx, 0.0, dz)
    line_out = Move("rise", "linear", 0.1, 0.5, T_base_tcp=T)
    steps = tuple(line_out if s.name == "rise" else s for s in plan.steps)
    return dataclasses.replace(plan, steps=steps), CELL, q, heap(0.02) if heights is None else heights


def _hanging(arguments: Arguments, hang: float) -> Arguments:
    """A pick whose object hangs so far below the TCP, up to the lift: what comes then has more room than it needs."""
    plan, *others = arguments
    lifted = next(i for i, s in enumerate(plan.steps) if s.name == "lift")
    return dataclasses.replace(plan, hang=hang, steps=plan.steps[: lifted + 1]), *others  # type: ignore[return-value]


P = T_HOME[:3, 3]
#: name -> (builder of one value, values that pass, values that are refused, word in the message)
SWEEPS: dict[str, tuple[Callable[[float], Arguments], list[float], list[float], str]] = {
    "opening": (lambda v: grip(width=v), [0.0, 0.04, 0.085], [-1e-4, 0.0851], "opening"),
    "grip force": (lambda v: grip(force=v), [0.0, 100.0], [-1.0, 100.1], "force"),
    "grip speed": (lambda v: grip(speed=v), [0.001, 0.15], [0.0, 0.151], "jaws"),
    "joint speed": (lambda v: joint(speed=v), [0.001, 1.8], [0.0, 1.81, -1.0], "speed"),
    "joint acceleration": (lambda v: joint(acceleration=v), [0.01, 4.0], [0.0, 4.1, -1.0], "acceleration"),
    "linear speed": (lambda v: line(speed=v), [0.001, 0.5], [0.0, 0.51, -0.1], "speed"),
    "linear acceleration": (lambda v: line(acceleration=v), [0.01, 1.5], [0.0, 1.6, -1.0], "acceleration"),
    "descent speed": (lambda v: descent(speed=v), [0.001, 0.05], [0.0, 0.051], "speed"),
    "descent force": (lambda v: descent(force_limit=v), [1.0, 50.0], [0.0, 0.9, 51.0], "force limit"),
    "descent length": (lambda v: descent(T=shifted(dz=-v)), [0.05, 0.259], [0.261, 0.3], "length"),
    "descent sideways": (lambda v: descent(T=shifted(dx=v, dz=-0.05)), [0.0, 0.005], [0.03, 0.06], "sideways"),
    "descent upwards": (lambda v: descent(T=shifted(dz=v)), [-0.02], [0.02], "sideways"),
    "start": (lambda v: (*line()[:2], HOME + [0, v, 0, 0, 0, 0], None), [-0.0199, 0.0199], [-0.021, 0.021], "start"),
    "box x high": (lambda v: line(shifted(dx=v), limited(tcp_high=(0.05, 0.35, 0.62))), [0.049], [0.051], "x of"),
    "box x low": (lambda v: line(shifted(dx=v), limited(tcp_low=(-0.05, -0.9, 0))), [-0.049], [-0.051], "x of"),
    "box y high": (lambda v: line(shifted(dy=v), limited(tcp_high=(0.9, P[1] + 0.05, 0.62))), [0.049], [0.051], "y of"),
    "box y low": (lambda v: line(shifted(dy=v), limited(tcp_low=(-0.35, P[1] - 0.05, 0))), [-0.049], [-0.051], "y of"),
    "box z high": (lambda v: line(shifted(dz=v), limited(tcp_high=(0.9, 0.35, P[2] + 0.05))), [0.049], [0.051], "z of"),
    "box z low": (
        lambda v: line(shifted(dz=v), limited(tcp_low=(-0.35, -0.9, P[2] - 0.05))),
        [-0.049],
        [-0.051],
        "z of",
    ),
    "reach": (lambda v: line(shifted(dy=0.1), limited(reach_min=v)), [0.549], [0.551], "axis of joint 1"),
    "tilt": (turned, [-0.089, 0.0, 0.089], [-0.091, 0.091], "tilt"),
    "tip above table": (lambda v: pick(z=v), [0.0031, 0.03], [0.0029, 0.001], "fingertips' height"),
    "link above table": (
        lambda v: line(shifted(dz=-0.2), limited(arm_above_table=v)),
        [0.047],
        [0.048],
        "link's height",
    ),
    "joint angle": (
        lambda v: joint([*HOME[:5], v], limited(joint_margin=0.1)),
        [-6.18, 6.18],
        [-6.19, 6.19, 7.0],
        "joint angle",
    ),
    "tcp speed": (lambda v: joint(cell=limited(tcp_speed=v)), [0.66], [0.64], "speed of the TCP"),
    "joint speed on a line": (lambda v: line(speed=0.4, cell=limited(joint_speed=v)), [1.5], [0.3], "joint speed on"),
    "joint acceleration on a line": (
        lambda v: line(speed=0.3, acceleration=0.8, cell=limited(line_joint_acceleration=v)),
        [1.65, 4.0],
        [0.5, 1.5],
        "joint acceleration on",
    ),
    "ramp of a line": (
        lambda v: line(speed=0.5, acceleration=v, cell=limited(line_joint_acceleration=2.0)),
        [0.2],
        [1.5],
        "joint acceleration on",
    ),
    "bend of a line": (
        lambda v: line(shifted(dy=0.15), speed=v, acceleration=0.6, cell=limited(line_joint_acceleration=1.3)),
        [0.1],
        [0.5],
        "joint acceleration on",
    ),
    "tool against forearm": (
        lambda v: joint(HOME + [0, 0, 0, 0, v, 0], limited(tilt_max=1.6)),
        [-0.4, 0.0, 0.4],
        [-0.6, -1.0],
        "palm and forearm",
    ),
    "gap to the arm itself": (
        lambda v: joint(HOME + [0, 0, 0, 0, -0.6, 0], limited(tilt_max=1.6, self_gap=v)),
        [0.0, 0.009],
        [0.0109, 0.1],
        "palm and forearm",
    ),
    "wrist": (lambda v: line(cell=limited(wrist_sine=v), T=shifted(dz=0.01)), [0.9999], [1.0], "sin q5"),
    "elbow": (lambda v: line(shifted(dz=0.01), limited(elbow_sine=v)), [0.93], [0.96], "sin q3"),
    "shoulder": (lambda v: line(shifted(dy=0.2), limited(shoulder_radius=v)), [0.44], [0.46], "joint 5"),
    "gap to a box": (wall_gap, [0.0305, 0.1], [0.0295, 0.0, -0.01], "finger and post"),
    "tool over the wall": (lambda v: toted(dx=v, holding=False), [0.0, 0.15], [0.165], "tote wall"),
    "held beside the wall": (lambda v: toted(dx=v), [0.0, 0.009], [0.011], "held object and tote wall"),
    "held beside the long wall": (lambda v: toted(dy=v), [0.0, 0.059], [0.061], "held object and tote wall"),
    "held radius": (lambda v: toted(cell=limited(held_radius=v)), [0.05, 0.169], [0.171], "held object and tote wall"),
    "held half width": (
        lambda v: toted(cell=limited(held_half_width=v)),
        [0.05, 0.129],
        [0.131],
        "held object and tote wall",
    ),
    "held under the forearm": (long_fingers, [0.015, 0.0245], [0.0255, 0.042], "held object and arm"),
    "held towards the base": (held_towards_base, [0.0, 0.038], [0.042], "held object and base"),
    "held over the wall": (
        lambda v: (*line(shifted(dy=0.14), hang=v, holding=True)[:3], None),
        [0.209],
        [0.211],
        "held object and tote wall",
    ),
    "held above table": (lambda v: toted(z=0.12, hang=v), [0.0, 0.12], [0.122], "held object's height"),
    "held reach": (lambda v: line(hang=v, holding=True), [0.0, 0.2], [-0.01, 0.281], "held object"),
    "held beside a post": (
        lambda v: line(cell=boxed((v, -0.70, 0.2), (v + 0.1, -0.6, 0.3)), hang=0.1, holding=True),
        [0.191],
        [0.189],
        "held object and post",
    ),
    "held deep beside a post": (
        lambda v: line(cell=boxed((v, -0.70, 0.08), (v + 0.1, -0.6, 0.13)), hang=0.24, holding=True),
        [0.101],
        [0.099],
        "held object and post",
    ),
    "post over what is held": (
        lambda v: line(cell=boxed((0.15, -0.67, v), (0.2, -0.63, v + 0.01)), holding=True),
        [0.482],
        [0.478],
        "held object and post",
    ),
    "held under a post": (
        lambda v: line(cell=boxed((0.085, -0.67, v), (0.2, -0.63, v + 0.01)), hang=0.1, holding=True),
        [0.19],
        [0.24],
        "held object and post",
    ),
    "held over the heap": (
        lambda v: over_heap(heap(0.02, (0.65, 0.0, 0.01, v)), hang=0.08, holding=True),
        [0.064],
        [0.066],
        "held object and heap",
    ),
    "fingers over the heap": (lambda v: over_heap(heap(0.02, (0.65, 0.05, 0.01, v))), [0.144], [0.146], "and heap"),
    "palm over the heap": (
        lambda v: over_heap(heap(0.0, (0.65, 0.085, 0.01, v))),
        [0.20],
        [0.21],
        "palm and heap",
    ),
    "fingers into the heap": (
        lambda v: pick(0.03, heights=heap(v)),
        [0.0, 0.0339],
        [0.0341, 0.05],
        "above the fingertips",
    ),
    "palm into the heap": (
        lambda v: pick(0.03, heights=heap(0.0, (0.65, 0.05, 0.01, v)), top=0.12),
        [0.093],
        [0.095],
        "above the fingertips",
    ),
    "approach beside a tower": (lambda v: pick(heights=heap(0.0, (0.62, -0.1, 0.02, v))), [0.05], [0.16], "and heap"),
    "hover gap": (
        lambda v: (plan_hover(down(0.65, 0.05, 0.03), HOME, CELL, 0.06), CELL, HOME, heap(v)),
        [0.069],
        [0.071],
        "gap to the heap",
    ),
    "over unknown ground": (lambda v: over_hole(0.0, v), [0.251, 0.28], [0.249, 0.15], "unknown ground"),
    "what may stand on unknown ground": (
        lambda v: over_hole(0.0, 0.15, limited(unknown_height=v)),
        [0.06, 0.149],
        [0.151, 0.4],
        "unknown ground",
    ),
    "felt from": (felt_pick, [0.25, 0.28], [0.249, 0.1], "unknown ground"),
    "hole that is felt": (lambda v: felt_pick(half=v), [0.004, 0.0221], [0.0261, 0.05], "unknown ground"),
    "width of a hole that is felt": (
        lambda v: felt_pick(cell=limited(felt_width=v)),
        [0.2, 0.05],
        [0.036, 0.01, 0.0],
        "unknown ground",
    ),
    "palm beside unknown ground": (lambda v: over_hole(v, 0.20), [0.10, 0.05], [0.044, 0.0, -0.044], "unknown ground"),
    "held over unknown ground": (
        lambda v: lowered(0.60, 0.0, 0.28, heights=heap(0.0, (0.60, 0.0, 0.005, np.nan)), hang=v, holding=True),
        [0.02],
        [0.031, 0.1],
        "unknown ground",
    ),
    "off the height map": (lambda v: lowered(0.60, -0.40, v), [0.101, 0.2], [0.099, 0.02], "off the height map"),
    "beside the height map": (
        lambda v: lowered(0.60, v, 0.09, heights=heap()),
        [-0.19],
        [-0.20, -0.33],
        "off the height map",
    ),
    "held off the height map": (
        lambda v: lowered(0.60, -0.40, 0.2, hang=v, holding=True),
        [0.0, 0.099],
        [0.101, 0.15],
        "off the height map",
    ),
    "least height off the height map": (
        lambda v: lowered(0.60, -0.40, 0.15, limited(off_map_height=v)),
        [0.149],
        [0.151],
        "off the height map",
    ),
    "rotation's scale": (lambda v: line(T=T_HOME * [[v, v, v, 1]] * 1.0), [1.0], [1.001, 0.999], "rotation matrix"),
    "rotation's sign": (lambda v: line(T=T_HOME * [[v, 1, 1, 1]]), [1.0], [-1.0], "determinant"),
    "turn in place": (
        lambda v: line(
            T=T_HOME @ transform([[np.cos(v), -np.sin(v), 0], [np.sin(v), np.cos(v), 0], [0, 0, 1]], (0, 0, 0))
        ),
        [0.0],
        [0.1],
        "joint speed on",
    ),
    "reachable": (
        lambda v: line(shifted(dy=-v), limited(tcp_low=(-2.0, -2.0, 0.0))),
        [0.1],
        [0.6],
        "reachable",
    ),
    "slow joint move with a tilted tool": (lambda v: slow(TILTED, speed=v), [0.01, 0.3], [0.301, 1.0], "tilt"),
    "slow line with a tilted tool": (lambda v: slow_line(TILTED, speed=v), [0.01, 0.05], [0.051, 0.1], "tilt"),
    "slow arm": (
        lambda v: slow(HOME + [0.5, 0, 0, 0, 0, 0], cell=limited(home_body_speed=v), speed=0.3),
        [0.25],
        [0.15],
        "speed of the arm",
    ),
    "slow arm on a line": (
        lambda v: slow_line(TILTED, cell=limited(home_body_speed=v)),
        [0.05],
        [0.03],
        "speed of the arm",
    ),
    "slow within the box": (
        lambda v: slow(HOME + [v, 0, 0, 0, 0, 0], cell=limited(tcp_low=(-0.05, -0.9, 0.0))),
        [0.1, -0.05],
        [-0.1],
        "x of",
    ),
    "slow from outside the box": (
        lambda v: slow(HOME + [v, 0, 0, 0, 0, 0], cell=limited(tcp_low=(0.1, -0.9, 0.0))),
        [0.1],
        [-0.1],
        "x of",
    ),
    "slow with an object, upright": (
        lambda v: slow(HOME + [0, 0, 0, v, 0, 0], holding=True),
        [0.0, 0.089],
        [0.1, 0.3],
        "may hold",
    ),
    "slow with an object, tilted": (
        lambda v: slow(HOME + [0, 0, 0, v, 0, 0], TILTED, holding=True),
        [0.0, 0.3],
        [0.31],
        "may hold",
    ),
    "slow with an object, beside a post": (
        lambda v: slow_line(TILTED, dz=0.001, cell=tilted_post(v), hang=0.1, holding=True),
        [0.311],
        [0.305],
        "held object and post",
    ),
    "slow away from a post": (lambda v: beside_post(v, 0.02), [0.005, 0.1], [-0.005], "finger and post"),
    "slow towards a post": (lambda v: beside_post(v, -0.01), [0.05], [0.005, 0.029], "finger and post"),
    "slow off the table": (
        lambda v: slow_line(LOW, dz=v, cell=limited(arm_above_table=0.15)),
        [0.0, 0.05],
        [-0.005],
        "height above the table",
    ),
    "slow fingers off the table": (
        lambda v: slow_line(LOW, dz=v, cell=limited(tip_above_table=0.1)),
        [0.0, 0.05],
        [-0.005],
        "fingertips' height",
    ),
    "slow from the joint range's end": (
        lambda v: slow([*HOME[:5], v], [*HOME[:5], 6.22]),
        [6.22, 6.0],
        [6.23, 7.0],
        "joint angle",
    ),
    "slow out of an unknown heap": (lambda v: slow_line(OVER_HEAP, dx=v), [0.0, 0.01], [0.02, 0.1], "heap may stand"),
    "slow down into it": (lambda v: slow_line(OVER_HEAP, dz=v), [0.05], [-0.01], "heap may stand"),
    "slow over it": (
        lambda v: slow_line(joints_at(down(0.70, 0.0, v, np.pi / 2), 1.4), dx=-0.05, dz=0.0),
        [0.26],
        [0.24],
        "heap may stand",
    ),
    "slow into it from above": (
        lambda v: slow_line(joints_at(down(0.70, 0.0, 0.30, np.pi / 2), 1.4), dz=v),
        [-0.04],
        [-0.06],
        "heap may stand",
    ),
    "slow out of the tote": (lambda v: slow_line(IN_TOTE, dx=v), [0.0], [0.03], "content of the tote"),
    "slow over an unknown heap with an object": (
        lambda v: slow_line(joints_at(down(0.70, 0.0, 0.31, np.pi / 2), 1.4), dx=-0.05, dz=0.0, hang=v, holding=True),
        [0.05],
        [0.07],
        "held object goes",
    ),
    "slow unfolding": (
        lambda v: slow(HOME + [0, 0, 0, 0, v, 0], FOLDED),
        [-0.6, 0.0],
        [-0.62, -1.0],
        "palm and forearm",
    ),
    "height from which contact is meant": (
        lambda v: cup_pick(contact_from=v),
        [0.0, CUP.contact_from],
        [-1e-4, CUP.contact_from + 1e-4],
        "contact is meant",
    ),
    "height from which contact of the jaw is meant": (
        lambda v: descent(contact_from=v),
        [0.0, CELL.limits.descent_contact],
        [-1e-4, CELL.limits.descent_contact + 1e-4],
        "contact is meant",
    ),
    "held by the jaw, deeper": (
        lambda v: _hanging(pick(0.03), 0.03 + v),
        [0.0, CELL.limits.descent_contact + 0.0009],
        [CELL.limits.descent_contact + 0.0011, 0.05],
        "held object's height",
    ),
    "surface over the lip": (
        lambda v: cup_pick(0.03, heap(v)),
        [0.0, 0.03 + CUP.bellows + CUP.overtravel + 0.0039],
        [0.03 + CUP.bellows + CUP.overtravel + 0.0041, 0.06],
        "carries the lip",
    ),
    "surface over a lip without contact stop": (
        lambda v: cup_lowered(0.60, 0.0, 0.10, heap(v)),
        [0.0, 0.10 + CUP.bellows + 0.0039],
        [0.10 + CUP.bellows + 0.0041, 0.115],
        "carries the lip",
    ),
    "mount into the heap": (
        lambda v: cup_pick(0.03, heap(0.0, (0.68, 0.05, 0.006, v)), top=0.16),
        [0.03 + CUP.rod_length + 0.0039],
        [0.03 + CUP.rod_length + 0.0041],
        "carries the lip",
    ),
    "mount beside a tower": (
        lambda v: cup_pick(0.03, heap(0.0, (0.65 + v, 0.05, 0.006, 0.15)), top=0.16),
        [CUP.mount_radius + 0.04],
        [0.03, 0.0],
        "carries the lip",
    ),
    "lip above table": (lambda v: cup_pick(z=v), [0.0031, 0.03], [0.0029, 0.001], "fingertips' height"),
    "gap to the cup": (lambda v: cup_post(v, "cup"), [0.0305, 0.1], [0.0295, 0.0, -0.005], "cup and post"),
    "gap to the rod": (lambda v: cup_post(v, "rod"), [0.0305, 0.1], [0.0295, 0.0, -0.005], "rod and post"),
    "gap to the mount": (lambda v: cup_post(v, "mount"), [0.0305, 0.1], [0.0295, 0.0, -0.02], "mount and post"),
    "cup beside unknown ground": (
        lambda v: cup_lowered(0.60, 0.0, 0.20, heap(0.0, (0.60 + v, 0.0, 0.005, np.nan))),
        [CUP.mount_radius + 0.007, 0.10],
        [CUP.mount_radius, 0.0, -CUP.mount_radius],
        "unknown ground",
    ),
    "cup over unknown ground": (
        lambda v: cup_lowered(0.60, 0.0, v, heap(0.0, (0.60, 0.0, 0.005, np.nan))),
        [0.251, 0.28],
        [0.249, 0.15],
        "unknown ground",
    ),
    "held at the cup, deeper": (
        lambda v: _hanging(cup_pick(0.03), 0.03 + v),
        [0.0, CUP.contact_from + 0.0009],
        [CUP.contact_from + 0.0011, 0.05],
        "held object's height",
    ),
    "post beside what the cup holds": (
        lambda v: cup_line(
            cup_at_home(dz=0.001),
            dataclasses.replace(CUP_CELL, keep_out=(Box("post", (0.15, -0.67, v), (0.2, -0.63, v + 0.01)),)),
            holding=True,
        ),
        [T_HOME[2, 3] + 0.0028 + CUP.rod_length + 0.032],
        [T_HOME[2, 3] + 0.0028 + CUP.rod_length + 0.028],
        "held object and post",
    ),
    "touch speed": (lambda v: touch(speed=v), [0.001, 0.02], [0.0, 0.021], "speed"),
    "touch force": (lambda v: touch(force_limit=v), [1.0, 30.0], [0.9, 31.0, 50.0], "force limit"),
    "touch into the table": (aimed, [0.0, -0.0149], [-0.0151, -0.03], "fingertips' height"),
    "touch below the box": (
        lambda v: aimed(v, dataclasses.replace(CELL, workspace=dataclasses.replace(CELL.workspace, table_z=-0.03))),
        [-0.0149],
        [-0.0151],
        "z of",
    ),
    "touch into the surface": (
        lambda v: touch(0.03, heap(v)),
        [0.0, 0.0369],
        [0.0371, 0.06],
        "above the fingertips",
    ),
    "palm of a touch beside a tower": (
        lambda v: touch(0.03, heap(0.0, (0.695, 0.05, 0.006, v))),
        [0.0, 0.0819],
        [0.0821],
        "above the fingertips",
    ),
    "height from which a touch is meant": (
        lambda v: touch(contact_from=v),
        [0.0, 0.03],
        [-1e-4, 0.0301],
        "contact is meant",
    ),
    "out of a touch": (lambda v: untouch(z=v, heights=heap()), [0.01, -0.0299], [-0.0301], "fingertips' height"),
    "out of a touch from below the surface": (
        lambda v: untouch(heights=heap(v)),
        [0.0439],
        [0.0441],
        "above the fingertips",
    ),
    "out of a touch sideways": (lambda v: untouch(dx=v), [0.0, 0.0169], [0.0171, 0.05], "straight up"),
    "out of a touch downwards": (lambda v: untouch(z=0.12, dz=v), [0.0, 0.05], [-0.05], "straight up"),
    "line length": (
        lambda v: line(shifted(dy=-v), limited(tcp_low=(-2.0, -2.0, 0.0))),
        [0.1],
        [2.5],
        "length of the line",
    ),
    "joint travel": (lambda v: joint(HOME + [0, 0, 0, 0, 0, v]), [0.5], [14.0], "travel"),
}


def _plan(task: str, steps: tuple[Move | Grip, ...]) -> Arguments:
    return Plan(task, steps, HOME), CELL, HOME, heap()  # type: ignore[arg-type]


UP = Move("up", "linear", 0.1, 0.5, T_base_tcp=shifted(dz=0.02))
DOWN = Move("down", "descend", 0.05, 0.5, T_base_tcp=shifted(dz=-0.05), force_limit=30.0)
JAWS = Grip("jaws", 0.05, 40.0, 0.1)
CLOSE = Grip("close", 0.0, 40.0, 0.1, takes=True)
LOW_TOUCH = down(0.65, 0.05, -0.002, 0.3)
#: name -> (plan that is refused, its twin that passes)
REFUSALS: dict[str, tuple[Callable[[], Arguments], Callable[[], Arguments]]] = {
    "jaws in a hover": (lambda: _plan("hover", (JAWS, UP)), lambda: _plan("hover", (UP,))),
    "jaws on the way home": (lambda: _plan("home", (JAWS, UP)), lambda: _plan("home", (UP,))),
    "descent in a hover": (lambda: _plan("hover", (DOWN,)), lambda: _plan("pick", (DOWN,))),
    "two descents": (lambda: _plan("pick", (DOWN, UP, DOWN)), lambda: _plan("pick", (DOWN, UP))),
    "four jaw motions": (lambda: _plan("pick", (JAWS,) * 4), lambda: _plan("pick", (JAWS,) * 3)),
    "unknown task": (lambda: _plan("dance", (UP,)), lambda: _plan("pick", (UP,))),
    "unknown kind": (
        lambda: _plan("pick", (dataclasses.replace(UP, kind="leap"),)),
        lambda: _plan("pick", (UP,)),  # type: ignore[arg-type]
    ),
    "line without target": (
        lambda: _plan("home", (dataclasses.replace(UP, T_base_tcp=None, q=HOME),)),
        lambda: _plan("home", (UP,)),
    ),
    "joint move without target": (
        lambda: _plan("home", (dataclasses.replace(UP, kind="joint"),)),
        lambda: _plan("home", (dataclasses.replace(UP, kind="joint", q=HOME),)),
    ),
    "descent without force limit": (
        lambda: _plan("pick", (dataclasses.replace(DOWN, force_limit=None),)),
        lambda: _plan("pick", (DOWN,)),
    ),
    "pick without a height map": (lambda: (*pick()[:3], None), pick),
    "pick on an empty height map": (lambda: pick(heights=heap(np.nan)), pick),
    "low off the map and beside the tote": (
        lambda: lowered(0.32, -0.65, 0.09),
        lambda: (*toted(z=0.09, holding=False)[:3], heap()),
    ),
    "sideways out of a hole": (
        lambda: steps_in_hole(felt_at(0.10), CLOSE, straight_at(0.28, dx=0.02), start=0.26),
        lambda: steps_in_hole(felt_at(0.10), CLOSE, straight_at(0.28), start=0.26),
    ),
    "descent that begins in a hole": (
        lambda: steps_in_hole(felt_at(0.03), start=0.20),
        lambda: steps_in_hole(felt_at(0.03), start=0.252),
    ),
    "descent into a hole that slants": (
        lambda: steps_in_hole(felt_at(0.03, dx=0.02), start=0.252),
        lambda: steps_in_hole(felt_at(0.03, dx=0.001), start=0.252),
    ),
    "descent into a hole that turns": (
        lambda: steps_in_hole(felt_at(0.03, yaw=0.4), start=0.252),
        lambda: steps_in_hole(felt_at(0.03, yaw=0.3), start=0.252),
    ),
    "line down into a hole": (
        lambda: steps_in_hole(straight_at(0.03)),
        lambda: steps_in_hole(straight_at(0.26)),
    ),
    "down into a hole after the jaws have closed above it": (
        lambda: steps_in_hole(CLOSE, straight_at(0.03)),
        lambda: steps_in_hole(CLOSE, straight_at(0.26)),
    ),
    "deeper into a hole after a grip": (
        lambda: steps_in_hole(felt_at(0.10), CLOSE, straight_at(0.03), start=0.26),
        lambda: steps_in_hole(felt_at(0.10), CLOSE, straight_at(0.28), start=0.26),
    ),
    "up out of a hole that was not felt for": (
        lambda: steps_in_hole(CLOSE, straight_at(0.28), start=0.10),
        lambda: steps_in_hole(felt_at(0.10), CLOSE, straight_at(0.28), start=0.26),
    ),
    "up out of a hole, and then home": (
        lambda: steps_in_hole(felt_at(0.10), CLOSE, straight_at(0.20), straight_at(0.28), start=0.26),
        lambda: steps_in_hole(felt_at(0.10), CLOSE, straight_at(0.26), straight_at(0.28), start=0.26),
    ),
    "up out of a hole with empty jaws": (
        lambda: steps_in_hole(felt_at(0.10), straight_at(0.28), start=0.26),
        lambda: steps_in_hole(felt_at(0.10), CLOSE, straight_at(0.28), start=0.26),
    ),
    "into a hole with something held": (
        lambda: (dataclasses.replace(steps_in_hole(felt_at(0.10))[0], holding=True), *steps_in_hole()[1:]),
        lambda: steps_in_hole(felt_at(0.10)),
    ),
    "into a hole with the cup": (
        lambda: steps_in_hole(felt_at(0.10), start=0.26, cell=CUP_CELL),
        lambda: steps_in_hole(felt_at(0.26), start=0.28, cell=CUP_CELL),
    ),
    "touch in a hole": (
        lambda: touch_in_hole(0.015),
        lambda: touch_in_hole(-1.0),  # a hole without cells
    ),
    "five joints": (lambda: (*line()[:2], HOME[:5], None), line),
    "post at the camera on the flange": (
        lambda: line(cell=with_camera(boxed((-0.17, -0.64, 0.44), (-0.13, -0.60, 0.50)))),
        lambda: line(cell=boxed((-0.17, -0.64, 0.44), (-0.13, -0.60, 0.50))),
    ),
    "camera on the flange over a tower": (
        lambda: over_heap(heap(0.0, (0.58, 0.03, 0.01, 0.11)), cell=with_camera(CELL, 0.15)),
        lambda: over_heap(heap(0.0, (0.58, 0.03, 0.01, 0.11)), cell=with_camera(CELL)),
    ),
    "long towards the base, not across": (
        lambda: held_towards_base(0.1),
        lambda: held_towards_base(0.1, along=False),
    ),
    "touch with open jaws": (
        lambda: (dataclasses.replace(touch()[0], steps=touch()[0].steps[1:]), *touch()[1:]),
        touch,
    ),
    "touch with jaws a little open": (
        lambda: (
            dataclasses.replace(touch()[0], steps=(dataclasses.replace(JAWS, width=0.002), *touch()[0].steps[1:])),
            *touch()[1:],
        ),
        touch,
    ),
    "touch with the cup": (lambda: touch(0.03, heap(), CUP_CELL), touch),
    "touch of nothing that was measured": (lambda: (*touch()[:3], None), touch),
    "line of a touch into the table": (
        lambda: (
            dataclasses.replace(
                touch(0.0)[0], steps=(*touch(0.0)[0].steps[:2], Move("low", "linear", 0.1, 0.5, T_base_tcp=LOW_TOUCH))
            ),
            *touch(0.0)[1:],
        ),
        lambda: touch(0.0),
    ),
    "descent of a pick as deep as a touch": (
        lambda: (dataclasses.replace(touch(contact_from=None)[0], task="pick"), *touch()[1:]),
        lambda: touch(contact_from=None),
    ),
    "meant contact of jaws": (
        lambda: descent(contact_from=0.016),
        lambda: (_with_descent(descent()[0], contact_from=None), *descent()[1:]),
    ),
    "meant contact of jaws on a line": (
        lambda: line(contact_from=0.001),
        line,
    ),
    "meant contact on a line": (
        lambda: cup_line(contact_from=0.01),
        cup_line,
    ),
    "the jaw's plan with the cup": (
        lambda: (*cup_pick()[:1], CELL, *cup_pick()[2:]),
        cup_pick,
    ),
    "wrong place in the middle": (
        lambda: (dataclasses.replace(pick()[0], steps=(*pick()[0].steps[:3], DOWN, *pick()[0].steps[4:])), *pick()[1:]),
        pick,
    ),
}
