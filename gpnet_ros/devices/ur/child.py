"""The child process that owns every ur_rtde object of an arm; `UrLink` starts it.

`python -m gpnet_ros.devices.ur.child '{"fd": 5, ...}'` speaks plain tuples over the socket `fd`.

Why a process: in ur_rtde 1.6.5 constructors and destructors hold the GIL, a lost link ends in a crash,
and the control interface reconnects by itself. Here every doubt ends in `os._exit`: the controller's
own watchdog (`rtde_set_watchdog`, action stop), which only this loop kicks, then stops the arm, and
because the interface is built without its flag FLAG_UPLOAD_SCRIPT nothing uploads a program again.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

from gpnet_ros.devices.arm import MoveStatus
from gpnet_ros.devices.ur.dashboard import ask
from gpnet_ros.devices.ur.messages import FAILED_EXIT, PLAYING, ChildConfig, ChildReport, safety_stop
from gpnet_ros.devices.ur.move import ArmSample, MoveOrder, MoveOutcome, RunningMove

#: Period of the loop [s]; a CB3 sends a new state every 8 ms.
LOOP_PERIOD = 0.01
#: A heartbeat of the planner older than this [s] stops a move; at rest only the program ends, later.
FRESH_MOVING, FRESH_RESTING = 0.2, 2.0
#: The link counts as lost when the controller's clock has not advanced for this long [s].
STALE_MOVING, STALE_RESTING = 0.25, 2.0
#: Time for an uploaded program to run [s].
UPLOAD_TIMEOUT = 5.0
#: Deceleration of every stop [m/s^2, and rad/s^2 where the script chooses stopj]: brisk, yet below
#: what trips the protective stop of a UR10 with a payload.
DECELERATION = 2.5
#: Exit status of a child whose link or parent was lost, and of one that was asked to go.
LOST_EXIT, ORDERLY_EXIT = 3, 0


class Child:
    """The loop that reports, obeys, and kicks the watchdog."""

    def __init__(self, config: ChildConfig) -> None:
        """Connect to the controller; armed: upload, watchdog, TCP, payload, in this order."""
        from rtde_receive import RTDEReceiveInterface

        self.config = config
        self.pipe = Connection(config.fd)
        self._rx = RTDEReceiveInterface(config.ip)
        self._control: Any = None
        self._io: Any = None
        self._move: RunningMove | None = None
        self._beat = time.monotonic()
        self._stamp, self._advanced = -1.0, time.monotonic()
        self.armed, self.reason = False, ""
        if config.armed:
            self._arm()

    def _arm(self) -> None:
        from rtde_control import RTDEControlInterface
        from rtde_io import RTDEIOInterface

        config = self.config
        if config.outputs:
            self._io = RTDEIOInterface(config.ip)
        # Without FLAG_UPLOAD_SCRIPT, the interface's own reconnection never restarts the program.
        self._control = RTDEControlInterface(config.ip, -1.0, int(RTDEControlInterface.FLAG_NO_WAIT))
        self._control.reuploadScript()
        end = time.monotonic() + UPLOAD_TIMEOUT
        while not self._control.isProgramRunning():
            if time.monotonic() > end:
                raise RuntimeError("the uploaded program did not start (remote control off, or a stop is active)")
            time.sleep(0.005)
        steps = (
            ("setWatchdog", lambda: self._control.setWatchdog(config.watchdog_hz)),
            ("setTcp", lambda: self._kick_then(self._control.setTcp, list(config.tcp))),
            ("setPayload", lambda: self._set_payload(config.payload, list(config.cog))),
        )
        for name, step in steps:
            if not step():
                raise RuntimeError(f"the controller refused {name}")
        offset = self._kick_then(self._control.getTCPOffset)
        self._control.kickWatchdog()
        self.armed = True
        self._beat = time.monotonic()
        self.pipe.send(("armed", list(offset)))

    def _kick_then(self, call: Any, *arguments: Any) -> Any:
        """Commands that wait for the controller take two cycles; kick before each."""
        self._control.kickWatchdog()
        return call(*arguments)

    def _set_payload(self, mass: float, cog: list[float]) -> bool:
        # With a centre of exactly zero a 5.x controller would keep the old one.
        return bool(self._kick_then(self._control.setPayload, mass, cog if any(cog) else [0.0, 0.0, 1e-6]))

    # --- the loop ---------------------------------------------------------------------------------------
    def run(self) -> None:
        """Serve until the parent goes, the link is lost, or the parent says goodbye."""
        due = time.monotonic()
        while True:
            self._obey()
            self._check_link()
            report = self._report()
            outcome = self._supervise(report)
            report = report._replace(armed=self.armed, moving=self._move is not None, reason=self.reason)
            if outcome is not None or select.select([], [self.pipe], [], 0)[1]:
                self.pipe.send(("state", tuple(report)))  # never blocks the loop for a frozen parent
            if outcome is not None:
                self.pipe.send(("done", *outcome))
            due = max(due + LOOP_PERIOD, time.monotonic() - LOOP_PERIOD)
            time.sleep(max(0.0, due - time.monotonic()))

    def _obey(self) -> None:
        try:
            while self.pipe.poll():
                self._handle(self.pipe.recv())
        except (EOFError, OSError):
            self._leave("the planner is gone", LOST_EXIT)

    def _handle(self, message: tuple[Any, ...]) -> None:
        name, *rest = message
        if name == "beat":
            self._beat = max(self._beat, rest[0])
        elif name == "move":
            self._begin(MoveOrder(*rest))
        elif name == "cancel" and self._move is not None:
            self._move.end(MoveStatus.CANCELLED, "Cancelled.", time.monotonic())
        elif name == "payload" and self.armed:
            self._set_payload(rest[0], list(rest[1]))
        elif name == "output" and self.armed and self._io is not None:
            self._set_output(*rest)
        elif name == "bye":
            self._leave("goodbye", ORDERLY_EXIT)

    def _begin(self, order: MoveOrder) -> None:
        if not self.armed or self._move is not None:
            why = "Another move is running." if self.armed else "Not armed: call resume."
            tcp = self._rx.getActualTCPPose()
            self.pipe.send(("done", order.number, MoveStatus.REFUSED.value, why, tcp, 0.0, 0.0))
            return
        command = self._control.moveJ if order.kind == "joint" else self._control.moveL

        def start() -> bool:
            return bool(command(order.target, order.speed, order.acceleration, True))

        def stop() -> None:
            # Asynchronous: the synchronous one would block the loop, and with it the kicks.
            self._control.stopL(DECELERATION, True)

        self._move = RunningMove(order, start, stop, time.monotonic())

    def _set_output(self, bank: str, pin: int, value: bool) -> None:
        call = {
            "standard": self._io.setStandardDigitalOut,
            "configurable": self._io.setConfigurableDigitalOut,
            "tool": self._io.setToolDigitalOut,
        }[bank]
        call(pin, value)

    def _check_link(self) -> None:
        now, stamp = time.monotonic(), self._rx.getTimestamp()
        if stamp != self._stamp:
            self._stamp, self._advanced = stamp, now
        limit = STALE_RESTING if self._move is None else STALE_MOVING
        connected = self._rx.isConnected() and (not self.armed or self._control.isConnected())
        if not connected or now - self._advanced > limit:
            # At once: the control interface is about to reconnect, and may crash doing so.
            os._exit(LOST_EXIT)

    def _report(self) -> ChildReport:
        rx = self._rx
        return ChildReport(
            self._stamp, rx.getActualQ(), rx.getActualQd(), rx.getActualTCPPose(), rx.getActualTCPForce(),
            rx.getRobotMode(), rx.getSafetyStatusBits(), rx.getRuntimeState(), rx.getActualDigitalInputBits(),
            rx.getActualDigitalOutputBits(), self.armed, self._move is not None, self.reason,
        )  # fmt: skip

    def _supervise(self, report: ChildReport) -> MoveOutcome | None:
        """Kick the watchdog, follow the move, give up the program when anything is wrong; a move's outcome."""
        if not self.armed:
            return None
        outcome = None
        now = time.monotonic()
        age = now - self._beat
        halted = stop_reason(report)
        trouble = halted
        if not halted and age <= (FRESH_RESTING if self._move is None else FRESH_MOVING):
            self._control.kickWatchdog()
        elif not halted:
            trouble = f"The planner's heartbeat was {age:.2f} s old."
        if self._move is not None:
            if trouble:
                self._move.end(MoveStatus.STOPPED, trouble, now, halted=bool(halted))
            finished = self._control.getAsyncOperationProgress() < 0
            outcome = self._move.follow(ArmSample(now, report.q, report.qd, report.tcp, report.force, finished))
            if outcome is not None:
                self._move = None
        if trouble and self._move is None:
            self._disarm(trouble)
        return outcome

    def _disarm(self, reason: str) -> None:
        """End the program for good: a paused one would go on by itself when the stop is released."""
        self.armed, self.reason = False, reason
        try:
            ask(self.config.ip, "stop")
        except Exception:  # the watchdog, which nobody kicks any more, does the same
            self.reason = f"{reason} The dashboard server did not answer."

    def _leave(self, reason: str, status: int) -> None:
        """Stop the arm and go; the program is ended, or dies of its watchdog."""
        if self.armed and self._move is not None:
            self._control.stopL(DECELERATION, True)
        if self.armed and status == ORDERLY_EXIT:
            self._disarm(reason)
        os._exit(status)


def stop_reason(report: ChildReport) -> str:
    """Why the robot does not run the program, in one sentence; empty when it does."""
    stop = safety_stop(report.safety_bits)
    if stop:
        return f"The robot is in a {stop.replace('_', ' ')}."
    if report.runtime != PLAYING:
        return "The program on the controller is not running any more."
    return ""


def main() -> None:
    """Serve; every failure is told to the parent before the process ends, without any destructor."""
    config = ChildConfig(**json.loads(sys.argv[1]))
    pipe = Connection(os.dup(config.fd))
    try:
        Child(config).run()
    except (EOFError, BrokenPipeError):
        os._exit(LOST_EXIT)
    except BaseException as error:
        try:
            pipe.send(("failed", str(error)))
        finally:
            os._exit(FAILED_EXIT)


if __name__ == "__main__":
    main()
