"""The recorder's side of the graph: what was seen, decided and done, kept for pictures, tables and the bag.

Messages are taken as they come over the wire; only those of frames on which was decided are ever decoded.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from gpnet_ros.data.bags import bag
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH
from gpnet_ros.nodes.arriving.gatherer import Exposure
from gpnet_ros.nodes.arriving.sights import MAPS_INFO, PLANNER_MAPS, to_sight
from gpnet_ros.nodes.convert import T_BASE_LINK_BASE
from gpnet_ros.nodes.detection_messages import DETECTION_TOPICS, OBJECTS
from gpnet_ros.nodes.processes.start import qos
from gpnet_ros.picking.attention import Sight

#: Q* follows from Q and P; it is kept because people look for it in a bag.
Q_STAR = "maps/q_star"
#: Topics of one exposure.
EXPOSURE: dict[str, type] = {
    COLOR: Image,
    DEPTH: Image,
    CAMERA_INFO: CameraInfo,
    **dict.fromkeys(PLANNER_MAPS, Image),
    MAPS_INFO: CameraInfo,
    Q_STAR: Image,
    **DETECTION_TOPICS,
}
#: Without these there is no picture.
_NEEDED = (COLOR, DEPTH, CAMERA_INFO, *PLANNER_MAPS, MAPS_INFO)
#: Room for a few exposures: the process that records may be busy drawing when they come.
_EXPOSURE_QOS = qos(5, reliable=False)
_REPORT_QOS = qos(20, reliable=True, latched=True)


@dataclass(frozen=True, eq=False)
class PickReport:
    """Result of the planner for one pick, with the messages on which it decided.

    Attributes:
        record: the planner's result as published on `~/result`; poses in `base_link` are added.
        messages: serialised messages by topic; empty when nothing was decided on, or they were lost.
    """

    record: dict[str, Any]
    messages: dict[str, bytes] = field(default_factory=dict)

    def sight(self) -> Sight | None:
        """Frame and maps of the decision; None when a message of it is missing.

        Raises:
            FrameRefused: the messages do not belong together.
        """
        if any(topic not in self.messages for topic in _NEEDED):
            return None
        decoded = {t: deserialize_message(raw, EXPOSURE[t]) for t, raw in self.messages.items() if t in EXPOSURE}
        return to_sight(Exposure(decoded))


class Recording:
    """Subscribes to frames, maps and the planner; hands out one `PickReport` for each of the planner's results."""

    def __init__(self, node: Any, planner: str = "planner_node", keep: int = 12) -> None:
        """Subscribe.

        Args:
            node: that subscribes; its owner spins it.
            planner: name of the planner's node.
            keep: exposures that are kept in case that the planner decides on them.
        """
        self._keep = keep
        self._kept: dict[float, dict[str, bytes]] = {}  # by stamp
        self._wanted: dict[float, dict[str, bytes]] = {}  # those on which was decided
        self._reports: queue.SimpleQueue[PickReport] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._newest_maps = -np.inf
        self._subscriptions = [
            node.create_subscription(kind, topic, self._taker(topic), _EXPOSURE_QOS, raw=True)
            for topic, kind in EXPOSURE.items()
        ]
        grasp, decided, result = (f"{planner}/{name}" for name in ("grasp", "rejected", "result"))
        self._subscriptions += [
            node.create_subscription(PoseStamped, grasp, self._taker(grasp), _REPORT_QOS, raw=True),
            node.create_subscription(String, decided, lambda m: self.want(json.loads(m.data)["stamp"]), _REPORT_QOS),
            node.create_subscription(String, result, lambda m: self.finish(json.loads(m.data)), _REPORT_QOS),
        ]

    def next(self, timeout: float) -> PickReport | None:
        """The next report, in order; None when none came within timeout [s]."""
        try:
            return self._reports.get(timeout=timeout)
        except queue.Empty:
            return None

    def drain(self) -> None:
        """Forget reports that nobody fetched."""
        while self.next(0.001) is not None:
            pass

    def wait_for_maps(self, after: float, timeout: float) -> bool:
        """Wait until maps of a frame later than `after` [s, stamp] came; whether they did within timeout [s]."""
        with self._changed:
            return self._changed.wait_for(lambda: self._newest_maps > after, timeout)

    def _taker(self, topic: str) -> Callable[[bytes], None]:
        return lambda raw: self.take(topic, raw)

    def take(self, topic: str, raw: bytes) -> None:
        """Keep one serialised message of an exposure."""
        stamp = stamp_of(raw)
        with self._changed:
            self._kept.setdefault(stamp, {})[topic] = raw
            for old in sorted(self._kept)[: -self._keep]:
                del self._kept[old]
            if topic in (MAPS_INFO, OBJECTS):  # a cell with a cup has no maps
                self._newest_maps = max(self._newest_maps, stamp)
                self._changed.notify_all()

    def want(self, stamp: float) -> None:
        """Keep the frame of this stamp [s] and what still comes of it: the planner decided on it."""
        with self._changed:
            self._wanted[stamp] = self._kept.setdefault(stamp, {})

    def finish(self, record: dict[str, Any]) -> None:
        """Hand out the planner's result with the messages of its frame."""
        messages: dict[str, bytes] = {}
        stamp = record.get("stamp")
        with self._changed:
            if stamp is not None:
                messages = self._wanted.get(stamp, self._kept.get(stamp, {}))
                self._wanted = {s: m for s, m in self._wanted.items() if s > stamp}
        self._reports.put(PickReport(_with_base_link(record), dict(messages)))


def stamp_of(raw: bytes) -> float:
    """Stamp [s] of a serialised message that begins with a Header, as `convert.from_time` gives it."""
    seconds, nanoseconds = bag.stamp_of(raw)
    return float(seconds + nanoseconds * 1e-9)


def _with_base_link(record: dict[str, Any]) -> dict[str, Any]:
    for name in ("grasp", "tcp"):
        pose = record.get(f"T_base_{name}")
        if pose is not None:
            record[f"T_base_link_{name}"] = (T_BASE_LINK_BASE @ np.array(pose)).tolist()
    return record
