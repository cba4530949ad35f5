"""Messages of one exposure brought together: colour, aligned depth and camera_info carry equal stamps."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arrivals import CAMERA_INFO, COLOR, DEPTH, Arrivals
from gpnet_ros.nodes.losses import WINDOW, Losses, Lost
from gpnet_ros.nodes.qos_overrides import is_given
from gpnet_ros.nodes.start import LATCHED_QOS, RESENT_QOS, SENSOR_QOS
from gpnet_ros.nodes.transport import find_transport

#: How often it is looked at whether to subscribe otherwise [s].
FOLLOW_PERIOD = 0.5


@dataclass(frozen=True, eq=False)
class Exposure:
    """Messages of one stamp, by topic."""

    messages: dict[str, Any] = field(default_factory=dict)

    @property
    def has_frame(self) -> bool:
        """Whether colour and depth are there."""
        return COLOR in self.messages and DEPTH in self.messages

    def frame(self, need_camera: bool = False) -> Frame:
        """The frame of these messages.

        Raises:
            FrameRefused: no camera_info where one is needed, or messages that do not fit together.
        """
        if need_camera and CAMERA_INFO not in self.messages:
            raise FrameRefused(f"No {CAMERA_INFO} came with the image; the camera node must publish it.")
        color, depth, info = (self.messages.get(topic) for topic in (COLOR, DEPTH, CAMERA_INFO))
        _require_one_size(color, depth, info)
        return convert.to_frame(color, depth, info)


def _require_one_size(color: Any, depth: Any, info: Any) -> None:
    sizes = {
        t: f"{m.width}x{m.height}" for t, m in ((COLOR, color), (DEPTH, depth), (CAMERA_INFO, info)) if m is not None
    }
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{topic} {size}" for topic, size in sizes.items())
        raise FrameRefused(
            f"Images and camera model differ in size: {told}; let the camera align depth to colour "
            "(align_depth.enable:=true) and remap to the topics of one and the same stream."
        )


class Gatherer:
    """Keeps messages until all wanted topics have arrived with one stamp; keeps only the newest such set.

    A camera model holds until another comes, so that camera_info may be sent once. Stamps of the first wanted topic
    that jump back (a looped or an older bag) begin anew: what was kept of later stamps is dropped.
    """

    def __init__(self, wanted: tuple[str, ...], keep: int = 30, tell: Callable[[str], None] | None = None) -> None:
        """Args: tell is told in one line of stamps that jump back."""
        self.wanted, self.keep, self.tell = wanted, keep, tell
        self.pending: dict[tuple[int, int], dict[str, Any]] = {}  # in the order in which they came
        self.complete: Exposure | None = None
        self.condition = threading.Condition()
        self.arrivals = Arrivals()
        self._camera_info: Any = None
        self._newest = (0, 0)

    def add(self, topic: str, message: Any) -> None:
        """Take one message of a topic, which may complete a set."""
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
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
                del self.pending[old]
            self._complete([stamp] if stamp in self.pending else [])

    def _complete(self, stamps: list[tuple[int, int]]) -> None:
        """Keep the newest of these sets from which nothing is missing any more."""
        for stamp in stamps:
            exposure = self._exposure(self.pending[stamp])
            if all(topic in exposure.messages for topic in self.wanted):
                del self.pending[stamp]
                self.complete = exposure
                self.arrivals.note_complete()
                self.condition.notify_all()

    def _follow(self, stamp: tuple[int, int]) -> None:
        """Begin anew when time has jumped back."""
        jumped, before = stamp < self._newest, self._newest
        self._newest = stamp
        if not jumped:
            return
        self.pending = {kept: found for kept, found in self.pending.items() if kept <= stamp}
        self.complete = None
        if self.tell is not None:
            back = before[0] - stamp[0] + (before[1] - stamp[1]) * 1e-9
            self.tell(f"The stamps of {self.wanted[0]} jumped back by {back:.3f} s (a looped bag?); begins anew.")

    def _exposure(self, found: dict[str, Any]) -> Exposure:
        return Exposure(found if self._camera_info is None else {**found, CAMERA_INFO: self._camera_info})

    def newest(self, timeout: float) -> Exposure | None:
        """The newest complete set, once; None when none came within timeout [s] of wall time."""
        with self.condition:
            self.condition.wait_for(lambda: self.complete is not None, timeout)
            exposure, self.complete = self.complete, None
            return exposure

    def newest_incomplete(self) -> Exposure | None:
        """The newest set of which something is still missing."""
        with self.condition:
            return self._exposure(dict(list(self.pending.values())[-1])) if self.pending else None

    def fault(self) -> str:
        """Why messages arrive but no set becomes complete: topic, reason and remedy; empty when all is well."""
        with self.condition:
            return self.arrivals.fault(self.wanted)


class Exposures(Gatherer):
    """Subscribes to colour, aligned depth and camera_info, and to further topics of the same stamp.

    Says in the log which share of them is lost, and what to do about it.
    """

    def __init__(self, node: Any, image_qos: str = "sensor", extra: dict[str, type] | None = None) -> None:
        """Subscribe; image_qos and its values as of the parameter."""
        self._topics: dict[str, type] = {COLOR: Image, DEPTH: Image, CAMERA_INFO: CameraInfo, **(extra or {})}
        super().__init__(tuple(self._topics), tell=node.get_logger().warning)
        self._node, self._has_latched = node, False
        self.arrivals.names = {topic: node.resolve_topic_name(topic) for topic in self._topics}
        self._losses = Losses((COLOR, DEPTH), self._take_losses)
        self._is_starved = False
        self.subscriptions: list[Any] = []
        # Subscriptions change in the executor only: it must never wait for one that another thread has just destroyed.
        node.create_timer(FOLLOW_PERIOD, self._follow_publishers, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._subscribe(image_qos == "reliable" or (image_qos == "auto" and find_transport().loses_images))

    def _subscribe(self, reliable: bool) -> None:
        self.is_reliable, self._has_latched = reliable, False
        for old in self.subscriptions:
            self._node.destroy_subscription(old)
        if reliable:
            self._node.get_logger().info(
                f"{find_transport().describe()} Lost ones are sent again (image_qos reliable)."
            )
        qos = RESENT_QOS if reliable else SENSOR_QOS
        self.subscriptions = [self._listen(kind, topic, qos) for topic, kind in self._topics.items()]

    def _listen(self, kind: type, topic: str, qos: QoSProfile) -> Any:
        """One subscription, which is told of lost messages where the middleware can tell."""
        lost = SubscriptionEventCallbacks(
            message_lost=lambda event: self._losses.note_lost(topic, event.total_count_change)
        )
        with contextlib.suppress(UnsupportedEventTypeError):
            return self._node.create_subscription(kind, topic, self._taker(topic), qos, event_callbacks=lost)
        return self._node.create_subscription(kind, topic, self._taker(topic), qos)

    def newest(self, timeout: float) -> Exposure | None:
        """As of `Gatherer`; while none comes, what publishers offer is followed."""
        exposure = super().newest(timeout)
        self._is_starved = exposure is None
        return exposure

    def _follow_publishers(self) -> None:
        """Subscribe otherwise where nothing comes and publishers offer something else."""
        if self._is_starved and self._camera_info is None and not self._has_latched:
            self._ask_for_latched()
        if self._is_starved and self.is_reliable:
            self._follow_best_effort()

    def _ask_for_latched(self) -> None:
        """Subscribe as late subscribers must; with a publisher that keeps nothing that would only be a warning."""
        publishers = self._node.get_publishers_info_by_topic(self.arrivals.names[CAMERA_INFO])
        if any(p.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in publishers):
            self._has_latched = True
            take = self._taker(CAMERA_INFO)
            self.subscriptions.append(self._node.create_subscription(CameraInfo, CAMERA_INFO, take, LATCHED_QOS))

    def _follow_best_effort(self) -> None:
        """Subscribe to the newest only where a publisher sends nothing again: who wants more hears nothing of it."""
        for topic in (COLOR, DEPTH):
            if is_given(self._node, "subscription", topic, "reliability"):
                continue  # a person's word; rclpy says that nothing comes
            publishers = self._node.get_publishers_info_by_topic(self.arrivals.names[topic])
            if any(p.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT for p in publishers):
                name = self.arrivals.names[topic]
                self._node.get_logger().warning(f"{name} is sent best effort: lost images stay lost.")
                self._subscribe(reliable=False)
                return

    def fault(self) -> str:
        """As of `Gatherer`; what is lost on the way is not said to be switched off."""
        told = super().fault()
        lost = [self.arrivals.names[topic] for topic in self._topics if self._losses.is_losing(topic)]
        if not told or not lost:
            return told
        return f"Frames are not complete: messages of {', '.join(lost)} are lost. {find_transport().remedy()}"

    def lost_shares(self) -> dict[str, float]:
        """Share of the messages of each topic that did not arrive, in [0, 1], by its full name."""
        return {self.arrivals.names[topic]: share for topic, share in self._losses.shares.items()}

    def _taker(self, topic: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            self._losses.note(topic, (message.header.stamp.sec, message.header.stamp.nanosec))
            self.add(topic, message)

        return take

    def _take_losses(self, lost: dict[str, Lost]) -> None:
        # Nobody subscribes otherwise because of it: Fast DDS 2.14 was seen to read one sample for ever, and to hold the
        # whole process, after a subscription was exchanged while fragments of images came in.
        told = ", ".join(found.describe(self.arrivals.names[topic]) for topic, found in lost.items())
        self._node.get_logger().warning(f"In {WINDOW:.0f} s {told} did not arrive. {find_transport().remedy()}")
