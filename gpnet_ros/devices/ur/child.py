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
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from gpnet_ros.devices.arm import MoveStatus
from gpnet_ros.devices.ur.ending import Ending
from gpnet_ros.devices.ur.messages import (
    FAILED_EXIT,
    FAULT,
    NO_PROGRAM,
    PLAYING,
    UNSTOPPED,
    ChildConfig,
    ChildReport,
    in_words,
    safety_stop,
)
from gpnet_ros.devices.ur.move import STILL_SPEED, MoveOrder, MoveOutcome, RunningMove, sample_of
from gpnet_ros.devices.ur.rtde import RtdeClient
from gpnet_ros.devices.ur.scheduling import come_first
from gpnet_ros.errors import LinkLost

#: Period of the loop [s]; a CB3 sends a new state every 8 ms.
LOOP_PERIOD = 0.01
#: A heartbeat of the planner older than this [s] stops a move; at rest only the program ends, later.
FRESH_MOVING, FRESH_RESTING = 0.2, 2.0
#: The link counts as lost when the controller's clock has not advanced for this long [s].
STALE_MOVING, STALE_RESTING = 0.25, 2.0
#: Time for an uploaded program to run [s].
UPLOAD_TIMEOUT = 5.0
#: Deceleration of every stop [m/s^2, in stopj rad/s^2]: brisk, yet below what trips a UR10 with a payload.
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
        self._stamp, self._advanced, self._fresh = -1.0, time.monotonic(), False
        self.armed, self.reason = False, ""
        self._watch: RtdeClient | None = None  # every sample; what ur_rtde shows is the newest only
        self._ending: Ending | None = None  # from the first sign of trouble on
        self._halted = False  # the robot brakes by itself, and a paused program takes no stop
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
        while not (self._control.isProgramRunning() and self._rx.getRuntimeState() == PLAYING):
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
        self._watch = RtdeClient(config.ip)
        self._watch.subscribe(("safety_status_bits", "runtime_state"))
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
            moving, waiting = self._move is not None, bool(self._move and self._move.waits)
            report = report._replace(armed=self.armed, moving=moving, waiting=waiting, reason=self.reason)
            if outcome is not None or select.select([], [self.pipe], [], 0)[1]:
                self._tell("state", tuple(report))  # never blocks the loop for a frozen parent
            if outcome is not None:
                self._tell("done", *outcome)
            due = max(due + LOOP_PERIOD, time.monotonic() - LOOP_PERIOD)
            time.sleep(max(0.0, due - time.monotonic()))

    def _tell(self, *message: Any) -> None:
        try:
            self.pipe.send(message)
        except OSError:
            self._leave("the planner is gone", LOST_EXIT)

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
            self._tell("done", order.number, MoveStatus.REFUSED.value, why, self._rx.getActualTCPPose(), 0.0, 0.0)
            return
        command = self._control.moveJ if order.kind == "joint" else self._control.moveL

        def start() -> bool:
            return bool(command(order.target, order.speed, order.acceleration, True))

        def stop() -> None:
            # Asynchronous: the synchronous one would block the loop, and with it the kicks.
            self._control.stopL(DECELERATION, True)

        self._move = RunningMove(order, start, stop, time.monotonic())

    def _set_output(self, bank: str, pin: int, value: bool) -> None:
        {
            "standard": self._io.setStandardDigitalOut,
            "configurable": self._io.setConfigurableDigitalOut,
            "tool": self._io.setToolDigitalOut,
        }[bank](pin, value)

    def _check_link(self) -> None:
        now, stamp = time.monotonic(), self._rx.getTimestamp()
        self._fresh = stamp != self._stamp
        if self._fresh:
            self._stamp, self._advanced = stamp, now
        limit = STALE_MOVING if self._move is not None and self._move.started else STALE_RESTING
        connected = self._rx.isConnected() and (not self.armed or self._control.isConnected())
        if not connected or now - self._advanced > limit:
            # At once: the control interface is about to reconnect, and may crash doing so.
            os._exit(LOST_EXIT)

    def _report(self) -> ChildReport:
        rx = self._rx
        return ChildReport(
            self._stamp, rx.getActualQ(), rx.getActualQd(), rx.getActualTCPPose(), rx.getActualTCPForce(),
            rx.getRobotMode(), rx.getSafetyStatusBits(), rx.getRuntimeState(), rx.getActualDigitalInputBits(),
            rx.getActualDigitalOutputBits(), rx.getTargetSpeedFraction(), rx.getSpeedScaling(),
        )  # fmt: skip

    def _supervise(self, report: ChildReport) -> MoveOutcome | None:
        """Kick the watchdog, follow the move, end the program for good at the first trouble; a move's outcome."""
        if self._control is None:
            return None
        self._look_for_trouble(report)
        outcome = None
        if self.armed:
            self._control.kickWatchdog()
        if self._move is not None and (self._fresh or self._move.started):  # none begins on an old state
            finished = self._control.getAsyncOperationProgress() < 0
            outcome = self._move.follow(sample_of(report, time.monotonic(), finished))
            if outcome is not None:
                self._move = None
        if not self.armed and outcome is None and (self._halted or self._move is None):
            self._end_program(report.runtime)
        return outcome

    def _look_for_trouble(self, report: ChildReport) -> None:
        """Disarm for good, even if a stop has gone by itself meanwhile, and when the planner's heart has stopped."""
        now = time.monotonic()
        age = now - self._beat
        halted = "" if self._halted else self._first_stop(report)
        late = age > (FRESH_RESTING if self._move is None else FRESH_MOVING)
        trouble = halted or (f"The planner's heartbeat was {age:.2f} s old." if late else "")
        if halted and self._watch is not None:
            self._halted = True
            self._watch.close()
        if not (self.armed and trouble):
            return
        self.armed, self.reason = False, trouble
        if self._move is not None:
            self._move.end(MoveStatus.STOPPED, trouble, now, halted=bool(halted))

    def _first_stop(self, report: ChildReport) -> str:
        """Why the robot did not run the program in any sample since the last look; empty when it always did."""
        assert self._watch is not None
        try:
            samples = [*self._watch.samples(), (report.safety_bits, report.runtime)]
        except LinkLost:
            os._exit(LOST_EXIT)
        return next(filter(None, (stop_reason(bits, runtime) for bits, runtime in samples)), "")

    def _end_program(self, runtime: int) -> None:
        """End it without waiting for anybody; go when the dashboard refuses, so that others can end it."""
        if self._ending is None:
            self._ending = Ending(self.config.ip, self._control.stopScript)
        self._ending.see(runtime)
        if self._ending.refused and self._move is None and runtime not in (NO_PROGRAM, PLAYING):
            # Paused, and out of ur_rtde's reach, as in local mode: its registers must be free for `ending`.
            self._leave("the controller refused to stop", LOST_EXIT)

    def _leave(self, reason: str, status: int) -> None:
        """Stop the arm and go; as another process that ends the program, which a paused one's watchdog does not."""
        if self._control is None:
            os._exit(status)
        if self.armed and self._move is not None:
            self._control.stopL(DECELERATION, True)
            # The dashboard's stop would brake harder than this one: give it the time that the watchdog does.
            end = time.monotonic() + 1.0 / self.config.watchdog_hz
            while time.monotonic() < end and self._rx.getRuntimeState() == PLAYING:
                if max(map(abs, self._rx.getActualQd())) < STILL_SPEED:
                    break
                time.sleep(0.005)
        self.armed, self.reason = False, reason
        for fd in range(3, 256):  # every link of ur_rtde ends with this program, and its registers become free
            with suppress(OSError):
                os.set_inheritable(fd, False)
        os.execv(sys.executable, [sys.executable, "-m", "gpnet_ros.devices.ur.ending", self.config.ip])


def stop_reason(safety_bits: int, runtime: int) -> str:
    """Why the robot does not run the program, in one sentence; empty when it does."""
    stop = safety_stop(safety_bits)
    if stop:
        return f"The robot is in {in_words(stop)}."
    if safety_bits & FAULT or not safety_bits & UNSTOPPED:
        return f"The robot's safety system stopped it (bits {safety_bits:#x})."
    if runtime != PLAYING:
        return "The program on the controller is not running any more."
    return ""


def main() -> None:
    """Serve; every failure is told to the parent before the process ends, without any destructor."""
    config = ChildConfig(**json.loads(sys.argv[1]))
    pipe = Connection(os.dup(config.fd))
    try:
        come_first(collects=False, waits_here=config.ip.startswith("127."))
        Child(config).run()
    except BaseException as error:
        with suppress(Exception):
            pipe.send(("failed", str(error)))
        os._exit(FAILED_EXIT)


if __name__ == "__main__":
    main()
