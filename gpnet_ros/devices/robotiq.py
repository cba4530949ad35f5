"""A Robotiq 2F gripper behind the socket of its URCap (port 63352).

Robotiq, "2F-85 & 2F-140 Instruction Manual" (e-Series and CB series), section 4: registers; the
socket wraps them in ASCII as `GET POS` and `SET POS 255`, answered by `POS 255` and `ack`.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from gpnet_ros.devices.gripper import GripperState, GripResult, GripStatus
from gpnet_ros.errors import DeviceError, LinkLost, SettingsError
from gpnet_ros.settings import setting, validate

URCAP_PORT = 63352
ACTIVE = 3  # gSTA: activation is complete
MOVING, STOPPED_CLOSING, AT_TARGET = 0, 2, 3  # gOBJ
#: What a full closing asks for: past every end, so that the fingers press on what is there, be it thin or each other.
FULLY_CLOSED = 255
#: Jaw speed [m/s] and force [N] of the closing that measures where the fingers end: slow and with the least force.
REFERENCE_SPEED, REFERENCE_FORCE = 0.05, 20.0
#: Fingers that stop against something so few units before the set end (4.5 mm) have met: thicker pads. Earlier
#: they have something between them.
PADS = 12
#: An object is thicker than so many units of 0.4 mm: where the end was measured, and where it was not.
THINNEST_MEASURED, THINNEST = 1, 2
#: What gFLT says; 0 is well, and 5 and 7 only mean that the gripper is not activated.
FAULTS = {
    5: "activation must be completed first", 7: "the activation bit is not set", 8: "too hot",
    9: "no communication for a second", 10: "supply voltage too low", 11: "automatic release under way",
    12: "internal fault", 13: "activation fault", 14: "too much current", 15: "automatic release completed",
}  # fmt: skip
#: Of these, those that only a new activation clears (the bit rACT from 0 to 1).
LASTING = frozenset(FAULTS) - {5, 7}
#: gOBJ still shows the previous motion for a moment after a request.
LAG = 0.1
_POLL = 0.01
_ANSWER = re.compile(rb"([A-Z]{3}) (\d+|\?)")


@dataclass(frozen=True)
class RobotiqSettings:
    """Address and calibration; the defaults are a 2F-85's."""

    robot_ip: str = setting("127.0.0.1", "Address of the controller that carries the URCap.")
    stroke: float = setting(0.085, "Opening at `open_position`.", unit="m", low=0.01, high=0.2)
    # The manual gives about 0.4 mm per unit and an empty close at about 228; drive both ends, read POS.
    open_position: int = setting(0, "Position that is reported when open.", low=0, high=50)
    closed_position: int = setting(228, "Position that is reported when closed and empty.", low=100, high=255)
    speed_range: tuple[float, float] = setting((0.02, 0.15), "Jaw speed at 0 and 255.", unit="m/s", low=0.001, high=1.0)
    force_range: tuple[float, float] = setting((20.0, 235.0), "Grip force at 0 and 255.", unit="N", low=1.0, high=500.0)
    timeout: float = setting(1.0, "For one answer.", unit="s", low=0.05, high=10.0)
    activation_timeout: float = setting(10.0, "For an activation.", unit="s", low=1.0, high=60.0)

    def __post_init__(self) -> None:
        validate(self)

    def position(self, width: float) -> int:
        """Position 0..255 for an opening [m], clipped to what the fingers reach."""
        share = 1.0 - min(max(width / self.stroke, 0.0), 1.0)
        return round(self.open_position + share * (self.closed_position - self.open_position))

    def width(self, position: int) -> float:
        """Opening [m] at a position 0..255."""
        share = (self.closed_position - position) / (self.closed_position - self.open_position)
        return self.stroke * min(max(share, 0.0), 1.0)


class _End(NamedTuple):
    """How a motion of the fingers ended."""

    position: int  # 0 .. 255
    seen: int  # gOBJ
    stopped: bool  # within its time
    seconds: float  # that time


class RobotiqGripper:
    """Implements the Gripper Protocol; a lost connection is opened again by the next command."""

    def __init__(self, settings: RobotiqSettings) -> None:
        """Nothing is connected yet."""
        self.settings = settings
        self._ends = settings  # as `settings`, with the ends of the stroke as they were measured last
        self._measured = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    @property
    def is_active(self) -> bool:
        """Whether activation is complete and no fault asks for a new one; False too when it cannot be reached."""
        try:
            return self._get("STA") == ACTIVE and self._get("FLT") not in LASTING
        except DeviceError:
            return False

    @property
    def ends(self) -> tuple[int, int] | None:
        """Positions 0 .. 255 at which the empty fingers end, open and closed; None before they were measured."""
        return (self._ends.open_position, self._ends.closed_position) if self._measured else None

    def activate(self) -> None:
        """Reset, activate, and measure both ends, unless active and without a fault.

        The fingers move over their whole stroke, more than once, and end open: what they hold falls. Where they
        stop against something too early to have met each other, the closed end stays as the settings say.

        Raises:
            DeviceError: it cannot be reached, does not become active, or the fault is still there.
        """
        self._wait_for_power()
        if self._get("STA") == ACTIVE and self._get("FLT") not in LASTING:
            return
        self._ends, self._measured = self.settings, False
        self._set(ACT=0, ATR=0)
        self._wait("STA", 0, "does not reset")
        self._set(ACT=1)
        self._wait("STA", ACTIVE, "does not become active")
        fault = self._get("FLT")
        if fault in LASTING:
            raise DeviceError(f"The gripper still reports fault {fault} ({FAULTS[fault]}) after a new activation.")
        self._measure_ends()

    def _measure_ends(self) -> None:
        """Close on nothing and open again; see `PADS` for what is believed."""
        closed = self._go(FULLY_CLOSED, REFERENCE_SPEED, REFERENCE_FORCE)
        opened = self._go(0, REFERENCE_SPEED, REFERENCE_FORCE)
        if not closed.stopped or not opened.stopped:
            raise DeviceError("The gripper does not end its way when it opens and closes: see pads, power and cable.")
        if closed.seen == AT_TARGET or closed.position >= self.settings.closed_position - PADS:
            self._learn(closed.position, opened.position if opened.seen == AT_TARGET else None)

    def _learn(self, closed: int, opened: int | None = None) -> None:
        """Believe these ends, unless no gripper has them: something is in the way of the fingers."""
        opened = self._ends.open_position if opened is None else opened
        with suppress(SettingsError):
            self._ends = replace(self.settings, open_position=opened, closed_position=closed)
            self._measured = True

    def move(self, width: float, speed: float, force: float) -> GripResult:
        """Bring the pads to an opening [m] at a speed [m/s] with a force [N], and wait until they stop."""
        if not all(0.0 <= value < 1e4 for value in (width, speed, force)):  # NaN fails too
            text = f"Grip of {width} m, {speed} m/s, {force} N is not usable: give finite values from zero up."
            return GripResult(GripStatus.REFUSED, float("nan"), False, text)
        position = self._ends.position(width) if width > 0.0 else FULLY_CLOSED
        try:
            if self._get("STA") != ACTIVE:
                text = "The gripper is not activated: a person has to call activate; its fingers will move."
                return GripResult(GripStatus.REFUSED, self._ends.width(self._get("POS")), False, text)
            end = self._go(position, speed, force)
        except LinkLost as error:
            return GripResult(GripStatus.LINK_LOST, float("nan"), False, str(error))
        except DeviceError as error:
            return GripResult(GripStatus.FAULT, float("nan"), False, str(error))
        if not end.stopped:
            text = f"The gripper did not stop within {end.seconds:.1f} s: check its pressure, power and cable."
            return GripResult(GripStatus.TIMEOUT, self._ends.width(end.position), False, text)
        # Empty, or nearer to each other than ever: this is where the fingers meet.
        if position == FULLY_CLOSED and (end.seen == AT_TARGET or end.position > self._ends.closed_position):
            self._learn(end.position)
        return GripResult(GripStatus.DONE, self._ends.width(end.position), self._is_held(end.position, end.seen))

    def state(self) -> GripperState:
        """The present state of the jaws, read from the registers."""
        fault = self._get("FLT")
        position, active = self._get("POS"), self._get("STA") == ACTIVE
        held = self._is_held(position, self._get("OBJ"))
        return GripperState(self._ends.width(position), held, active, FAULTS.get(fault, "") if active else "")

    def close(self) -> None:
        """Close the connection; the fingers hold what they hold."""
        with self._lock:
            self._drop()

    def _go(self, position: int, speed: float, force: float) -> _End:
        """Send the fingers to a position at a speed [m/s] with a force [N]; where and how they stop."""
        settings = self.settings
        units = {"SPE": _units(speed, settings.speed_range), "FOR": _units(force, settings.force_range)}
        self._set(POS=position, **units, GTO=1)
        seconds = settings.stroke / max(speed, settings.speed_range[0]) + 2.0
        began = time.monotonic()
        while True:
            waited = time.monotonic() - began
            fault = self._get("FLT")
            if fault in FAULTS:
                raise DeviceError(f"The gripper reports fault {fault} ({FAULTS[fault]}): see its manual, section 4.")
            stopped = waited > LAG and self._get("PRE") == position and self._get("OBJ") != MOVING
            if stopped or waited > seconds:
                return _End(self._get("POS"), self._get("OBJ"), stopped, seconds)
            time.sleep(_POLL)

    def _is_held(self, position: int, seen: int) -> bool:
        """Whether fingers that stopped here with this gOBJ have something between them."""
        thinnest = THINNEST_MEASURED if self._measured else THINNEST
        return seen == STOPPED_CLOSING and position < self._ends.closed_position - thinnest

    def _wait_for_power(self) -> None:
        """A gripper knows nothing for a moment after its power has come back."""
        end = time.monotonic() + self.settings.activation_timeout
        while True:
            try:
                self._get("STA")
                return
            except LinkLost:
                raise
            except DeviceError:
                if time.monotonic() > end:
                    raise
            time.sleep(_POLL)

    def _wait(self, name: str, value: int, complaint: str) -> None:
        end = time.monotonic() + self.settings.activation_timeout
        while self._get(name) != value:
            if time.monotonic() > end:
                raise DeviceError(f"The gripper {complaint} ({name}={self._get(name)}): check its power and cable.")
            time.sleep(_POLL)

    # --- the socket -------------------------------------------------------------------------------------
    def _get(self, name: str) -> int:
        answer = self._exchange(f"GET {name}\n")
        match = _ANSWER.fullmatch(answer.strip())
        if match is None or match[1].decode() != name:
            raise LinkLost(f"The gripper answered {answer!r} to GET {name}: is this the port of a Robotiq URCap?")
        if match[2] == b"?":
            raise DeviceError(f"The gripper does not know its {name} (emergency stop or no power): release it first.")
        return int(match[2])

    def _set(self, **values: int) -> None:
        answer = self._exchange("SET " + " ".join(f"{name} {value}" for name, value in values.items()) + "\n")
        if answer.strip() != b"ack":
            raise DeviceError(f"The gripper answered {answer!r} to {values}: it did not accept them.")

    def _exchange(self, request: str) -> bytes:
        with self._lock:
            try:
                if self._socket is None:
                    self._socket = socket.create_connection((self.settings.robot_ip, URCAP_PORT), self.settings.timeout)
                self._socket.sendall(request.encode())
                answer = b""
                # Some versions end an answer with a line feed and some do not; "ack" never has one.
                while not (answer.endswith(b"\n") or answer.strip() in (b"ack", b"nack")):
                    self._socket.settimeout(0.05 if _ANSWER.fullmatch(answer) else self.settings.timeout)
                    try:
                        piece = self._socket.recv(64)
                    except TimeoutError:
                        if _ANSWER.fullmatch(answer):
                            break
                        raise
                    if not piece:
                        raise ConnectionError("it closed the connection")
                    answer += piece
                return answer
            except OSError as error:
                self._drop()
                address = f"{self.settings.robot_ip}:{URCAP_PORT}"
                raise LinkLost(f"The gripper at {address} does not answer ({error}): check URCap and cable.") from error

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _units(value: float, span: tuple[float, float]) -> int:
    """A speed or force as 0..255 of its range."""
    share = (value - span[0]) / (span[1] - span[0])
    return round(255 * min(max(share, 0.0), 1.0))
