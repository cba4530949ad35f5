"""One parameter file for a run: what reaches which node, what wins over what, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gpnet_ros.errors import SettingsError
from gpnet_ros.nodes.processes.starter import ros_environment
from gpnet_ros.nodes.processes.table import RunSettings, node_processes

MODEL = """
/**/inference_node:
  ros__parameters: {model: gpnet-paper, device: cpu, priority: height}
/**/planner_node:
  ros__parameters: {mode: hover}
"""
ALL = "/**:\n  ros__parameters: {quality_min: 0.3, serial: '0123'}\n"
#: Each file of test/ros has its own domains.
DOMAIN = 64


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def text(content: str) -> str:
        path = tmp_path / "params.yaml"
        path.write_text(content)
        return str(path)

    return text


def overrides(run: RunSettings) -> dict[str, dict[str, Any]]:
    return {node.name: node.overrides for node in node_processes(run)}


@pytest.mark.parametrize("sim", [False, True])
def test_the_file_wins_over_defaults_that_nobody_gave(write: Any, sim: bool) -> None:
    nodes = overrides(RunSettings(sim=sim, params_file=write(MODEL)))
    of_pace = {"cell_file"} if sim else set()  # a simulation makes haste, see RunSettings.pace
    told = nodes["inference_node"]
    assert {k: v for k, v in told.items() if k not in of_pace} == {
        "model": "gpnet-paper", "device": "cpu", "priority": "height"
    }  # fmt: skip
    assert set(told) - {"model", "device", "priority"} == of_pace
    assert nodes["planner_node"]["mode"] == "hover"


def test_what_a_person_gives_wins_over_the_file(write: Any) -> None:
    run = RunSettings(params_file=write(MODEL), model="gpnet", mode="dry_run", priority="none")
    nodes = overrides(run)
    assert nodes["inference_node"] == {"model": "gpnet", "device": "cpu", "priority": "none"}
    assert nodes["planner_node"]["mode"] == "dry_run"


def test_a_file_cannot_turn_a_simulation_into_a_real_robot(write: Any) -> None:
    text = "/**:\n  ros__parameters: {robot: ur, robot_ip: 10.0.0.7, source: realsense}\n"
    nodes = overrides(RunSettings(sim=True, params_file=write(text)))
    assert (nodes["planner_node"]["robot"], nodes["planner_node"]["robot_ip"]) == ("sim", "127.0.0.1")
    assert nodes["camera_node"]["source"] == "sim"


def test_values_for_all_reach_those_nodes_that_know_them(write: Any) -> None:
    text = (
        ALL
        + "/cell/planner_node: {ros__parameters: {max_picks: 4}}\n"
        + "cell:\n  camera_node:\n    ros__parameters: {fps: 6}\n"
    )
    nodes = overrides(RunSettings(namespace="/cell", params_file=write(text)))
    assert nodes == {
        "camera_node": {"serial": "0123", "fps": 6},
        "inference_node": {},
        "planner_node": {"quality_min": 0.3, "max_picks": 4},
    }


def test_what_every_node_of_ros_has_reaches_all(write: Any) -> None:
    text = "/**:\n  ros__parameters: {use_sim_time: true, qos_overrides: {/color/image_raw: {publisher: {depth: 3}}}}\n"
    for values in overrides(RunSettings(params_file=write(text))).values():
        assert values == {"use_sim_time": True, "qos_overrides./color/image_raw.publisher.depth": 3}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/**: {ros__parameters: {qualty_min: 0.3}}", ["qualty_min", "no node", "quality_min"]),
        ("/**/planner_node: {ros__parameters: {serial: x}}", ["serial", "planner_node", "camera_serial"]),
        ("/**/planer_node: {ros__parameters: {mode: hover}}", ["planer_node", "/**/planner_node"]),
        ("/other/planner_node: {ros__parameters: {mode: hover}}", ["/other/planner_node", "/**/planner_node"]),
        ("planner_node: {mode: hover}", ["ros__parameters", "hover"]),
        ("/**: {ros__parameters: [1]}", ["ros__parameters", "mapping"]),
        ("- 1", ["mapping"]),
        ("{", ["cannot be read"]),
    ],
)
def test_what_nobody_knows_is_refused_with_what_is_known(write: Any, text: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as refusal:
        node_processes(RunSettings(params_file=write(text)))
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_a_missing_file_is_refused_and_an_empty_one_says_nothing(write: Any) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        node_processes(RunSettings(params_file="/nowhere.yaml"))
    assert overrides(RunSettings(params_file=write("")))["planner_node"] == {}


@pytest.mark.parametrize(("text", "refused"), [(ALL, False), (ALL.replace("quality_min", "qualty_min"), True)])
def test_a_node_alone_takes_a_file_for_all_nodes_too(write: Any, text: str, refused: bool) -> None:
    pytest.importorskip("rclpy")
    path = write(text)
    code = (
        "import rclpy; from gpnet_ros.nodes.camera_node import CameraNode; from gpnet_ros.errors import SettingsError\n"
        f"rclpy.init(args=['--ros-args', '--params-file', {path!r}])\n"
        "try: print('serial', CameraNode().settings.serial)\n"
        "except SettingsError as error: print(error)\n"
    )
    environment = {**os.environ, **ros_environment(DOMAIN), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert ("unknown parameter qualty_min" if refused else "serial 0123") in done.stdout, done.stderr
