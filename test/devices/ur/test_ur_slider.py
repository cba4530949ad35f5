"""The speed slider of the pendant, at any share and changed in mid-move, through the real ur_rtde child."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from support.controller_process import Running, controller

from gpnet_ros.cell import load_cell
from gpnet_ros.devices.arm import MoveResult, MoveStatus
from gpnet_ros.devices.robotiq import RobotiqGripper, RobotiqSettings
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.height_map import HeightMap
from gpnet_ros.motion import Move, Plan, plan_pick
from gpnet_ros.picking.runner import PickResult, PickStatus, run_plan
from gpnet_ros.pose import transform
from gpnet_ros.safety import check

CELL = load_cell()
PATIENCE = 30.0
TABLE = HeightMap((0.39, -0.26), 0.002, np.zeros((261, 261), np.float32))


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def never() -> bool:
    return False


def where(running: Running) -> np.ndarray:
    return np.array(running.admin("state")["q"])


def assert_nothing_moves(running: Running, seconds: float = 1.0) -> None:
    """Over a while in which a move that goes on would be seen."""
    before = where(running)
    until(lambda: bool((where(running) != before).any()), seconds)
    assert (where(running) == before).all()


@contextmanager
def ready(*arguments: str) -> Iterator[tuple[Running, UrArm]]:
    """A controller and an arm that a person has resumed."""
    with controller(*arguments) as running:
        arm = UrArm(UrSettings(robot_ip=running.ip), CELL)
        arm.connect()
        try:
            arm.resume()
            yield running, arm
        finally:
            arm.disconnect()


class Turning:
    """A quarter of a radian about the base at 0.5 rad/s, in a thread of its own."""

    def __init__(self, arm: UrArm) -> None:
        self.goal = arm.state().q - np.array([0.25, 0, 0, 0, 0, 0])
        self.result: MoveResult | None = None
        self._thread = threading.Thread(target=self._run, args=(arm,), daemon=True)
        self._thread.start()

    def _run(self, arm: UrArm) -> None:
        self.result = arm.move(Move("turn", "joint", 0.5, 1.0, q=self.goal), never)

    def end(self) -> MoveResult:
        self._thread.join(PATIENCE)
        assert self.result is not None, "the move did not come back"
        return self.result


def waits(arm: UrArm) -> bool:
    state = arm.state()
    return state.status == "moving" and "slider is at zero" in state.message


@pytest.fixture(scope="module")
def robot() -> Iterator[tuple[Running, UrArm]]:
    with ready() as made:
        yield made


@pytest.mark.parametrize("slider", [pytest.param(0.05, marks=pytest.mark.slow), 0.1])
def test_guarded_descent_arrives_and_meets_contact_at_a_low_slider(slider: float) -> None:
    with ready("--contact-height", "0.2") as (running, arm):
        T = arm.state().T_base_tcp.copy()
        T[2, 3] = 0.212
        assert arm.move(Move("above", "linear", 0.3, 0.8, T_base_tcp=T), never).ok
        running.admin("slider", value=slider)
        free, deep = T.copy(), T.copy()
        free[2, 3], deep[2, 3] = 0.206, 0.15
        result = arm.move(Move("free", "descend", 0.05, 0.3, T_base_tcp=free, force_limit=30.0), never)
        assert result.status is MoveStatus.ARRIVED and result.force_peak < 1.0
        result = arm.move(Move("down", "descend", 0.05, 0.3, T_base_tcp=deep, force_limit=30.0), never)
        assert result.status is MoveStatus.CONTACT and 30.0 < result.force_peak < 60.0
        assert arm.state().status == "ready"


def test_at_zero_a_move_waits_and_says_so_and_goes_on(robot: tuple[Running, UrArm]) -> None:
    running, arm = robot
    running.admin("slider", value=0.0)
    turning = Turning(arm)
    assert until(lambda: waits(arm))
    assert_nothing_moves(running, 3.0)  # longer than a move may stand for no reason
    assert waits(arm) and turning.result is None
    running.admin("slider", value=1.0)
    assert turning.end().status is MoveStatus.ARRIVED
    assert arm.state().message == "" and np.abs(where(running) - turning.goal).max() < 2e-3


def test_slider_that_changes_in_mid_move(robot: tuple[Running, UrArm]) -> None:
    running, arm = robot
    start = where(running)
    turning = Turning(arm)
    for share, way in ((0.5, 0.05), (0.05, 0.1), (0.0, 0.0), (0.02, 0.11), (1.0, 0.12)):
        running.admin("slider", value=share)
        assert until(lambda: waits(arm) if share == 0.0 else np.abs(where(running) - start).max() > way)  # noqa: B023
    assert turning.end().status is MoveStatus.ARRIVED
    assert np.abs(where(running) - turning.goal).max() < 2e-3


def test_cancel_while_a_move_waits_works_at_once_and_for_good(robot: tuple[Running, UrArm]) -> None:
    running, arm = robot
    for value in (0.0, 1.0):
        running.admin("slider", value=value)
        turning = Turning(arm)
        assert until(lambda: waits(arm) if value == 0.0 else arm.state().status == "moving")  # noqa: B023
        arm.cancel()
        assert turning.end().status is MoveStatus.CANCELLED
        assert until(lambda: arm.state().is_still)
        running.admin("slider", value=1.0)
        assert_nothing_moves(running)
        assert arm.state().status == "ready"


@pytest.mark.parametrize("stop", ["safeguard", "pstop", "pause"])
def test_stop_while_a_move_waits_ends_the_program(stop: str) -> None:
    with ready() as (running, arm):
        running.admin("slider", value=0.0)
        turning = Turning(arm)
        assert until(lambda: waits(arm))
        running.admin("pendant", button="pause") if stop == "pause" else running.admin(stop)
        assert turning.end().status is MoveStatus.STOPPED
        assert until(lambda: running.admin("state")["runtime_state"] == 1)  # stopped: nothing is left to go on
        running.admin("release", resumes=True)
        running.admin("slider", value=1.0)
        running.admin("pendant", button="play")
        assert_nothing_moves(running)
        assert arm.state().status != "ready" and not waits(arm)


def pick(running: Running, arm: UrArm, slider: float) -> tuple[Plan, PickResult]:
    """One pick from home at a slider; home is gone to at full speed."""
    gripper = RobotiqGripper(RobotiqSettings(robot_ip=running.ip))
    try:
        gripper.activate()
        running.admin("slider", value=1.0)
        assert arm.move(Move("home", "joint", 1.0, 1.5, q=np.array(CELL.home)), never).ok
        q = arm.state().q
        grasp = transform(np.diag([1.0, -1.0, -1.0]), (0.65, 0.02, 0.03))
        plan = check(plan_pick(grasp, 0.06, q, CELL, heap_top=0.06), CELL, q, TABLE)
        running.admin("slider", value=slider)
        return plan, run_plan(plan, arm, gripper, never)
    finally:
        gripper.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whole_pick_at_five_percent() -> None:
    with ready("--object-position", "120") as (running, arm):
        for _ in range(4):  # minutes of motion: on a busy machine a watchdog may stop the arm once
            plan, result = pick(running, arm, 0.05)
            if result.status is not PickStatus.LINK_LOST and "heartbeat" not in result.message:
                break
            assert until(lambda: arm.state().status == "needs_resume")
            arm.resume()
        assert result.status is PickStatus.PICKED, result
        assert list(result.times) == [step.name for step in plan.steps]
        print({name: round(seconds, 1) for name, seconds in result.times.items()})
