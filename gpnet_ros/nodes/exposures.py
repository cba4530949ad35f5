"""Messages of one exposure brought together: colour, aligned depth and camera_info carry equal stamps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sensor_msgs.msg import CameraInfo, Image

from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.start import SENSOR_QOS

#: Topics of realsense2_camera, relative, so that either camera node serves.
COLOR, DEPTH, CAMERA_INFO = "color/image_raw", "aligned_depth_to_color/image_raw", "color/camera_info"


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
        return convert.to_frame(self.messages.get(COLOR), self.messages.get(DEPTH), self.messages.get(CAMERA_INFO))


class Gatherer:
    """Keeps messages until all wanted topics have arrived with one stamp; keeps only the newest such set."""

    def __init__(self, wanted: tuple[str, ...], keep: int = 30) -> None:
        self.wanted, self.keep = wanted, keep
        self.pending: dict[tuple[int, int], dict[str, Any]] = {}
        self.complete: Exposure | None = None
        self.condition = threading.Condition()

    def add(self, topic: str, message: Any) -> None:
        """Take one message of a topic, which may complete a set."""
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        with self.condition:
            self.pending.setdefault(stamp, {})[topic] = message
            if all(t in self.pending[stamp] for t in self.wanted):
                self.complete = Exposure(self.pending.pop(stamp))
                self.condition.notify_all()
            for old in sorted(self.pending)[: -self.keep]:
                del self.pending[old]

    def newest(self, timeout: float) -> Exposure | None:
        """The newest complete set, once; None when none came within timeout [s] of wall time."""
        with self.condition:
            self.condition.wait_for(lambda: self.complete is not None, timeout)
            exposure, self.complete = self.complete, None
            return exposure

    def newest_incomplete(self) -> Exposure | None:
        """The newest set of which something is still missing."""
        with self.condition:
            return Exposure(dict(self.pending[max(self.pending)])) if self.pending else None


class Exposures(Gatherer):
    """Subscribes to colour, aligned depth and camera_info, and to further topics of the same stamp."""

    def __init__(self, node: Any, extra: dict[str, type] | None = None) -> None:
        topics: dict[str, type] = {COLOR: Image, DEPTH: Image, CAMERA_INFO: CameraInfo, **(extra or {})}
        super().__init__(tuple(topics))
        self.subscriptions = [
            node.create_subscription(kind, topic, self._taker(topic), SENSOR_QOS) for topic, kind in topics.items()
        ]

    def _taker(self, topic: str) -> Callable[[Any], None]:
        return lambda message: self.add(topic, message)
