"""A UR arm through the unmodified ur_rtde client, which lives in a supervised child process.

Nothing moves before `resume`: connecting only watches. After a stop, a lost link or a restart the
child that holds a program is replaced, never repaired.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import ArmState, ArmStatus, MoveResult, MoveStatus
from gpnet_ros.devices.ur.ending import Orphan
from gpnet_ros.devices.ur.link import UrLink
from gpnet_ros.devices.ur.messages import (
    FAULT,
    PLAYING,
    ROBOT_RUNNING,
    ChildConfig,
    ChildReport,
    in_words,
    modes_of,
    safety_stop,
)
from gpnet_ros.devices.ur.move import MoveOutcome
from gpnet_ros.devices.ur.scheduling import first_meanwhile
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.devices.ur.start import agreement, controller_model, make_ready, serial_number
from gpnet_ros.errors import DeviceError, LinkLost, RobotStopped
from gpnet_ros.pose import from_rotvec, to_rotvec

if TYPE_CHECKING:
    from gpnet_ros.motion import Move

#: What a move says that waits.
AT_ZERO = "The speed slider is at zero: the move goes on when it is raised on the pendant, and ends with a stop."
#: A replaced child that cannot connect is tried again after this long [s].
_RETRY = 0.5


class UrArm:
    """The real (or protocol-simulated) arm; implements the Arm Protocol."""

    def __init__(self, settings: UrSettings, cell: Cell) -> None:
        """Nothing is connected yet."""
        self.settings, self.cell = settings, cell
        self._payload = (cell.hand.mass, settings.payload_cog)
        self._link: UrLink | None = None
        self._last: tuple[ChildReport, float] | None = None
        self._model = self._serial = ""
        self._refusal = ""  # why the controller disagrees with the configuration
        self._lost = ""  # why the link is gone, until a new child has reported
        self._number = 0
        self._orphan = Orphan(settings.robot_ip)
        self._moving, self._resuming = threading.Lock(), threading.Lock()
        self._cancel = threading.Event()
        self._closing = threading.Event()
        self._keeper: threading.Thread | None = None

    # --- connection -------------------------------------------------------------------------------------
    def connect(self) -> None:
        """Watch the controller; with `auto_resume` also make ready. Nothing moves."""
        if self._keeper is not None:
            return
        self._closing.clear()
        with self._resuming:
            self._replace_link(armed=False)
        self._keeper = threading.Thread(target=self._keep, name="ur_keeper", daemon=True)
        self._keeper.start()
        if self.settings.auto_resume:
            self.resume()

    def disconnect(self) -> None:
        """Stop a move or a wait for the controller, end the program, end the child."""
        self._closing.set()
        self._cancel.set()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
        with self._resuming:
            if self._link is not None:
                self._link.close(orderly=True)
                if self._link.armed_offset is not None and self._link.process.returncode != 0:
                    self._orphan.found()
                self._orphan.settle()
                self._link = None

    def _replace_link(self, armed: bool, ended: bool = False) -> UrLink:
        """A new child in place of the old one, which is ended first, as is its program unless that has `ended`.

        Raises:
            DeviceError: the new child cannot connect, or the program does not start; or somebody disconnects.
        """
        if armed and self._closing.is_set():
            raise RobotStopped("Not armed: call resume.")
        settings, (mass, cog) = self.settings, self._payload
        if self._link is not None:
            self._link.close()
            if self._link.armed_offset is not None and not ended:
                self._orphan.found()
        self._orphan.settle()
        config = ChildConfig(
            0, settings.robot_ip, armed, settings.digital_outputs, settings.watchdog_hz,
            tuple(to_rotvec(self.cell.T_flange_tcp)), mass, tuple(cog),
        )  # fmt: skip
        link = self._link = UrLink(config)
        end = time.monotonic() + settings.start_timeout
        # Who may have a program on the controller is never cut off: once it has reported, it ends that in order.
        cut_off = threading.Event() if armed else self._closing
        while link.report is None and link.is_alive and time.monotonic() < end and not cut_off.is_set():
            link.wait(0.05)
        if link.report is None:
            link.close()
            self._lost = link.failure or f"The controller {settings.robot_ip} did not answer in time."
            raise DeviceError(f"{self._lost} Check its address, power, remote control mode and other RTDE clients.")
        self._lost = ""
        return link

    def _keep(self) -> None:
        """Replace a child that died by one that watches; resume by itself where that is allowed."""
        while not self._closing.wait(0.05):
            link = self._link
            with self._resuming:
                if link is self._link and (link is None or not link.is_alive):
                    self._note_loss(link)
                    try:
                        self._replace_link(armed=False)
                    except DeviceError:
                        self._closing.wait(_RETRY)
                        continue
                self._orphan.settle()
            if self.settings.auto_resume and self.state().status in ("needs_resume", "protective_stop"):
                try:
                    self.resume()
                except DeviceError:
                    self._closing.wait(_RETRY)

    def _note_loss(self, link: UrLink | None) -> None:
        if link is not None:
            self._lost = link.failure
            if link.report is not None:
                self._last = (link.report, link.received)

    # --- state ------------------------------------------------------------------------------------------
    def state(self) -> ArmState:
        """The newest report of the child."""
        link = self._link
        if link is not None and link.report is not None:
            self._last = (link.report, link.received)
        if self._last is None:
            raise DeviceError("The arm is not connected: call connect first.")
        report, received = self._last
        status, message = self._connected_status(link, report)
        return ArmState(
            report.stamp, received, np.array(report.q), np.array(report.qd), from_rotvec(report.tcp),
            np.array(report.force), status, message, self._model, self._serial, modes_of(report),
        )  # fmt: skip

    def _connected_status(self, link: UrLink | None, report: ChildReport) -> tuple[ArmStatus, str]:
        if link is None or not link.is_alive or self._lost:
            return "link_lost", self._lost or "The link to the arm is lost."
        if link.report is None:
            return "not_ready", "The program is being started."
        return self._status(report)

    def _status(self, report: ChildReport) -> tuple[ArmStatus, str]:
        stop = safety_stop(report.safety_bits)
        if stop:
            return cast(ArmStatus, stop), f"The robot is in {in_words(stop)}: remove its cause, then call resume."
        if report.safety_bits & FAULT:
            return "not_ready", "The robot reports a safety violation or fault: see its pendant."
        if report.robot_mode != ROBOT_RUNNING:
            return "needs_resume", f"The robot is not running (mode {report.robot_mode}); resume powers it on."
        if self._refusal:
            return "not_ready", self._refusal
        if not report.armed:
            return "needs_resume", f"{report.reason} Nothing moves until a person calls resume.".strip()
        if report.runtime != PLAYING:
            return "needs_resume", "The program has ended: call resume."
        return ("moving", AT_ZERO if report.waiting else "") if report.moving else ("ready", "")

    # --- a person's confirmation ------------------------------------------------------------------------
    def resume(self) -> None:
        """Leave a stop, upload the program anew, check that controller and configuration agree."""
        if self._keeper is None:
            raise DeviceError("The arm is not connected: call connect first.")
        if not self._resuming.acquire(timeout=2 * self.settings.start_timeout):
            raise DeviceError("Another resume is still under way: wait for it.")
        try:
            if self.state().status in ("ready", "moving"):
                return
            link = self._link
            if link is None or not link.is_alive:
                link = self._replace_link(armed=False)
            make_ready(link, self.settings.robot_ip)
            self._orphan.forget()
            self._model = controller_model(self.settings.robot_ip)
            self._serial = serial_number(self.settings.robot_ip)
            link = self._replace_link(armed=True, ended=True)  # a stop now, done late, would end the new program
            self._refusal = agreement(link, self._model, self.settings, self.cell, self._serial)
            if self._refusal:
                self._replace_link(armed=False)
                raise DeviceError(self._refusal)
        finally:
            self._resuming.release()

    def set_payload(self, mass: float, cog: tuple[float, float, float]) -> None:
        """Keep mass [kg] and centre of gravity [m] for every later upload, and send them when a program runs."""
        self._payload = (mass, cog)
        if self._link is not None and self._link.armed_offset is not None:
            self._link.send("payload", mass, list(cog))

    # --- digital lines, for grippers on them ------------------------------------------------------------
    def set_output(self, bank: str, pin: int, value: bool) -> None:
        """Set a digital output; bank is standard, configurable or tool.

        Raises:
            LinkLost: the child is gone.
            RobotStopped: outputs hold their state until `resume`.
        """
        link = self._link
        if link is None or link.report is None:
            raise LinkLost("The link to the arm is lost; the outputs stay as they are: call resume.")
        if not link.report.armed or not self.settings.digital_outputs:
            raise RobotStopped("Digital outputs are not held by this program: set digital_outputs and call resume.")
        link.send("output", bank, pin, value)

    def digital_bits(self) -> tuple[int, int]:
        """Actual inputs and outputs: bits 0-7 standard, 8-15 configurable, 16-17 tool."""
        if self._link is None or self._link.report is None:
            raise LinkLost("The link to the arm is lost: call resume.")
        return self._link.report.inputs, self._link.report.outputs

    # --- motion -----------------------------------------------------------------------------------------
    def cancel(self) -> None:
        """Stop the move of another thread."""
        self._cancel.set()

    def move(self, move: Move, cancelled: Callable[[], bool]) -> MoveResult:
        """Execute one move; stops, contacts and lost links are results."""
        state = self.state()
        refusal = self._refuse(move, state)
        if refusal:
            lost = state.status == "link_lost"
            return MoveResult(MoveStatus.LINK_LOST if lost else MoveStatus.REFUSED, refusal, state.T_base_tcp)
        if not self._moving.acquire(blocking=False):
            return MoveResult(MoveStatus.REFUSED, "Another move is running: wait for it.", state.T_base_tcp)
        link = self._link
        assert link is not None
        self._cancel.clear()
        began = time.monotonic()
        try:
            with first_meanwhile():
                return self._result(self._execute(link, move, cancelled))
        except LinkLost as error:
            return MoveResult(MoveStatus.LINK_LOST, str(error), self.state().T_base_tcp, 0.0, time.monotonic() - began)
        finally:
            link.release()
            self._moving.release()

    def _refuse(self, move: Move, state: ArmState) -> str:
        if state.status != "ready":
            return state.message or f"The arm is {state.status}; nothing was sent."
        target = move.q if move.kind == "joint" else move.T_base_tcp
        numbers = [move.speed, move.acceleration, *([] if target is None else np.ravel(target))]
        if target is None or not np.isfinite(numbers).all() or min(move.speed, move.acceleration) <= 0:
            return f"Move {move.name!r} has no finite target, speed and acceleration; nothing was sent."
        if move.kind == "descend" and not (move.force_limit is not None and move.force_limit > 0):
            return f"Move {move.name!r} is a descent and needs a force limit; nothing was sent."
        return ""

    def _execute(self, link: UrLink, move: Move, cancelled: Callable[[], bool]) -> MoveOutcome:
        self._number += 1
        number = self._number
        target = move.q if move.kind == "joint" else to_rotvec(move.T_base_tcp)  # type: ignore[arg-type]
        numbers = (float(move.speed), float(move.acceleration), float(move.force_limit or 0.0))
        link.order(number, move.kind, np.asarray(target).tolist(), *numbers)
        told = False
        while (outcome := link.outcome(number)) is None:
            if not link.is_alive:
                raise LinkLost(f"{link.failure} The arm's watchdog stopped it; nothing moves until resume.")
            if not told and (self._cancel.is_set() or cancelled()):
                link.send("cancel")
                told = True
            link.wait(0.01)
        return outcome

    def _result(self, outcome: MoveOutcome) -> MoveResult:
        return MoveResult(
            MoveStatus(outcome.status), outcome.message, from_rotvec(outcome.tcp), outcome.force_peak, outcome.duration
        )
