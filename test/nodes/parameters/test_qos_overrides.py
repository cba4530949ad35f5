"""A person's qos_overrides: what topics really offer and ask for, and what is refused at start."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from gpnet_ros.errors import SettingsError  # noqa: E402
from gpnet_ros.nodes.arriving.exposures import COLOR, DEPTH  # noqa: E402
from gpnet_ros.nodes.camera_node import CameraNode  # noqa: E402
from gpnet_ros.nodes.planner_node import PlannerNode  # noqa: E402
from gpnet_ros.nodes.processes.start import PUBLISH_QOS, SENSOR_QOS  # noqa: E402
from gpnet_ros.nodes.processes.starter import ros_environment  # noqa: E402

#: Each file of test/nodes has its own domains.
DOMAIN = 92
SUCCESS = TransitionCallbackReturn.SUCCESS
#: As a person writes it; the planner runs in a namespace.
FILE = """
/**:
  ros__parameters:
    autostart: false
    robot: fake
    qos_overrides:
      /cell/color/image_raw:
        publisher: {reliability: best_effort, history: keep_last, depth: 7}
        subscription: {reliability: reliable, depth: 4}
      /cell/planner_node/state:
        publisher: {durability: volatile}
"""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Make a node with a parameter file; it is destroyed after the test."""
    os.environ.update(ros_environment(DOMAIN))
    nodes: list[Node] = []

    def make(kind: type, text: str) -> Any:
        path = tmp_path / "params.yaml"
        path.write_text(text)
        words = ["--ros-args", "--params-file", str(path), "-r", "__ns:=/cell"]
        rclpy.init(args=words, domain_id=DOMAIN)
        nodes.append(kind())
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


def profiles(node: Node, find: Callable[[str], list[Any]], topic: str) -> list[Any]:
    """The profiles at one end of a topic, once the graph knows them."""
    end = time.monotonic() + 30.0
    while not (found := find(topic)):
        assert time.monotonic() < end, topic
        rclpy.spin_once(node, timeout_sec=0.05)
    return [one.qos_profile for one in found]


def test_a_publisher_offers_what_a_person_gave_and_its_own_otherwise(made: Callable[..., Any]) -> None:
    camera = made(CameraNode, FILE)
    assert camera.trigger_configure() == SUCCESS
    (color,) = profiles(camera, camera.get_publishers_info_by_topic, "/cell/color/image_raw")
    assert color.reliability == ReliabilityPolicy.BEST_EFFORT
    (depth,) = profiles(camera, camera.get_publishers_info_by_topic, f"/cell/{DEPTH}")
    assert depth.reliability == ReliabilityPolicy.RELIABLE
    # The graph does not tell history and depth; the parameter in force does.
    assert camera.get_parameter("qos_overrides./cell/color/image_raw.publisher.depth").value == 7
    assert camera.get_parameter(f"qos_overrides./cell/{DEPTH}.publisher.depth").value == PUBLISH_QOS.depth
    (publisher,) = (p for p in camera.publishers if p.topic_name == "/cell/color/image_raw")
    assert (publisher.qos_profile.history, publisher.qos_profile.depth) == (HistoryPolicy.KEEP_LAST, 7)
    # What one topic was given is not given to the next, nor lost by another configure.
    assert PUBLISH_QOS.reliability == ReliabilityPolicy.RELIABLE
    assert camera.trigger_cleanup() == SUCCESS
    assert camera.trigger_configure() == SUCCESS
    (publisher,) = (p for p in camera.publishers if p.topic_name == "/cell/color/image_raw")
    assert (publisher.qos_profile.reliability, publisher.qos_profile.depth) == (ReliabilityPolicy.BEST_EFFORT, 7)


def test_a_subscription_asks_for_what_a_person_gave_and_results_stay_latched(made: Callable[..., Any]) -> None:
    planner = made(PlannerNode, FILE)
    assert planner.trigger_configure() == SUCCESS
    (color,) = profiles(planner, planner.get_subscriptions_info_by_topic, f"/cell/{COLOR}")
    assert color.reliability == ReliabilityPolicy.RELIABLE
    (state,) = profiles(planner, planner.get_publishers_info_by_topic, "/cell/planner_node/state")
    assert state.durability == DurabilityPolicy.VOLATILE
    (result,) = profiles(planner, planner.get_publishers_info_by_topic, "/cell/planner_node/result")
    assert result.durability == DurabilityPolicy.TRANSIENT_LOCAL


@pytest.mark.parametrize("is_given", [True, False])
def test_only_what_nobody_gave_follows_a_publisher_that_offers_less(made: Callable[..., Any], is_given: bool) -> None:
    text = FILE if is_given else "/**:\n  ros__parameters: {autostart: false, robot: fake, image_qos: reliable}\n"
    planner = made(
        PlannerNode, text.replace("robot: fake", "robot: fake\n    image_qos: reliable") if is_given else text
    )
    assert planner.trigger_configure() == SUCCESS
    assert planner.loop is not None
    eyes = planner.loop.attention.eyes
    planner.create_publisher(Image, COLOR, SENSOR_QOS)
    profiles(planner, planner.get_publishers_info_by_topic, f"/cell/{COLOR}")
    eyes.exposures._follow_best_effort()
    asked = {s.qos_profile.reliability for s in planner.subscriptions if s.topic_name == f"/cell/{COLOR}"}
    assert asked == {ReliabilityPolicy.RELIABLE if is_given else ReliabilityPolicy.BEST_EFFORT}


def test_it_is_read_only(made: Callable[..., Any]) -> None:
    camera = made(CameraNode, FILE)
    assert camera.trigger_configure() == SUCCESS
    name = "qos_overrides./cell/color/image_raw.publisher.depth"
    assert camera.describe_parameter(name).read_only


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/cell/color/image_raw: {publisher: {reliability: reliabel}}", ["reliabel", "reliable, best_effort"]),
        ("/cell/color/image_raw: {publisher: {depth: 0}}", ["depth is 0", "1 to 1000"]),
        ("/cell/color/image_raw: {publisher: {depth: three}}", ["'three'", "1 to 1000"]),
        ("/cell/color/image_raw: {publisher: {relability: reliable}}", ["relability", "history, depth, reliability"]),
        ("/cell/color/image_raw: {publischer: {depth: 1}}", ["publischer", "publisher or subscription"]),
        ("color/image_raw: {publisher: {depth: 1}}", ["color/image_raw", "/WHOLE/TOPIC"]),
    ],
)
def test_a_false_one_is_refused_at_start_in_one_sentence(made: Callable[..., Any], text: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as refusal:
        made(CameraNode, f"/**:\n  ros__parameters:\n    autostart: false\n    qos_overrides:\n      {text}\n")
    assert all(word in str(refusal.value) for word in ["camera_node", "qos_overrides", *words]), refusal.value


def test_a_topic_that_the_node_does_not_have_is_told(
    made: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    camera = made(CameraNode, FILE.replace("/cell/color/image_raw", "/color/image_raw"))
    assert camera.trigger_configure() == SUCCESS
    told = capfd.readouterr().err
    assert "/color/image_raw (publisher)" in told
    assert "/cell/color/image_raw" in told
