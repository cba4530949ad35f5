"""How late a stop comes on a busy machine: `python -m support.stop_times` (in test/) prints a table.

A real controller is no process of this machine. So the simulated one and who watches it get real-time priority where
that is allowed, and only planner and ur_rtde process compete with the load; `--plain` lets all compete. Times are the
controller's own, ways those of its true joints.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import numpy as np
from support.controller_process import ADMIN_PORT, ROOT, Running
from support.moving_arm import CB3, PLANNER_READY, cell_of, robot

PATIENCE = 20.0
FAULTS = ("cancelled", "planner frozen", "planner killed", "child frozen", "child killed", "safeguard")
SPEED, WAY = 1.0, 3.0  # of the first joint [rad/s, rad]
#: A busy process and how many of them the issue's figures were seen with.
_BUSY, LOAD = ("sh", "-c", "while :; do :; done"), 15
NICE = -10  # as planner_node asks for
_CONTROLLER, _WATCHER = 30, 20  # real-time priorities

#: Tells the process id of its child when it is ready; "go" begins the move, "cancel" stops it.
_PLANNER = (
    PLANNER_READY
    + """
import threading
for word in sys.stdin:
    if word == "go\\n":
        threading.Thread(target=lambda: print(arm.move(move, lambda: False).status.value, flush=True)).start()
    else:
        arm.cancel()
arm.disconnect()
"""
)


class StoppedBeforeError(Exception):
    """The load stopped the move before the fault came: that is safe, and nothing was measured."""


class StopTime(NamedTuple):
    """From the fault to standstill: the controller's time and ours [s], joint angle [rad] and way of the TCP [m]."""

    seconds: float
    wall: float
    radians: float
    metres: float


class _Truth:
    """True state over the admin port."""

    def __init__(self, ip: str) -> None:
        self._socket = socket.create_connection((ip, ADMIN_PORT), timeout=60)
        self._lines = self._socket.makefile("rwb")

    def read(self) -> tuple[float, np.ndarray, float]:
        """Time [s], joints [rad], and the speed of the fastest joint [rad/s]."""
        self._lines.write(b'{"command": "state"}\n')
        self._lines.flush()
        state = json.loads(self._lines.readline())
        return state["time"], np.array(state["q"]), max(map(abs, state["qd"]))

    def until(self, condition: Callable[[np.ndarray, float], bool]) -> tuple[float, np.ndarray]:
        """Time and joints once joints and speed meet the condition."""
        end = time.monotonic() + PATIENCE
        while True:
            stamp, q, speed = self.read()
            if condition(q, speed):
                return stamp, q
            if time.monotonic() > end:
                raise StoppedBeforeError
            time.sleep(0.003)

    def until_in_time(self) -> None:
        """Until the controller has caught up with what it missed: before, its time runs faster than ours."""
        end, rate = time.monotonic() + PATIENCE, 2.0
        while rate > 1.03:
            if time.monotonic() > end:
                raise StoppedBeforeError
            (began, _, _), clock = self.read(), time.monotonic()
            time.sleep(0.3)
            (ended, _, _), now = self.read(), time.monotonic()
            rate = (ended - began) / (now - clock)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute without end."""
    running = [subprocess.Popen(_BUSY) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def real_time(priority: int, process: int = 0) -> bool:
    """Whether a process (0: this one) was given that real-time priority; 0 takes it back."""
    # Whoever it starts is not to inherit it.
    policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK if priority else os.SCHED_OTHER
    try:
        for task in os.listdir(f"/proc/{process or os.getpid()}/task"):
            os.sched_setscheduler(int(task), policy, os.sched_param(priority))
    except PermissionError:
        return False
    return True


def measure(fault: str, load: int, model: str = CB3, plain: bool = False, nice: int = NICE) -> StopTime:
    """One fault in the middle of a move at 1 rad/s, with a load that began after the planner was ready.

    Args:
        fault: one of `FAULTS`.
        load: how many busy processes.
        model: of the controller.
        plain: leave the controller the priority that it gives itself.
        nice: nice value of planner and child, where it is allowed.
    """
    with ExitStack() as stack:
        running = stack.enter_context(robot(model))
        truth = _Truth(running.ip)
        process, child = _start_planner(running, model, nice)
        stack.callback(process.wait)
        stack.callback(process.kill)
        stack.callback(_end, child)  # a frozen one would wait for ever
        if real_time(_WATCHER):
            stack.callback(real_time, 0)
        if not plain:
            real_time(_CONTROLLER, running.process.pid)
        stack.enter_context(busy(load))
        time.sleep(0.5)  # until they all run
        truth.until_in_time()
        _, begin, _ = truth.read()
        _say(process, "go")
        truth.until(lambda q, speed: abs(q[0] - begin[0]) > 0.7)
        (began, there, _), clock = truth.read(), time.monotonic()
        _break(fault, process, child, running)
        ended, stands = truth.until(lambda q, speed: speed < 1e-4)
        wall = time.monotonic() - clock
    return StopTime(ended - began, wall, abs(stands[0] - there[0]), _radius(model, there) * abs(stands[0] - there[0]))


def _start_planner(running: Running, model: str, nice: int) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-c", _PLANNER, running.ip, cell_of(model).arm, str(WAY), str(SPEED)]
    process = subprocess.Popen(
        ["nice", "-n", str(nice), *command], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _end(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _say(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()


def _break(fault: str, process: subprocess.Popen[str], child: int, running: Running) -> None:
    if fault == "cancelled":
        _say(process, "cancel")
    elif fault == "safeguard":
        running.admin("safeguard")
    else:
        who, how = fault.split()
        os.kill(process.pid if who == "planner" else child, signal.SIGSTOP if how == "frozen" else signal.SIGKILL)


def _radius(model: str, q: np.ndarray) -> float:
    """Distance of the TCP from the axis of the first joint [m]."""
    cell = cell_of(model)
    return float(np.hypot(*(cell.kinematics.forward(q) @ cell.T_flange_tcp)[:2, 3]))


def main() -> None:
    """Print a line for each fault, with and without load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=CB3)
    parser.add_argument("--load", type=int, nargs="+", default=[0, LOAD])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--nice", type=int, default=NICE)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--faults", nargs="+", default=list(FAULTS))
    a = parser.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {a.model}, nice {a.nice}, plain {a.plain}")
    for load in a.load:
        for fault in a.faults:
            found, lost = [], 0
            while len(found) < a.times and lost < a.times:
                try:
                    found.append(measure(fault, load, a.model, a.plain, a.nice))
                except StoppedBeforeError:
                    lost += 1
            if not found:
                print(f"load {load:2d}  {fault:15s} stopped before the fault {lost} times", flush=True)
                continue
            worst = StopTime(*(max(values) for values in zip(*found, strict=True)))
            every = " ".join(f"{one.seconds:.3f}" for one in found)
            times = f"{worst.seconds:.3f} s (ours {worst.wall:.3f})"
            way = f"{worst.radians:.3f} rad {worst.metres * 1e3:.0f} mm"
            print(f"load {load:2d}  {fault:15s} worst {times} {way}  each {every}, {lost} lost", flush=True)


if __name__ == "__main__":
    main()
