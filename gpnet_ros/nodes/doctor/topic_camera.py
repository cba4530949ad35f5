"""Examine another package's camera by what it sends on our topics, as the nodes will read it.

`python -m gpnet_ros.nodes.doctor.topic_camera PREFIX` is the child that listens.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from gpnet_ros.child_python import ask_python
from gpnet_ros.computer import short
from gpnet_ros.devices.doctor.camera import StreamTroubles, examine_frames
from gpnet_ros.errors import DeviceError
from gpnet_ros.finding import Finding, Trouble
from gpnet_ros.frame import Frame
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH

TOPICS_SILENT = Trouble(
    "camera", "topics_silent", "fault", "nothing, or not all of it, comes on the camera's topics",
    "Start the camera's node with colour, aligned and synchronised depth (realsense2_camera: enable_color:=true "
    "align_depth.enable:=true enable_sync:=true), and give its prefix by --camera-prefix.",
)  # fmt: skip
TOPICS_UNALIGNED = Trouble(
    "camera", "topics_unaligned", "fault", "colour, depth and camera model do not belong to one picture",
    "Let the camera align depth to colour (align_depth.enable:=true), take the topics of one stream, and use rectified "
    "colour.",
)  # fmt: skip

#: Time for a subscription to find its publisher, and for a set to become complete [s].
PATIENCE = 6.0


def examine_topics(prefix: str = "", environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Listen to a camera's topics below a prefix such as "/camera/camera", and judge its frames."""
    answer = ask_python(("-m", "gpnet_ros.nodes.doctor.topic_camera", prefix), environment)
    try:
        return [Finding(**told) for told in json.loads(answer.lines[-1])]
    except (IndexError, ValueError):
        reason = short(answer.error or "it says nothing")
        return [TOPICS_SILENT.found(f"The topics of the camera cannot be listened to ({reason}).")]


class TopicCamera:
    """A `Camera` whose frames come from topics; it tells why none comes as the nodes do."""

    def __init__(self, prefix: str) -> None:
        """Listen to nothing yet; prefix: of the topics."""
        self._prefix = prefix.strip("/")
        self._node: Any = None
        self._end = threading.Event()

    def open(self) -> None:
        """Subscribe, as the nodes do."""
        import rclpy
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import CameraInfo, Image

        from gpnet_ros.nodes.arriving.gatherer import Gatherer

        self._gatherer = Gatherer((COLOR, DEPTH, CAMERA_INFO))
        rclpy.init(args=[])
        self._node = rclpy.create_node("gpnet_doctor", start_parameter_services=False)
        for topic, kind in ((COLOR, Image), (DEPTH, Image), (CAMERA_INFO, CameraInfo)):
            name = f"/{self._prefix}/{topic}" if self._prefix else f"/{topic}"
            self._gatherer.arrivals.names[topic] = name
            self._node.create_subscription(kind, name, partial(self._gatherer.add, topic), qos_profile_sensor_data)
        self._spinner = threading.Thread(target=self._spin, daemon=True)
        self._spinner.start()

    def _spin(self) -> None:
        import rclpy

        while not self._end.is_set():
            rclpy.spin_once(self._node, timeout_sec=0.1)

    def read(self, timeout: float | None = None) -> Frame:
        """The next complete frame; its limits are those of the topics' discovery, not of `timeout` [s].

        Raises:
            DeviceError: none becomes complete.
            FrameRefused: what comes does not belong together.
        """
        end, fault = time.monotonic() + PATIENCE, ""
        while time.monotonic() < end:
            exposure = self._gatherer.newest(0.2)
            if exposure is not None:
                return exposure.frame(need_camera=True)
            fault = self._gatherer.fault() or fault
        heard = [topic for topic in (COLOR, DEPTH) if self._gatherer.arrivals.meter(topic).count]
        raise DeviceError(
            fault or f"Nothing comes on the topics of the camera ({', '.join(heard) or 'none is heard'})."
        )

    def close(self) -> None:
        """Leave."""
        import rclpy

        self._end.set()
        self._spinner.join()
        self._node.destroy_node()
        rclpy.try_shutdown()


def listen(camera: TopicCamera, told: str) -> list[Finding]:
    """Judge what comes, with the troubles of topics in place of those of a device."""
    troubles = StreamTroubles(TOPICS_SILENT, TOPICS_SILENT, TOPICS_UNALIGNED)
    return examine_frames(camera, None, None, told, troubles=troubles)


def main() -> None:
    """Listen, and print a list of findings."""
    prefix = sys.argv[1]
    found = listen(TopicCamera(prefix), f"The camera on /{prefix.strip('/')}")
    print(json.dumps([finding.to_dict() for finding in found]), flush=True)


if __name__ == "__main__":
    main()
