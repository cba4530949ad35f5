"""Every encoding and transport of realsense2_camera, live over real topics: each exposure arrives, as from a bag."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.exceptions import InvalidHandle  # noqa: E402
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from support.bag_files import CAMERA, TYPES, BagPlan, info_message, messages_of, small_frames  # noqa: E402

from gpnet_ros.camera_info import lens_of  # noqa: E402
from gpnet_ros.frame import Frame  # noqa: E402
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH  # noqa: E402
from gpnet_ros.nodes.arriving.exposures import Exposures  # noqa: E402
from gpnet_ros.nodes.arriving.gatherer import Exposure  # noqa: E402
from gpnet_ros.nodes.processes.start import PUBLISH_QOS  # noqa: E402
from gpnet_ros.nodes.processes.starter import ros_environment  # noqa: E402

#: Each file of test/nodes has its own domains.
DOMAIN = 95
PATIENCE = 30.0
PREFIX = "/camera/camera"
KINDS = {m.__name__: m for m in (Image, CompressedImage, CameraInfo)}
D405 = (-0.0555, 0.0659, 5.7e-05, 0.00144, -0.0213)
RAW = [
    ("rgb8", "16UC1"), ("bgr8", "16UC1/big"), ("rgba8", "mono16"), ("bgra8", "32FC1"), ("mono8", "32FC1/big"),
    ("mono16", "16UC1"), ("yuyv", "16UC1"), ("yuv422_yuy2", "16UC1"), ("yuv422", "16UC1"), ("uyvy", "16UC1"),
]  # fmt: skip
PACKED = [("jpeg", "compressedDepth"), ("png", "compressedDepth/rvl"), ("png", "compressedDepth/32FC1")]
#: What colour may lose, of 255.
LOSS = {"jpeg": 12, "mono8": 1, "mono16": 1, "yuyv": 3, "yuv422_yuy2": 3, "yuv422": 3, "uyvy": 3}
(FRAME,) = small_frames(1)


class Link:
    """A camera under its prefix, and exposures of a node whose topics a launch has remapped to it."""

    def __init__(self, image_transport: str) -> None:
        os.environ.update(ros_environment(DOMAIN))
        remaps = [word for t in (COLOR, DEPTH, CAMERA_INFO) for word in ("-r", f"{t}:={PREFIX}/{t}")]
        rclpy.init(args=["--ros-args", *remaps], domain_id=DOMAIN)
        self.node = rclpy.create_node("link_reader")
        self.camera = rclpy.create_node("link_camera", use_global_arguments=False)
        self.exposures = Exposures(self.node, "reliable", image_transport=image_transport, pair_within=0.02)
        self.publishers: dict[str, Any] = {}
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()
        self.number = 0

    def _spin(self) -> None:
        try:
            self.executor.spin()
        except (ExternalShutdownException, InvalidHandle):  # `end` takes the executor's handles away meanwhile
            return

    def send(self, plan: BagPlan) -> None:
        """One exposure, as the plan's bag would hold it."""
        self.number += 1
        stamp = round(1.7e18) + self.number * 33_000_000
        for name, message in messages_of(FRAME, stamp, plan).items():
            kind = KINDS[message.__msgtype__.rsplit("/", 1)[1]]
            topic = f"{PREFIX}/{name}"
            if topic not in self.publishers:
                self.publishers[topic] = self.camera.create_publisher(kind, topic, PUBLISH_QOS)
                self._wait_for_reader(topic)
            raw = bytes(TYPES.serialize_cdr(message, message.__msgtype__))
            self.publishers[topic].publish(deserialize_message(raw, kind))

    def _wait_for_reader(self, topic: str) -> None:
        if topic.endswith("aligned_depth_to_color/camera_info"):
            return  # nobody needs it
        end = threading.Event()
        for _ in range(round(PATIENCE / 0.01)):
            if self.publishers[topic].get_subscription_count():
                return
            end.wait(0.01)
        pytest.fail(f"nobody subscribes to {topic}")

    def receive(self) -> Exposure:
        found = self.exposures.newest(PATIENCE)
        assert found is not None, self.exposures.fault()
        return found

    def end(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.camera.destroy_node()
        rclpy.shutdown()
        self.thread.join(PATIENCE)


@contextmanager
def linked(image_transport: str) -> Iterator[Link]:
    link = Link(image_transport)
    try:
        yield link
    finally:
        link.end()


def same(frame: Frame, color: str, depth: str, distortion: tuple[float, ...]) -> None:
    """The frame is the one that was sent, as far as the encodings keep it."""
    lens = lens_of(info_message(CAMERA, 0, distortion))
    wanted_color, wanted_depth = lens.straight(FRAME.color, FRAME.depth)
    assert frame.color is not None and wanted_color is not None and frame.intrinsics == CAMERA
    off = np.abs(frame.color.astype(int) - wanted_color)
    assert off.max() <= LOSS.get(color, 0) + (1 if any(distortion) else 0)
    step = 0.9**2 / 10100 if depth.endswith("/32FC1") else 1e-6
    np.testing.assert_allclose(frame.depth, wanted_depth, atol=step)  # type: ignore[arg-type]


def test_every_raw_encoding_is_answered() -> None:
    for distortion in ((0.0,) * 5, D405):
        with linked("raw") as link:  # of one camera: its model may come once, so the last one holds
            for color, depth in RAW:
                link.send(BagPlan(color=color, depth=depth, distortion=distortion, padding=8))
                same(link.receive().frame(need_camera=True), color, depth, distortion)


def test_packed_images_come_beside_the_topics_that_were_remapped() -> None:
    with linked("compressed") as link:
        for color, depth in PACKED:
            link.send(BagPlan(color=color, depth=depth))
            exposure = link.receive()
            same(exposure.frame(need_camera=True), color, depth, (0.0,) * 5)
            # What the planner records is what it saw, without a transport.
            again = Exposure(exposure.unpacked()).frame(need_camera=True)
            np.testing.assert_array_equal(again.color, exposure.frame().color)
            np.testing.assert_array_equal(again.depth, exposure.frame().depth)


def test_packed_images_are_not_taken_where_raw_ones_are_asked_for() -> None:
    """The failing twin: nobody subscribes to them."""
    with linked("raw") as link:
        topics = {name: link.node.count_subscribers(f"{PREFIX}/{name}") for name in (COLOR, f"{COLOR}/compressed")}
        assert topics == {COLOR: 1, f"{COLOR}/compressed": 0}
