"""How often something happens, how long ago, and how long it takes, over some seconds. Nothing here needs ROS."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable

#: What is told as a rate or a median is that of so many seconds.
SPAN = 10.0
#: More events than these are never kept.
_KEPT = 2000


class Meter:
    """Events of the last seconds, each with a value where one was given; any thread may write and read.

    Attributes:
        count: all events since the start.
    """

    def __init__(self, span: float = SPAN, now: Callable[[], float] | None = None) -> None:
        """Nothing has happened yet.

        Args:
            span: how far back is looked [s].
            now: a clock that never jumps [s]; None takes the computer's.
        """
        self._span, self._now = span, now or time.monotonic
        self._events: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._began = self._last = -math.inf  # first event after a silence, newest event
        self._lock = threading.Lock()
        self.count = 0

    def note(self, value: float = math.nan) -> None:
        """It has happened, with a value in any unit."""
        with self._lock:
            now = self._now()
            if now - self._last > self._span:
                self._began = now
            self._events.append((now, value))
            self._last, self.count = now, self.count + 1

    @property
    def rate(self) -> float:
        """Events per second [1/s] in the span; zero once nothing happened for so long."""
        with self._lock:
            now = self._now()
            events = len(self._recent(now))
            return events / max(min(self._span, now - self._began), 1.0)

    @property
    def age(self) -> float:
        """Time since the last event [s]; inf where there was none."""
        with self._lock:
            return self._now() - self._last

    @property
    def median(self) -> float:
        """Median of the values in the span, in their unit; NaN without any."""
        with self._lock:
            values = [value for _, value in self._recent(self._now()) if not math.isnan(value)]
        return statistics.median(values) if values else math.nan

    def _recent(self, now: float) -> list[tuple[float, float]]:
        return [event for event in self._events if now - event[0] <= self._span]


class Stopwatch:
    """Times of the stages of one piece of work, by name."""

    def __init__(self, span: float = SPAN, now: Callable[[], float] | None = None) -> None:
        """No stage was timed yet; span and clock [s] see `Meter`."""
        self._span, self._now = span, now or time.monotonic
        self._stages: dict[str, Meter] = {}
        self._began = self._now()

    def begin(self) -> None:
        """A piece of work begins, and its first stage."""
        self._began = self._now()

    def lap(self, stage: str) -> None:
        """A stage has ended, and the next begins."""
        now = self._now()
        self.note(stage, now - self._began)
        self._began = now

    def note(self, stage: str, seconds: float) -> None:
        """A stage took so long [s]."""
        if stage not in self._stages:
            self._stages = {**self._stages, stage: Meter(self._span, self._now)}  # readers see the one or the other
        self._stages[stage].note(seconds)

    def medians(self) -> dict[str, str]:
        """`p50 STAGE [ms]` of every stage that was worked at lately."""
        found = {stage: meter.median for stage, meter in self._stages.items()}
        return {f"p50 {stage} [ms]": f"{1000 * s:.1f}" for stage, s in found.items() if not math.isnan(s)}
