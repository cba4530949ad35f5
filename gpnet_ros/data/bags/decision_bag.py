"""A rosbag2 bag (MCAP) of the frames on which was decided, with maps, chosen grasp and result."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

_TABLE, _PACKED = "sensor_msgs/msg/PointCloud2", "sensor_msgs/msg/CompressedImage"
_IMAGE, _CAMERA, _POSE, _STRING = (
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/CameraInfo",
    "geometry_msgs/msg/PoseStamped",
    "std_msgs/msg/String",
)
RESULT_TOPIC, SETUP_TOPIC = "planner_node/result", "planner_node/setup"


class DecisionBag:
    """Writes one bag; use as a context, so that it is readable whatever ends the run.

    Attributes:
        failure: why the bag could not be closed, so that it may not be whole; empty when it was.
    """

    def __init__(self, folder: Path) -> None:
        """The bag is a folder, as rosbag2 has it: `<folder>/<name>.mcap` and `metadata.yaml`."""
        self._types = get_typestore(Stores.ROS2_JAZZY)
        self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._connections: dict[str, Connection] = {}
        self.failure = ""

    def __enter__(self) -> DecisionBag:
        """Open the bag for writing."""
        self._writer.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bag: only now it can be read. A full disk is noted in `failure`."""
        try:
            self._writer.close()
        except OSError as full:
            self.failure = full.strerror or str(full)

    def add(self, messages: dict[str, bytes], record: dict[str, Any]) -> None:
        """Store one decision in the bag.

        Args:
            messages: serialised messages by topic.
            record: the planner's result; its stamp [s] is the time of all of them.

        Raises:
            OSError: it cannot be written, as on a full disk.
        """
        stamp = record.get("stamp")
        if stamp is None:
            return
        text = self._types.types[_STRING](data=json.dumps(record))
        said = bytes(self._types.serialize_cdr(text, _STRING))
        for topic, raw in {**messages, RESULT_TOPIC: said}.items():
            self._writer.write(self._connection(topic), round(stamp * 1e9), raw)

    def add_setup(self, setup: dict[str, Any], stamp: float) -> None:
        """Store what all decisions depend on, cell and hand-eye, at the stamp [s] of the first."""
        text = self._types.types[_STRING](data=json.dumps(setup))
        said = bytes(self._types.serialize_cdr(text, _STRING))
        self._writer.write(self._connection(SETUP_TOPIC), round(stamp * 1e9), said)

    def _connection(self, topic: str) -> Connection:
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection("/" + topic, type_of(topic), typestore=self._types)
        return self._connections[topic]


def type_of(topic: str) -> str:
    """Message type of a recorded topic, by the last word of its name."""
    last = topic.rsplit("/", 1)[-1]
    kinds = {"camera_info": _CAMERA, "grasp": _POSE, "result": _STRING, "setup": _STRING}
    return {**kinds, "objects": _TABLE, "masks": _PACKED}.get(last, _IMAGE)
