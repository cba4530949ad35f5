"""A gripper on digital outputs of the robot: pneumatic valves, a suction cup, or anything that opens and closes.

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
#: Lines are asked again after this [s].
POLL = 0.005


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
    held_within: float = setting(
        0.0, "Longest wait for the input to tell of an object, or that it is gone; 0: not waited for.",
        unit="s", low=0.0, high=10.0,
    )  # fmt: skip
    lets_go: bool = setting(False, "Whether a closing that took nothing is undone.")
    pulse: float = setting(
        0.0, "How long the second coil is on when opening, to blow off; 0: until the gripper closes.",
        unit="s", low=0.0, high=2.0,
    )  # fmt: skip

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class ValveSettings(DigitalGripperSettings):
    """Lines of a suction cup: the output is the valve, the input the vacuum switch; the second coil may blow off.

    A cup that took nothing is vented: it might take something on the way home that nobody knows of.
    """

    held_pin: int = setting(0, "Input of the vacuum switch.", low=0, high=7)
    travel_time: float = setting(0.1, "Kept still after each switching.", unit="s", low=0.0, high=5.0)
    held_within: float = setting(
        1.5, "Longest wait for the vacuum to stand, and to be gone.", unit="s", low=0.05, high=10.0
    )
    lets_go: bool = setting(True, "Whether a cup that took nothing is vented.")


class _NotSet(Exception):
    """An output does not show the value that it was given."""


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
            self._switch(closing)
            told = self._wait(closing)
            time.sleep(settings.travel_time)
            state = self.state()
            if closing and settings.lets_go and not (told and state.object_detected):
                self._switch(False)
                text = f"Nothing is held: the input did not tell of an object within {settings.held_within} s."
                if told:
                    text = f"Nothing is held: the input told of an object for less than {settings.travel_time} s."
                return GripResult(GripStatus.DONE, settings.stroke, False, text)
        except _NotSet:
            text = "The digital output did not take its value: is another RTDE client using it?"
            return GripResult(GripStatus.TIMEOUT, float("nan"), False, text)
        except LinkLost as error:
            return GripResult(GripStatus.LINK_LOST, float("nan"), False, str(error))
        except DeviceError as error:
            return GripResult(GripStatus.REFUSED, float("nan"), False, str(error))
        if not closing and not told:
            text = f"The object is not let go: the input still tells of it after {settings.held_within} s. Take it off."
            return GripResult(GripStatus.TIMEOUT, state.width, True, text)
        return GripResult(GripStatus.DONE, state.width, state.object_detected)

    def _switch(self, closing: bool) -> None:
        """Set the coils and wait until the first shows its value."""
        settings = self.settings
        self._lines.set_output(settings.bank, settings.close_pin, closing != settings.inverted)
        if settings.open_pin >= 0:
            self._lines.set_output(settings.bank, settings.open_pin, closing == settings.inverted)
        end = time.monotonic() + READ_BACK
        while self._is_closing() != closing:
            if time.monotonic() > end:
                raise _NotSet
            time.sleep(POLL)
        if settings.pulse > 0 and settings.open_pin >= 0 and not closing:
            time.sleep(settings.pulse)
            self._lines.set_output(settings.bank, settings.open_pin, settings.inverted)

    def _wait(self, held: bool) -> bool:
        """Wait until the input tells of an object, or that it is gone; whether it did, or nobody asks."""
        if self.settings.held_pin < 0 or self.settings.held_within <= 0:
            return True
        end = time.monotonic() + self.settings.held_within
        while self._feels() != held:
            if time.monotonic() > end:
                return False
            time.sleep(POLL)
        return True

    def state(self) -> GripperState:
        """State that the lines tell; without an input every closing is taken for a grip."""
        closing = self._is_closing()
        held = closing and (self.settings.held_pin < 0 or self._feels())
        message = "" if held or self.settings.held_pin < 0 else "the input does not tell of an object."
        return GripperState(0.0 if closing else self.settings.stroke, held, True, message=message)

    def close(self) -> None:
        """Do nothing: the lines belong to the arm."""

    def _feels(self) -> bool:
        inputs, _ = self._lines.digital_bits()
        return bool(inputs >> (BANKS[self.settings.bank] + self.settings.held_pin) & 1)

    def _is_closing(self) -> bool:
        _, outputs = self._lines.digital_bits()
        bit = bool(outputs >> (BANKS[self.settings.bank] + self.settings.close_pin) & 1)
        return bit != self.settings.inverted
