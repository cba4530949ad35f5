"""When each frame of a bag is due, by its own stamps. Nothing here needs ROS.

The stamps of the images are the time that is played, not when they were recorded: whoever waits for a frame that is
newer than now then waits by one clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from gpnet_ros.data.bags.frames import BagFrame, BagFrames
from gpnet_ros.errors import BagRefused

#: Time between two messages of the clock [s].
CLOCK_PERIOD = 0.01
#: After a bag of one frame the next turn begins after this time [s].
_LONE_FRAME = 0.5


class Playback:
    """Plays the frames of an open bag."""

    def __init__(self, frames: BagFrames, rate: float = 1.0, start_offset: float = 0.0) -> None:
        """Choose the frames.

        Args:
            frames: of an open bag.
            rate: seconds of the bag per second.
            start_offset: leave out so much of the bag's beginning [s].

        Raises:
            BagRefused: the bag holds no frame, or is shorter than start_offset.
        """
        frames.require()
        self.frames, self.rate = frames, rate
        colors = frames.stamps[frames.topics.color]
        stamps = [colors[pair.color] for pair in frames.pairs]
        start = stamps[0] + round(start_offset * 1e9)
        # By the recording: in a bag of a looped bag stamps come again, which are not left out.
        first = next((n for n, stamp in enumerate(stamps) if stamp >= start), None)
        if first is None:
            raise BagRefused(
                f"Bag {frames.bag.path}: start_offset is {start_offset:g} s, but its frames end after "
                f"{(max(stamps) - stamps[0]) * 1e-9:.2f} s; choose a smaller one."
            )
        self.numbers = range(first, len(stamps))
        steps = [b - a for a, b in zip(stamps[first:], stamps[first + 1 :]) if b > a]
        self.period = sorted(steps)[len(steps) // 2] * 1e-9 if steps else _LONE_FRAME

    def play(
        self, show: Callable[[BagFrame], None], tell_time: Callable[[int], None], wait: Callable[[float], bool]
    ) -> bool:
        """Play the bag once, to the end of its last frame; whether that end was reached.

        Args:
            show: takes a frame that is due.
            tell_time: takes the time of the bag [ns], again and again and with every frame.
            wait: waits so long [s]; whether to stop.
        """
        began, first, last = time.monotonic(), None, 0
        for frame in self.frames.messages(self.numbers):
            if first is None or frame.stamp < last:  # stamps that jump back begin anew
                began, first = time.monotonic(), frame.stamp
            if not self._wait_until(began, first, frame.stamp, tell_time, wait):
                return False
            tell_time(frame.stamp)
            show(frame)
            last = frame.stamp
        assert first is not None
        return self._wait_until(began, first, last + round(self.period * 1e9), tell_time, wait)

    def _wait_until(
        self, began: float, first: int, stamp: int, tell_time: Callable[[int], None], wait: Callable[[float], bool]
    ) -> bool:
        """Let time pass up to a stamp [ns]; False when told to stop."""
        due = began + (stamp - first) * 1e-9 / self.rate
        while (left := due - time.monotonic()) > 0:
            tell_time(min(stamp, first + round((time.monotonic() - began) * self.rate * 1e9)))
            if wait(min(left, CLOCK_PERIOD)):
                return False
        return not wait(0.0)
