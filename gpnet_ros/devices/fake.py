"""Fakes: a camera that shows given frames, an arm that obeys at once, a gripper that meets what it is told.

For tests of everything above the devices, without processes, sockets or waiting.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import ArmState, ArmStatus, MoveResult, MoveStatus
from gpnet_ros.devices.gripper import GripperState, GripResult, GripStatus
from gpnet_ros.errors import DeviceError, RobotStopped
from gpnet_ros.frame import Frame
from gpnet_ros.kinematics import UrKinematics

if TYPE_CHECKING:
    from gpnet_ros.motion import Move


class FakeCamera:
    """Shows the given frames in order, each once; afterwards it has stalled."""

    def __init__(self, frames: Iterable[Frame], restamp: bool = True) -> None:
        """Frames to show; restamp gives each the time at which it is read."""
        self._frames = deque(frames)
        self._restamp = restamp
        self.is_open = False

    def open(self) -> None:
        """Open the camera: frames may be read."""
        self.is_open = True

    def read(self, timeout: float | None = None) -> Frame:
        """The next frame; a stall is reported at once, whatever the timeout [s]."""
        if not self.is_open:
            raise DeviceError("The fake camera is not open: call open first.")
        if not self._frames:
            raise DeviceError("The fake camera has shown all its frames: it has stalled.")
        frame = self._frames.popleft()
        return replace(frame, stamp=time.time()) if self._restamp else frame

    def close(self) -> None:
        """Close the camera."""
        self.is_open = False


class FakeArm:
    """Is at the goal at once, or fails as scripted.

    Attributes:
        moves: every move that was carried out or tried.
        script: outcomes of the moves to come, by order; ARRIVED when empty.
        payload: what was set last.
    """

    def __init__(self, cell: Cell, auto_resume: bool = False, true_kinematics: UrKinematics | None = None) -> None:
        """At home; `true_kinematics` is the calibration that only the controller knows."""
        self._true = true_kinematics or cell.kinematics
        self._T_flange_tcp = cell.T_flange_tcp
        self._q = np.array(cell.home)
        self._auto_resume = auto_resume
        self._status: ArmStatus = "not_ready"
        self._connected = False
        self._cancel = threading.Event()
        self._stamps = itertools.count(1)
        self.moves: list[Move] = []
        self.script: deque[MoveStatus] = deque()
        self.payload: tuple[float, ArrayLike] = (0.0, (0.0, 0.0, 0.0))

    def connect(self) -> None:
        """Connect; a person has to resume unless `auto_resume` says otherwise."""
        self._connected = True
        self._status = "ready" if self._auto_resume else "needs_resume"

    def state(self) -> ArmState:
        """The state of an arm that stands still."""
        if not self._connected:
            raise DeviceError("The arm is not connected: call connect first.")
        T = self._true.forward(self._q) @ self._T_flange_tcp
        zero = np.zeros(6)
        message = "" if self._status == "ready" else f"The fake arm is {self._status}: call resume."
        stamp = float(next(self._stamps))
        return ArmState(stamp, time.time(), self._q.copy(), zero, T, zero, self._status, message, "FAKE")

    def move(self, move: Move, cancelled: Callable[[], bool]) -> MoveResult:
        """Jump to the goal, unless the script, a cancel or the status says otherwise."""
        state = self.state()
        if state.status != "ready":
            return MoveResult(MoveStatus.REFUSED, state.message, state.T_base_tcp)
        self.moves.append(move)
        self._cancel.clear()
        status = MoveStatus.CANCELLED if cancelled() else MoveStatus.ARRIVED
        status = self.script.popleft() if self.script and status is MoveStatus.ARRIVED else status
        if status in (MoveStatus.ARRIVED, MoveStatus.CONTACT) and not self._jump(move):
            status = MoveStatus.STOPPED
        if status is MoveStatus.STOPPED:
            self._status = "protective_stop"
        elif status is MoveStatus.LINK_LOST:
            self._status = "needs_resume"
        force = 0.0 if status is not MoveStatus.CONTACT else float(move.force_limit or 0.0)
        message = "" if status is MoveStatus.ARRIVED else f"Move {move.name!r}: {status.value}."
        return MoveResult(status, message, self.state().T_base_tcp, force)

    def _jump(self, move: Move) -> bool:
        goal = move.q
        if goal is None and move.T_base_tcp is not None:
            goal = self._true.inverse_near(move.T_base_tcp @ np.linalg.inv(self._T_flange_tcp), self._q)
        if goal is None or not np.isfinite(goal).all():
            return False
        self._q = np.array(goal)
        return True

    def cancel(self) -> None:
        """Every move is over before anybody could cancel it."""

    def resume(self) -> None:
        """Ready again, except in an emergency stop."""
        if not self._connected:
            raise DeviceError("The arm is not connected: call connect first.")
        if self._status in ("emergency_stop", "safeguard_stop"):
            raise RobotStopped(f"The fake robot is in a {self._status}: release it first.")
        self._status = "ready"

    def stop_with(self, status: ArmStatus) -> None:
        """Let the robot be in a stop, or release it."""
        self._status = status

    def set_payload(self, mass: float, cog: tuple[float, float, float]) -> None:
        """Remember mass [kg] and centre of gravity in the flange [m]."""
        self.payload = (mass, cog)

    def disconnect(self) -> None:
        """Disconnect; nothing else changes."""
        self._connected = False


class FakeGripper:
    """A gripper that obeys at once, or fails as scripted.

    Attributes:
        object_width: what lies between the pads [m]; None for nothing.
        script: outcomes of the commands to come; DONE when empty.
        commands: every width that was commanded [m].
    """

    def __init__(self, stroke: float = 0.085, object_width: float | None = None, active: bool = False) -> None:
        """An open gripper of this stroke [m] that is active or has to be activated."""
        self._width, self._stroke, self._active = stroke, stroke, active
        self.object_width = object_width
        self._closed_to = stroke
        self.script: deque[GripStatus] = deque()
        self.commands: list[float] = []

    @property
    def is_active(self) -> bool:
        """Whether the gripper obeys `move`."""
        return self._active

    def activate(self) -> None:
        """Make the gripper obey; it opens, and what it held falls."""
        if not self._active:
            self._active, self._width, self._closed_to = True, self._stroke, self._stroke

    def move(self, width: float, speed: float, force: float) -> GripResult:
        """Go to the width [m], or to the object in between; speed and force do not matter."""
        if not self._active:
            return GripResult(GripStatus.REFUSED, self._width, False, "The gripper is not activated.")
        status = self.script.popleft() if self.script else GripStatus.DONE
        if status is GripStatus.DONE:
            self.commands.append(width)
            self._closed_to = width
            self._width = min(max(width, self.object_width or 0.0, 0.0), self._stroke)
        return GripResult(status, self._width, self._holds(), "" if status is GripStatus.DONE else status.value)

    def state(self) -> GripperState:
        """The present opening, and whether the object is held."""
        return GripperState(self._width, self._holds(), self._active)

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _holds(self) -> bool:
        return self.object_width is not None and self._closed_to < self.object_width
