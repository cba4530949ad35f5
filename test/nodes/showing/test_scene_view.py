"""One picture of a running cell from its messages: everything is there, and what is missing is named."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.context import Context  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from support.fake_topics import FakeNode  # noqa: E402
from support.scenes import CELL, T_BASE_CAMERA, sight  # noqa: E402
from visualization_msgs.msg import MarkerArray  # noqa: E402

from gpnet_ros.cell import load_hand_eye  # noqa: E402
from gpnet_ros.errors import DeviceError  # noqa: E402
from gpnet_ros.grasp import Rejected  # noqa: E402
from gpnet_ros.nodes.processes.start import LATCHED_QOS, PUBLISH_QOS  # noqa: E402
from gpnet_ros.nodes.processes.starter import ros_environment  # noqa: E402
from gpnet_ros.nodes.showing.map_outputs import MAP_TOPICS, MapOutputs  # noqa: E402
from gpnet_ros.nodes.showing.planner_markers import markers  # noqa: E402
from gpnet_ros.nodes.showing.scene_view import Heard, draw, listen  # noqa: E402
from gpnet_ros.pick import decide  # noqa: E402

#: Each file of test/nodes has its own domains.
DOMAIN = 86
#: Height of the scene with its titles; camera and maps stand below it [px].
SCENE = 588
SEEN = sight(2.0)
DECISION = decide(SEEN.frame, SEEN.maps, T_BASE_CAMERA, CELL, CELL.home)


def scene_markers() -> MarkerArray:
    assert DECISION.grasp is not None
    u, v = DECISION.grasp.pixel
    lost = Rejected((u - 40, v), "clearance", "for the test")
    return markers(replace(DECISION, rejected=(lost,)), SEEN, T_BASE_CAMERA, CELL)


def messages() -> dict[str, Any]:
    """The newest message of each topic, as the nodes make them."""
    watched = [*(f"maps/{name}/color" for name in MAP_TOPICS), "overlay", "maps/points"]
    node = FakeNode(watched)
    MapOutputs(node).publish(SEEN.frame, SEEN.maps)
    joints = JointState(position=CELL.home)
    return {"planner_node/markers": scene_markers(), "joint_states": joints, **node.first}


def near(image: np.ndarray, rgb: tuple[int, int, int]) -> int:
    """How many pixels have nearly this colour."""
    return int((np.abs(image.astype(int) - rgb).max(axis=-1) < 40).sum())


def test_gripper_way_tote_and_arm_are_in_the_picture() -> None:
    image = draw(Heard(messages()), CELL, load_hand_eye())[:SCENE]
    assert near(image, (20, 190, 50)) > 500  # the chosen gripper
    assert near(image, (255, 204, 0)) > 300  # the way
    bare = messages()
    bare["planner_node/markers"] = MarkerArray()
    without = draw(Heard(bare), CELL, load_hand_eye())[:SCENE]
    assert near(without, (20, 190, 50)) < 50
    moved = {**messages(), "joint_states": JointState(position=(np.array(CELL.home) + 0.5).tolist())}
    assert (draw(Heard(moved), CELL, load_hand_eye())[:SCENE] != image).sum() > 10_000


def test_it_listens_until_everything_has_come() -> None:
    context, over = Context(), threading.Event()
    rclpy.init(context=context, args=None, domain_id=DOMAIN)
    node = rclpy.create_node("shower", context=context, namespace="cell")
    sent = messages()
    topics = {
        name: node.create_publisher(type(m), name, LATCHED_QOS if "markers" in name else PUBLISH_QOS)
        for name, m in sent.items()
    }

    def show() -> None:
        while not over.wait(0.2):
            for name, topic in topics.items():
                topic.publish(sent[name])

    shower = threading.Thread(target=show, daemon=True)
    shower.start()
    try:
        heard = listen(60.0, "cell", DOMAIN)
        assert heard.missing == []
        with pytest.raises(DeviceError, match="maps/points"):
            listen(1.0, "another_cell", DOMAIN)
    finally:
        over.set()
        shower.join()
        node.destroy_node()
        rclpy.shutdown(context=context)


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ros_environment(DOMAIN).items():
        monkeypatch.setenv(name, value)
