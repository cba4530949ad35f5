"""One move of a UR arm, judged sample by sample: has it arrived, met something, or got stuck?

Pure logic without ur_rtde, so that it can be tested alone. Success is never a return value of the
client library, but the actual pose and standstill. A move has no time limit: while it comes nearer to
its goal it goes on, however slowly the speed slider lets it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gpnet_ros.devices.arm import MoveStatus
from gpnet_ros.devices.ur.messages import ChildReport

#: Arrived: TCP within 1 mm and 0.5 degrees, joints within 2e-3 rad (0.11 degrees). A UR repeats to 0.1 mm.
ARRIVED_DISTANCE, ARRIVED_ANGLE, ARRIVED_JOINT = 1e-3, np.deg2rad(0.5), 2e-3
#: Standstill: every joint slower than 0.6 degrees per second, in two samples that follow each other ...
STILL_SPEED, STILL_SAMPLES = 0.01, 2
#: ... or slower than this share of what the slider leaves of the ordered speed (as if of a lever of 1 m), but never
#: below what an arm at rest seems to move [rad/s].
STILL_SHARE, STILL_NOISE = 0.2, 0.002
#: A move goes on when it comes this much nearer [rad, m] to its goal; a UR at rest trembles by a tenth of it.
PROGRESS = 1e-4
#: A turn of the tool counts as this much way of the TCP [m/rad].
TURN_WAY = 0.25
#: No progress for this long [s] is a timeout while the program still moves, and an early end when the program
#: says that it has finished.
STUCK_MOVING, STUCK_FINISHED = 2.0, 0.5
#: With the slider low the patience is so long that the arm should meanwhile have done what it does in this
#: long [s] at full speed: from rest 0.5 mm at the least acceleration that a cell may set.
STUCK_AT_FULL_SPEED = 0.3
#: Shares of the speed [0..1]: below the first the slider is at zero, for which there is no time limit. What limits
#: the arm besides counts for no less than the second.
SLIDER_ZERO, LEAST_LIMIT = 1e-3, 0.02
#: A descent whose program has finished short of its goal met something if the force has changed by more than this
#: share of what it allows: an arm that gives way stands there without ever reaching the limit.
HELD_SHARE = 0.5
#: A stop that has not come to rest after this long [s] is reported as it is.
STOP_PATIENCE = 4.0
#: Forces are averaged over this long [s] at rest before a descent; the descent starts after it.
FORCE_REFERENCE = 0.15


class ArmSample(NamedTuple):
    """Report of the controller in one cycle; SI units, vectors of six."""

    time: float  # host's monotonic clock [s]
    q: list[float]
    qd: list[float]
    tcp: list[float]  # x, y, z, rotation vector
    force: list[float]
    finished: bool  # the script's own word that the asynchronous move is over
    slider: float = 1.0  # the pendant's speed slider, 0 to 1 (RTDE: target_speed_fraction)
    scaling: float = 1.0  # what the controller makes of it (RTDE: speed_scaling)


def sample_of(report: ChildReport, now: float, finished: bool) -> ArmSample:
    """What a move is judged by, from the child's report at `now` [s]; `finished` is the script's own word."""
    r = report
    return ArmSample(now, r.q, r.qd, r.tcp, r.force, finished, r.slider, r.scaling)


@dataclass(frozen=True)
class MoveOrder:
    """A move as it crosses the pipe: target is joints or x, y, z, rotation vector."""

    number: int
    kind: str
    target: list[float]
    speed: float
    acceleration: float
    force_limit: float


class MoveOutcome(NamedTuple):
    """End of a move as it crosses the pipe: status, TCP [m, rad], greatest force [N] and duration [s]."""

    number: int
    status: str
    message: str
    tcp: list[float]
    force_peak: float
    duration: float


class RunningMove:
    """Follows one move from its order to its outcome."""

    def __init__(self, order: MoveOrder, start: Callable[[], bool], stop: Callable[[], None], now: float) -> None:
        """Take the order; nothing moves before the first `follow`.

        Args:
            order: what to do.
            start: sends the asynchronous move to the controller; False when that failed.
            stop: sends the asynchronous stop.
            now: host's monotonic clock [s].
        """
        self.order = order
        self._start, self._stop = start, stop
        self._began = now
        self.started = False  # sent to the controller
        self._ending: tuple[MoveStatus, str, float] | None = None
        self._forces: list[list[float]] = []
        self._reference = np.zeros(3)
        self.force_peak = 0.0
        self.waits = False  # for somebody to raise the speed slider
        self._still = 0
        self._rested_since: float | None = None
        self._nearest, self._patience, self._time = np.inf, 1.0, now

    def end(self, status: MoveStatus, message: str, now: float, halted: bool = False) -> None:
        """Stop the arm; the outcome follows at standstill. Only the first reason counts.

        Args:
            status, message: how the move ends, and one sentence for a person.
            now: host's monotonic clock [s].
            halted: the robot brakes by itself, and no program is there to take a stop.
        """
        self.waits = False
        if self._ending is None:
            self._ending = (status, message, now)
            if self.started and not halted:
                self._stop()

    def follow(self, sample: ArmSample) -> MoveOutcome | None:
        """Judge one sample; the outcome when the move is over."""
        self._note_rest(sample)
        if self._ending is None and not self.started:
            self._prepare(sample)
            return None
        if self._ending is None:
            self._judge(sample)
        if self._ending is None:
            return self._arrival(sample)
        status, message, since = self._ending
        if self._still >= STILL_SAMPLES or sample.time - since > STOP_PATIENCE:
            return self.outcome(status, message, sample)
        return None

    def outcome(self, status: MoveStatus, message: str, sample: ArmSample) -> MoveOutcome:
        """The outcome of the move if it ends with this sample."""
        duration = sample.time - self._began
        return MoveOutcome(self.order.number, status.value, message, sample.tcp, self.force_peak, duration)

    def _note_rest(self, sample: ArmSample) -> None:
        ordered = STILL_SHARE * self.order.speed * min(sample.slider, sample.scaling)
        if np.abs(sample.qd).max() > min(max(ordered, STILL_NOISE), STILL_SPEED):
            self._still, self._rested_since = 0, None
            return
        self._still += 1
        if self._rested_since is None:
            self._rested_since = sample.time

    def _prepare(self, sample: ArmSample) -> None:
        """At rest, average the force for a descent; then start."""
        if self.order.kind == "descend":
            if self._still < STILL_SAMPLES and sample.time - self._began < STOP_PATIENCE:
                return
            self._forces.append(sample.force[:3])
            first = self._rested_since if self._rested_since is not None else self._began
            if sample.time - max(first, self._began) < FORCE_REFERENCE:
                return
        self._reference = np.mean(self._forces or [sample.force[:3]], axis=0)
        self.started, self._still, self._rested_since = True, 0, None
        self._time = sample.time
        if not self._start():
            self.end(
                MoveStatus.STOPPED, "The controller did not take the move; its program is not running.", sample.time
            )

    def _judge(self, sample: ArmSample) -> None:
        """Contact, and standing still where it should move."""
        change = float(np.linalg.norm(np.subtract(sample.force[:3], self._reference)))
        self.force_peak = max(self.force_peak, change)
        if self.order.kind == "descend" and change > self.order.force_limit:
            limit = self.order.force_limit
            self.end(MoveStatus.CONTACT, f"Contact: {change:.1f} N, the limit is {limit:.1f} N.", sample.time)
            return
        self._judge_progress(sample, change)

    def _judge_progress(self, sample: ArmSample, change: float) -> None:
        """Stop a move that stands short of its goal for no reason; patience runs out as fast as it should move."""
        seconds, self._time = sample.time - self._time, sample.time
        left = self._left(sample)
        self.waits = not sample.finished and sample.slider < SLIDER_ZERO and bool(self._missing(sample))
        if left < self._nearest - PROGRESS or np.abs(sample.qd).max() > STILL_SPEED:
            self._nearest, self._patience = min(left, self._nearest), 1.0
        elif not self.waits:
            self._patience -= seconds / (STUCK_FINISHED if sample.finished else patience(sample))
        if self._patience < 0.0 and (missing := self._missing(sample)):
            self.end(*self._stuck(sample, change, missing), sample.time)

    def _stuck(self, sample: ArmSample, change: float, missing: str) -> tuple[MoveStatus, str]:
        """How a move ends that stands short of its goal, by the change of the force [N]."""
        if not sample.finished:
            status, cause = MoveStatus.TIMEOUT, "see the pendant for what holds the arm"
        elif self.order.kind == "descend" and change > HELD_SHARE * self.order.force_limit:
            return MoveStatus.CONTACT, f"Contact: {change:.1f} N hold the tool {missing} short of the goal."
        else:
            status, cause = MoveStatus.STOPPED, "the program ended early"
        slider = f"at a speed slider of {sample.slider:.0%}"
        return status, f"Stood still {missing} short of the goal {slider}: {cause}."

    def _arrival(self, sample: ArmSample) -> MoveOutcome | None:
        if sample.finished and self._still >= STILL_SAMPLES and not self._missing(sample):
            return self.outcome(MoveStatus.ARRIVED, "", sample)
        return None

    def _left(self, sample: ArmSample) -> float:
        """Way that is left to the goal [rad of the farthest joint; m]."""
        if self.order.kind == "joint":
            return float(np.abs(np.subtract(sample.q, self.order.target)).max())
        away = float(np.linalg.norm(np.subtract(sample.tcp[:3], self.order.target[:3])))
        return away + TURN_WAY * turn(sample.tcp[3:], self.order.target[3:])

    def _missing(self, sample: ArmSample) -> str:
        """What is missing to the goal, in words; empty when it is reached."""
        if self.order.kind == "joint":
            worst = float(np.abs(np.subtract(sample.q, self.order.target)).max())
            return f"{worst:.4f} rad" if worst > ARRIVED_JOINT else ""
        away = float(np.linalg.norm(np.subtract(sample.tcp[:3], self.order.target[:3])))
        turned = turn(sample.tcp[3:], self.order.target[3:])
        if away <= ARRIVED_DISTANCE and turned <= ARRIVED_ANGLE:
            return ""
        return f"{away * 1000:.1f} mm and {np.rad2deg(turned):.2f} degrees"


def patience(sample: ArmSample) -> float:
    """How long [s] a move may stand before that is a fault: longer the slower the controller lets it go."""
    share = min(max(sample.slider, SLIDER_ZERO), max(sample.scaling, LEAST_LIMIT))
    return max(STUCK_MOVING, STUCK_AT_FULL_SPEED / share)


def turn(a: list[float], b: list[float]) -> float:
    """Angle [rad] between two orientations given as rotation vectors.

    By unit quaternions in plain numpy, because loading scipy would double the time in which a lost
    child is replaced.
    """
    quaternions = []
    for vector in (a, b):
        half = np.linalg.norm(vector) / 2
        quaternions.append(np.array([np.cos(half), *(np.sinc(half / np.pi) / 2 * np.asarray(vector))]))
    product = abs(float(quaternions[0] @ quaternions[1]))
    return float(2 * np.arccos(min(product, 1.0)))
