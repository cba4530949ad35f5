"""Whether a network that the planner waits for is still there. Nothing here needs ROS."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

from gpnet_ros.nodes.arriving.arrivals import DEPTH, Arrivals
from gpnet_ros.nodes.health.parts import MAPS_SILENT, SILENT, Health, Level, ago, rate

#: A network's diagnostics come at least so often [s].
BEAT_SILENT = 6.0
#: And its detections [s], from a network that may take ten times as long on a busy machine.
DETECTIONS_SILENT = 30.0


class InferenceWatch:
    """Whether whoever makes the maps is still there: by its maps, by its topics, and by its own diagnostics."""

    def __init__(self, now: Callable[[], float] | None = None, what: str = "maps", silent: float = MAPS_SILENT) -> None:
        """Nobody was heard yet.

        Args:
            now: a clock that never jumps [s]; None takes the computer's.
            what: is made, for a person: maps, or detections.
            silent: it comes at least so often [s].
        """
        self._now, self._what, self._silent = now or time.monotonic, what, silent
        self._beats: dict[str, float] = {}

    def beat(self, node: str) -> None:
        """Diagnostics of a node came, by its full name."""
        self._beats[node] = self._now()

    def judge(self, arrivals: Arrivals, topic: str, publishers: Iterable[str]) -> Health:
        """The part `inference`.

        Args:
            arrivals: of the planner's topics.
            topic: of the maps, or whatever else is made, that is listened to.
            publishers: full names of the nodes that publish it.
        """
        found, now = sorted(set(publishers)), self._now()
        beats = {node: now - self._beats[node] for node in found if node in self._beats}
        frames, answers = arrivals.meter(DEPTH), arrivals.meter(topic)
        level, message = Level.WARN, ""
        if not found:
            message = f"Nobody publishes {self._what}: inference_node has ended or was never active."
        elif beats and min(beats.values()) > BEAT_SILENT:
            message = (
                f"{found[0]} has given no sign of life for {min(beats.values()):.0f} s: has it died, or does it hang?"
            )
        elif frames.age < SILENT and answers.age > self._silent:
            since = "none has come yet" if math.isinf(answers.age) else f"the last came {answers.age:.0f} s ago"
            message = f"Frames come, but no {self._what} of them ({since}): see the diagnostics of {found[0]}."
        else:
            level, message = Level.OK, "ok"
        values = {
            "publisher": ", ".join(found) or "none", f"rate of {self._what} [1/s]": rate(answers),
            "rate of frames [1/s]": rate(frames), f"last {self._what} [s ago]": ago(answers.age),
            "last sign of life [s ago]": ago(min(beats.values(), default=math.inf)),
        }  # fmt: skip
        return Health("inference", level, message, values)
