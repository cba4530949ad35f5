"""The parent's end of one ur_rtde child: start it, read its reports, send it orders and heartbeats.

A link is used once: when its child is gone it stays dead, and `UrArm` makes a new one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from gpnet_ros.devices.ur.messages import FAILED_EXIT, ChildConfig, ChildReport
from gpnet_ros.devices.ur.move import MoveOutcome
from gpnet_ros.devices.ur.scheduling import come_first
from gpnet_ros.errors import LinkLost

#: Period of the heartbeat [s]; the child stops a move when it is older than 0.2 s.
BEAT_PERIOD = 0.04
#: While a move is waited for, the heart beats only if its caller asked within this long [s].
CALLER_FRESH = 0.15
#: Silence of a running child [s] after which it is killed; constructors of ur_rtde may need longer.
SILENCE, START_SILENCE = 1.0, 12.0
#: Time for an orderly goodbye [s].
GOODBYE = 2.0


class UrLink:
    """One child process and the thread that listens to it."""

    def __init__(self, config: ChildConfig) -> None:
        """Start the child; `report` stays None until it has connected."""
        self._pipe, theirs = Pipe()
        self.armed_offset: list[float] | None = None
        self.report: ChildReport | None = None
        self.received = 0.0
        self.failure = ""
        self.is_alive = True
        self._outcomes: dict[int, MoveOutcome] = {}
        self._waiting_since: float | None = None
        self._led: int | None = None  # number of the move that somebody waits for
        self._heard = time.monotonic()
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        root = str(Path(__file__).resolve().parents[3])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
        with theirs:
            config = replace(config, fd=theirs.fileno())
            # A session of its own: Ctrl-C in the terminal is for the planner, which then says goodbye.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gpnet_ros.devices.ur.child", config.to_json()],
                pass_fds=[config.fd], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                start_new_session=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        self._listener = threading.Thread(target=self._listen, name="ur_link", daemon=True)
        self._listener.start()

    def send(self, *message: Any) -> None:
        """Send one message to the child.

        Raises:
            LinkLost: the child is gone.
        """
        try:
            with self._sending:
                self._pipe.send(message)
        except (OSError, ValueError) as error:
            raise LinkLost("The process that talks to the arm is gone; nothing was sent: call resume.") from error

    def wait(self, seconds: float) -> None:
        """Return at the next news of the child, or after `seconds`."""
        with self._changed:
            self._changed.wait(seconds)

    def outcome(self, number: int) -> MoveOutcome | None:
        """Outcome of a move, handed out once; while it is asked for, the heart beats for its caller."""
        self._waiting_since = time.monotonic()
        found = self._outcomes.pop(number, None)
        if found is not None:
            self._waiting_since = self._led = None
        return found

    def order(self, number: int, *move: Any) -> None:
        """Order a move; from here on the heart beats for its caller only, who lives: a pause before is over.

        Raises:
            LinkLost: the child is gone.
        """
        self.outcome(number)
        self.send("beat", time.monotonic())
        self._led = number
        self.send("move", number, *move)

    def release(self) -> None:
        """The caller of `outcome` has left, and a move that it did not see the end of stops; the heart beats on."""
        if self._led is not None:
            with suppress(LinkLost):
                self.send("cancel")
        self._waiting_since = self._led = None

    def close(self, orderly: bool = False) -> None:
        """End the child; orderly, it stops the arm and its program first."""
        if orderly and self.is_alive:
            try:
                self.send("bye")
                self.process.wait(GOODBYE)
            except (LinkLost, subprocess.TimeoutExpired):
                pass
        self.process.kill()
        self.process.wait()
        self._listener.join(GOODBYE)

    def _listen(self) -> None:
        beaten = 0.0
        come_first()  # a heartbeat that comes late stops the arm
        try:
            while True:
                if self._pipe.poll(BEAT_PERIOD / 2):
                    self._take(self._pipe.recv())
                    while self._pipe.poll():  # first everything that has arrived, then judge the silence
                        self._take(self._pipe.recv())
                now = time.monotonic()
                if now - self._heard > (START_SILENCE if self.report is None else SILENCE):
                    self.failure = "The process that talks to the arm froze."
                    break
                waiting = self._waiting_since
                if now - beaten > BEAT_PERIOD and (waiting is None or now - waiting < CALLER_FRESH):
                    beaten = now
                    self.send("beat", now)
        except (EOFError, OSError, LinkLost):
            self._let_end()
        except Exception as defect:  # whatever it is, nobody listens any more, and the heart has stopped
            self.failure = f"What the process that talks to the arm says cannot be read ({defect})."
        self.process.kill()
        status = self.process.wait()
        if not self.failure:
            text = "could not start" if status == FAILED_EXIT else f"ended with status {status}"
            self.failure = f"The process that talks to the arm {text}."
        with self._changed, self._sending:
            self.is_alive = False
            self._pipe.close()
            self._changed.notify_all()

    def _let_end(self) -> None:
        """A child that has let go of its pipe may be ending its program as `ending`: give it a moment."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GOODBYE / 2)

    def _take(self, message: tuple[Any, ...]) -> None:
        name, *rest = message
        self._heard = time.monotonic()
        with self._changed:
            if name == "state":
                self.report, self.received = ChildReport(*rest[0]), time.time()
            elif name == "done":
                outcome = MoveOutcome(*rest)
                self._outcomes[outcome.number] = outcome
            elif name == "armed":
                self.armed_offset = rest[0]
            elif name == "failed":
                self.failure = f"The arm cannot be reached: {rest[0]}."
            self._changed.notify_all()
