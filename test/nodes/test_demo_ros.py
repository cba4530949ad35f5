"""What the demo records through ROS, and one demo through everything: cell, ur_rtde, nodes, run folder."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rosbags.rosbag2 import Reader  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from gpnet_ros.evaluation.closed_loop.ros_round import round_parameters  # noqa: E402
from gpnet_ros.evaluation.replay_testing.decided_again import decide_all_again  # noqa: E402
from gpnet_ros.evaluation.run_folder.demo_run import DemoRun  # noqa: E402
from gpnet_ros.evaluation.run_folder.folder import BAG, JSON, SUMMARY, VIDEO, RunFolder  # noqa: E402
from gpnet_ros.frame import Frame, Intrinsics  # noqa: E402
from gpnet_ros.maps import Grid, Maps, encode_angle  # noqa: E402
from gpnet_ros.nodes import convert  # noqa: E402
from gpnet_ros.nodes.arriving.exposures import CAMERA_INFO, COLOR, DEPTH  # noqa: E402
from gpnet_ros.nodes.arriving.sights import MAPS_INFO  # noqa: E402
from gpnet_ros.nodes.bags.recording import EXPOSURE, Q_STAR, PickReport, Recording, stamp_of  # noqa: E402
from gpnet_ros.nodes.processes.running_cell import free_domain, open_cell  # noqa: E402
from gpnet_ros.nodes.processes.start import LATCHED_QOS, PUBLISH_QOS  # noqa: E402
from gpnet_ros.nodes.processes.table import RunSettings  # noqa: E402

CAMERA = Intrinsics(96, 72, 90.0, 90.0, 47.5, 35.5)
STAMP = 1_795_000_000.25


def sight(stamp: float) -> tuple[Frame, Maps]:
    """A frame and maps whose values tell stamps apart."""
    rng = np.random.default_rng(round(stamp * 4) % 1000)
    frame = Frame(
        rng.integers(0, 255, (72, 96, 3), dtype=np.uint8),
        (0.7 + 0.1 * rng.random((72, 96))).round(3).astype(np.float32),
        CAMERA,
        stamp,
    )
    quality, priority, width = (rng.random((32, 32)).astype(np.float32) for _ in range(3))
    cos2, sin2 = encode_angle(rng.uniform(-1.5, 1.5, (32, 32)))
    return frame, Maps(quality, cos2, sin2, 0.5 * width, priority, Grid(32, 32, 0.5, (16.0, 4.0)), stamp)


def messages(frame: Frame, maps: Maps) -> dict[str, Any]:
    """One exposure as the camera and the inference node publish it."""
    assert frame.color is not None and frame.depth is not None
    head = (frame.stamp, frame.frame_id)
    values = {"quality": maps.quality, "priority": maps.priority, "q_star": maps.q_star, "angle": maps.angle}
    values["width"] = maps.published_width(frame)
    millimetres = (frame.depth * 1000).round().astype(np.uint16)
    return {
        COLOR: convert.to_image(frame.color, "rgb8", *head),
        DEPTH: convert.to_image(millimetres, "16UC1", *head),
        CAMERA_INFO: convert.to_camera_info(CAMERA, *head),
        **{f"maps/{name}": convert.to_image(value, "32FC1", *head) for name, value in values.items()},
        MAPS_INFO: convert.to_camera_info(maps.grid.intrinsics(CAMERA), *head),
    }


class Graph:
    """A camera, a network and a planner that publish by hand, and the recording that listens."""

    def __init__(self) -> None:
        self.context = rclpy.context.Context()
        rclpy.init(context=self.context, domain_id=free_domain())
        self.node = rclpy.create_node("recording_test", context=self.context)
        self.topics = {t: self.node.create_publisher(kind, t, PUBLISH_QOS) for t, kind in EXPOSURE.items()}
        said = {name: f"planner_node/{name}" for name in ("rejected", "result")}
        self.said = {n: self.node.create_publisher(String, topic, LATCHED_QOS) for n, topic in said.items()}
        self.recording = Recording(self.node, keep=3)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        publishers = [*self.topics.values(), *self.said.values()]
        self.until(lambda: all(p.get_subscription_count() for p in publishers))

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            self.executor.spin_once(timeout_sec=0.05)

    def expose(self, stamp: float, without: str = "") -> tuple[Frame, Maps]:
        """Publish one exposure and wait until it is kept."""
        frame, maps = sight(stamp)
        sent = {topic: m for topic, m in messages(frame, maps).items() if topic != without}
        for topic, message in sent.items():
            self.topics[topic].publish(message)
        self.until(lambda: len(self.recording._kept.get(stamp, {})) == len(sent))
        return frame, maps

    def decide(self, stamp: float) -> None:
        self.said["rejected"].publish(String(data=json.dumps({"stamp": stamp, "rejected": []})))
        self.until(lambda: stamp in self.recording._wanted)

    def report(self, **record: Any) -> PickReport:
        """Publish a result; the report of it."""
        self.said["result"].publish(String(data=json.dumps(record)))
        found: list[PickReport] = []

        def arrived() -> bool:
            found.extend(r for r in [self.recording.next(0.001)] if r is not None)
            return bool(found)

        self.until(arrived)
        return found[0]

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def graph() -> Iterator[Graph]:
    made = Graph()
    yield made
    made.close()


def test_report_carries_the_frame_and_maps_of_its_decision(graph: Graph) -> None:
    graph.expose(STAMP)
    frame, maps = graph.expose(STAMP + 1)
    graph.decide(STAMP + 1)
    for k in range(2, 8):  # the planner moves, the camera goes on
        graph.expose(STAMP + k)
    seen = graph.report(status="picked", stamp=STAMP + 1).sight()
    assert seen is not None and seen.frame.color is not None and seen.frame.depth is not None
    assert np.array_equal(seen.frame.color, frame.color) and seen.frame.stamp == STAMP + 1
    assert seen.frame.depth == pytest.approx(frame.depth, abs=1e-6)
    for name in ("quality", "priority", "cos2", "sin2", "width"):
        assert getattr(seen.maps, name) == pytest.approx(getattr(maps, name), abs=1e-4), name


def test_frame_on_which_was_not_decided_is_let_go(graph: Graph) -> None:
    graph.expose(STAMP)
    for k in range(1, 6):
        graph.expose(STAMP + k)
    assert graph.report(status="picked", stamp=STAMP).sight() is None


def test_exposure_that_lacks_a_message_gives_no_picture(graph: Graph) -> None:
    graph.expose(STAMP, without="maps/angle")
    graph.decide(STAMP)
    assert graph.report(status="picked", stamp=STAMP).sight() is None


def test_exposure_without_what_is_only_kept_for_the_bag_is_enough(graph: Graph) -> None:
    graph.expose(STAMP, without=Q_STAR)
    graph.decide(STAMP)
    assert graph.report(status="picked", stamp=STAMP).sight() is not None


def test_result_without_a_frame_is_reported_too(graph: Graph) -> None:
    report = graph.report(status="stopped", stamp=None)
    assert report.messages == {} and report.sight() is None


def test_poses_are_given_in_base_link_too(graph: Graph) -> None:
    T = np.eye(4)
    T[:3, 3] = 0.65, 0.1, 0.2
    record = graph.report(status="picked", stamp=None, T_base_tcp=T.tolist()).record
    turned = np.array(record["T_base_link_tcp"])
    assert turned[:3, 3] == pytest.approx([-0.65, -0.1, 0.2]) and turned[:3, :3] == pytest.approx(np.diag([-1, -1, 1]))


def test_maps_are_waited_for_by_their_stamp(graph: Graph) -> None:
    graph.expose(STAMP)
    assert graph.recording.wait_for_maps(STAMP - 0.1, 0.01)
    assert not graph.recording.wait_for_maps(STAMP, 0.01)


def test_stamp_is_read_from_the_wire_as_from_the_message() -> None:
    from rclpy.serialization import serialize_message

    for message in (CameraInfo(header=convert.header(STAMP, "a")), Image(header=convert.header(STAMP + 0.1, "b"))):
        assert stamp_of(serialize_message(message)) == convert.from_time(message.header.stamp)


def children() -> set[str]:
    """Command lines of processes of nodes and cells that this process has started."""
    listed = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True, timeout=10, check=False
    )  # fmt: skip
    return {line for line in listed.stdout.splitlines() if "gpnet_ros" in line}


@pytest.mark.slow
def test_demo_clears_a_table_and_leaves_everything_behind_but_processes(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "one object, planned from the truth", 1, {})
    show = DemoRun(folder, print)
    settings = RunSettings(sim=True, priority="oracle", seed=4, objects=1, factor=1.0)
    end = show.play(lambda say: open_cell(settings, folder.path, round_parameters(1), say))
    answer = show.answer()
    assert end == "ended", answer
    assert answer["cleared"] and answer["picks_topmost"] >= 1, answer
    assert children() == set()
    show.video()
    folder.write()
    assert (folder.path / VIDEO).stat().st_size > 10_000
    assert VIDEO in (folder.path / SUMMARY).read_text()
    stored = json.loads((folder.path / JSON).read_text())
    good = next(p for p in stored["picks"] if p["in_tote"])
    assert (folder.path / good["picture"]).stat().st_size > 10_000
    x, y, _ = good["tcp_in_base"]["position"]
    assert np.hypot(x - 0.65, y) < 0.23  # within the workspace
    with Reader(folder.path / BAG) as reader:
        recorded = {(c.topic, stamp) for c, stamp, _ in reader.messages()}
    at = round(good["stamp"] * 1e9)
    wanted = ["/" + topic for topic in EXPOSURE] + ["/planner_node/grasp", "/planner_node/result"]
    assert {(topic, at) for topic in wanted} <= recorded
    again = list(decide_all_again(folder.path / BAG))  # from the bag alone, to the last bit
    assert again and not any(one.differs for one in again)
