"""How well a node is: judged from what it has counted, one part after the other. Nothing here needs ROS."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from gpnet_ros.devices.arm import ArmState
from gpnet_ros.frame import VALID_SHARE_MIN
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH, Arrivals
from gpnet_ros.nodes.arriving.losses import SHARE_MIN
from gpnet_ros.nodes.health.meters import Meter, Stopwatch

#: Without a frame for so long [s] a camera is silent, and so is what it feeds.
SILENT = 3.0
#: Frames that are older than this [s] when they come are late.
LATE = 2.0
#: A stamp that is farther than this [s] from the node's clock is of another clock: a simulated cell's, or a bag's.
OTHER_CLOCK = 3600.0
#: Maps come at least so often [s] from a network that lives.
MAPS_SILENT = 5.0
#: A report of the arm that is older than this [s] is told.
LINK_LATE = 0.5


class Level(IntEnum):
    """Levels of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Health:
    """Judgement of one part of a node.

    Attributes:
        part: name of the part within its node.
        level: how it is.
        message: one sentence for a person where it is not well.
        values: what was counted, by name with its unit.
        hardware_id: serial number or model of the device; `none` for a part that is no device.
    """

    part: str
    level: Level = Level.OK
    message: str = "ok"
    values: Mapping[str, Any] = field(default_factory=dict)
    hardware_id: str = "none"


def rate(meter: Meter) -> str:
    """A rate [1/s] as it is shown."""
    return f"{meter.rate:.2f}"


def ago(seconds: float) -> str:
    """A time that has passed [s] as it is shown."""
    return f"{seconds:.1f}" if math.isfinite(seconds) else "never"


class CameraHealth:
    """What a camera has delivered, and how its failures were told."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        """Nothing was delivered yet; now is a clock that never jumps [s], None the computer's."""
        self._now = now or time.monotonic
        self.frames, self.failures = Meter(now=now), Meter(now=now)
        self.times = Stopwatch(now=now)
        self._failure, self._began = "", self._now()

    def begin(self) -> None:
        """The camera is opened."""
        self._began = self._now()

    def delivered(self, valid_share: float) -> None:
        """A frame came, with this share of valid depth in [0, 1]."""
        self._failure = ""
        self.frames.note(valid_share)

    def failed(self, reason: str) -> None:
        """Opening or reading failed."""
        self._failure = reason
        self.failures.note()

    def judge(self, hardware_id: str) -> Health:
        """The part `camera`."""
        share, silent = self.frames.median, min(self.frames.age, self._now() - self._began)
        level, message = Level.WARN, ""
        if self._failure:
            message = f"No frames: {self._failure}"
        elif silent > SILENT:
            message = f"No frame for {silent:.0f} s: has the camera stalled, or was it unplugged?"
        elif share < VALID_SHARE_MIN:
            message = f"Only {share:.0%} of the depth is valid: check distance, exposure and the camera's emitter."
        else:
            level, message = Level.OK, "ok"
        values = {
            "rate [1/s]": rate(self.frames), "frames": self.frames.count, "failures": self.failures.count,
            "last frame [s ago]": ago(self.frames.age), "p50 valid depth [share]": f"{share:.3f}",
            **self.times.medians(),
        }  # fmt: skip
        return Health("camera", level, message, values, hardware_id or "none")


class InputHealth:
    """What arrives at a node that reads images."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        """Nothing was taken yet; now is a clock that never jumps [s], None the computer's."""
        self.taken = Meter(now=now)

    def take(self, age: float) -> None:
        """An exposure was taken up, so old by the node's clock [s]."""
        self.taken.note(age if abs(age) < OTHER_CLOCK else math.nan)

    def judge(self, arrivals: Arrivals, fault: str, lost: Mapping[str, float]) -> Health:
        """The part `input`.

        Args:
            arrivals: of the topics.
            fault: why messages come but no exposure becomes complete; empty where they do.
            lost: share of messages that did not arrive, by topic, in [0, 1].
        """
        images = {topic: arrivals.meter(topic) for topic in (COLOR, DEPTH, CAMERA_INFO)}
        silent = min(images[topic].age for topic in (COLOR, DEPTH))
        worst = max(lost, key=lambda topic: lost[topic], default="")
        level, message = Level.WARN, ""
        if silent > SILENT:
            since = "No frame arrives" if math.isinf(silent) else f"No frame has arrived for {silent:.0f} s"
            message = f"{since}: is the camera's node active, and are its topics named as here?"
        elif fault:
            message = fault
        elif lost and lost[worst] >= SHARE_MIN:
            message = f"{lost[worst]:.0%} of the messages of {worst} are lost on the way."
        elif self.taken.median > LATE:
            message = (
                f"Frames are {self.taken.median:.1f} s old when they come: is the machine too busy, or a clock wrong?"
            )
        else:
            level, message = Level.OK, "ok"
        values: dict[str, Any] = {f"rate {topic} [1/s]": rate(meter) for topic, meter in images.items()}
        values |= {
            "rate of exposures [1/s]": rate(arrivals.complete), "exposures": arrivals.complete.count,
            "last image [s ago]": ago(silent),
            **({"p50 age when taken [s]": f"{self.taken.median:.3f}"} if self.taken.count else {}),
            **{f"lost {topic} [share]": f"{share:.3f}" for topic, share in lost.items()},
        }  # fmt: skip
        return Health("input", level, message, values)


class AnswerHealth:
    """What a node makes of the frames that it takes."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        """Nothing was answered yet; now is a clock that never jumps [s], None the computer's."""
        self.answers, self.refusals = Meter(now=now), Meter(now=now)
        self.valid = Meter(now=now)
        self.times = Stopwatch(now=now)
        self._refusal = ""

    def answered(self) -> None:
        """Maps of a frame were published."""
        self._refusal = ""
        self.answers.note()

    def refused(self, reason: str) -> None:
        """A frame was refused."""
        self._refusal = reason
        self.refusals.note()

    def judge(
        self, part: str, arrivals: Arrivals, taken: int, about: Mapping[str, Any], hardware_id: str,
        silent: float = MAPS_SILENT,
    ) -> Health:  # fmt: skip
        """How frames are answered.

        Args:
            part: its name, which is that of the answers.
            arrivals: of the topics from which frames come.
            taken: how many exposures were taken up.
            about: what a person wants to know of it beside.
            hardware_id: on what it runs.
            silent: answers come at least so often [s].
        """
        waits = min(self.answers.age, self.refusals.age)
        level, message = Level.WARN, ""
        if self._refusal:
            message = f"Frames are refused: {self._refusal}"
        elif arrivals.complete.age < SILENT and math.isfinite(waits) and waits > silent:
            message = f"No {part} for {waits:.0f} s though frames come: is the machine too busy?"
        else:
            level, message = Level.OK, "ok"
        values = {
            "rate [1/s]": rate(self.answers), "answered": self.answers.count, "refused": self.refusals.count,
            "skipped": max(arrivals.complete.count - taken, 0),
            **({"p50 valid depth [share]": f"{self.valid.median:.3f}"} if self.valid.count else {}),
            **self.times.medians(), **about,
        }  # fmt: skip
        return Health(part, level, message, values, hardware_id or "none")


def arm_health(state: ArmState | None, now: float) -> Health:
    """The part `arm` at the host's time now [s]; state is None where none was ever reported."""
    if state is None:
        return Health("arm", Level.WARN, "The arm is not connected.", {"status": "none"})
    age = now - state.received
    stopped = state.status in ("protective_stop", "emergency_stop", "safeguard_stop", "link_lost")
    level, message = Level.OK, state.status.replace("_", " ")
    if state.message:
        level, message = (Level.ERROR if stopped else Level.WARN), state.message
    elif age > LINK_LATE:
        level, message = Level.WARN, f"The newest report of the arm is {age:.1f} s old: network or machine too busy?"
    values = {"status": state.status, "link age [s]": f"{age:.3f}", "model": state.model, **state.modes}
    return Health("arm", level, message, values, state.serial or state.model or "none")


def loop_health(state: str, values: Mapping[str, Any]) -> Health:
    """The part `loop` in one of the loop's states, with what was counted."""
    level, message = Level.OK, state or "idle"
    if state == "needs_resume":
        level, message = Level.WARN, "Nothing moves until a person calls ~/resume."
    elif state == "waiting":
        level, message = Level.WARN, "A move waits: the speed slider is at zero."
    elif state == "connecting":
        level, message = Level.WARN, "The arm is being connected."
    return Health("loop", level, message, values)


class StillHealth:
    """Whether a time that should go on does so."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        """No time was told yet; now is a clock that never jumps [s], None the computer's."""
        self.told, self.steps = Meter(now=now), Meter(now=now)
        self._time = -math.inf

    def tell(self, seconds: float) -> None:
        """This time [s] was published."""
        self.told.note()
        if seconds != self._time:
            self._time = seconds
            self.steps.note()

    def judge(self, part: str, whose: str) -> Health:
        """How it goes; `whose` time it is, for a person."""
        silent = self.steps.age
        values = {"rate [1/s]": rate(self.told), "time [s]": f"{self._time:.3f}", "last step [s ago]": ago(silent)}
        if silent > SILENT:
            return Health(part, Level.WARN, f"The time of {whose} stands still at {self._time:.3f} s.", values)
        return Health(part, values=values)
