"""config/grasp.rviz, which cannot be opened here: every key is one of RViz, every topic one of ours, of that type.

Names of properties as ros2/rviz publishes them: rviz_default_plugins/src/.../displays (jazzy), and nav2_bringup's saved
views, which hold them as RViz writes them.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

rclpy = pytest.importorskip("rclpy")

from rclpy.qos import DurabilityPolicy, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Image, PointCloud2  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from visualization_msgs.msg import MarkerArray  # noqa: E402

from gpnet_ros.nodes.processes.start import LATCHED_QOS  # noqa: E402
from gpnet_ros.nodes.showing.detection_outputs import MARKERS, PICTURES, DetectionOutputs  # noqa: E402
from gpnet_ros.nodes.showing.map_outputs import MapOutputs  # noqa: E402
from gpnet_ros.nodes.showing.planner_outputs import TOPICS  # noqa: E402
from gpnet_ros.settings import config_dir  # noqa: E402

CONFIG = yaml.safe_load((config_dir() / "grasp.rviz").read_text("utf-8"))
MANAGER = CONFIG["Visualization Manager"]
DISPLAYS = MANAGER["Displays"]

COMMON = {"Class", "Enabled", "Name", "Value"}
TOPIC = {"Depth", "Durability Policy", "Filter size", "History Policy", "Reliability Policy", "Value"}
XYZ = {"X", "Y", "Z"}
CLOUD = {
    "Alpha", "Autocompute Intensity Bounds", "Autocompute Value Bounds", "Axis", "Channel Name", "Color",
    "Color Transformer", "Decay Time", "Invert Rainbow", "Max Color", "Max Intensity", "Min Color", "Min Intensity",
    "Position Transformer", "Selectable", "Size (Pixels)", "Size (m)", "Style", "Topic", "Use Fixed Frame",
    "Use rainbow",
}  # fmt: skip
#: Display -> names of its properties.
PROPERTIES: dict[str, set[str]] = {
    "Grid": {
        "Alpha", "Cell Size", "Color", "Line Style", "Normal Cell Count", "Offset", "Plane", "Plane Cell Count",
        "Reference Frame",
    },
    "RobotModel": {
        "Alpha", "Collision Enabled", "Description File", "Description Source", "Description Topic", "Links",
        "Mass Properties", "TF Prefix", "Update Interval", "Visual Enabled",
    },
    "TF": {
        "Filter (blacklist)", "Filter (whitelist)", "Frame Timeout", "Frames", "Marker Scale", "Show Arrows",
        "Show Axes", "Show Names", "Tree", "Update Interval",
    },
    "PointCloud2": CLOUD,
    "MarkerArray": {"Namespaces", "Topic"},
    "Image": {"Max Value", "Median window", "Min Value", "Normalize Range", "Topic"},
}  # fmt: skip
#: Properties that hold others.
NESTED: dict[str, set[str]] = {
    "Topic": TOPIC, "Description Topic": TOPIC - {"Filter size"}, "Offset": XYZ, "Line Style": {"Line Width", "Value"},
    "Autocompute Value Bounds": {"Max Value", "Min Value", "Value"}, "Mass Properties": {"Inertia", "Mass"},
    "Frames": {"All Enabled"}, "Tree": set(),
    "Namespaces": {"workspace", "tote", "keep_out", "chosen", "way", "rejected", "reason"},
    "Links": {"All Links Enabled", "Expand Joint Details", "Expand Link Details", "Expand Tree", "Link Tree Style"},
}  # fmt: skip
TYPES = {"PointCloud2": PointCloud2, "MarkerArray": MarkerArray, "Image": Image, "RobotModel": String}
ORBIT = {
    "Class", "Distance", "Enable Stereo Rendering", "Focal Point", "Focal Shape Fixed Size", "Focal Shape Size",
    "Invert Z Axis", "Name", "Near Clip Distance", "Pitch", "Target Frame", "Value", "Yaw",
}  # fmt: skip


def kind(display: dict[str, Any]) -> str:
    return str(display["Class"]).removeprefix("rviz_default_plugins/")


def unknown_keys(display: dict[str, Any]) -> set[str]:
    """Keys of a display, and of what it holds, that RViz would ignore without a word."""
    found = set(display) - COMMON - PROPERTIES[kind(display)]
    for name, value in display.items():
        if isinstance(value, dict):
            found |= {f"{name}/{key}" for key in set(value) - NESTED[name]}
    return found


def published() -> dict[str, tuple[type, Any]]:
    """Topic -> type and QoS of everything that inference_node, planner_node and robot_state_publisher offer."""
    found: dict[str, tuple[type, Any]] = {"robot_description": (String, LATCHED_QOS)}
    found |= {topic.replace("~", "planner_node"): offered for topic, offered in TOPICS.items()}

    class Node:
        def create_publisher(self, message: type, topic: str, qos: Any) -> None:
            found[topic] = (message, qos)

    MapOutputs(Node())
    DetectionOutputs(Node())
    return found


def topic_of(display: dict[str, Any]) -> dict[str, Any]:
    return display.get("Topic") or display["Description Topic"]


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda d: d["Name"])
def test_every_key_of_a_display_is_one_of_its_properties(display: dict[str, Any]) -> None:
    assert unknown_keys(display) == set()
    assert unknown_keys({**display, "Tpoic": "maps"}) == {"Tpoic"}


@pytest.mark.parametrize("display", [d for d in DISPLAYS if kind(d) in TYPES], ids=lambda d: d["Name"])
def test_every_topic_is_published_with_that_type_and_a_quality_that_fits(display: dict[str, Any]) -> None:
    wanted = topic_of(display)
    message, offered = published()[wanted["Value"]]
    assert message is TYPES[kind(display)]
    if wanted["Reliability Policy"] == "Reliable":
        assert offered.reliability == ReliabilityPolicy.RELIABLE
    if wanted["Durability Policy"] == "Transient Local":
        assert offered.durability == DurabilityPolicy.TRANSIENT_LOCAL
    elif offered.durability == DurabilityPolicy.TRANSIENT_LOCAL:
        pytest.fail(f"{wanted['Value']} is kept for late subscribers, and RViz does not ask for what was kept.")


def test_the_fixed_frame_is_the_root_of_our_tree_and_the_rest_is_of_rviz() -> None:
    assert set(CONFIG) == {"Panels", "Visualization Manager", "Window Geometry"}
    assert MANAGER["Global Options"]["Fixed Frame"] == "base_link"
    assert set(MANAGER) == {"Class", "Displays", "Enabled", "Global Options", "Name", "Tools", "Value", "Views"}
    assert set(MANAGER["Views"]["Current"]) <= ORBIT
    assert all(panel["Class"] in ("rviz_common/Displays", "rviz_common/Views") for panel in CONFIG["Panels"])


def test_every_map_the_cloud_and_the_grasp_are_shown() -> None:
    shown = {topic_of(d)["Value"] for d in DISPLAYS if kind(d) in TYPES}
    maps = {f"maps/{name}/color" for name in ("quality", "priority", "q_star", "angle", "width")}
    cell = {"overlay", "maps/points", "planner_node/markers", "robot_description"}
    assert maps | cell | {*PICTURES, MARKERS} == shown


def test_what_only_a_second_network_publishes_is_off_until_it_is_wanted() -> None:
    on = {topic_of(d)["Value"] for d in DISPLAYS if kind(d) in TYPES and d["Enabled"]}
    assert not on & {*PICTURES, MARKERS} and "overlay" in on
