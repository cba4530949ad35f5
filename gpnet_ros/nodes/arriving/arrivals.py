"""What arrives on the topics of an exposure, and why it does not come together. Nothing here needs ROS."""

from __future__ import annotations

import time

from gpnet_ros.nodes.health.meters import Meter

#: Topics of realsense2_camera, relative, so that either camera node serves.
COLOR, DEPTH, CAMERA_INFO = "color/image_raw", "aligned_depth_to_color/image_raw", "color/camera_info"
#: What image_transport puts behind the name of a packed topic.
PACKED = {COLOR: "/compressed", DEPTH: "/compressedDepth"}
#: A topic without a message for so long [s] is silent; and so long may a set take to become complete.
SILENCE = 1.2

_REMEDIES = {
    COLOR: "let the camera publish colour (enable_color:=true), or remap the topic",
    DEPTH: "let the camera align depth to colour (align_depth.enable:=true enable_sync:=true), or remap the topic",
    CAMERA_INFO: "let the camera publish it, once is enough, or remap the topic; a bag must contain it",
}

Stamp = tuple[int, int]


class Arrivals:
    """When and with which stamp each topic was heard last, by the monotonic clock [s].

    Attributes:
        names: full names of topics, for messages; the given one where none is known.
        complete: sets that became complete.
    """

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.complete = Meter()
        self._meters: dict[str, Meter] = {}
        self._heard: dict[str, tuple[float, Stamp]] = {}
        self._heard_before: dict[str, float] = {}  # the one before the last
        self._began: float | None = None  # of the wait for a complete set

    def note(self, topic: str, stamp: Stamp) -> None:
        """A message came."""
        now = time.monotonic()
        if not self._is_fresh(now):
            self._began = now
        if topic in self._heard:
            self._heard_before[topic] = self._heard[topic][0]
        self._heard[topic] = (now, stamp)
        self.meter(topic).note()

    def meter(self, topic: str) -> Meter:
        """Counts the messages of a topic."""
        return self._meters.setdefault(topic, Meter())

    def note_complete(self) -> None:
        """A set has become complete."""
        self._began = time.monotonic()
        self.complete.note()

    def fault(self, wanted: tuple[str, ...]) -> str:
        """Topic, reason and remedy if sets have not become complete for `SILENCE`; empty when all is well.

        Args:
            wanted: topics of a set.
        """
        now = time.monotonic()
        if self._began is None or not self._is_fresh(now) or now - self._began < SILENCE:
            return ""
        silent = [t for t in wanted if t not in self._heard or (t != CAMERA_INFO and self._is_silent(t, now))]
        if silent:
            heard = ", ".join(self._name(t) for t in wanted if t not in silent)
            told = "; ".join(f"nothing comes on {self._name(t)}: {self._remedy(t)}" for t in silent)
            return f"Frames are not complete, messages come on {heard}, but {told}."
        return self._apart(wanted)

    def _is_silent(self, topic: str, now: float) -> bool:
        """Whether others came twice since: in a slow stream the first message of a set is no fault of the second."""
        last = self._heard[topic][0]
        return now - last > SILENCE and any(at > last for at in self._heard_before.values())

    def _remedy(self, topic: str) -> str:
        if topic in self._heard:
            return "it came before; has its publisher stopped, or is the machine too busy?"
        if self._name(topic).endswith(tuple(PACKED.values())):
            return f"{_REMEDIES[topic]}, install image_transport_plugins beside the camera, or set image_transport:=raw"
        return _REMEDIES.get(topic, "is the node that publishes it active?")

    def _apart(self, wanted: tuple[str, ...]) -> str:
        """All topics are heard, their stamps differ."""
        images = [t for t in wanted if t != CAMERA_INFO]
        one, *others = (self._heard[t][1] for t in images)
        apart = [abs(o[0] - one[0] + (o[1] - one[1]) * 1e-9) for o in others]
        worst = max(range(len(apart)), key=apart.__getitem__)
        return (
            f"Frames are not complete: the stamps of {self._name(images[0])} and {self._name(images[worst + 1])} never "
            f"agree, the newest are {apart[worst] * 1000:.1f} ms apart; one exposure must carry one stamp: "
            "let the camera synchronise its streams (enable_sync:=true), take both topics from one camera, or, where "
            "nothing moves while it is looked at, set a greater pair_within."
        )

    def _is_fresh(self, now: float) -> bool:
        return any(now - at <= SILENCE for at, _ in self._heard.values())

    def _name(self, topic: str) -> str:
        return self.names.get(topic, topic)
