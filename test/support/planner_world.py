"""A planner process with a fake robot, and a client that shows it frames as camera and networks would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from support.scenes import sight, table_and_box
from support.tiny_graspnext import seen_where
from visualization_msgs.msg import MarkerArray

from gpnet_ros.errors import FrameRefused
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving.exposures import CAMERA_INFO, COLOR, DEPTH
from gpnet_ros.nodes.processes import start
from gpnet_ros.nodes.processes.client import PlannerClient
from gpnet_ros.nodes.processes.start import LATCHED_QOS, PUBLISH_QOS, SENSOR_QOS
from gpnet_ros.nodes.processes.starter import ros_environment
from gpnet_ros.nodes.showing.detection_outputs import DetectionOutputs
from gpnet_ros.nodes.showing.map_outputs import MapOutputs
from gpnet_ros.picking.attention import Sight

PATIENCE = 60.0


def command(domain: int, more: list[str], **parameters: Any) -> dict[str, Any]:
    """Arguments of `subprocess` for a planner with a fake robot."""
    values = {"robot": "fake", "mode": "run", "auto_resume": True, "look_timeout": 5.0, **parameters}
    words = [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
    environment = {**os.environ, **ros_environment(domain), "OMP_NUM_THREADS": "1"}
    return {
        "args": [sys.executable, "-m", "gpnet_ros.nodes.planner_node", "--ros-args", *words, *more],
        "env": environment,
    }


@contextmanager
def planner(domain: int, log: Path, more: list[str] | None = None, **parameters: Any) -> Iterator[None]:
    """A planner process with a fake robot; it must end by SIGINT with status 0."""
    with log.open("wb") as file:
        process = subprocess.Popen(**command(domain, more or [], **parameters), stdout=file, stderr=file)
        try:
            yield
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


class World(PlannerClient):
    """A client that also shows frames, as camera and network would, and listens to everything."""

    def __init__(self, domain: int) -> None:
        os.environ.update(ros_environment(domain))
        super().__init__(domain)
        kinds = {COLOR: Image, DEPTH: Image, CAMERA_INFO: CameraInfo}
        self.outputs = {name: self.node.create_publisher(kind, name, PUBLISH_QOS) for name, kind in kinds.items()}
        self.maps, self.detections = MapOutputs(self.node), DetectionOutputs(self.node)
        self.heard: dict[str, list[Any]] = {}
        for topic, kind, qos in (
            ("joint_states", JointState, SENSOR_QOS),
            ("planner_node/tool0", PoseStamped, SENSOR_QOS),
            ("planner_node/grasp", PoseStamped, LATCHED_QOS),
            ("planner_node/markers", MarkerArray, LATCHED_QOS),
            ("planner_node/rejected", String, LATCHED_QOS),
            ("planner_node/result_status", DiagnosticStatus, LATCHED_QOS),
            ("planner_node/decision_status", DiagnosticStatus, LATCHED_QOS),
            ("/diagnostics", DiagnosticArray, start.qos(20, reliable=True)),
        ):
            self.node.create_subscription(kind, topic, self._keep(topic), qos)
        self.show: Callable[[Sight], Sight | None] = lambda s: s
        self.leave_out: tuple[str, ...] = ()
        self.with_maps, self.log, self.period = True, Path(), 0.3
        self._showing = threading.Event()
        self._shower = threading.Thread(target=self._keep_showing, daemon=True)
        self._shower.start()

    def close(self) -> None:
        self._showing.set()
        self._shower.join(timeout=60.0)
        super().close()

    def _keep(self, topic: str) -> Callable[[Any], None]:
        self.heard[topic] = []

        def take(message: Any) -> None:
            with self._changed:
                self.heard[topic].append(message)
                self._changed.notify_all()

        return take

    def _keep_showing(self) -> None:
        while not self._showing.wait(self.period):
            seen = self.show(sight(time.time()))
            if seen is not None:
                self.publish(seen)

    def publish(self, seen: Sight) -> None:
        frame = seen.frame
        assert frame.color is not None and frame.depth is not None and frame.intrinsics is not None
        info = convert.to_camera_info(frame.intrinsics, frame.stamp, frame.frame_id)
        messages = {
            COLOR: convert.to_image(frame.color, "rgb8", frame.stamp, frame.frame_id),
            DEPTH: convert.to_image(frame.depth, "32FC1", frame.stamp, frame.frame_id),
            CAMERA_INFO: info,
        }
        for topic, message in messages.items():
            if topic not in self.leave_out:
                self.outputs[topic].publish(message)
        try:
            frame.check()
        except FrameRefused:
            return  # as inference_node does
        if self.with_maps and seen.maps is not None:
            self.maps.publish(frame, seen.maps)
        if seen.detections is not None:
            self.detections.begin(frame)
            self.detections.publish(frame, seen.detections)


def one_pick(world: World) -> dict[str, Any]:
    seen = len(world.results)
    world.call("pick", 20)
    return world.next_result(seen, PATIENCE)


def refused_pick(world: World, word: str) -> None:
    """Picks that must all be refused, until the reason is that of the frame shown now, not of one before it."""
    end = time.monotonic() + PATIENCE
    while True:
        result = one_pick(world)
        assert result["status"] == "no_frame", result
        if word in result["message"]:
            return
        assert time.monotonic() < end, result["message"]


def picked(world: World) -> dict[str, Any]:
    """The first pick; before that what is shown may not have come yet, and nothing else is an excuse."""
    end = time.monotonic() + PATIENCE
    while (result := one_pick(world))["status"] != "picked":
        assert result["status"] == "no_frame" and time.monotonic() < end, result
    return result


def detected(seen: Sight, occluded: float = 0.1) -> Sight:
    """The frame with its box detected."""
    assert seen.frame.depth is not None
    box = table_and_box(0.0) - seen.frame.depth > 0.01
    return replace(seen, detections=seen_where(seen.frame, box, occluded))
