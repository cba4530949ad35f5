"""Stops that come and go, and programs that nobody leads any more: nothing may wake up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from support.controller_process import ROOT, Running, controller

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import MoveResult, MoveStatus
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.child import stop_reason
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.motion import Move

CELL = Cell()
STOPPED, PAUSED = 1, 4  # runtime_state
PATIENCE = 20.0
WAY = 2.4  # rad, of the move in which the fault comes
BRAKED = 0.35  # rad: at 1 rad/s the controller brakes within 0.09 rad, and a busy computer reacts late


def until(condition, seconds: float = PATIENCE) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def joint(running: Running) -> float:
    return running.admin("state")["q"][0]


def runtime(running: Running) -> int:
    return running.admin("state")["runtime_state"]


def stands(running: Running) -> bool:
    return max(map(abs, running.admin("state")["qd"])) < 1e-6


@contextmanager
def moving(running: Running) -> Iterator[tuple[UrArm, list[MoveResult], threading.Thread]]:
    """A ready arm in the middle of a long move at 1 rad/s."""
    arm = UrArm(UrSettings(robot_ip=running.ip), CELL)
    arm.connect()
    try:
        arm.resume()
        start = arm.state().q
        move = Move("carry", "joint", 1.0, 2.0, q=start - np.array([WAY, 0, 0, 0, 0, 0]))
        results: list[MoveResult] = []
        thread = threading.Thread(target=lambda: results.append(arm.move(move, lambda: False)), daemon=True)
        thread.start()
        assert until(lambda: abs(joint(running) - start[0]) > 0.4)
        yield arm, results, thread
    finally:
        arm.disconnect()


def assert_nothing_moves(running: Running, seconds: float = 0.7) -> None:
    """Over a while in which a program that woke up would have moved by itself."""
    where = running.admin("state")["q"]
    until(lambda: running.admin("state")["q"] != where, seconds)
    assert np.abs(np.subtract(running.admin("state")["q"], where)).max() == 0.0


def guard(running: Running, seconds: float) -> None:
    running.admin("safeguard")
    time.sleep(seconds)  # this is the fault: how long the guard stands open
    running.admin("release", resumes=True)


def pendant(running: Running, seconds: float) -> None:
    running.admin("pendant", button="pause")
    time.sleep(seconds)
    running.admin("pendant", button="play")


@pytest.mark.parametrize(("fault", "seconds"), [(guard, 0.03), (guard, 0.1), (pendant, 0.03), (pendant, 0.08)])
def test_stop_that_goes_by_itself_has_stopped_for_good(fault, seconds: float) -> None:
    with controller() as running, moving(running) as (arm, results, thread):
        before = joint(running)
        fault(running, seconds)
        thread.join(PATIENCE)
        assert results[0].status is MoveStatus.STOPPED
        assert until(lambda: runtime(running) == STOPPED and stands(running))
        assert abs(joint(running) - before) < BRAKED
        assert arm.state().status == "needs_resume"
        assert_nothing_moves(running)
        assert arm.move(Move("on", "joint", 1.0, 2.0, q=arm.state().q), lambda: False).status is MoveStatus.REFUSED
        arm.resume()
        assert arm.state().status == "ready"


def test_reduced_mode_is_no_stop() -> None:
    with controller() as running, moving(running) as (arm, results, thread):
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
def test_child_killed_behind_an_open_guard_leaves_nothing_that_wakes_up(remote: bool) -> None:
    with controller() as running, moving(running) as (arm, results, thread):
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
            assert until(lambda: running.admin("state")["command_word"] == 34)
        running.admin("release", resumes=True)
        assert_nothing_moves(running)
        assert until(lambda: runtime(running) == STOPPED)


def test_guard_in_local_mode_ends_the_program_before_it_wakes_up() -> None:
    with controller() as running, moving(running) as (_, results, thread):
        running.admin("remote", on=False)
        running.admin("safeguard")
        thread.join(PATIENCE)
        assert results[0].status is MoveStatus.STOPPED
        assert until(lambda: running.admin("state")["command_word"] == 34)
        running.admin("release", resumes=True)
        assert_nothing_moves(running)
        assert until(lambda: runtime(running) == STOPPED)


def test_link_cut_with_the_guard_is_made_good_when_it_is_back() -> None:
    with controller() as running, moving(running) as (_, results, thread):
        running.admin("safeguard")
        running.admin("drop", reset=True, refuse=1.0)
        thread.join(PATIENCE)
        assert results[0].status in (MoveStatus.LINK_LOST, MoveStatus.STOPPED)
        assert until(lambda: runtime(running) == STOPPED)
        running.admin("release", resumes=True)
        assert_nothing_moves(running)


PLANNER = """
import sys, time
from gpnet_ros.cell import Cell
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.motion import Move
arm = UrArm(UrSettings(robot_ip=sys.argv[1]), Cell())
arm.connect()
arm.resume()
q = arm.state().q.copy()
q[0] -= 2.4
print("ready", flush=True)
arm.move(Move("carry", "joint", 1.0, 2.0, q=q), lambda: False)
time.sleep(60)
"""


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("first", ["guard", "planner"])
def test_planner_killed_about_an_opened_guard_leaves_nothing_that_wakes_up(first: str, remote: bool) -> None:
    with controller() as running:
        start = joint(running)
        planner = subprocess.Popen([sys.executable, "-c", PLANNER, running.ip], cwd=ROOT)
        try:
            assert until(lambda: abs(joint(running) - start) > 0.4, 60.0)
            running.admin("remote", on=remote)
            order = [lambda: running.admin("safeguard"), planner.kill]
            for act in order if first == "guard" else reversed(order):
                act()
            assert until(lambda: stands(running))
            assert until(lambda: runtime(running) == STOPPED or running.admin("state")["command_word"] == 34)
            running.admin("release", resumes=True)
            assert_nothing_moves(running)
            assert until(lambda: runtime(running) == STOPPED)
        finally:
            planner.kill()
            planner.wait()
