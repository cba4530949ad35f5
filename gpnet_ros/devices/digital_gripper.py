"""A gripper on digital outputs of the robot: pneumatic valves, or anything that opens and closes.

The RTDE IO interface lives in the arm's child process; without a running program the outputs, and
with them the grip, stay as they are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from gpnet_ros.devices.gripper import GripperState, GripResult, GripStatus
from gpnet_ros.errors import DeviceError, LinkLost
from gpnet_ros.settings import setting, validate

#: First bit of each bank in the digital input and output words of RTDE.
BANKS = {"standard": 0, "configurable": 8, "tool": 16}
#: An output shows one cycle after it was set; this is for a busy computer [s].
READ_BACK = 1.0


class DigitalLines(Protocol):
    """Digital lines of a robot, as `UrArm` offers them to a gripper."""

    def set_output(self, bank: str, pin: int, value: bool) -> None:
        """Set output `pin` of a bank of `BANKS`."""

    def digital_bits(self) -> tuple[int, int]:
        """Actual inputs and outputs, one bit for each line."""


@dataclass(frozen=True)
class DigitalGripperSettings:
    """Lines of a digital gripper, and how its jaws move."""

    bank: str = setting("tool", "Bank of the lines.", choices=tuple(BANKS))
    close_pin: int = setting(0, "Output that closes.", low=0, high=7)
    open_pin: int = setting(-1, "Output of the second coil, set opposite to the first; -1 for none.", low=-1, high=7)
    held_pin: int = setting(-1, "Input that tells of an object; -1 for none.", low=-1, high=7)
    inverted: bool = setting(False, "Whether the close output is off to close.")
    travel_time: float = setting(0.5, "For a full stroke.", unit="s", low=0.0, high=5.0)
    stroke: float = setting(0.085, "Opening when open.", unit="m", low=0.001, high=0.5)

    def __post_init__(self) -> None:
        validate(self)


class DigitalGripper:
    """Implements the Gripper Protocol with two positions: the nearer one to the wanted opening."""

    def __init__(self, lines: DigitalLines, settings: DigitalGripperSettings) -> None:
        """Use the lines of an arm made with `digital_outputs`."""
        self._lines, self.settings = lines, settings

    @property
    def is_active(self) -> bool:
        """Whether the outputs can be read; there is nothing to activate."""
        try:
            self._lines.digital_bits()
        except DeviceError:
            return False
        return True

    def activate(self) -> None:
        """Check that the outputs can be read; there is nothing to activate."""
        self._lines.digital_bits()

    def move(self, width: float, speed: float, force: float) -> GripResult:
        """Open when the width [m] is nearer to the stroke than to zero, else close; the valve sets speed and force."""
        settings = self.settings
        if not 0.0 <= width < 1e4:  # NaN fails too
            return GripResult(
                GripStatus.REFUSED, float("nan"), False, f"Width {width} m is not usable: give 0 or more."
            )
        closing = width < settings.stroke / 2
        try:
            self._lines.set_output(settings.bank, settings.close_pin, closing != settings.inverted)
            if settings.open_pin >= 0:
                self._lines.set_output(settings.bank, settings.open_pin, closing == settings.inverted)
            end = time.monotonic() + READ_BACK
            while self._is_closing() != closing:
                if time.monotonic() > end:
                    text = "The digital output did not take its value: is another RTDE client using it?"
                    return GripResult(GripStatus.TIMEOUT, float("nan"), False, text)
                time.sleep(0.005)
            time.sleep(settings.travel_time)
            state = self.state()
        except LinkLost as error:
            return GripResult(GripStatus.LINK_LOST, float("nan"), False, str(error))
        except DeviceError as error:
            return GripResult(GripStatus.REFUSED, float("nan"), False, str(error))
        return GripResult(GripStatus.DONE, state.width, state.object_detected)

    def state(self) -> GripperState:
        """State that the lines tell; without an input every closing is taken for a grip."""
        closing = self._is_closing()
        held = closing
        if self.settings.held_pin >= 0:
            inputs, _ = self._lines.digital_bits()
            held = closing and bool(inputs >> (BANKS[self.settings.bank] + self.settings.held_pin) & 1)
        return GripperState(0.0 if closing else self.settings.stroke, held, True)

    def close(self) -> None:
        """Do nothing: the lines belong to the arm."""

    def _is_closing(self) -> bool:
        _, outputs = self._lines.digital_bits()
        bit = bool(outputs >> (BANKS[self.settings.bank] + self.settings.close_pin) & 1)
        return bit != self.settings.inverted
