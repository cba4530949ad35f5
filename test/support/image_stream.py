"""A camera that publishes 640x480 colour and depth (32FC1) at a fixed rate, and a node that gathers them.

Each is a process of its own, because what is lost is lost between processes:

    python test/support/image_stream.py camera DOMAIN PERIODS RATE [best_effort]
    python test/support/image_stream.py reader DOMAIN IMAGE_QOS

The camera prints how many exposures it sent and ends; the reader says when it is ready and ends with its input,
with how many exposures became complete as one JSON object.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image

from gpnet_ros.frame import Intrinsics
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving.exposures import CAMERA_INFO, COLOR, DEPTH, Exposures
from gpnet_ros.nodes.processes.start import PUBLISH_QOS, SENSOR_QOS

CAMERA = Intrinsics(640, 480, 615.0, 615.0, 319.5, 239.5)


def camera(domain: int, count: int, rate: float, best_effort: bool) -> None:
    """Publish, and print how many exposures were sent."""
    rclpy.init(domain_id=domain)
    node = rclpy.create_node("stream_camera")
    qos = SENSOR_QOS if best_effort else PUBLISH_QOS
    kinds = {COLOR: Image, DEPTH: Image, CAMERA_INFO: CameraInfo}
    outputs = {topic: node.create_publisher(kind, topic, qos) for topic, kind in kinds.items()}
    color = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    depth = np.full((480, 640), 0.8, np.float32)
    end = time.monotonic() + 30.0
    while not all(p.get_subscription_count() for p in outputs.values()):
        assert time.monotonic() < end, "nobody subscribes"
        rclpy.spin_once(node, timeout_sec=0.05)
    start = time.monotonic()
    for k in range(count):
        stamp = 1_795_000_000.0 + k / rate
        outputs[COLOR].publish(convert.to_image(color, "rgb8", stamp, "camera"))
        outputs[DEPTH].publish(convert.to_image(depth, "32FC1", stamp, "camera"))
        outputs[CAMERA_INFO].publish(convert.to_camera_info(CAMERA, stamp, "camera"))
        time.sleep(max(start + (k + 1) / rate - time.monotonic(), 0.0))
    print(count, flush=True)
    sys.stdin.read()  # what is sent again is sent by this process
    rclpy.shutdown()


def reader(domain: int, image_qos: str) -> None:
    """Gather until the input ends, and print how many exposures became complete."""
    rclpy.init(domain_id=domain)
    node = rclpy.create_node("stream_reader")
    exposures = Exposures(node, image_qos)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    ended, complete = threading.Event(), 0

    def count() -> None:
        nonlocal complete
        while not ended.is_set():
            complete += exposures.newest(timeout=0.1) is not None

    counter = threading.Thread(target=count)
    counter.start()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    print("ready", flush=True)
    while not ended.is_set():
        executor.spin_once(timeout_sec=0.1)
    counter.join()
    print(json.dumps({"complete": complete, "reliable": exposures.is_reliable}), flush=True)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "camera":
        camera(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), "best_effort" in sys.argv[5:])
    else:
        reader(int(sys.argv[2]), sys.argv[3])
