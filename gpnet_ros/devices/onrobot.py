"""An OnRobot RG2 or RG6 behind its Compute Box, by Modbus TCP.

OnRobot, "User Manual, Compute Box", section Modbus: unit 65, registers 0 to 2 (target force in 0.1 N, target width in
0.1 mm, control), 268 (status) and 275 (width in 0.1 mm, with the fingertips' offset that is set on the box's page).
Never tried on hardware. Its fingers swing: the tips are up to a centimetre higher when open than when closed, so
measure the TCP closed, and keep `pregrasp` clear of that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from gpnet_ros.devices.gripper import GripperState, GripResult, GripStatus
from gpnet_ros.devices.modbus import ModbusTcp
from gpnet_ros.errors import DeviceError, LinkLost
from gpnet_ros.settings import setting, validate

UNIT = 65
FORCE, STATUS, WIDTH = 0, 268, 275
#: Control: grip to the target, its width that between the fingertips.
GRIP_WITH_OFFSET = 16
BUSY, HELD = 1 << 0, 1 << 1
#: A safety switch was pushed, or was so at power on; only a power cycle of the gripper clears it.
SAFETY = 1 << 3 | 1 << 5 | 1 << 6
#: Greatest width [m], least and greatest force [N] of each.
MODELS = {"rg2": (0.110, 3.0, 40.0), "rg6": (0.160, 25.0, 120.0)}
#: A motion shows as busy within this [s]; one that is over before was none.
START = 0.3
_POLL = 0.02


@dataclass(frozen=True)
class OnRobotSettings:
    """Address of the Compute Box, and which gripper it has."""

    box_ip: str = setting("192.168.1.1", "Address of the Compute Box; not that of the robot.")
    port: int = setting(502, "Of Modbus TCP.", low=1, high=65535)
    model: str = setting("rg2", "The gripper.", choices=tuple(MODELS))
    timeout: float = setting(1.0, "For one answer.", unit="s", low=0.05, high=10.0)
    motion_timeout: float = setting(5.0, "For one motion of the fingers.", unit="s", low=0.5, high=30.0)

    def __post_init__(self) -> None:
        validate(self)


class OnRobotGripper:
    """Implements the Gripper Protocol; the box sets the speed by the force."""

    def __init__(self, settings: OnRobotSettings) -> None:
        """Nothing is connected yet."""
        self.settings = settings
        self._box = ModbusTcp(settings.box_ip, settings.port, UNIT, settings.timeout)

    @property
    def is_active(self) -> bool:
        """Whether the box answers and no safety switch has stopped the gripper."""
        try:
            return not self._status() & SAFETY
        except DeviceError:
            return False

    def activate(self) -> None:
        """Check that it obeys; the fingers do not move.

        Raises:
            DeviceError: the box does not answer, or a safety switch was pushed.
        """
        if self._status() & SAFETY:
            raise DeviceError(_STOPPED)

    def move(self, width: float, speed: float, force: float) -> GripResult:
        """Bring the fingertips to a width [m] with a force [N], each within what it can; speed is the box's."""
        most, weakest, strongest = MODELS[self.settings.model]
        if not (width >= 0.0 and 0.0 <= force < float("inf")):  # NaN fails too
            text = f"Width {width} m with force {force} N is not usable: give 0 or more."
            return GripResult(GripStatus.REFUSED, float("nan"), False, text)
        target = round(min(width, most) * 1e4)
        try:
            if self._status() & SAFETY:
                return GripResult(GripStatus.FAULT, self._width(), False, _STOPPED)
            if not self._await(busy=False, limit=self.settings.motion_timeout):  # it takes no command while it moves
                return GripResult(GripStatus.TIMEOUT, self._width(), False, _STILL_MOVES)
            push = round(min(max(force, weakest), strongest) * 10)
            self._box.write(FORCE, [push, target, GRIP_WITH_OFFSET])
            self._await(busy=True, limit=START)
            if not self._await(busy=False, limit=self.settings.motion_timeout):
                return GripResult(GripStatus.TIMEOUT, self._width(), False, _STILL_MOVES)
            state = self.state()
        except LinkLost as error:
            return GripResult(GripStatus.LINK_LOST, float("nan"), False, str(error))
        except DeviceError as error:
            return GripResult(GripStatus.REFUSED, float("nan"), False, str(error))
        if state.fault:
            return GripResult(GripStatus.FAULT, state.width, False, state.fault)
        return GripResult(GripStatus.DONE, state.width, state.object_detected)

    def state(self) -> GripperState:
        """Width, whether something is gripped, and whether a safety switch has stopped it."""
        status = self._status()
        held, fault = bool(status & HELD), _STOPPED if status & SAFETY else ""
        return GripperState(self._width(), held, not fault, fault)

    def close(self) -> None:
        """Close the connection; the fingers hold what they hold."""
        self._box.close()

    def _status(self) -> int:
        return self._box.read(STATUS, 1)[0]

    def _width(self) -> float:
        raw = self._box.read(WIDTH, 1)[0]
        return max(raw - 0x10000 if raw >= 0x8000 else raw, 0) * 1e-4  # an offset may make it negative

    def _await(self, busy: bool, limit: float) -> bool:
        """Whether the fingers began to move, or came to rest, within a limit [s]."""
        end = time.monotonic() + limit
        while bool(self._status() & BUSY) != busy:
            if time.monotonic() > end:
                return False
            time.sleep(_POLL)
        return True


_STOPPED = (
    "A safety switch of the OnRobot gripper was pushed: take away what pushes it, then switch the gripper's power off "
    "and on."
)
_STILL_MOVES = "The fingers of the OnRobot gripper still move: is something loose between them?"
