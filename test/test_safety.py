"""Safety: every limit is swept from both sides, and NaN and infinity pass nowhere.

The cases are data in `support/judged_plans.py`, so that `test_safety_mutations.py` can run them against broken copies.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from support.judged_plans import CELL, HOME, REFUSALS, SWEEPS, down, heap, limited, line, lowered, pick, shifted

from gpnet_ros import safety
from gpnet_ros.cell import Limits
from gpnet_ros.collision import Terrain
from gpnet_ros.errors import UnsafePlan
from gpnet_ros.motion import Move, Plan, plan_home, plan_hover


@pytest.mark.parametrize("name", SWEEPS)
def test_sweep(name: str) -> None:
    build, inside, outside, word = SWEEPS[name]
    for value in inside:
        arguments = build(value)
        assert safety.check(*arguments) is arguments[0], value
    for value in outside:
        with pytest.raises(UnsafePlan, match=word):
            safety.check(*build(value))


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str) -> None:
    refused, passes = REFUSALS[name]
    safety.check(*passes())
    with pytest.raises(UnsafePlan):
        safety.check(*refused())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_pass_nowhere(bad: float) -> None:
    plan, cell, q, heights = pick()
    safety.check(plan, cell, q, heights)
    poisoned: list[tuple[Plan, Any]] = [(dataclasses.replace(plan, hang=bad), q), (plan, [bad, *q[1:]])]
    poisoned.append((dataclasses.replace(plan, q_start=[bad, *q[1:]]), q))
    for i, step in enumerate(plan.steps):
        for field in dataclasses.fields(step):
            value = getattr(step, field.name)
            for broken in _poison(value, bad):
                steps = (*plan.steps[:i], dataclasses.replace(step, **{field.name: broken}), *plan.steps[i + 1 :])
                poisoned.append((dataclasses.replace(plan, steps=steps), q))
    assert len(poisoned) > 80
    for broken_plan, start in poisoned:
        with pytest.raises(UnsafePlan):
            safety.check(broken_plan, cell, start, heights)


def _poison(value: Any, bad: float) -> list[Any]:
    """The value with each of its numbers replaced, one at a time."""
    if isinstance(value, float):
        return [bad]
    if not isinstance(value, np.ndarray):
        return []
    found = []
    for i in np.ndindex(value.shape):
        broken = value.copy()
        broken[i] = bad
        found.append(broken)
    return found[:13]


@pytest.mark.parametrize("seed", range(6))
def test_joint_accelerations_of_a_line_are_those_of_its_roll_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = shifted(*rng.uniform((-0.25, -0.15, -0.15), (0.25, 0.25, 0.2)))
    speed, acceleration = rng.uniform(0.1, 0.45), rng.uniform(0.4, 1.5)
    way = target[:3, 3] - shifted()[:3, 3]
    length = float(np.linalg.norm(way))
    # The trapezoid of speed in time, integrated, and the joints along it: second differences of what the arm does.
    top = min(speed, np.sqrt(acceleration * length))
    ramp, seconds = top / acceleration, length / top + top / acceleration
    t = np.linspace(0.0, seconds, 801)
    s = np.where(t < ramp, acceleration * t**2 / 2, length - acceleration * (seconds - t) ** 2 / 2)
    s = np.where((t >= ramp) & (t <= seconds - ramp), top * ramp / 2 + top * (t - ramp), s)
    poses = np.tile(shifted(), (len(t), 1, 1))
    poses[:, :3, 3] += s[:, None] / length * way
    q = CELL.kinematics.follow(poses @ np.linalg.inv(CELL.T_flange_tcp), HOME)
    seen = float(np.abs(np.diff(q, 2, axis=0)).max() / (t[1] - t[0]) ** 2)
    move = {"speed": speed, "acceleration": acceleration}
    passes, refused = (limited(line_joint_acceleration=part * seen) for part in (1.35, 0.95))
    safety.check(*line(target, passes, **move))
    with pytest.raises(UnsafePlan, match="joint acceleration on"):
        safety.check(*line(target, refused, **move))


def test_the_message_names_move_limit_and_next_step() -> None:
    with pytest.raises(UnsafePlan, match=r"'line'.*0\.6.*allowed.*0\.5.*m/s; .*another") as caught:
        safety.check(*line(speed=0.6))
    assert "\n" not in str(caught.value)


def test_the_check_says_what_it_is_not() -> None:
    assert safety.__doc__ is not None
    assert safety.__doc__.splitlines()[0].startswith("NOT a safety-rated function")


def test_limits_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CELL.limits.linear_speed = 2.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        CELL.limits = Limits()  # type: ignore[misc]


def test_a_plan_cannot_be_changed_after_it_was_judged() -> None:
    plan = safety.check(*pick())
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.hang = 0.0  # type: ignore[misc]
    for step in plan.steps:
        if isinstance(step, Move):
            array = step.q if step.q is not None else step.T_base_tcp
            assert array is not None
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0.0


def test_every_step_of_a_pick_is_judged() -> None:
    plan, cell, q, heights = pick()
    moves = [step.name for step in plan.steps if isinstance(step, Move)]
    for name in moves:
        steps = tuple(dataclasses.replace(s, speed=9.0) if s.name == name else s for s in plan.steps)
        with pytest.raises(UnsafePlan, match=name):
            safety.check(dataclasses.replace(plan, steps=steps), cell, q, heights)


def test_home_and_hover_pass() -> None:
    T = down(0.65, 0.0, 0.1)
    q = CELL.kinematics.inverse_near(T @ np.linalg.inv(CELL.T_flange_tcp), HOME + [1.5, 0, 0, 0, 0, 0])
    assert q is not None
    safety.check(plan_home(q, CELL), CELL, q)
    safety.check(plan_hover(T, HOME, CELL, 0.1), CELL, HOME, heap(0.1))


def test_the_camera_stands_in_the_way_of_a_high_move() -> None:
    tall = limited(tcp_high=(0.9, 0.35, 1.0))
    lifted = down(0.80, 0.0, 0.30, np.pi / 2)
    q = CELL.kinematics.on_branch(
        lifted @ np.linalg.inv(CELL.T_flange_tcp), CELL.kinematics.branch_of(HOME), HOME + [1.4, 0, 0, 0, 0, 0]
    )
    for z, passes in ((0.40, True), (0.62, False)):
        target = lifted.copy()
        target[2, 3] = z
        plan = Plan("home", (Move("rise", "linear", 0.1, 0.5, T_base_tcp=target),), q)
        if passes:
            safety.check(plan, tall, q)
        else:
            with pytest.raises(UnsafePlan, match=r"camera|boom"):
                safety.check(plan, tall, q)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_ground_without_a_finite_height_is_unknown(value: float) -> None:
    plan, cell, q, _ = lowered(0.60, 0.0, 0.15)
    with pytest.raises(UnsafePlan, match="unknown ground"):
        safety.check(plan, cell, q, heap(0.0, (0.60, 0.0, 0.005, value)))
    safety.check(plan, cell, q, heap(0.0, (0.60, 0.0, 0.005, 0.01)))


def test_links_too_keep_off_unknown_ground() -> None:
    # The forearm comes from the base: at 20 mm above the table the wrists are lower than what may stand under them.
    plan, cell, q, _ = lowered(0.65, 0.0, 0.02)
    for value, refused in ((np.nan, True), (0.05, False)):
        heights = heap(0.0, (0.53, 0.0, 0.04, value))
        if refused:
            with pytest.raises(UnsafePlan, match=r"wrist|forearm"):
                safety.check(plan, cell, q, heights)
        else:
            safety.check(plan, cell, q, heights)


def test_terrain_is_as_high_as_told_where_nothing_is_known() -> None:
    terrain = Terrain(heap(0.01, (0.60, 0.0, 0.001, np.nan)), 0.25)
    at = np.array([[0.60, 0.0], [0.70, 0.1], [1.5, 0.0]])
    np.testing.assert_allclose(terrain.below(at, 0.0), [0.25, 0.01, -np.inf], atol=1e-6)
