"""What the doctor says of ROS, its transport and its domain, with what is broken planted in the environment."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.doctor_cell import names, stand_ins

from gpnet_ros.nodes.doctor.dds import examine_dds
from gpnet_ros.nodes.doctor.domain import examine_domain, judge_domain
from gpnet_ros.nodes.doctor.ros import examine_cv_bridge, examine_ros
from gpnet_ros.nodes.doctor.topic_camera import examine_topics
from gpnet_ros.nodes.processes.running_cell import free_domain
from gpnet_ros.nodes.processes.transport import PROFILE_VARIABLES, loopback_profile, profile_file

ABI = "import sys; sys.stderr.write('A module that was compiled using NumPy 1.x cannot be run in NumPy 2\\n')"
PYBIND = "raise ImportError(\"No module named 'rclpy._rclpy_pybind11'\")"
PLAIN = {name: "" for name in ("rclpy", *(f"{m}_msgs" for m in ("sensor", "geometry", "std", "visualization")))}


# --- ROS ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("modules", "name"),
    [
        ({"rclpy": "raise ModuleNotFoundError(\"No module named 'rclpy'\")"}, "ros_missing"),
        ({"rclpy": PYBIND}, "ros_python"),
        ({"rclpy": "raise ImportError('librcl.so: undefined symbol')"}, "ros_broken"),
        ({**PLAIN, "sensor_msgs": "raise ModuleNotFoundError(\"No module named 'sensor_msgs'\")"}, "ros_messages"),
    ],
)
def test_a_ros_that_cannot_be_imported_is_told(modules: dict[str, str], name: str, tmp_path: Path) -> None:
    assert names(examine_ros(stand_ins(tmp_path, **modules))) == [name]


def test_two_distributions_in_one_terminal_are_told() -> None:
    path = os.pathsep.join(["/home/me/ws/install", "/opt/ros/jazzy", "/opt/ros/humble"])
    assert names(examine_ros({**os.environ, "AMENT_PREFIX_PATH": path})) == ["ros_mixed"]


def test_a_healthy_ros_is_well_and_another_distribution_and_middleware_are_told() -> None:
    pytest.importorskip("rclpy")
    known = {name: value for name, value in os.environ.items() if name not in ("ROS_DISTRO", "RMW_IMPLEMENTATION")}
    assert not names(examine_ros(known))
    assert names(examine_ros({**known, "ROS_DISTRO": "humble"})) == ["ros_untried"]
    (finding,) = examine_ros({**known, "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"})
    assert finding.name == "rmw_missing" and "ros-$ROS_DISTRO-rmw-cyclonedds-cpp" in finding.remedy


@pytest.mark.parametrize(
    ("source", "found"),
    [("", []), (ABI, ["cv_bridge_abi"]), ("import no_such_boost", ["cv_bridge_broken"])],
)
def test_a_cv_bridge_of_another_numpy_is_told(source: str, found: list[str], tmp_path: Path) -> None:
    assert names(examine_cv_bridge(stand_ins(tmp_path, cv_bridge=source))) == found


# --- transport ----------------------------------------------------------------------------------------------
FULL = {"PATH": os.environ.get("PATH", "")}
OWN = "<dds><profiles><participant/><segment_size>{}</segment_size></profiles></dds>"


@pytest.mark.parametrize("variable", PROFILE_VARIABLES)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, ["dds_file_missing"]),
        ("<profiles><participant>", ["dds_file_broken"]),
        ("<html></html>", ["dds_file_broken"]),
        (OWN.format(524288), ["dds_small"]),
        ("<profiles><participant/></profiles>", ["dds_small"]),
        (OWN.format(16777216), []),
    ],
)
def test_a_profile_that_does_not_work_is_told(
    variable: str, text: str | None, found: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "profile.xml"
    if text is not None:
        file.write_text(text)
    assert names(examine_dds({**FULL, variable: str(file)})) == found


@pytest.mark.parametrize("file", [profile_file(), loopback_profile()])
def test_our_profiles_are_well(file: Path) -> None:
    assert not names(examine_dds({**FULL, PROFILE_VARIABLES[0]: str(file)}, external=True))


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, []),
        ({"ROS_DOMAIN_ID": "42"}, []),
        ({"ROS_DOMAIN_ID": "300"}, ["dds_domain"]),
        ({"ROS_DOMAIN_ID": "my cell"}, ["dds_domain"]),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, ["dds_off"]),
        ({"RMW_IMPLEMENTATION": "rmw_zenoh_cpp", PROFILE_VARIABLES[0]: "/no/such/file"}, []),
    ],
)
def test_domain_and_range_are_looked_at(environment: dict[str, str], found: list[str]) -> None:
    assert names(examine_dds({**FULL, **environment})) == found


def test_defaults_are_told_where_another_package_sends_the_images() -> None:
    assert names(examine_dds(FULL, external=True)) == ["dds_no_profile"]
    assert names(examine_dds(FULL, external=False)) == []


def test_little_shared_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    assert names(examine_dds(FULL, memory=tmp_path)) == ["dds_shm_full"]
    assert names(examine_dds(FULL, memory=tmp_path / "none")) == []


# --- domain -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("nodes", "publishers", "found"),
    [
        ([], {}, []),
        (["/rviz2", "/robot_state_publisher", "/camera/camera"], {"/color/image_raw": 1}, []),
        (["/planner_node"], {}, ["domain_ours"]),
        (["/cell_b/planner_node"], {}, ["domain_others"]),
        (["/controller_manager"], {}, ["domain_driver"]),
        (["/ur/dashboard_client"], {}, ["domain_driver"]),
        (["/camera_node"], {"/color/image_raw": 2}, ["domain_ours", "domain_cameras"]),
        (["/turtlesim", "/move_group"], {}, ["domain_others"]),
    ],
)
def test_who_would_disturb_is_told(nodes: list[str], publishers: dict[str, int], found: list[str]) -> None:
    assert names(judge_domain(nodes, publishers)) == found


def test_nodes_of_a_namespace_are_judged_in_it() -> None:
    assert names(judge_domain(["/cell_a/planner_node"], {}, "cell_a")) == ["domain_ours"]
    assert names(judge_domain(["/planner_node"], {}, "/cell_a/")) == ["domain_others"]


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A domain in which nobody of an earlier test is left."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(free_domain()))


@pytest.mark.usefixtures("domain")
def test_a_domain_is_joined_and_what_runs_there_is_heard(tmp_path: Path) -> None:
    rclpy = pytest.importorskip("rclpy")
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = rclpy.create_node("planner_node", context=context)
    try:
        end, found = time.monotonic() + 60.0, []
        while not found and time.monotonic() < end:  # on a busy machine discovery takes its time
            found = names(examine_domain(listen=3.0))
        assert found == ["domain_ours"]
    finally:
        node.destroy_node()
        context.try_shutdown()
    broken = stand_ins(tmp_path, rclpy="def init(**_):\n    raise RuntimeError('failed to create domain')\n")
    assert names(examine_domain(listen=0.1, environment=broken)) == ["domain_closed"]


# --- another package's camera -------------------------------------------------------------------------------
@contextmanager
def publishing(width: int, late: float, depth: bool) -> Iterator[None]:
    """A node that sends colour of 64x48, depth of this width, if any, and a camera model, ten times a second."""
    rclpy = pytest.importorskip("rclpy")
    from sensor_msgs.msg import CameraInfo, Image

    from gpnet_ros.frame import Intrinsics
    from gpnet_ros.nodes import convert

    context, end = rclpy.Context(), threading.Event()
    rclpy.init(args=[], context=context)
    node = rclpy.create_node("camera", context=context)
    kinds = {"color/image_raw": Image, "aligned_depth_to_color/image_raw": Image, "color/camera_info": CameraInfo}
    topics = [node.create_publisher(kind, f"/cam/{name}", 5) for name, kind in kinds.items()]
    pictures = (np.full((48, 64, 3), 120, np.uint8), np.full((48, width), 800, np.uint16))

    def send() -> None:
        while not end.wait(0.1):
            stamp = time.time() - late
            messages = [
                convert.to_image(pictures[0], "rgb8", stamp, "eye"),
                convert.to_image(pictures[1], "16UC1", stamp, "eye"),
                convert.to_camera_info(Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5), stamp, "eye"),
            ]
            for topic, message in zip(topics, messages, strict=True):
                if depth or topic is not topics[1]:
                    topic.publish(message)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        node.destroy_node()
        context.try_shutdown()


@pytest.mark.usefixtures("domain")
@pytest.mark.parametrize(
    ("width", "late", "depth", "found"),
    [
        (64, 0.0, True, []),
        (80, 0.0, True, ["topics_unaligned"]),
        pytest.param(64, 0.0, False, ["topics_silent"], marks=pytest.mark.slow),
        pytest.param(64, 60.0, True, ["clock_camera"], marks=pytest.mark.slow),
    ],
)
def test_a_camera_of_another_package_is_heard_as_the_nodes_hear_it(
    width: int, late: float, depth: bool, found: list[str]
) -> None:
    with publishing(width, late, depth):
        assert names(examine_topics("/cam")) == found
