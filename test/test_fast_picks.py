"""The cell in haste: same limits, same check, shorter ways; what is not safe in haste is done the long way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.boxes import T_CAMERA, box, down, see
from support.scenes import CAMERA, T_BASE_CAMERA

from gpnet_ros import pick, safety
from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.clearance import FREE_ABOVE, FREE_ASIDE, free_height
from gpnet_ros.errors import UnsafePlan
from gpnet_ros.height_map import HeightMap, height_map
from gpnet_ros.motion import HIGHER, Grip, Move, Plan, plan_pick, ways, without_haste
from gpnet_ros.occlusion import blocks_view
from gpnet_ros.settings import config_dir

CELL, FAST = load_cell(), load_cell(config_dir() / "cell_fast.yaml")
HOME = np.array(CELL.home)
FLAT = HeightMap((0.39, -0.26), 0.002, np.zeros((261, 261), np.float32))
SHORT = ["open", "approach", "pregrasp", "descend", "close", "lift", "carry", "release"]
LONG = [*SHORT[:-1], "place", "release", "retreat", "home"]
RNG = np.random.default_rng(1)


def moves(plan: Plan) -> dict[str, Move]:
    return {step.name: step for step in plan.steps if isinstance(step, Move)}


def grasps(count: int) -> list[np.ndarray]:
    return [
        down(0.65 + x, y, z, yaw)
        for x, y, z, yaw in zip(
            RNG.uniform(-0.16, 0.16, count), RNG.uniform(-0.16, 0.16, count), RNG.uniform(0.004, 0.1, count),
            RNG.uniform(-np.pi, np.pi, count), strict=True,
        )
    ]  # fmt: skip


def test_the_fast_cell_is_the_cell_within_its_limits() -> None:
    assert replace(FAST, motion=CELL.motion) == CELL, "only how it moves is another"
    m, limits = FAST.motion, CELL.limits
    for name in ("joint_speed", "linear_speed", "linear_acceleration", "descent_speed", "grip_speed"):
        assert getattr(CELL.motion, name) <= getattr(m, name) <= getattr(limits, name), name
    careful = CELL.motion
    assert (careful.drop, careful.waits_over_tote, careful.held_share) == (0.0, False, 1.0)


@pytest.mark.parametrize("pregrasp", [0.05, 0.08, 0.12])
def test_a_guarded_descent_is_shortened_by_no_cell_that_does_not_ask_for_it(pregrasp: float) -> None:
    careful = replace(CELL, motion=replace(CELL.motion, pregrasp=pregrasp))
    assert ways(careful)[0] == careful == without_haste(careful) and len(ways(careful)) == 2
    grasp = down(0.65, 0.0, 0.01)
    for cell, length in (
        (careful, pregrasp),
        (replace(careful, motion=replace(careful.motion, pregrasp_least=0.02)), 0.02),
    ):
        steps = moves(plan_pick(grasp, 0.06, HOME, cell, 0.02, free_z=float(grasp[2, 3])))
        start, end = steps["pregrasp"].T_base_tcp, steps["descend"].T_base_tcp
        assert start is not None and end is not None
        assert start[2, 3] - end[2, 3] == pytest.approx(length)
    assert ways(cell)[2:] == ways(without_haste(cell)) and without_haste(cell).motion.pregrasp_least == pregrasp


def test_one_pick_after_the_other_is_safe_without_going_home() -> None:
    q = HOME
    for spot, grasp in enumerate(grasps(12)):
        top = float(grasp[2, 3]) + 0.03
        plan = plan_pick(grasp, 0.06, q, FAST, top, spot, top)
        safety.check(plan, FAST, q, FLAT)
        assert [step.name for step in plan.steps] == SHORT
        end = moves(plan)["carry"].q
        assert end is not None
        T = FAST.kinematics.forward(end) @ FAST.T_flange_tcp
        aside = np.abs(T[:2, 3] - FAST.tote.centre)
        assert (aside < np.array(FAST.tote.inner) / 2 - 0.05).all()
        hangs = grasp[2, 3] - FAST.workspace.table_z  # where the fingers met nothing on their way down
        falls = T[2, 3] - hangs - FAST.tote.floor_z
        assert FAST.tote.height + FAST.limits.tote_gap < falls <= FAST.motion.drop
        assert not blocks_view(end, FAST, T_BASE_CAMERA, CAMERA), "the next look begins here"
        with pytest.raises(UnsafePlan, match="tote wall"):
            safety.check(plan, replace(FAST, tote=replace(FAST.tote, height=0.16)), q, FLAT)
        q = end


@pytest.mark.parametrize("contact", [0.0, 0.005, 0.015])
def test_a_fall_that_is_too_deep_is_none(contact: float) -> None:
    """What the fingers met nothing above hangs as deep as the grasp is planned, and falls from the highest."""
    grasp = down(0.65, 0.0, 0.05)

    def way(drop: float) -> Plan:
        motion = replace(FAST.motion, drop=drop, descent_contact=contact)
        return plan_pick(grasp, 0.06, HOME, replace(FAST, motion=motion), 0.1)

    fallen = way(0.3)
    assert [step.name for step in fallen.steps] == SHORT
    end = moves(fallen)["carry"].q
    assert end is not None
    released = (FAST.kinematics.forward(end) @ FAST.T_flange_tcp)[2, 3]
    falls = released - (grasp[2, 3] - FAST.workspace.table_z) - FAST.tote.floor_z
    assert [step.name for step in way(falls + 1e-4).steps] == SHORT
    assert [step.name for step in way(falls - 1e-4).steps] == LONG, "it is put down, and the arm goes home"


def test_what_is_held_moves_at_its_own_share() -> None:
    found = moves(plan_pick(down(0.65, 0.0, 0.02), 0.06, HOME, FAST, 0.1))
    share, m = FAST.motion.held_share, FAST.motion
    assert found["approach"].speed > share * m.joint_speed and found["pregrasp"].speed > share * m.linear_speed
    assert found["carry"].speed <= share * m.joint_speed and found["carry"].acceleration <= share * m.joint_acceleration
    assert found["lift"].speed <= share * m.linear_speed and found["lift"].acceleration <= share * m.linear_acceleration


def test_joint_moves_are_slowed_where_the_tcp_would_be_too_fast() -> None:
    far = down(0.80, 0.15, 0.02)
    plan = plan_pick(far, 0.06, HOME, FAST, 0.1)
    safety.check(plan, FAST, HOME, FLAT)
    assert moves(plan)["approach"].speed < FAST.motion.joint_speed
    tight = replace(FAST, limits=replace(FAST.limits, tcp_speed=1.0))
    safety.check(plan_pick(far, 0.06, HOME, tight, 0.1), tight, HOME, FLAT)
    with pytest.raises(UnsafePlan, match="the speed of the TCP"):
        safety.check(plan, tight, HOME, FLAT)


@pytest.mark.parametrize("high", [0.03, 0.05, 0.07])
def test_the_guarded_part_begins_above_all_that_was_measured_there(high: float) -> None:
    grasp = down(0.65, 0.0, 0.045)
    beside = 0.65 + 0.025 + CELL.gripper.finger_thickness + 0.005 + 0.01  # a neighbour begins 5 mm beside the finger
    boxes = [box(0.65, 0.0, (0.04, 0.05, 0.06)), box(beside, 0.0, (0.02, 0.05, high))]
    heights = height_map(see(boxes), T_CAMERA, CELL)
    free = free_height(heights, grasp, 0.05, CELL.gripper)
    assert free == pytest.approx(max(0.06, high) + FREE_ABOVE, abs=0.004)
    away = [boxes[0], box(0.65 + 0.13, 0.0, (0.02, 0.05, high))]
    assert free_height(height_map(see(away), T_CAMERA, CELL), grasp, 0.05, CELL.gripper) < 0.06 + FREE_ABOVE + 0.004
    assert FREE_ASIDE >= 0.008, "errors of hand-eye and arm are as large"


def test_over_ground_that_was_not_seen_the_guarded_part_is_as_long_as_ever() -> None:
    z = np.zeros((261, 261), np.float32)
    z[120:140, 120:140] = np.nan
    grasp = down(0.65, 0.0, 0.03)
    free = free_height(HeightMap((0.39, -0.26), 0.002, z), grasp, 0.05, CELL.gripper)
    assert free == np.inf
    for free_z, length in ((free, 0.05), (None, 0.05), (0.0, 0.02), (0.065, 0.035)):
        found = moves(plan_pick(grasp, 0.05, HOME, FAST, 0.1, 0, free_z))
        above, end = found["pregrasp"].T_base_tcp, found["descend"].T_base_tcp
        assert above is not None and end is not None
        assert above[2, 3] - end[2, 3] == pytest.approx(length)
        assert found["descend"].force_limit is not None and found["descend"].speed <= CELL.limits.descent_speed


def test_where_the_shortest_way_is_refused_a_higher_one_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Plan] = []

    def check(plan: Plan, *more: object) -> Plan:
        judged.append(plan)
        if len(judged) == 1:
            raise UnsafePlan("Move 'carry': refused.")
        return safety.check(plan, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(pick, "check", check)
    z = FLAT.z.copy()
    z[200:210, 200:210] = 0.15  # so high that the heap, not the tote's wall, decides how high the arm passes
    taken = pick.safe_plan(down(0.65, 0.0, 0.03), 0.05, HOME, FAST, replace(FLAT, z=z))
    low, high = (moves(plan)["lift"].T_base_tcp for plan in judged)
    assert taken is judged[1] and [step.name for step in taken.steps] == SHORT
    assert low is not None and high is not None
    assert high[2, 3] == pytest.approx(low[2, 3] + HIGHER) and HIGHER > 0.02
    judged.clear()
    pick.safe_plan(down(0.65, 0.0, 0.03), 0.05, HOME, CELL, FLAT)  # a careful cell, too
    assert len(judged) == 2


def test_where_the_short_way_is_refused_the_long_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(plan: Plan, cell: Cell, *more: object) -> Plan:
        names = [step.name for step in plan.steps]
        if "place" not in names:
            raise UnsafePlan("Move 'carry': refused.")
        return safety.check(plan, cell, *more)  # type: ignore[arg-type]

    grasp, low = down(0.65, 0.0, 0.03), down(0.0, -0.65, 0.2)
    over = CELL.kinematics.on_branch(low @ np.linalg.inv(CELL.T_flange_tcp), CELL.kinematics.branch_of(HOME), HOME)
    short = pick.safe_plan(grasp, 0.05, over, FAST, FLAT)
    assert [step.name for step in short.steps] == SHORT
    monkeypatch.setattr(pick, "check", check)
    plan = pick.safe_plan(grasp, 0.05, over, FAST, FLAT)
    assert [step.name for step in plan.steps] == [LONG[0], "rise", *LONG[1:]], "from the tote it rises first"
    assert all(isinstance(step, Move | Grip) for step in plan.steps)
