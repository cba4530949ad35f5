"""What passes between the child process of a UR arm and its parent, and the controller's codes in it.

The codes are those of Universal Robots' RTDE guide. Nothing here needs ur_rtde, numpy or a process.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

#: Safety status bits: normal or reduced mode, one of which shows while no stop is active.
UNSTOPPED = 0b11
#: Safety status bits: protective, safeguard, the three emergency stops, violation and fault.
PROTECTIVE, SAFEGUARD, EMERGENCY, FAULT = 1 << 2, 1 << 4, 0b111 << 5, 0b11 << 8
#: Runtime states: no program, a program runs.
NO_PROGRAM, PLAYING = 1, 2
#: Robot modes: no power; power, but brakes on; ready to move.
POWERED_OFF, BRAKES_ON, ROBOT_RUNNING = 3, 5, 7
#: Names of robot modes and of safety status bits, as the guide has them.
_MODES = (
    "no_controller", "disconnected", "confirm_safety", "booting", "power_off", "power_on", "idle", "backdrive",
    "running", "updating_firmware",
)  # fmt: skip
_SAFETY = (
    "normal", "reduced", "protective_stop", "recovery", "safeguard_stop", "system_emergency_stop",
    "robot_emergency_stop", "emergency_stop", "violation", "fault", "stopped_due_to_safety",
)  # fmt: skip
#: Name of the speed slider in `modes_of`.
SLIDER = "speed slider [share]"
#: Exit status of a child that could not start.
FAILED_EXIT = 4


@dataclass(frozen=True)
class ChildConfig:
    """Settings of the child process, handed over on its command line.

    Attributes:
        fd: the child's end of the socket pair.
        ip: of the controller.
        armed: upload the program and be ready to move; else only watch.
        outputs: whether digital outputs are wanted (claims their RTDE inputs).
        watchdog_hz: least frequency at which the controller expects to be kicked.
        tcp: flange to TCP as x, y, z, rotation vector.
        payload, cog: mass [kg] and centre of gravity in the flange [m].
    """

    fd: int
    ip: str
    armed: bool
    outputs: bool
    watchdog_hz: float
    tcp: tuple[float, ...]
    payload: float
    cog: tuple[float, ...]

    def to_json(self) -> str:
        """The settings as JSON, for the command line."""
        return json.dumps(asdict(self))


class ChildReport(NamedTuple):
    """One state of the controller, as it crosses the pipe in every loop; SI units, vectors of six."""

    stamp: float  # the controller's clock [s]
    q: list[float]
    qd: list[float]
    tcp: list[float]  # x, y, z, rotation vector
    force: list[float]  # on the tool, then torques
    robot_mode: int
    safety_bits: int
    runtime: int
    inputs: int  # digital lines, one bit each
    outputs: int
    slider: float  # speed slider of the pendant, 0 to 1
    scaling: float  # what the controller makes of the speed; 0 in every stop, too
    armed: bool = False  # a program runs that takes moves
    moving: bool = False
    waiting: bool = False  # the move waits for the slider to be raised
    reason: str = ""  # why it is not armed any more


def safety_stop(bits: int) -> str:
    """Status of the arm for the safety status bits, such as "protective_stop"; empty where no stop is active."""
    named = ((EMERGENCY, "emergency_stop"), (PROTECTIVE, "protective_stop"), (SAFEGUARD, "safeguard_stop"))
    return next((name for mask, name in named if bits & mask), "")


def modes_of(report: ChildReport) -> dict[str, str]:
    """Robot mode, safety status, speed slider and speed scaling [share] of a report, in words for a person."""
    mode, bits = report.robot_mode + 1, report.safety_bits
    return {
        "robot mode": _MODES[mode] if 0 <= mode < len(_MODES) else str(report.robot_mode),
        "safety": ", ".join(name for bit, name in enumerate(_SAFETY) if bits >> bit & 1) or "none",
        SLIDER: f"{report.slider:.2f}",
        "speed scaling [share]": f"{report.scaling:.2f}",
    }


def in_words(stop: str) -> str:
    """A name of `safety_stop` in a sentence, such as "an emergency stop"."""
    return f"{'an' if stop[:1] in 'aeiou' else 'a'} {stop.replace('_', ' ')}"
