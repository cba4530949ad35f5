"""Stops that come and go, and programs that nobody leads any more: nothing may wake up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from support.controller_process import Running
from support.moving_arm import (
    CB3,
    E_SERIES,
    PATIENCE,
    STOP_WORD,
    STOPPED,
    assert_nothing_moves,
    joint,
    moving,
    planner,
    robot,
    runtime,
    stands,
    until,
)

from gpnet_ros.devices.arm import MoveStatus
from gpnet_ros.devices.ur.child import stop_reason
from gpnet_ros.motion import Move

BRAKED = 0.35  # rad: at 1 rad/s the controller brakes within 0.09 rad, and a busy computer reacts late


@pytest.fixture(params=[CB3, E_SERIES])
def model(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def running(model: str) -> Iterator[Running]:
    with robot(model) as it:
        yield it


def guard(running: Running, seconds: float) -> None:
    running.admin("safeguard")
    time.sleep(seconds)  # this is the fault: how long the guard stands open
    running.admin("release", resumes=True)


def pendant(running: Running, seconds: float) -> None:
    running.admin("pendant", button="pause")
    time.sleep(seconds)
    running.admin("pendant", button="play")


@pytest.mark.parametrize(
    ("fault", "seconds"), [(guard, 0.0), (guard, 0.03), (guard, 0.1), (pendant, 0.0), (pendant, 0.08)]
)
def test_stop_that_goes_by_itself_has_stopped_for_good(
    running: Running, model: str, fault: Callable[[Running, float], None], seconds: float
) -> None:
    with moving(running, model) as (arm, results, thread):
        before = joint(running)
        fault(running, seconds)
        thread.join(PATIENCE)
        assert results[0].status is MoveStatus.STOPPED
        assert until(lambda: runtime(running) == STOPPED and stands(running))
        assert abs(joint(running) - before) < BRAKED
        assert until(lambda: arm.state().status == "needs_resume")
        assert_nothing_moves(running)
        assert arm.move(Move("on", "joint", 1.0, 2.0, q=arm.state().q), lambda: False).status is MoveStatus.REFUSED
        arm.resume()
        assert arm.state().status == "ready"


def test_reduced_mode_is_no_stop(running: Running, model: str) -> None:
    with moving(running, model) as (arm, results, thread):
        running.admin("reduced")
        thread.join(PATIENCE)
        assert results[0].status is MoveStatus.ARRIVED and arm.state().status == "ready"


@pytest.mark.parametrize(
    ("bits", "runtime", "stops"),
    [(0x1, 2, False), (0x2, 2, False), (0x3, 2, False), (0x0, 2, True), (0x410, 2, True), (0x8, 2, True),
     (0x101, 2, True), (0x1, 4, True), (0x1, 1, True)],
)  # fmt: skip
def test_only_normal_and_reduced_mode_with_a_program_that_plays_go_on(bits: int, runtime: int, stops: bool) -> None:
    assert bool(stop_reason(bits, runtime)) is stops


# --- a program that nobody leads ------------------------------------------------------------------------
@pytest.mark.parametrize("remote", [True, False])
def test_child_killed_behind_an_open_guard_leaves_nothing_that_wakes_up(
    running: Running, model: str, remote: bool
) -> None:
    with moving(running, model) as (arm, results, thread):
        assert arm._link is not None
        child = arm._link.process.pid
        running.admin("remote", on=remote)
        os.kill(child, signal.SIGSTOP)  # it sees nothing of the guard any more, and ...
        running.admin("safeguard")
        os.kill(child, signal.SIGKILL)
        thread.join(PATIENCE)
        assert results[0].status is MoveStatus.LINK_LOST
        assert until(lambda: stands(running))
        if remote:
            assert until(lambda: runtime(running) == STOPPED)
        else:  # the dashboard refuses: the word that ends the program waits for it
            assert until(lambda: running.admin("state")["command_word"] == STOP_WORD)
        running.admin("release", resumes=True)
        assert_nothing_moves(running)
        assert until(lambda: runtime(running) == STOPPED)


def test_guard_in_local_mode_ends_the_program_before_it_wakes_up(running: Running, model: str) -> None:
    with moving(running, model) as (_, results, thread):
        running.admin("remote", on=False)
        running.admin("safeguard")
        thread.join(PATIENCE)
        assert results[0].status is MoveStatus.STOPPED
        assert until(lambda: running.admin("state")["command_word"] == STOP_WORD)
        running.admin("release", resumes=True)
        assert_nothing_moves(running)
        assert until(lambda: runtime(running) == STOPPED)


def test_link_cut_with_the_guard_is_made_good_when_it_is_back(running: Running, model: str) -> None:
    with moving(running, model) as (_, results, thread):
        running.admin("safeguard")
        running.admin("drop", reset=True, refuse=1.0)
        thread.join(PATIENCE)
        assert results[0].status in (MoveStatus.LINK_LOST, MoveStatus.STOPPED)
        assert until(lambda: runtime(running) == STOPPED)
        running.admin("release", resumes=True)
        assert_nothing_moves(running)


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("first", ["guard", "planner"])
def test_planner_killed_about_an_opened_guard_leaves_nothing_that_wakes_up(
    running: Running, model: str, first: str, remote: bool
) -> None:
    with planner(running, model, way=2.4, speed=1.0) as leader:
        running.admin("remote", on=remote)
        order: list[Callable[[], object]] = [lambda: running.admin("safeguard"), leader.process.kill]
        for act in order if first == "guard" else reversed(order):
            act()
        assert until(lambda: stands(running))
        assert until(lambda: runtime(running) == STOPPED or running.admin("state")["command_word"] == STOP_WORD)
        running.admin("release", resumes=True)
        assert_nothing_moves(running)
        assert until(lambda: runtime(running) == STOPPED)
