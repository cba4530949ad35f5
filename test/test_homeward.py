"""Ways home from wherever an arm stands: a safe slow one, or which joints to jog; never another answer."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from support.boxes import down
from support.way_home import CELL, HOME, PLACES, collision, draw

from gpnet_ros import safety
from gpnet_ros.errors import Unreachable, UnsafePlan
from gpnet_ros.homeward import JOINTS, jog_text
from gpnet_ros.kinematics import Joints
from gpnet_ros.motion import Move, Plan, plan_home
from gpnet_ros.pose import invert
from gpnet_ros.settings import Box

FOUND = [name for name, (_, found) in PLACES.items() if found]
TOLD = [name for name in PLACES if name not in FOUND]


def jogged(q: Joints, text: str) -> Joints:
    """The joints after a person has done what the text says, and nothing else."""
    moved = re.findall(r"joint (\d) \(([a-z0-9 ]+)\) from (-?\d+)° to (-?\d+)°", text)
    assert moved and "pendant" in text, text
    there = q.copy()
    for number, name, before, after in moved:
        i = int(number) - 1
        assert JOINTS[i] == name and abs(np.rad2deg(q[i]) - int(before)) <= 0.51
        there[i] = np.deg2rad(int(after))
    return there


def joints_along(plan: Plan, q: Joints) -> np.ndarray:
    """Joints (n, 6) [rad] of a plan, rolled out here in steps of 0.005 rad or 2 mm."""
    found = [np.array([q])]
    for step in plan.steps:
        assert isinstance(step, Move)
        q = found[-1][-1]
        if step.q is not None:
            found.append(np.linspace(q, step.q, int(np.abs(step.q - q).max() / 0.005) + 2))
            continue
        T = CELL.kinematics.forward(q) @ CELL.T_flange_tcp
        assert step.T_base_tcp is not None
        way = step.T_base_tcp[:3, 3] - T[:3, 3]
        poses = np.tile(step.T_base_tcp, (int(np.linalg.norm(way) / 0.002) + 2, 1, 1))
        poses[:, :3, 3] = T[:3, 3] + np.linspace(0, 1, len(poses))[:, None] * way
        found.append(CELL.kinematics.follow(poses @ invert(CELL.T_flange_tcp), q))
    return np.concatenate(found)


def assert_goes_home(plan: Plan, q: Joints) -> None:
    """Safe by the check and by a finer roll-out of its own, slow unless it is the way that a pick takes, and home."""
    assert safety.check(plan, CELL, q) is plan
    path = joints_along(plan, q)
    np.testing.assert_allclose(path[-1], HOME, atol=1e-9)
    assert collision(path) == ""
    names = [step.name for step in plan.steps]
    if names not in (["home"], ["rise", "home"]) or np.abs(q - HOME).max() > np.pi:
        assert_slow(plan)


def assert_slow(plan: Plan) -> None:
    for step in plan.steps:
        assert isinstance(step, Move)
        assert step.speed <= (0.3 if step.kind == "joint" else 0.05), step


@pytest.mark.parametrize("name", FOUND)
def test_a_way_home_is_found(name: str) -> None:
    q, _ = PLACES[name]
    plan = plan_home(q, CELL)
    assert_goes_home(plan, q)
    if "over the heap" not in name and "behind" not in name:
        assert_slow(plan)


@pytest.mark.parametrize("name", TOLD)
def test_where_there_is_none_a_person_is_told_what_to_jog_and_that_helps(name: str) -> None:
    q, _ = PLACES[name]
    with pytest.raises(Unreachable) as told:
        plan_home(q, CELL)
    text = str(told.value)
    assert "\n" not in text and "grasp" not in text and text.startswith("Jog joint")
    there = jogged(q, text)
    assert_goes_home(plan_home(there, CELL), there)


def test_a_joint_a_turn_away_is_unwound_within_the_sides_of_the_box() -> None:
    q = HOME - [2 * np.pi, 0, 0, 0, 0, 0]
    plan = plan_home(q, CELL)
    x, y = (CELL.kinematics.forward(joints_along(plan, q)) @ CELL.T_flange_tcp)[:, :2, 3].T
    low, high = CELL.limits.tcp_low, CELL.limits.tcp_high
    assert low[0] - 2e-3 <= x.min() and x.max() <= high[0] + 2e-3
    assert low[1] - 2e-3 <= y.min() and y.max() <= high[1] + 2e-3


def test_a_post_in_the_way_is_gone_round_or_told() -> None:
    q, _ = PLACES["L-shape over the table"]
    free = plan_home(q, CELL)
    middle = joints_along(free, q)
    x, y, z = (CELL.kinematics.forward(middle[len(middle) // 2]) @ CELL.T_flange_tcp)[:3, 3]
    post = Box("post", (x - 0.02, y - 0.02, 0.0), (x + 0.02, y + 0.02, z + 0.05))
    blocked = dataclasses.replace(CELL, keep_out=(*CELL.keep_out, post))
    with pytest.raises(UnsafePlan, match="post"):
        safety.check(free, blocked, q)
    try:
        other = plan_home(q, blocked)
    except Unreachable as told:
        there = jogged(q, str(told))
        safety.check(plan_home(there, blocked), blocked, there)
    else:
        safety.check(other, blocked, q)
        assert [s.q is None or s.q.tolist() for s in other.steps] != [s.q is None or s.q.tolist() for s in free.steps]  # type: ignore[union-attr]


@pytest.mark.parametrize("angle", [0.15, 0.4])
def test_a_tool_that_may_hold_something_is_only_brought_upright(angle: float) -> None:
    q = HOME + [0.3, 0, 0, angle, 0, 0]
    plan = plan_home(q, CELL, holding=True, hang=0.02)
    assert plan.holding and plan.hang == 0.02
    T = CELL.kinematics.forward(joints_along(plan, q))
    tilt = np.arccos(np.clip(-T[:, 2, 2], -1, 1))
    assert tilt.max() <= angle + 2e-3
    assert_goes_home(plan, q)


def test_out_of_an_unknown_heap_it_rises_before_anything_else() -> None:
    T = down(0.65, 0.0, 0.06)
    T[:3, :3] = T[:3, :3] @ [[1, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]]  # not upright
    q = CELL.kinematics.on_branch(
        T @ invert(CELL.T_flange_tcp), CELL.kinematics.branch_of(HOME), HOME + [1.4, 0, 0, 0, 0, 0]
    )
    plan = plan_home(q, CELL)
    assert plan.steps[0].name == "rise"
    assert_slow(plan)
    assert_goes_home(plan, q)
    tip = (CELL.kinematics.forward(joints_along(plan, q)) @ CELL.T_flange_tcp)[:, :3, 3]
    low = tip[tip[:, 2] < CELL.limits.unknown_height]
    assert len(low) > 20 and np.abs(low[:, :2] - T[:2, 3]).max() < 5e-3 and (np.diff(low[:, 2]) > -1e-6).all()


def test_refusals_advise_what_fits_the_task() -> None:
    q, _ = PLACES["upright"]
    fast = Plan("home", (Move("home", "joint", 1.0, 1.0, q=HOME),), q)
    with pytest.raises(UnsafePlan, match="take another way home") as refused:
        safety.check(fast, CELL, q)
    assert "grasp" not in str(refused.value)


def test_what_is_to_be_jogged_is_said_in_degrees() -> None:
    q = np.deg2rad([0.0, -90.0, 90.0, -90.0, 10.4, 0.0])
    text = jog_text(q, q + np.deg2rad([0, 0, 0.2, -14, 4.6, 0]))
    assert text == (
        "Jog joint 4 (wrist 1) from -90° to -104°, joint 5 (wrist 2) from 10° to 15° on the pendant, "
        "then start or pick again."
    )


def answers(count: int, span: float, seed: int) -> tuple[int, int, list[Joints]]:
    """From random poses: how many find a way, how many are told what helps, and those that were found."""
    rng, found, told = np.random.default_rng(seed), [], 0
    for _ in range(count):
        q = draw(rng, span)
        try:
            plan = plan_home(q, CELL)
        except Unreachable as error:
            told += 1
            there = jogged(q, str(error))
            assert_goes_home(plan_home(there, CELL), there)
        else:
            assert_goes_home(plan, q)
            found.append(q)
    return len(found), told, found


def test_a_few_random_poses_find_a_way_or_are_told() -> None:
    found, told, _ = answers(3, np.pi, 5)
    assert found + told == 3 and found > 0 and told > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("span", [np.pi, 2 * np.pi - 0.1])
def test_five_hundred_random_poses_find_a_way_or_are_told(span: float) -> None:
    found, told, _ = answers(500, span, 3)
    print(f"within {np.rad2deg(span):.0f} degrees: {found} of 500 find a way home, {told} are told what to jog")
    assert found + told == 500 and found > 50
