"""planner_node with a fake robot and published frames: services, topics, refused frames."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.parameter_client import AsyncParameterClient  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState  # noqa: E402
from support.cameras import mistaken  # noqa: E402
from support.planner_world import PATIENCE, World, command, one_pick, planner, refused_pick  # noqa: E402
from support.scenes import CENTRE, HEIGHT, T_BASE_CAMERA, sight  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from gpnet_ros.errors import DeviceError  # noqa: E402
from gpnet_ros.nodes import convert  # noqa: E402
from gpnet_ros.nodes.arriving.exposures import CAMERA_INFO, COLOR, DEPTH  # noqa: E402
from gpnet_ros.nodes.health.result_status import flat  # noqa: E402
from gpnet_ros.nodes.processes.start import LATCHED_QOS, PUBLISH_QOS  # noqa: E402
from gpnet_ros.nodes.processes.table import RunSettings, node_processes  # noqa: E402
from gpnet_ros.picking.attention import Sight  # noqa: E402
from gpnet_ros.picking.shift.lines import PAGE, read_lines  # noqa: E402
from gpnet_ros.pose import to_xyz_quat  # noqa: E402

#: Each file of test/nodes has its own domains.
DOMAIN = 60


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("planner") / "log"
    with planner(DOMAIN, log, shift_dir=str(log.parent / "shift")), World(DOMAIN) as world:
        world.wait_until(lambda: world.state == "idle", PATIENCE, "the planner")
        world.log = log
        yield world


@pytest.fixture
def world(running: World) -> World:
    running.show, running.leave_out, running.with_maps = (lambda s: s), (), True
    running.wait_until(lambda: running.state == "idle", PATIENCE, "idle")
    return running


def test_a_client_knows_for_how_long_the_arm_has_rested(world: World) -> None:
    world.wait_until(lambda: bool(world._joints) and world.quiet() > 0.3, PATIENCE, "rest")
    began = time.monotonic()
    world._take_joints(JointState(position=[9.0] * 6))  # it was elsewhere, and is back with the next message
    assert world.quiet() <= time.monotonic() - began
    world.wait_until(lambda: world.quiet() > 0.3, PATIENCE, "rest")


def test_a_pick_through_topics_and_services(world: World) -> None:
    result = one_pick(world)
    assert result["status"] == "picked", result
    # Whatever was looked at for comparison and has no room, down to the threshold, keeps its reason.
    assert {lost["reason"] for lost in result["rejected"]} <= {"clearance", "low_quality"}
    np.testing.assert_allclose(np.array(result["T_base_grasp"])[:3, 3], (*CENTRE, HEIGHT), atol=0.004)


def test_the_planner_keeps_the_lines_and_the_page_of_a_shift(world: World) -> None:
    result = one_pick(world)
    world.wait_until(lambda: world.state == "idle", PATIENCE, "idle")
    (folder,) = (world.log.parent / "shift").iterdir()
    head, *lines = read_lines(folder)
    assert (head["mode"], head["simulated"], head["speed"]) == ("run", True, 1.0)
    last = [line for line in lines if line["kind"] == "turn"][-1]
    assert (last["status"], last["pick"]) == (result["status"], result["pick"])
    assert last["closed_m"] == result["widths_m"]["close"] and last["drift"]["contact_m"] == 0.0
    assert (folder / PAGE).is_file(), "it is written before the planner says that it rests"


def test_the_chosen_grasp_is_published_in_base_link(world: World) -> None:
    heard = world.heard["planner_node/grasp"]
    result = one_pick(world)
    world.wait_until(lambda: bool(heard) and heard[-1].header.stamp == convert.to_time(result["stamp"]), 10, "grasp")
    pose = heard[-1]
    assert pose.header.frame_id == "base_link"
    T = convert.from_pose_in_base_link(pose)
    np.testing.assert_allclose(T, np.array(result["T_base_grasp"]), atol=2e-6)
    assert pose.pose.position.x == pytest.approx(-CENTRE[0], abs=0.004)  # base_link is base turned half round


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


def test_result_and_decision_also_come_typed_with_the_same_values(world: World) -> None:
    results, decisions = world.heard["planner_node/result_status"], world.heard["planner_node/decision_status"]
    result = one_pick(world)
    stamp = str(result["stamp"])

    def is_here(heard: list[DiagnosticStatus]) -> bool:
        return bool(heard) and values_of(heard[-1]).get("stamp") == stamp

    world.wait_until(lambda: is_here(results), PATIENCE, "the typed result")
    told = results[-1]
    assert values_of(told) == flat(result)
    assert (told.name, told.level, told.message) == ("/planner_node: result", DiagnosticStatus.OK, "picked")
    world.wait_until(lambda: is_here(decisions), PATIENCE, "the typed decision")
    assert decisions[-1].level == DiagnosticStatus.OK
    assert values_of(decisions[-1])["T_base_grasp"] == flat(result)["T_base_grasp"]


def part(world: World, name: str) -> DiagnosticStatus | None:
    """The newest status of a part of the planner."""
    statuses = [status for array in world.heard["/diagnostics"] for status in array.status]
    return next((s for s in reversed(statuses) if s.name == f"/planner_node: {name}"), None)


def has_level(world: World, name: str, level: bytes) -> bool:
    status = part(world, name)
    return status is not None and status.level == level


def test_diagnostics_tell_of_every_part_of_the_planner(world: World) -> None:
    for name in ("lifecycle", "arm", "loop", "input", "inference"):
        world.wait_until(lambda name=name: has_level(world, name, DiagnosticStatus.OK), PATIENCE, name)  # type: ignore[misc]
    arm, loop, seen = part(world, "arm"), part(world, "loop"), part(world, "inference")
    assert arm is not None and loop is not None and seen is not None
    assert arm.hardware_id == "FAKE"
    assert float(values_of(arm)["link age [s]"]) < 1.0
    assert values_of(loop)["mode"] == "run"
    assert float(values_of(seen)["rate of maps [1/s]"]) > 0.2


def test_diagnostics_warn_when_inference_has_gone_and_recover(world: World) -> None:
    world.wait_until(lambda: has_level(world, "inference", DiagnosticStatus.OK), PATIENCE, "inference")
    world.with_maps = False
    world.wait_until(lambda: has_level(world, "inference", DiagnosticStatus.WARN), PATIENCE, "the warning")
    told = part(world, "inference")
    assert told is not None and "no maps" in told.message
    world.with_maps = True
    world.wait_until(lambda: has_level(world, "inference", DiagnosticStatus.OK), PATIENCE, "the recovery")
    assert world.log.read_text().count("no maps of them") == world.log.read_text().count("maps come again") >= 1


def test_markers_show_workspace_gripper_and_grasp(world: World) -> None:
    one_pick(world)
    heard = world.heard["planner_node/markers"]
    world.wait_until(lambda: bool(heard), 10, "markers")
    shown = {m.ns for m in heard[-1].markers if m.action == Marker.ADD}
    assert {"workspace", "tote", "keep_out", "chosen", "way"} <= shown


def test_joint_states_and_flange_come_fifty_times_a_second(world: World) -> None:
    def stamps() -> list[float]:
        return [convert.from_time(m.header.stamp) for m in world.heard["joint_states"]]

    before = len(stamps())
    world.wait_until(lambda: len(stamps()) > before + 100, PATIENCE, "joint states")
    assert world.heard["joint_states"][-1].name[0] == "shoulder_pan_joint"
    assert len(world.heard["planner_node/tool0"]) > 50
    assert float(np.median(np.diff(stamps()))) < 0.5  # never a promise about a busy machine


def test_camera_info_is_needed_once_and_may_have_been_sent_before(tmp_path: Path) -> None:
    domain = DOMAIN + 3
    with World(domain) as world, planner(domain, tmp_path / "log", look_timeout=2.0):
        world.leave_out = (CAMERA_INFO,)
        world.wait_until(lambda: world.state == "idle", PATIENCE, "the planner")
        refused_pick(world, "camera_info")
        seen = sight(0.0).frame
        assert seen.intrinsics is not None
        info = convert.to_camera_info(seen.intrinsics, 0.0, seen.frame_id)
        world.node.create_publisher(CameraInfo, CAMERA_INFO, LATCHED_QOS).publish(info)
        end = time.monotonic() + PATIENCE
        while (result := one_pick(world))["status"] == "no_frame":
            assert time.monotonic() < end, result
        assert result["status"] == "picked", result


class Packed:
    """A publisher that packs raw images as image_transport does; depth was exposed a little before colour."""

    def __init__(self, world: World, topic: str, kind: str) -> None:
        self.kind = kind
        self.publisher = world.node.create_publisher(CompressedImage, f"/camera/camera/{topic}/{kind}", PUBLISH_QOS)

    def publish(self, message: Image) -> None:
        stamp = convert.from_time(message.header.stamp)
        if self.kind == "compressed":
            data = cv2.imencode(".png", convert.color_from_image(message)[..., ::-1])[1].tobytes()
            packed = CompressedImage(header=message.header, format="rgb8; png compressed bgr8")
        else:
            raw = np.nan_to_num(np.round(convert.depth_from_image(message) * 1000)).astype(np.uint16)
            data = bytes(12) + cv2.imencode(".png", raw)[1].tobytes()
            header = convert.header(stamp - 0.005, message.header.frame_id)
            packed = CompressedImage(header=header, format="16UC1; compressedDepth png")
        packed.data = data
        self.publisher.publish(packed)


def test_packed_frames_of_an_external_camera_without_one_stamp_come_under_its_prefix(tmp_path: Path) -> None:
    domain = DOMAIN + 5
    run = RunSettings(camera="external", image_transport="compressed")
    process = next(p for p in node_processes(run) if p.name == "planner_node")
    words = [word for name, other in process.remaps.items() for word in ("-r", f"{name}:={other}")]
    given = {"image_transport": process.overrides["image_transport"]}
    with World(domain) as world, planner(domain, tmp_path / "log", words, **given):
        world.wait_until(lambda: world.state == "idle", PATIENCE, "the planner")
        info = world.node.create_publisher(CameraInfo, f"/camera/camera/{CAMERA_INFO}", PUBLISH_QOS)
        packed = {COLOR: Packed(world, COLOR, "compressed"), DEPTH: Packed(world, DEPTH, "compressedDepth")}
        world.outputs = {**packed, CAMERA_INFO: info}
        end = time.monotonic() + PATIENCE
        while (result := one_pick(world))["status"] == "no_frame":
            assert time.monotonic() < end, result
        assert result["status"] == "picked", result


def test_a_bag_is_followed_by_its_own_stamps_and_again_when_it_begins_anew(tmp_path: Path) -> None:
    domain = DOMAIN + 4
    with World(domain) as world, planner(domain, tmp_path / "log", use_sim_time=True, look_timeout=PATIENCE):
        clock = world.node.create_publisher(Clock, "/clock", PUBLISH_QOS)
        began = [time.time()]

        def recorded(s: Sight) -> Sight:
            stamp = 1.6e9 + s.frame.stamp - began[0]
            clock.publish(Clock(clock=convert.to_time(stamp)))
            return replace(s, frame=replace(s.frame, stamp=stamp))

        world.show = recorded
        world.wait_until(lambda: world.state == "idle", PATIENCE, "the planner")
        for _ in range(2):
            result = one_pick(world)
            assert result["status"] == "picked", result
            began[0] = time.time() + 5.0  # older than all before
        world.wait_until(lambda: bool(world.heard["joint_states"]), PATIENCE, "joint states")
        assert convert.from_time(world.heard["joint_states"][-1].header.stamp) < 1.7e9


def test_a_bag_without_its_clock_is_refused_with_what_to_set(tmp_path: Path) -> None:
    domain = DOMAIN + 4
    with World(domain) as world, planner(domain, tmp_path / "log", look_timeout=1.0):
        world.show = lambda s: replace(s, frame=replace(s.frame, stamp=s.frame.stamp - 1e8))
        world.wait_until(lambda: world.state == "idle", PATIENCE, "the planner")
        refused_pick(world, "use_sim_time:=true")


@pytest.mark.parametrize("with_maps", [True, False])
def test_a_hand_eye_in_base_link_is_told_with_maps_and_where_inference_gave_none(
    tmp_path: Path, with_maps: bool
) -> None:
    domain, file = DOMAIN + 5, tmp_path / "hand_eye.yaml"
    position, quaternion = (list(map(float, p)) for p in to_xyz_quat(mistaken(T_BASE_CAMERA, "base_link")))
    file.write_text(f"position: {position}\nquaternion: {quaternion}\n")
    with World(domain) as world, planner(domain, tmp_path / "log", hand_eye_file=file, look_timeout=60.0):
        world.with_maps = with_maps
        world.wait_until(lambda: world.state == "idle", PATIENCE, "the planner")
        result = one_pick(world)
        assert result["status"] == "hand_eye", result
        assert "base_link" in result["message"]


def test_a_person_arms_the_robot_and_approves_no_grasp_but_the_one_that_was_shown(tmp_path: Path) -> None:
    domain = DOMAIN + 1
    with planner(domain, tmp_path / "log", auto_resume=False, mode="step"), World(domain) as world:
        world.wait_until(lambda: world.state == "needs_resume", PATIENCE, "the planner")
        with pytest.raises(DeviceError, match="resume"):
            world.call("start", 20)
        world.call("resume")
        world.wait_until(lambda: world.state == "idle", PATIENCE, "idle")
        world.call("pick", 20)
        world.wait_until(lambda: world.proposals == 1, PATIENCE, "a grasp to approve")
        client = AsyncParameterClient(world.node, "planner_node")
        assert client.wait_for_services(PATIENCE)
        client.set_parameters([Parameter("quality_min", value=0.06)])  # it decides anew, by other settings
        world.wait_until(lambda: world.proposals == 2, PATIENCE, "the next grasp")
        approved, told = world.ask("pick", 20)
        assert not approved and "A parameter has changed" in told and "call pick again" in told
        approved, told = world.ask("pick", 20)
        assert approved and "Approved" in told
        assert world.next_result(0, PATIENCE)["status"] == "picked"
        world.call("stop")
        world.wait_until(lambda: world.state == "needs_resume", PATIENCE, "the stop")


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"mod": "run"}, "unknown parameter mod"),
        ({"mode": "fly"}, "allowed: dry_run"),
        ({"quality_min": 7.0}, "quality_min"),
        ({"robot": "ur", "auto_resume": True, "mode": "hover"}, "simulation only"),
        ({"robot": "ur", "auto_resume": False, "mode": "run"}, "calibration"),
        ({"robot": "ur", "auto_resume": False, "mode": "hover", "use_sim_time": True}, "clock of a bag"),
        ({"robot": "sim", "robot_ip": "10.0.0.7"}, "not a simulation"),
        ({"cell_file": "/nowhere.yaml"}, "nowhere"),
    ],
)
def test_settings_that_cannot_be_right_end_the_node_with_one_sentence(parameters: dict[str, Any], word: str) -> None:
    started = command(DOMAIN + 2, [], **parameters)
    done = subprocess.run(**started, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
