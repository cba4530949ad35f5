"""A bag replayed with real nodes: inference answers it, the planner in dry_run decides, again after it has looped."""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from support.bag_files import CAMERA, BagPlan, small_frames, write_bag  # noqa: E402
from support.scenes import sight  # noqa: E402

from gpnet_ros.camera_info import lens_of  # noqa: E402
from gpnet_ros.cli import main  # noqa: E402
from gpnet_ros.errors import BagRefused, SettingsError  # noqa: E402
from gpnet_ros.evaluation.replay_testing.decided_again import decide_all_again  # noqa: E402
from gpnet_ros.frame import Frame  # noqa: E402
from gpnet_ros.nodes import convert  # noqa: E402
from gpnet_ros.nodes.arriving.exposures import CAMERA_INFO, COLOR, DEPTH  # noqa: E402
from gpnet_ros.nodes.processes.client import PlannerClient  # noqa: E402
from gpnet_ros.nodes.processes.replay_table import ReplayRun, replay_processes  # noqa: E402
from gpnet_ros.nodes.processes.start import qos  # noqa: E402
from gpnet_ros.nodes.processes.starter import node_command, ros_environment  # noqa: E402

#: Each file of test/nodes has its own domains.
DOMAIN = 80
PATIENCE = 90.0
START = 1.6e9


@contextlib.contextmanager
def processes(commands: dict[str, list[str]], domain: int, logs: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """These processes in a private graph; they end with the context."""
    environment = {**os.environ, **ros_environment(domain), "OMP_NUM_THREADS": "1"}
    os.environ.update(ros_environment(domain))
    running = {}
    try:
        for name, command in commands.items():
            with (logs / f"{name}.log").open("wb") as log:
                running[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        yield running
    finally:
        for process in running.values():
            process.send_signal(signal.SIGINT)
        for process in running.values():
            try:
                process.wait(30)
            finally:
                process.kill()


class Heard(PlannerClient):
    """A client that keeps what a camera would publish, and the clock."""

    def __init__(self, domain: int) -> None:
        os.environ.update(ros_environment(domain))
        super().__init__(domain)
        self.heard: dict[str, list[Any]] = {}
        for topic, kind in {COLOR: Image, DEPTH: Image, CAMERA_INFO: CameraInfo, "/clock": Clock}.items():
            self.heard[topic] = []
            self.node.create_subscription(kind, topic, self._keep(topic), qos(50, reliable=True))

    def _keep(self, topic: str) -> Any:
        def take(message: Any) -> None:
            with self._changed:
                self.heard[topic].append(message)
                self._changed.notify_all()

        return take


def replay_command(bag: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "gpnet_ros.cli", "bag", "replay", str(bag), *words]


#: Of a D405. In the second bag image_proc had made the pictures straight: D is of the picture before.
BENT = (-0.0555, 0.0659, 5.7e-05, 0.00144, -0.0213)
STRAIGHTENED = BagPlan(color="png", depth="compressedDepth", color_topic="color/image_rect_color", distortion=BENT)


@pytest.mark.parametrize("plan", [BagPlan(skew=0.01, distortion=BENT), STRAIGHTENED])
def test_recorded_images_come_out_on_our_topics_with_one_stamp_and_their_clock(tmp_path: Path, plan: BagPlan) -> None:
    frames = small_frames(3)
    bag = write_bag(tmp_path / "bag", frames, replace(plan, start=START, period=0.3))
    with Heard(DOMAIN) as world, processes({"replay": replay_command(bag)}, DOMAIN, tmp_path) as running:
        world.wait_until(lambda: all(len(world.heard[t]) >= 3 for t in (COLOR, DEPTH, CAMERA_INFO)), PATIENCE, "frames")
        assert running["replay"].wait(30) == 0, (tmp_path / "replay.log").read_text()
        for n, frame in enumerate(frames):
            color, depth, info = (world.heard[t][n] for t in (COLOR, DEPTH, CAMERA_INFO))
            assert color.header.stamp == depth.header.stamp == info.header.stamp
            assert convert.from_time(color.header.stamp) == pytest.approx(START + n * 0.3, abs=1e-6)
            np.testing.assert_array_equal(convert.color_from_image(color), frame.color)
            np.testing.assert_array_equal(convert.depth_from_image(depth), frame.depth)
            assert lens_of(info).camera == CAMERA
            assert lens_of(info).is_straight == (plan is STRAIGHTENED)
        times = [convert.from_time(m.clock) for m in world.heard["/clock"]]
        assert times == sorted(times) and times[0] >= START and times[-1] <= START + 1.0


def box_frames(count: int) -> list[Frame]:
    """A box on the table, as the cell's camera sees it, with a picture that is not all gray."""
    frame = sight().frame
    assert frame.depth is not None
    color = np.full((*frame.depth.shape, 3), 120, np.uint8)
    color[frame.depth < 0.8] = (200, 60, 40)
    return [replace(frame, color=color)] * count


def test_the_planner_decides_on_a_bag_and_again_after_it_has_looped(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", box_frames(6), BagPlan(start=START, period=0.5))
    *others, planner = replay_processes(ReplayRun(bag=str(bag)))
    recorded = {"record": True, "record_dir": str(tmp_path / "decisions")}
    table = [*others, replace(planner, overrides=planner.overrides | recorded)]
    nodes = {n.name: node_command(n) for n in table}
    with Heard(DOMAIN + 1) as world, processes(nodes, DOMAIN + 1, tmp_path):
        world.wait_until(lambda: world.state == "idle", PATIENCE, "the planner")
        decided = [decision(world) for _ in range(2)]
        before = len(world.heard["/clock"])

        def has_looped() -> bool:
            times = [convert.from_time(m.clock) for m in world.heard["/clock"][before:]]
            return any(b < a for a, b in zip(times, times[1:]))

        world.wait_until(has_looped, PATIENCE, "the bag's second turn")
        decided.append(decision(world))
    # The bag began when the network was loaded: of a short one that is not looped nothing is lost.
    said = (tmp_path / "replay_node.log").read_text()
    assert "plays all the same" not in said, said
    for result in decided:
        assert START <= result["stamp"] < START + 3.0
        assert result["mode"] == "dry_run"
    # What the planner has recorded of it gives the same, to the last bit.
    bags = sorted((tmp_path / "decisions").iterdir())
    again = [one for path in bags for one in decide_all_again(path)]
    assert sorted(one.stamp for one in again) == sorted(d["stamp"] for d in decided)
    assert not any(one.differs for one in again)
    # The same frame all the time: the same grasp, whenever it was asked for.
    assert len({(tuple(d["pixel"]), d["angle_deg"], d["width_m"], str(d["T_base_grasp"])) for d in decided}) == 1


def decision(world: PlannerClient) -> dict[str, Any]:
    """One pick; until the network has answered there is no frame."""
    end = time.monotonic() + PATIENCE
    while True:
        seen = len(world.results)
        world.call("pick", 20)
        result = world.next_result(seen, PATIENCE)
        if result["status"] != "no_frame":
            assert result["status"] == "dry_run", result
            return result
        assert time.monotonic() < end, result


def test_with_loop_it_plays_until_it_is_told_to_end(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", small_frames(2), BagPlan(start=START, period=0.1))
    command = replay_command(bag, "--loop", "--rate", "2", "--no-clock")
    with Heard(DOMAIN + 2) as world, processes({"replay": command}, DOMAIN + 2, tmp_path) as running:
        world.wait_until(lambda: len(world.heard[COLOR]) >= 7, PATIENCE, "four turns")
        assert not world.heard["/clock"]
        running["replay"].send_signal(signal.SIGINT)
        assert running["replay"].wait(30) == 0


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["{tmp}/nothing"], "does not exist"),
        (["{tmp}/bag", "--prefix", "/left"], "begin with /camera/camera"),
        (["{tmp}/bag", "--rate", "0"], "rate"),
    ],
)
def test_what_cannot_be_played_is_said_before_ros_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], word: str
) -> None:
    write_bag(tmp_path / "bag", small_frames(1))
    assert main(["bag", "replay", *(w.format(tmp=tmp_path) for w in words)]) == 2
    said = capsys.readouterr().err
    assert word in said and said.count("\n") == 1


def test_an_offset_beyond_the_bag_ends_the_node_with_one_sentence(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", small_frames(2))
    with processes({"replay": replay_command(bag, "--start-offset", "9")}, DOMAIN + 3, tmp_path) as running:
        assert running["replay"].wait(60) == 2
    said = (tmp_path / "replay.log").read_text()
    assert "start_offset is 9 s" in said and "Traceback" not in said


def test_a_replay_moves_nothing_whatever_a_parameter_file_says(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("/**:\n  ros__parameters: {mode: run, robot: ur, robot_ip: 10.0.0.9}\n")
    run = ReplayRun(bag="b", params_file=str(tmp_path / "p.yaml"), namespace="left", hand_eye_file="h.yaml")
    replay, inference, planner = replay_processes(run)
    assert (planner.overrides["mode"], planner.overrides["robot"]) == ("dry_run", "fake")
    assert "use_sim_time" not in replay.overrides and replay.overrides["wait_for"] == "inference_node"
    for node in (inference, planner):
        assert node.overrides["use_sim_time"] and node.overrides["hand_eye_file"] == "h.yaml"
    with pytest.raises(SettingsError, match="bag is empty"):
        ReplayRun()


def test_two_replays_side_by_side_have_two_times() -> None:
    for process in replay_processes(ReplayRun(bag="b", namespace="left")):
        assert process.remaps["/clock"] == "clock", process.name
    assert not any("/clock" in process.remaps for process in replay_processes(ReplayRun(bag="b")))


class Recorded(SimpleNamespace):
    """A stand-in for any class of launch: it keeps what it was made of."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(values=values, **named)


@pytest.fixture
def stand_in_launch(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """launch and launch_ros where they are not installed; gives the arguments that their context knows."""
    given: dict[str, str] = {}

    class LaunchConfiguration:
        def __init__(self, name: str) -> None:
            self.name = name

        def perform(self, context: Any) -> str:
            return given[self.name]

    names = {
        "launch": ["LaunchContext", "LaunchDescription"],
        "launch.actions": [
            "DeclareLaunchArgument", "ExecuteProcess", "LogInfo", "OpaqueFunction", "SetEnvironmentVariable",
            "Shutdown", "TimerAction",
        ],
        "launch.substitutions": [],
        "launch_ros": [],
        "launch_ros.actions": ["Node"],
        "launch_ros.parameter_descriptions": ["ParameterValue"],
    }  # fmt: skip
    for module, classes in names.items():
        made = ModuleType(module)
        for name in classes:
            setattr(made, name, type(name, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, module, made)
    sys.modules["launch.substitutions"].LaunchConfiguration = LaunchConfiguration  # type: ignore[attr-defined]
    monkeypatch.delitem(sys.modules, "gpnet_ros.nodes.processes.launching", raising=False)
    return given


def test_the_launch_file_starts_the_processes_of_its_table(stand_in_launch: dict[str, str], tmp_path: Path) -> None:
    launched = runpy.run_path("launch/replay.launch.py")
    (described,) = launched["generate_launch_description"]().values
    for one in described:
        if type(one).__name__ == "DeclareLaunchArgument":
            stand_in_launch[one.values[0]] = one.default_value
    shelf = str(write_bag(tmp_path / "shelf", small_frames(1)))
    stand_in_launch |= {"namespace": "left", "bag": shelf, "loop": "false"}
    nodes = [one for one in launched["start"](None) if type(one).__name__ == "Node"]
    assert [n.executable for n in nodes] == ["replay_node", "inference_node", "planner_node"]
    assert {n.namespace for n in nodes} == {"left"}
    values = nodes[0].parameters[-1]
    assert values["bag_file"].values[0] == shelf and values["loop"] is False and values["rate"] == 1.0
    ended = nodes[0].on_exit
    assert not ended(SimpleNamespace(returncode=0), None) and ended(SimpleNamespace(returncode=2), None)
    for wrong, word in ({"prefix": "/right"}, "begin with"), ({"bag": str(tmp_path / "nothing")}, "does not exist"):
        kept = dict(stand_in_launch)
        stand_in_launch |= wrong
        with pytest.raises(BagRefused, match=word):
            launched["start"](None)
        stand_in_launch |= kept
    stand_in_launch["rate"] = "fast"
    with pytest.raises(SettingsError, match="a number is needed"):
        launched["start"](None)


@pytest.mark.slow
def test_nothing_waits_for_ever(tmp_path: Path) -> None:
    """Where nobody listens the bag is played all the same, and the node says so."""
    bag = write_bag(tmp_path / "bag", small_frames(1))
    nodes = {"replay": [*replay_command(bag)]}
    with processes(nodes, DOMAIN + 4, tmp_path) as running:
        assert running["replay"].wait(60) == 0
    assert "nobody listens" in (tmp_path / "replay.log").read_text()
