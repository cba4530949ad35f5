"""Subscriptions to colour, aligned depth and camera_info, brought together to exposures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH, PACKED
from gpnet_ros.nodes.arriving.gatherer import Exposure, Gatherer
from gpnet_ros.nodes.arriving.losses import WINDOW, Losses, Lost
from gpnet_ros.nodes.parameters.qos_overrides import is_given
from gpnet_ros.nodes.processes.start import LATCHED_QOS, RESENT_QOS, SENSOR_QOS
from gpnet_ros.nodes.processes.transport import find_transport

#: How often it is looked at whether to subscribe otherwise [s].
FOLLOW_PERIOD = 0.5


class Exposures(Gatherer):
    """Subscribes to colour, aligned depth and camera_info, and to further topics of the same stamp.

    Says in the log which share of them is lost, and what to do about it.
    """

    def __init__(
        self,
        node: Any,
        image_qos: str = "sensor",
        extra: dict[str, type] | None = None,
        image_transport: str = "raw",
        pair_within: float = 0.0,
        later: dict[str, type] | None = None,
    ) -> None:
        """Subscribe.

        Args:
            node: whose the subscriptions are.
            image_qos, image_transport, pair_within: as of the parameters; the latter in [s].
            extra: further topics of the same stamp. later: those that come of some exposures only, see `Gatherer`.
        """
        packed = PACKED if image_transport == "compressed" else {}
        image = CompressedImage if packed else Image
        quick: dict[str, type] = {COLOR: image, DEPTH: image, CAMERA_INFO: CameraInfo, **(extra or {})}
        self._topics = {**quick, **(later or {})}
        tell = node.get_logger().warning
        super().__init__(tuple(quick), tell=tell, pair_within=pair_within, later=tuple(later or {}))
        self._node, self._has_latched = node, False
        names = {topic: node.resolve_topic_name(topic) for topic in self._topics}
        self.color_topic = names[COLOR]
        self.arrivals.names = {topic: name + packed.get(topic, "") for topic, name in names.items()}
        # A remapped topic takes the packed one beside it along, as with image_transport.
        self._subscribed = {topic: self.arrivals.names[topic] if topic in packed else topic for topic in names}
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
        # Of what comes seldom a lost message is a lost exposure.
        self.subscriptions = [
            self._listen(kind, topic, RESENT_QOS if topic in self.later else qos)
            for topic, kind in self._topics.items()
        ]

    def _listen(self, kind: type, topic: str, qos: QoSProfile) -> Any:
        """One subscription, which is told of lost messages where the middleware can tell."""
        lost = SubscriptionEventCallbacks(
            message_lost=lambda event: self._losses.note_lost(topic, event.total_count_change)
        )
        with contextlib.suppress(UnsupportedEventTypeError):
            return self._node.create_subscription(
                kind, self._subscribed[topic], self._taker(topic), qos, event_callbacks=lost
            )
        return self._node.create_subscription(kind, self._subscribed[topic], self._taker(topic), qos)

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
