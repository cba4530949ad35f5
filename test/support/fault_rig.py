"""Controller, picking loop and a watcher of the true joints, for tests that break something in mid-move."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from support.controller_process import ADMIN_PORT, ROOT
from support.moving_arm import cell_of, robot

PATIENCE, TRIES = 60.0, 3
#: A joint that is slower than this [rad/s] stands; standstill is that for QUIET [s] of the controller's clock.
STANDING, QUIET = 1e-4, 0.5
_PERIOD = 0.004


class TrueState(NamedTuple):
    """What the controller's admin door says at one time."""

    time: float  # the controller's clock [s]
    q: list[float]
    qd: list[float]
    runtime: int
    safety: int

    @property
    def speed(self) -> float:
        return max(map(abs, self.qd))


class Watcher:
    """Reads the truth every few milliseconds, over a door that no fault closes."""

    def __init__(self, ip: str, model: str) -> None:
        self._cell = cell_of(model)
        self._socket = socket.create_connection((ip, ADMIN_PORT), timeout=10)
        self._lines = self._socket.makefile("rwb")
        self.trace: list[TrueState] = []
        self._reading = True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.until(lambda now: True)

    def _read(self) -> None:
        while self._reading:
            self._lines.write(b'{"command": "state"}\n')
            self._lines.flush()
            s = json.loads(self._lines.readline())
            self.trace.append(TrueState(s["time"], s["q"], s["qd"], s["runtime_state"], s["safety_mode"]))
            time.sleep(_PERIOD)

    def until(self, condition: Callable[[TrueState], bool], seconds: float = PATIENCE) -> TrueState:
        """The newest state once it meets the condition."""
        end = time.monotonic() + seconds
        while True:
            if self.trace and condition(now := self.trace[-1]):
                return now
            assert time.monotonic() < end, f"waited in vain; the last state is {self.trace[-1:]}"
            time.sleep(_PERIOD / 2)

    def position(self, state: TrueState) -> NDArray[np.float64]:
        """TCP (3,) [m] in base."""
        return (self._cell.kinematics.forward(np.array(state.q)) @ self._cell.T_flange_tcp)[:3, 3]

    def way(self, first: int, last: int | None = None) -> float:
        """Way of the TCP [m] from one index of the trace to another."""
        points = [self.position(state) for state in self.trace[first:last]]
        return float(sum(np.linalg.norm(b - a) for a, b in zip(points[:-1], points[1:])))

    def standstill(self, first: int) -> tuple[int, float]:
        """Index of the first state at rest from index `first` on, and the controller's seconds until then."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            now = len(self.trace)
            moving = [i for i in range(first, now) if self.trace[i].speed > STANDING]
            rest = moving[-1] + 1 if moving else first
            if rest < now and self.trace[now - 1].time - self.trace[rest].time > QUIET:
                return rest, self.trace[rest].time - self.trace[first].time
            time.sleep(0.02)
        raise AssertionError("The arm did not come to rest.")

    def rest_for(self, seconds: float) -> int:
        """Wait by the controller's clock [s]; the index at which that began."""
        first, start = len(self.trace) - 1, self.trace[-1].time
        self.until(lambda now: now.time - start > seconds)
        return first

    def close(self) -> None:
        self._reading = False
        self._thread.join()
        self._lines.close()
        self._socket.close()


class LoopProcess:
    """The planner: `loop_process` with its words and its news."""

    def __init__(self, ip: str, model: str, mode: str) -> None:
        path = os.pathsep.join([str(ROOT), str(ROOT / "test")])
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.loop_process", ip, cell_of(model).arm, mode],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.news: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.news.append(json.loads(line))
                self._changed.notify_all()

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def wait(self, key: str, *values: Any, since: int = 0, seconds: float = PATIENCE) -> Any:
        """The first news under that key from number `since` on, of those values if any are given."""

        def found() -> list[Any]:
            seen = [news[key] for news in self.news[since:] if key in news]
            return [value for value in seen if not values or value in values]

        with self._changed:
            assert self._changed.wait_for(lambda: bool(found()), seconds), (key, values, self.news[-6:])
            return found()[0]

    def has(self, key: str, since: int) -> bool:
        """Whether there was news under that key from number `since` on."""
        return any(key in news for news in self.news[since:])

    def index_of(self, key: str, since: int) -> int:
        """Number of the first news under that key from number `since` on."""
        return next(i for i, news in enumerate(self.news) if i >= since and key in news)

    def newest(self, key: str) -> Any:
        """The last news under that key; None when there was none."""
        return next((news[key] for news in reversed(self.news) if key in news), None)

    def ask(self, word: str) -> list[Any]:
        """Say a word; whether it was accepted, and the answer."""
        since = len(self.news)
        self.say(word)
        return self.wait("answer", since=since)

    def child(self) -> int:
        since = len(self.news)
        self.say("child")
        return self.wait("child", since=since)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            try:
                self.say("close")
                self.process.wait(30)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()
        self._thread.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def _before_others(process: int, nice: int) -> None:
    """Let a process run before others, where this user may ask for that (root)."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process, nice)


class FaultRig:
    """All of it, at home and not resumed.

    Attributes:
        child: process id of the planner's ur_rtde process, as last asked for.
    """

    def __init__(self, model: str, mode: str = "run") -> None:
        self.model, self.mode, self.child = model, mode, 0
        self._stack = ExitStack()
        home = ",".join(str(angle) for angle in np.rad2deg(cell_of(model).home))
        self.running = self._stack.enter_context(robot(model, "--object-position", "120", f"--joints={home}"))
        _before_others(self.running.process.pid, -15)  # a real controller is a computer of its own
        self.truth = Watcher(self.running.ip, model)
        self._stack.callback(self.truth.close)
        self.planner = self.new_planner()

    def admin(self, command: str, **arguments: Any) -> dict[str, Any]:
        """One request to the admin port, which must be accepted."""
        answer = self.running.admin(command, **arguments)
        assert answer["ok"], answer
        return answer

    def new_planner(self) -> LoopProcess:
        """A planner in place of the one that is gone; not resumed."""
        self.planner = LoopProcess(self.running.ip, self.model, self.mode)
        _before_others(self.planner.process.pid, -10)  # as planner_node does
        self.planner.wait("state", "needs_resume")
        return self.planner

    def resume(self) -> None:
        """A person's word; returns when it is carried out. A machine that is late ends the program: then once more."""
        for _ in range(TRIES):
            since = len(self.planner.news)
            assert self.planner.ask("resume")[0]
            self.planner.wait("state", "resuming", since=since)
            if self.planner.wait("state", "idle", "needs_resume", since=since) == "idle":
                return
        raise AssertionError(f"not ready after {TRIES} times resume: {self.planner.news[-6:]}")

    def close(self) -> None:
        try:
            self.planner.close()
        finally:
            self._stack.close()
