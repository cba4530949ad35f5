"""Messages of one exposure brought together by their stamps, whoever sends them and in whatever order they come."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sensor_msgs.msg import CompressedImage

from gpnet_ros.camera_info import is_rectified, lens_of
from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH, Arrivals
from gpnet_ros.pairing import Pairing


@dataclass(frozen=True, eq=False)
class Exposure:
    """Messages of one exposure, by topic.

    Attributes:
        messages: images raw or packed; depth may carry another stamp than all others.
        color_topic: full name of the colour images; empty if not known.
    """

    messages: dict[str, Any] = field(default_factory=dict)
    color_topic: str = ""

    @property
    def has_frame(self) -> bool:
        """Whether colour and depth are there."""
        return COLOR in self.messages and DEPTH in self.messages

    @property
    def depth_lead(self) -> float:
        """By how much depth was exposed before colour [s]; 0 where it was not, or one of them is missing."""
        if not self.has_frame:
            return 0.0
        color, depth = (self.messages[topic].header.stamp for topic in (COLOR, DEPTH))
        return max((color.sec - depth.sec) + (color.nanosec - depth.nanosec) * 1e-9, 0.0)

    def unpacked(self) -> dict[str, Any]:
        """The messages as a record holds them, which knows no transports: raw images, and the model that they have now.

        Raises:
            FrameRefused: an image cannot be unpacked.
        """
        found = dict(self.messages)
        for topic, read, encoding in (
            (COLOR, convert.color_from_image, "rgb8"),
            (DEPTH, convert.depth_from_image, "32FC1"),
        ):
            if isinstance(found.get(topic), CompressedImage):
                packed = found[topic]
                found[topic] = convert.to_image(read(packed), encoding, 0.0, "")
                found[topic].header = packed.header
        if CAMERA_INFO in found and is_rectified(self.color_topic):
            info = found[CAMERA_INFO]
            found[CAMERA_INFO] = convert.to_camera_info(lens_of(info, self.color_topic).camera, 0.0, "")
            found[CAMERA_INFO].header = info.header
        return found

    def frame(self, need_camera: bool = False) -> Frame:
        """The frame of these messages, with the stamp of colour.

        Raises:
            FrameRefused: no camera_info where one is needed, or messages that do not fit together.
        """
        if need_camera and CAMERA_INFO not in self.messages:
            raise FrameRefused(f"No {CAMERA_INFO} came with the image; the camera node must publish it.")
        color, depth, info = (self.messages.get(topic) for topic in (COLOR, DEPTH, CAMERA_INFO))
        _require_one_size(color, depth, info)
        return convert.to_frame(color, depth, info, self.color_topic)


def _key(stamp: Any) -> tuple[int, int]:
    """A stamp as it is after a frame's time [s] has become a stamp again: today's seconds are known to 240 ns only."""
    same = convert.to_time(convert.from_time(stamp))
    return same.sec, same.nanosec


def _require_one_size(color: Any, depth: Any, info: Any) -> None:
    sizes = {
        topic: f"{message.width}x{message.height}"
        for topic, message in ((COLOR, color), (DEPTH, depth), (CAMERA_INFO, info))
        if message is not None and not isinstance(message, CompressedImage)
    }
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{topic} {size}" for topic, size in sizes.items())
        raise FrameRefused(
            f"Images and camera model differ in size: {told}; let the camera align depth to colour "
            "(align_depth.enable:=true) and remap to the topics of one and the same stream."
        )


class Gatherer:
    """Keeps messages until all wanted topics have arrived with one stamp; keeps only the newest such set.

    Depth without a colour image of its own stamp may belong to one whose stamp is near; the set has the stamp of
    colour. A camera model holds until another comes, so that camera_info may be sent once. Stamps of the first wanted
    topic that jump back (a looped or an older bag) begin anew: what was kept of later stamps is dropped.

    Topics that come `later`, at a pace of their own, belong to a set too, but only of some exposures: which ones is to
    be `expect`ed, or other messages of them would be gone by then.

    Stamps are told apart as far as a frame's time in seconds tells them apart: what is made of a frame carries that.
    """

    def __init__(
        self,
        wanted: tuple[str, ...],
        keep: int = 30,
        tell: Callable[[str], None] | None = None,
        pair_within: float = 0.0,
        later: tuple[str, ...] = (),
    ) -> None:
        """Wait.

        Args:
            wanted: topics. later: further ones, of which nobody says that they are silent.
            keep: so many sets wait at most.
            tell: told in one line of stamps that jump back.
            pair_within: how far apart colour and depth without a partner of their own stamp may be [s].
        """
        self.wanted, self.keep, self.tell, self.later = wanted, keep, tell, later
        self._expected: deque[tuple[int, int]] = deque(maxlen=2)  # the one that is seen now, the one before
        self._whole: deque[tuple[int, int]] = deque(maxlen=2 * keep)  # sets from which only later topics are missing
        self.pair_within, self.color_topic = pair_within, ""
        self._pairing = self._new_pairing()
        self.pending: dict[tuple[int, int], dict[str, Any]] = {}  # in the order in which they came
        self.complete: Exposure | None = None
        self.condition = threading.Condition()
        self.arrivals = Arrivals()
        self._camera_info: Any = None
        self._newest = (0, 0)

    def add(self, topic: str, message: Any) -> None:
        """Take one message of a topic, which may complete a set."""
        stamp = _key(message.header.stamp)
        with self.condition:
            self.arrivals.note(topic, stamp)
            if topic == self.wanted[0]:
                self._follow(stamp)
            if topic == CAMERA_INFO:
                self._camera_info = message
                self._complete(list(self.pending))
                return
            self.pending.setdefault(stamp, {})[topic] = message
            for old in list(self.pending)[: -self.keep]:  # by arrival: stamps may jump back
                if old not in self._expected:
                    del self.pending[old]
            paired = self._pair(topic, stamp) if topic in (COLOR, DEPTH) else []
            self._complete([s for s in (stamp, *paired) if s in self.pending])

    def _pair(self, topic: str, stamp: tuple[int, int]) -> list[tuple[int, int]]:
        """Put depth of another stamp to its colour image; the stamps of the sets that have it now."""
        paired = []
        for pair in self._pairing.add(topic == COLOR, stamp[0] * 10**9 + stamp[1]):
            color, depth = (divmod(nanoseconds, 10**9) for nanoseconds in pair)
            if color in self.pending and DEPTH in self.pending.get(depth, {}):
                self.pending[color][DEPTH] = self.pending[depth].pop(DEPTH)
                if not self.pending[depth]:
                    del self.pending[depth]
                paired.append(color)
        return paired

    def _new_pairing(self) -> Pairing:
        return Pairing(round(self.pair_within * 1e9))

    def _complete(self, stamps: list[tuple[int, int]]) -> None:
        """Keep the newest of these sets from which nothing is missing any more."""
        for stamp in sorted(stamps):  # the newest is kept
            exposure = self._exposure(self.pending[stamp])
            if any(topic not in exposure.messages for topic in self.wanted):
                continue
            if stamp not in self._whole:
                self._whole.append(stamp)
                self.arrivals.note_complete()
            if all(topic in exposure.messages for topic in self.later):
                del self.pending[stamp]
                self.complete = exposure
                self.condition.notify_all()

    def _follow(self, stamp: tuple[int, int]) -> None:
        """Begin anew when time has jumped back."""
        jumped, before = stamp < self._newest, self._newest
        self._newest = stamp
        if not jumped:
            return
        self._expected.clear()
        self._whole.clear()
        self.pending = {kept: found for kept, found in self.pending.items() if kept <= stamp}
        self._pairing = self._new_pairing()
        self.complete = None
        if self.tell is not None:
            back = before[0] - stamp[0] + (before[1] - stamp[1]) * 1e-9
            self.tell(f"The stamps of {self.wanted[0]} jumped back by {back:.3f} s (a looped bag?); begins anew.")

    def expect(self, header: Any) -> None:
        """Keep the set of this Header's stamp: what comes later will come of it."""
        with self.condition:
            self._expected.append(_key(header.stamp))

    def waits_for(self) -> tuple[str, ...]:
        """The topics `later` that the newest set lacks from which nothing else is missing; empty: no such set."""
        with self.condition:
            for stamp, found in reversed(self.pending.items()):
                if stamp in self._whole:
                    return tuple(topic for topic in self.later if topic not in found)
        return ()

    def _exposure(self, found: dict[str, Any]) -> Exposure:
        messages = found if self._camera_info is None else {**found, CAMERA_INFO: self._camera_info}
        return Exposure(messages, self.color_topic)

    def newest(self, timeout: float) -> Exposure | None:
        """The newest complete set, once; None when none came within timeout [s] of wall time."""
        with self.condition:
            self.condition.wait_for(lambda: self.complete is not None, timeout)
            exposure, self.complete = self.complete, None
            return exposure

    def newest_incomplete(self) -> Exposure | None:
        """The newest set of which something is still missing; rather one that has both images already."""
        with self.condition:
            waiting = [dict(found) for found in reversed(self.pending.values())]
        if self.pair_within > 0:  # the newest images are alone until the next ones have come
            waiting.sort(key=lambda found: not (COLOR in found and DEPTH in found))
        return self._exposure(waiting[0]) if waiting else None

    def fault(self) -> str:
        """Why messages arrive but no set becomes complete: topic, reason and remedy; empty when all is well."""
        with self.condition:
            return self.arrivals.fault(self.wanted)
