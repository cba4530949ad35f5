"""A move is judged by poses, forces and standstill; every verdict has a twin that must not get it."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.devices.arm import MoveStatus
from gpnet_ros.devices.ur.move import STOP_PATIENCE, STUCK_MOVING, ArmSample, MoveOrder, MoveOutcome, RunningMove, turn
from gpnet_ros.pose import distance, from_rotvec

START = [0.6, 0.0, 0.3, 2.2, 2.2, 0.0]
GOAL = [0.6, 0.0, 0.2, 2.2, 2.2, 0.0]
STEP = 0.01


class Robot:
    """Counts what it was told; the samples say what it does."""

    def __init__(self, kind: str = "linear", target: list[float] | None = None, obeys: bool = True) -> None:
        self.started = self.stopped = 0
        self.obeys, self.now = obeys, 100.0
        order = MoveOrder(7, kind, target or GOAL, 0.1, 0.5, 30.0)
        self.move = RunningMove(order, self._start, self._stop, self.now)

    def _start(self) -> bool:
        self.started += 1
        return self.obeys

    def _stop(self) -> None:
        self.stopped += 1

    def sample(
        self,
        tcp: list[float],
        speed: float = 0.0,
        force: float = 0.0,
        finished: bool = False,
        slider: float = 1.0,
        scaling: float = 1.0,
    ) -> ArmSample:
        self.now += STEP
        wrench = [0.0, 0.0, force, 0.0, 0.0, 0.0]
        return ArmSample(self.now, tcp, [speed] * 6, tcp, wrench, finished, slider, scaling)

    def feed(self, seconds: float, tcp: list[float], **what: float) -> MoveOutcome | None:
        for _ in range(round(seconds / STEP)):
            outcome = self.move.follow(self.sample(tcp, **what))  # type: ignore[arg-type]
            if outcome is not None:
                return outcome
        return None


def status(outcome: MoveOutcome | None) -> MoveStatus | None:
    return None if outcome is None else MoveStatus(outcome.status)


def test_arrives_at_the_goal_at_rest() -> None:
    robot = Robot()
    assert robot.feed(0.3, START, speed=0.2) is None
    assert status(robot.feed(0.3, GOAL, finished=True)) is MoveStatus.ARRIVED
    assert robot.started == 1 and robot.stopped == 0


@pytest.mark.parametrize(
    ("tcp", "speed", "finished"),
    [
        (GOAL, 0.2, True),  # still moving
        (GOAL, 0.0, False),  # the program still moves
        ([0.6, 0.0, 0.2012, 2.2, 2.2, 0.0], 0.0, True),  # 1.2 mm away
        ([0.6, 0.0, 0.2, 2.2, 2.22, 0.0], 0.0, True),  # turned by more than half a degree
    ],
)
def test_does_not_arrive(tcp: list[float], speed: float, finished: bool) -> None:
    robot = Robot()
    robot.feed(0.1, START, speed=0.2)
    assert robot.feed(0.4, tcp, speed=speed, finished=finished) is None


def test_rotation_vectors_beyond_half_a_turn_are_the_same_pose() -> None:
    robot = Robot(target=[0.6, 0.0, 0.2, 3.14159265, 0.0, 0.0])
    robot.feed(0.1, START, speed=0.2)
    assert status(robot.feed(0.3, [0.6, 0.0, 0.2, -3.14159265, 0.0, 0.0], finished=True)) is MoveStatus.ARRIVED


def test_turn_is_the_angle_between_the_rotations() -> None:
    rng = np.random.default_rng(3)
    for a, b in rng.uniform(-3, 3, (200, 2, 3)):
        T_a, T_b = from_rotvec([0, 0, 0, *a]), from_rotvec([0, 0, 0, *b])
        assert turn(list(a), list(b)) == pytest.approx(distance(T_a, T_b)[1], abs=1e-6)
    assert turn([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]) == 0.0


def test_joint_move_is_judged_in_joints() -> None:
    goal = [0.1, -1.5, 1.5, -1.5, -1.5, 0.0]
    near = [0.1, -1.5, 1.5, -1.5, -1.5, 0.0025]
    robot = Robot("joint", goal)
    robot.feed(0.1, START, speed=0.2)
    assert robot.feed(0.3, near, finished=True) is None
    robot = Robot("joint", goal)
    robot.feed(0.1, START, speed=0.2)
    assert status(robot.feed(0.3, goal, finished=True)) is MoveStatus.ARRIVED


def test_descent_ends_in_contact_above_the_mean_before_it() -> None:
    robot = Robot("descend")
    robot.feed(0.3, START, force=-12.0)  # the offset that every real sensor has
    assert robot.started == 1
    assert robot.feed(0.3, START, speed=0.05, force=-41.0) is None  # 29 N above the mean
    assert robot.stopped == 0
    assert robot.feed(0.05, START, speed=0.05, force=-43.0) is None  # 31 N: stops, but is not at rest yet
    assert robot.stopped == 1
    outcome = robot.feed(0.1, START, force=-43.0)
    assert outcome is not None and status(outcome) is MoveStatus.CONTACT
    assert outcome.force_peak == pytest.approx(31.0)


def test_linear_move_pays_no_attention_to_force() -> None:
    robot = Robot("linear")
    robot.feed(0.3, START, speed=0.1, force=80.0)
    assert robot.stopped == 0


def test_descent_waits_for_rest_before_it_takes_the_mean() -> None:
    robot = Robot("descend")
    robot.feed(0.3, START, speed=0.1, force=50.0)
    assert robot.started == 0


def test_cancel_stops_and_reports_at_rest() -> None:
    robot = Robot()
    robot.feed(0.2, START, speed=0.2)
    robot.move.end(MoveStatus.CANCELLED, "Cancelled.", robot.now)
    robot.move.end(MoveStatus.STOPPED, "later", robot.now)
    assert robot.feed(0.2, START, speed=0.2) is None
    assert status(robot.feed(0.2, START)) is MoveStatus.CANCELLED
    assert robot.stopped == 1


def test_cancel_before_the_start_moves_nothing() -> None:
    robot = Robot("descend")
    robot.move.end(MoveStatus.CANCELLED, "Cancelled.", robot.now)
    assert status(robot.feed(0.2, START)) is MoveStatus.CANCELLED
    assert robot.started == 0 and robot.stopped == 0


def test_halted_robot_is_sent_no_stop() -> None:
    robot = Robot()
    robot.feed(0.2, START, speed=0.2)
    robot.move.end(MoveStatus.STOPPED, "protective stop", robot.now, halted=True)
    assert status(robot.feed(0.2, START)) is MoveStatus.STOPPED
    assert robot.stopped == 0


def test_standing_short_of_the_goal_is_a_timeout() -> None:
    robot = Robot()
    robot.feed(0.2, START, speed=0.2)
    assert robot.feed(STUCK_MOVING - 0.1, START) is None
    outcome = robot.feed(0.3, START)
    assert status(outcome) is MoveStatus.TIMEOUT and "100.0 mm" in str(outcome)
    assert robot.stopped == 1  # or the move would go on when somebody turns the slider up


def descend(slider: float, speed: float, kind: str = "linear") -> MoveOutcome | None:
    """The whole way from START to GOAL at a speed [m/s], as a controller with this slider would go it."""
    robot = Robot(kind)
    robot.feed(0.3, START, slider=slider)
    for z in np.arange(START[2], GOAL[2], -speed * STEP):
        found = robot.feed(STEP, [*START[:2], z, *START[3:]], speed=speed, slider=slider)
        if found is not None:
            return found
    return robot.feed(0.5, GOAL, finished=True, slider=slider)


@pytest.mark.parametrize("slider", [1.0, 0.3, 0.1, 0.05, 0.02, 0.01])
@pytest.mark.parametrize("kind", ["linear", "descend"])
def test_move_that_comes_nearer_has_all_the_time(slider: float, kind: str) -> None:
    assert status(descend(slider, 0.05 * slider, kind)) is MoveStatus.ARRIVED
    crawls = descend(slider, 2e-6, kind)  # a gear that slips, not a slider
    assert status(crawls) is MoveStatus.TIMEOUT


@pytest.mark.parametrize(("slider", "scaling", "least"), [(1.0, 1.0, 2.0), (0.05, 0.05, 6.0), (0.05, 1.0, 6.0)])
def test_standing_for_no_reason_is_a_timeout_at_any_slider(slider: float, scaling: float, least: float) -> None:
    robot = Robot()
    robot.feed(0.2, START, speed=0.2)
    assert robot.feed(least - 0.1, START, slider=slider, scaling=scaling) is None
    outcome = robot.feed(0.3, START, slider=slider, scaling=scaling)
    assert status(outcome) is MoveStatus.TIMEOUT and f"slider of {slider:.0%}" in str(outcome)


def test_at_zero_a_move_waits_and_only_there() -> None:
    robot = Robot()
    robot.feed(0.2, START, speed=0.2)
    assert not robot.move.waits
    assert robot.feed(60.0, START, slider=0.0, scaling=0.0) is None and robot.move.waits
    assert robot.feed(1.5, START) is None and not robot.move.waits  # raised: all its patience is left
    assert status(robot.feed(1.0, START)) is MoveStatus.TIMEOUT


def test_slider_that_is_raised_leaves_patience_in_proportion() -> None:
    robot = Robot()
    robot.feed(0.2, START, speed=0.2)
    assert robot.feed(25.0, START, slider=0.01) is None  # of 30 s
    assert robot.feed(0.2, START) is None
    assert status(robot.feed(0.3, START)) is MoveStatus.TIMEOUT


def test_controller_that_scales_to_nothing_with_the_slider_up_is_not_waited_for() -> None:
    robot = Robot()
    robot.feed(0.2, START, speed=0.2)
    assert status(robot.feed(20.0, START, scaling=0.0)) is MoveStatus.TIMEOUT
    assert not robot.move.waits


def test_move_that_waits_is_cancelled_and_meets_contact_as_any_other() -> None:
    robot = Robot("descend")
    robot.feed(0.5, START, slider=0.0)
    robot.move.end(MoveStatus.CANCELLED, "Cancelled.", robot.now)
    assert not robot.move.waits
    assert status(robot.feed(0.05, START, slider=0.0)) is MoveStatus.CANCELLED
    robot = Robot("descend")
    robot.feed(0.5, START, slider=0.0)
    assert status(robot.feed(0.05, START, slider=0.0, force=31.0)) is MoveStatus.CONTACT


def test_standstill_is_relative_to_what_the_slider_leaves_of_the_speed() -> None:
    # 0.1 rad/s at 5 %: what would count as rest at full speed is motion.
    for slider, moving in ((0.05, True), (1.0, False)):
        robot = Robot()
        robot.feed(0.2, START, speed=0.2)
        robot.move.end(MoveStatus.CANCELLED, "Cancelled.", robot.now)
        assert (robot.feed(0.5, START, speed=0.005, slider=slider) is None) is moving


def test_program_that_ends_early_is_a_stop() -> None:
    robot = Robot()
    robot.feed(0.2, START, speed=0.2)
    assert status(robot.feed(1.0, START, finished=True)) is MoveStatus.STOPPED


@pytest.mark.parametrize(("force", "kind", "finished", "verdict"), [
    (20.0, "descend", True, MoveStatus.CONTACT),  # the arm gives way, and the limit of 30 N is never reached
    (20.0, "linear", True, MoveStatus.STOPPED),
    (10.0, "descend", True, MoveStatus.STOPPED),  # nothing holds it: somebody ended the program
    (20.0, "descend", False, MoveStatus.TIMEOUT),
])  # fmt: skip
def test_descent_that_is_held_short_of_its_goal_met_something(
    force: float, kind: str, finished: bool, verdict: MoveStatus
) -> None:
    robot, short = Robot(kind), [*GOAL[:2], GOAL[2] + 0.002, *GOAL[3:]]
    assert robot.feed(0.5, START, force=7.0) is None  # what hangs there weighs, and is not counted
    assert robot.feed(0.2, short, speed=0.2, force=7.0) is None
    outcome = robot.feed(STUCK_MOVING + 1.0, short, force=7.0 + force, finished=finished)
    assert status(outcome) is verdict
    if verdict is MoveStatus.CONTACT:
        assert outcome is not None and "20.0 N hold the tool 2.0 mm" in outcome.message


def test_refused_order_is_a_stop() -> None:
    robot = Robot(obeys=False)
    assert status(robot.feed(0.2, START)) is MoveStatus.STOPPED


def test_stop_that_never_rests_is_reported_all_the_same() -> None:
    robot = Robot()
    robot.feed(0.2, START, speed=0.2)
    robot.move.end(MoveStatus.CANCELLED, "Cancelled.", robot.now)
    assert robot.feed(STOP_PATIENCE - 0.1, START, speed=0.2) is None
    assert status(robot.feed(0.3, START, speed=0.2)) is MoveStatus.CANCELLED


@pytest.mark.parametrize("kind", ["linear", "joint", "descend"])
def test_outcome_names_its_order_and_lasts_as_long_as_it_took(kind: str) -> None:
    robot = Robot(kind)
    began = robot.now
    robot.feed(0.5, START)
    outcome = robot.feed(0.5, GOAL, finished=True)
    assert outcome is not None and outcome.number == 7
    assert outcome.duration == pytest.approx(robot.now - began)
