"""A clock that is set by hand, in place of `time.monotonic`."""

from __future__ import annotations


class HandClock:
    """The time [s] is what a test says."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
