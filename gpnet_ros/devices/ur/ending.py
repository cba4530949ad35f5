"""End the program on a controller for good, by every way that it takes, so that nothing wakes up later.

A program that is paused (safeguard, protective stop, pendant) is not ended by its watchdog, and goes on when the
pause ends. `python -m gpnet_ros.devices.ur.ending IP` does what is here; a child that leaves becomes this process.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from gpnet_ros.devices.ur.dashboard import ask
from gpnet_ros.devices.ur.messages import NO_PROGRAM, PLAYING
from gpnet_ros.devices.ur.rtde import RtdeClient
from gpnet_ros.errors import LinkLost

#: ur_rtde's command "stopj" and its deceleration [rad/s^2], where its program reads them: it ends the thread that
#: moves before that takes another step. (Its command 255, which ends the program, lets one step pass.)
STOP_WORDS = {"input_double_register_0": 2.5, "input_int_register_0": 34}
#: A program that still plays after this long [s] without anybody who leads it is not ours: ours has a watchdog.
_OURS = 1.0
#: How long a process that only ends a program tries to [s], and how often.
_PATIENCE, _AGAIN = 60.0, 0.1
#: A `stop` that was sent is waited for this long [s]: done later, it would end the program that is started next.
_STOP_PATIENCE = 10.0
#: The parent of a lost child tries again after this long [s].
_RETRY = 0.5


def dashboard_stop(ip: str) -> bool:
    """Whether the dashboard server took a `stop`; an e-Series in local mode does not."""
    try:
        return ask(ip, "stop", patience=_STOP_PATIENCE) == "Stopped"
    except LinkLost:
        return False


def end_program(ip: str, orphaned: float = 0.0) -> bool:
    """Try once to end a program that nobody leads any more.

    Args:
        ip: address of the controller.
        orphaned: for how long nobody has led it [s]; a program that plays after more than 1 s is left alone.

    Returns:
        Whether none of ours is left. When it is paused and the dashboard refuses, as in local mode, the word
        that ends its motion is written where its first step reads it; its watchdog then ends it.
    """
    if orphaned < _OURS and dashboard_stop(ip):
        return True
    try:
        client = RtdeClient(ip)
        try:
            client.subscribe(("runtime_state",))
            runtime = _newest(client)
            if runtime == NO_PROGRAM or (runtime == PLAYING and orphaned >= _OURS) or dashboard_stop(ip):
                return True
        finally:
            client.close()
        _write_stop_word(ip)
    except LinkLost:
        pass
    return False


def _newest(client: RtdeClient) -> int:
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        if samples := client.samples():
            return samples[-1][0]
        time.sleep(0.005)
    raise LinkLost(f"RTDE of {client.ip} sends no samples.")


def _write_stop_word(ip: str) -> None:
    client = RtdeClient(ip)
    try:
        client.write(STOP_WORDS)
    finally:
        client.close()


class Orphan:
    """The program that a lost child may have left behind; ended as soon as the controller can be reached."""

    def __init__(self, ip: str) -> None:
        """Know of none on the controller `ip`."""
        self._ip = ip
        self._since: float | None = None
        self._next = 0.0

    def found(self) -> None:
        """A child that led a program is gone, whatever became of the program."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        self._next = now

    def forget(self) -> None:
        """No program runs, as the controller says."""
        self._since = None

    def settle(self) -> None:
        """Try to end it, at most twice a second; nothing happens where none is known."""
        now = time.monotonic()
        if self._since is not None and now >= self._next:
            if end_program(self._ip, now - self._since):
                self._since = None
            self._next = time.monotonic() + _RETRY


class Ending:
    """Ends the program of a child by two ways at once, beside its loop, which goes on looking at the arm."""

    def __init__(self, ip: str, stop_script: Callable[[], None]) -> None:
        """Do nothing yet.

        Args:
            ip: address of the controller.
            stop_script: lets ur_rtde write the stop word; works only while the program plays, and may block.
        """
        self.refused = False  # the dashboard did not take the stop
        self._ip, self._stop_script = ip, stop_script
        self._begun, self._written = False, False

    def see(self, runtime: int) -> None:
        """Act on one sample of the controller after the decision; never waits."""
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._ask_dashboard, name="dashboard_stop", daemon=True).start()
        if runtime == PLAYING and not self._written:
            self._written = True
            threading.Thread(target=self._stop_by_script, name="script_stop", daemon=True).start()

    def _ask_dashboard(self) -> None:
        self.refused = not dashboard_stop(self._ip)

    def _stop_by_script(self) -> None:
        with suppress(Exception):  # a broken ur_rtde has no program to end; the dashboard is asked too
            self._stop_script()


def main() -> None:
    """End what a child has left behind, and give up after a minute."""
    began = time.monotonic()
    while not end_program(sys.argv[1], time.monotonic() - began) and time.monotonic() - began < _PATIENCE:
        time.sleep(_AGAIN)


if __name__ == "__main__":
    main()
