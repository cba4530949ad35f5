"""A UR arm in mid-move on a simulated controller of either series, and planners of their own that move one."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from support.controller_process import ROOT, Running, controller

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.devices.arm import MoveResult
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.motion import Move

#: Models of the simulated controller: CB3 with a cycle of 8 ms, e-Series with one of 2 ms.
CB3, E_SERIES = "ur10-cb3", "ur10e"
STOPPED, PAUSED = 1, 4  # runtime_state
STOP_WORD = 34  # ur_rtde's stopj, in the register from which its program reads commands
PATIENCE = 20.0


def cell_of(model: str) -> Cell:
    """The shipped cell with the arm of that controller."""
    return replace(load_cell(), arm="ur10e" if model == E_SERIES else "ur10")


@contextmanager
def robot(model: str, *arguments: str, factor: float = 1.0) -> Iterator[Running]:
    """A simulated controller of that model."""
    with controller("--model", model, *arguments, factor=factor) as running:
        yield running


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether the condition came true in time."""
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


def assert_nothing_moves(running: Running, seconds: float = 0.7) -> None:
    """Over a while in which a program that woke up would have moved by itself."""
    where = running.admin("state")["q"]
    until(lambda: running.admin("state")["q"] != where, seconds)
    assert np.abs(np.subtract(running.admin("state")["q"], where)).max() == 0.0


@contextmanager
def moving(
    running: Running, model: str, way: float = 2.4
) -> Iterator[tuple[UrArm, list[MoveResult], threading.Thread]]:
    """A ready arm in the middle of a move of its first joint by `way` [rad] at 1 rad/s."""
    arm = UrArm(UrSettings(robot_ip=running.ip), cell_of(model))
    arm.connect()
    try:
        arm.resume()
        start = arm.state().q
        move = Move("carry", "joint", 1.0, 2.0, q=start - np.array([way, 0, 0, 0, 0, 0]))
        results: list[MoveResult] = []
        thread = threading.Thread(target=lambda: results.append(arm.move(move, lambda: False)), daemon=True)
        thread.start()
        assert until(lambda: abs(joint(running) - start[0]) > 0.4)
        yield arm, results, thread
    finally:
        arm.disconnect()


#: Beginning of a planner as a process of its own: ready for a long move of the first joint.
PLANNER_READY = """
import sys
from dataclasses import replace
from gpnet_ros.cell import load_cell
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.motion import Move
ip, name, way, speed = sys.argv[1:]
arm = UrArm(UrSettings(robot_ip=ip), replace(load_cell(), arm=name))
arm.connect()
arm.resume()
q = arm.state().q.copy()
q[0] -= float(way)
move = Move("long", "joint", float(speed), 2.0, q=q)
print(arm._link.process.pid, flush=True)
"""
#: Moves the first joint; tells the process id of its child, then how the move ended; leaves when its input ends.
_PLANNER = (
    PLANNER_READY
    + """
result = arm.move(move, lambda: False)
print(result.status.value, arm.state().status, flush=True)
sys.stdin.read()
arm.disconnect()
"""
)


class Planner:
    """A process that moves the arm."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process, self._lines = process, process.stdout
        self.child = int(self._lines.readline())

    def result(self) -> list[str]:
        """How the move ended, and the status of the arm after it."""
        return self._lines.readline().split()

    def leave(self) -> int:
        """Let go of the robot in order; the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE)


@contextmanager
def planner(running: Running, model: str, way: float, speed: float) -> Iterator[Planner]:
    """A process of its own in the middle of a move of the first joint by `way` [rad] at `speed` [rad/s]."""
    start = joint(running)
    command = [sys.executable, "-c", _PLANNER, running.ip, cell_of(model).arm, str(way), str(speed)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    try:
        yielded = Planner(process)
        assert until(lambda: abs(joint(running) - start) > min(0.05 + 0.4 * speed, way / 2), 60.0)
        yield yielded
    finally:
        process.kill()
        process.wait()
        for pipe_end in (process.stdin, process.stdout):
            if pipe_end is not None:
                pipe_end.close()
