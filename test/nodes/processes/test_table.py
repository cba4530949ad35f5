"""The table of processes: what differs between simulation and hardware, and what the starter makes of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from gpnet_ros.cell import load_cell
from gpnet_ros.errors import SettingsError
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.nodes.parameters.declared import PARAMETERS
from gpnet_ros.nodes.processes.room import require_room
from gpnet_ros.nodes.processes.starter import (
    _clean_shared_memory,
    _shared_memory,
    end_processes,
    node_command,
    ros_environment,
)
from gpnet_ros.nodes.processes.table import (
    NodeProcess,
    RunSettings,
    address,
    has_robot_model,
    node_processes,
    robot_description,
    run_folder,
    simulation_command,
)
from gpnet_ros.nodes.processes.transport import PROFILE_VARIABLES
from gpnet_ros.settings import config_dir
from gpnet_ros.sim.cell.door import CellDoor


def by_name(run: RunSettings) -> dict[str, NodeProcess]:
    return {node.name: node for node in node_processes(run)}


def test_between_simulation_and_hardware_only_camera_and_robot_differ() -> None:
    sim, real = (by_name(RunSettings(sim=sim, mode="hover", pace="careful")) for sim in (True, False))
    assert sim.keys() == real.keys() == {"camera_node", "inference_node", "planner_node"}
    assert sim["inference_node"] == real["inference_node"]
    changed = {
        (name, key)
        for name in sim
        for key in sim[name].overrides.keys() | real[name].overrides.keys()
        if sim[name].overrides.get(key) != real[name].overrides.get(key)
    }
    assert changed == {
        ("camera_node", "source"), ("camera_node", "run_dir"),
        ("planner_node", "robot"), ("planner_node", "robot_ip"), ("planner_node", "auto_resume"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "file"),
    [
        ({"sim": True}, "cell_fast.yaml"), ({"sim": True, "pace": "careful"}, None), ({}, None),
        ({"pace": "fast"}, "cell_fast.yaml"), ({"sim": True, "gripper": "suction"}, "cell_suction.yaml"),
        ({"sim": True, "cell_file": "mine.yaml"}, "mine.yaml"),
    ],
)  # fmt: skip
def test_simulation_makes_haste_and_hardware_only_when_it_is_told(told: dict[str, Any], file: str | None) -> None:
    nodes = by_name(RunSettings(**told))
    for name, node in nodes.items():
        assert Path(node.overrides.get("cell_file", "none")).name == (file or "none"), name
    if told.get("sim"):
        words = simulation_command(RunSettings(**told))
        assert ("--cell" in words) == (file is not None), "what is planned with is simulated"


def test_hardware_starts_harmless_and_never_resumes_by_itself() -> None:
    planner = by_name(RunSettings())["planner_node"]
    values = yaml.safe_load(planner.files[0].read_text())["/**"]["ros__parameters"]
    assert values["mode"] == "dry_run"
    assert "mode" not in planner.overrides
    assert "auto_resume" not in {**values, **planner.overrides}
    assert by_name(RunSettings(sim=True))["planner_node"].overrides["mode"] == "run"


def test_the_smallest_q_star_is_stated_once() -> None:
    values = yaml.safe_load(by_name(RunSettings())["planner_node"].files[0].read_text())["/**"]["ros__parameters"]
    assert values["quality_min"] == SelectSettings().quality_min


def test_another_speed_brings_a_clock_that_all_follow() -> None:
    fast = by_name(RunSettings(sim=True, factor=4.0))
    assert "clock_node" in fast
    assert all(node.overrides.get("use_sim_time") for name, node in fast.items() if name != "clock_node")
    slow = by_name(RunSettings(sim=True))
    assert "clock_node" not in slow
    assert not any(node.overrides.get("use_sim_time") for node in slow.values())


def test_the_oracle_replaces_the_network_and_only_in_simulation() -> None:
    oracle = by_name(RunSettings(sim=True, priority="oracle"))
    assert "oracle_node" in oracle
    assert "inference_node" not in oracle
    with pytest.raises(SettingsError, match="sim:=true"):
        RunSettings(priority="oracle")


@pytest.mark.parametrize(("name", "value"), [("mode", "fly"), ("factor", 0.0), ("objects", 21), ("device", "tpu")])
def test_a_value_that_is_not_allowed_is_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        RunSettings(**{name: value})  # type: ignore[arg-type]


def test_every_parameter_file_names_parameters_that_its_node_has() -> None:
    for name in ("camera_node", "inference_node", "planner_node"):
        file = config_dir() / f"{name.removesuffix('_node')}.yaml"
        assert PARAMETERS[name](**yaml.safe_load(file.read_text())["/**"]["ros__parameters"])
    for run in (RunSettings(sim=True), RunSettings(sim=True, priority="oracle"), RunSettings(factor=2.0, sim=True)):
        for node in node_processes(run):
            assert PARAMETERS[node.name](**{k: v for k, v in node.overrides.items() if k != "use_sim_time"})


def test_a_command_line_carries_files_namespace_and_typed_values() -> None:
    values = {"sim": True, "ip": "1.2.3.4"}
    node = NodeProcess("planner_node", "planner_node", (Path("a.yaml"), Path("b.yaml")), values, {"/tf": "tf"})
    words = node_command(node, "cell")
    assert words[:3] == [sys.executable, "-m", "gpnet_ros.nodes.planner_node"]
    assert words.index("a.yaml") < words.index("b.yaml")  # the later file wins
    assert {"__ns:=/cell", "/tf:=tf", "__node:=planner_node", "sim:=true", 'ip:="1.2.3.4"'} <= set(words)
    assert "--seed" in simulation_command(RunSettings(sim=True))


def test_camera_and_network_return_after_they_died_and_the_planner_never() -> None:
    for run in (RunSettings(), RunSettings(sim=True), RunSettings(sim=True, priority="oracle", factor=2.0)):
        nodes = by_name(run)
        returning = {name for name, node in nodes.items() if node.returns_after(-9) and node.returns_after(1)}
        assert returning == nodes.keys() & {"camera_node", "inference_node", "oracle_node"}
        assert not any(node.returns_after(status) for node in nodes.values() for status in (0, 2))
    assert not any(node.returns_after(-9) for node in node_processes(RunSettings(respawn=False)))
    assert "camera_node" not in by_name(RunSettings(camera="external")), "another package's is not ours to start again"


def test_the_log_level_reaches_every_node() -> None:
    for level in ("info", "debug"):
        for node in node_processes(RunSettings(sim=True, factor=2.0, log_level=level)):
            assert node_command(node)[-2:] == ["--log-level", level]
    with pytest.raises(SettingsError, match="log_level"):
        RunSettings(log_level="loud")


def test_rviz_is_looked_for_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    require_room(RunSettings())
    with pytest.raises(SettingsError, match="rviz2"):
        require_room(RunSettings(rviz=True))
    install(tmp_path, "rviz2")
    require_room(RunSettings(rviz=True))


def install(prefix: Path, package: str) -> None:
    (prefix / "lib" / package).mkdir(parents=True)
    (prefix / "lib" / package / package).touch()


def test_the_robot_model_has_all_frames_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def planner_tf(run: RunSettings) -> str | None:
        (planner,) = [p for p in node_processes(run) if p.name == "planner_node"]
        return planner.overrides.get("tf")

    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert not has_robot_model(RunSettings())
    assert planner_tf(RunSettings()) is None
    with pytest.raises(SettingsError, match="robot-state-publisher, or robot_model:=false"):
        require_room(RunSettings(robot_model="true"))
    install(tmp_path, "robot_state_publisher")
    require_room(RunSettings(robot_model="true"))
    assert has_robot_model(RunSettings())
    assert planner_tf(RunSettings()) == "none"
    assert not has_robot_model(RunSettings(robot_model="false"))
    assert planner_tf(RunSettings(robot_model="false")) is None


def test_the_description_is_of_the_cell_that_the_planner_works_with(tmp_path: Path) -> None:
    (tmp_path / "cell.yaml").write_text("arm: ur10e\n", "utf-8")
    (tmp_path / "params.yaml").write_text(
        f"/**:\n  ros__parameters:\n    cell_file: {tmp_path / 'cell.yaml'}\n", "utf-8"
    )
    assert 'name="gpnet_ur10"' in robot_description(RunSettings())
    assert 'name="gpnet_ur10e"' in robot_description(RunSettings(cell_file=str(tmp_path / "cell.yaml")))
    assert 'name="gpnet_ur10e"' in robot_description(RunSettings(params_file=str(tmp_path / "params.yaml")))


def test_cell_and_hand_eye_reach_every_node_that_knows_them() -> None:
    run = RunSettings(cell_file="a.yaml", hand_eye_file="b.yaml")
    oracle = RunSettings(sim=True, priority="oracle", cell_file="a.yaml", hand_eye_file="b.yaml")
    for process in [*node_processes(run), *node_processes(oracle)]:
        given = {k: v for k, v in process.overrides.items() if k in ("cell_file", "hand_eye_file")}
        assert given == {"cell_file": "a.yaml", "hand_eye_file": "b.yaml"}, process.name


def test_the_cell_that_is_simulated_is_the_one_that_is_planned_with(tmp_path: Path) -> None:
    words = simulation_command(RunSettings(sim=True, cell_file="a.yaml"))
    assert words[words.index("--cell") + 1] == "a.yaml"
    assert "--cell" not in simulation_command(RunSettings(sim=True, pace="careful"))
    file = tmp_path / "p.yaml"
    file.write_text("planner_node:\n  ros__parameters: {cell_file: b.yaml}\n", "utf-8")
    words = simulation_command(RunSettings(sim=True, params_file=str(file)))
    assert words[words.index("--cell") + 1] == "b.yaml"


@pytest.mark.parametrize("option", ["cell_file", "hand_eye_file"])
def test_a_file_that_is_not_there_starts_nothing(option: str) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        require_room(RunSettings(**{option: "/nowhere.yaml"}))


def test_frames_of_others_are_left_out_by_an_argument_and_the_camera_has_the_planners_name(tmp_path: Path) -> None:
    assert by_name(RunSettings(tf="camera"))["planner_node"].overrides["tf"] == "camera"
    assert "tf" not in by_name(RunSettings(robot_model="false"))["planner_node"].overrides
    assert by_name(RunSettings(robot_model="true"))["planner_node"].overrides["tf"] == "none"
    file = tmp_path / "p.yaml"
    file.write_text("planner_node:\n  ros__parameters: {camera_frame: d405_color_optical_frame}\n", "utf-8")
    assert 'link name="d405_color_optical_frame"' in robot_description(RunSettings(params_file=str(file)))


def test_record_reaches_the_planner_alone_and_only_when_given(tmp_path: Path) -> None:
    said = by_name(RunSettings(record=True, namespace="/a"))
    assert said["planner_node"].overrides.items() >= {"record": True, "record_dir": "runs/decisions/a"}.items()
    assert not {"record", "record_dir"} & said["inference_node"].overrides.keys()
    assert not {"record", "record_dir"} & by_name(RunSettings())["planner_node"].overrides.keys()
    file = tmp_path / "p.yaml"
    file.write_text("planner_node:\n  ros__parameters: {record: false, record_dir: kept}\n", "utf-8")
    both = by_name(RunSettings(record=True, params_file=str(file)))["planner_node"].overrides
    assert both["record"] is True and both["record_dir"] == "kept"


@pytest.mark.parametrize("option", ["namespace", "camera_prefix"])
def test_a_name_that_ros_does_not_know_starts_nothing(option: str) -> None:
    for name in ("", "/", "cell", "/cell_a/camera/", "a/_b2"):
        RunSettings(camera="external", **{option: name})
    for name in ("ca mera", "1cell", "/a/2b", "a//b", "a-b", "~/a", "cell\n"):
        with pytest.raises(SettingsError, match=f"{option} is"):
            RunSettings(camera="external", **{option: name})


def test_cells_of_two_namespaces_share_neither_address_nor_folder_nor_frames_nor_clock() -> None:
    one, two, bare = (RunSettings(sim=True, factor=2.0, namespace=name) for name in ("/a", "b", ""))
    assert len({address(run) for run in (one, two, bare)}) == len({run_folder(run) for run in (one, two, bare)}) == 3
    for run in (one, two):
        words, nodes = simulation_command(run), by_name(run)
        assert words[words.index("--ip") + 1] == nodes["planner_node"].overrides["robot_ip"] == address(run)
        assert words[words.index("--run-dir") + 1] == nodes["camera_node"].overrides["run_dir"] == run_folder(run)
        assert all(n.remaps == {"/tf": "tf", "/tf_static": "tf_static", "/clock": "clock"} for n in nodes.values())
    assert by_name(bare)["planner_node"].remaps == {}
    assert address(bare) == "127.0.0.1"
    chosen = RunSettings(sim=True, namespace="a", robot_ip="127.0.0.9", run_dir="here")
    assert (address(chosen), run_folder(chosen)) == ("127.0.0.9", "here")


def test_a_clock_that_a_person_plays_is_that_of_all_cells() -> None:
    played = by_name(RunSettings(sim=True, namespace="a", use_sim_time=True))["planner_node"]
    assert played.overrides["use_sim_time"] and "/clock" not in played.remaps


def test_an_address_at_which_a_cell_runs_is_refused_before_anything_starts() -> None:
    run = RunSettings(sim=True, namespace=f"taken{os.getpid()}")
    require_room(run)
    with socket.create_server((address(run), CellDoor.PORT)):
        with pytest.raises(SettingsError, match=f"{address(run)} already.*namespace"):
            require_room(run)
        require_room(RunSettings(robot_ip=address(run)))  # a robot is meant to be there


@pytest.mark.parametrize("robot_ip", ["192.168.0.10", "robot"])
def test_a_simulated_cell_has_no_robots_address(robot_ip: str) -> None:
    with pytest.raises(SettingsError, match=f"robot_ip is {robot_ip}; .*loopback"):
        require_room(RunSettings(sim=True, robot_ip=robot_ip))


def test_the_shared_memory_profile_is_set_for_both_generations_of_fast_dds() -> None:
    variables = ros_environment(7)
    paths = {variables[name] for name in PROFILE_VARIABLES}
    assert len(paths) == 1
    root = ElementTree.parse(paths.pop()).getroot()
    text = ElementTree.tostring(root, encoding="unicode")
    assert "SHM" in text
    size = next(int(e.text or 0) for e in root.iter() if e.tag.endswith("segment_size"))
    assert size >= 4 * 640 * 480 * 3
    assert variables["ROS_DOMAIN_ID"] == "7"


@pytest.mark.parametrize("stem", ["fastdds", "fastrtps"])
def test_only_dead_files_of_our_own_domain_are_removed(stem: str) -> None:
    shm, mark = Path("/dev/shm"), uuid.uuid4().hex[:12]
    ours, theirs = 7400 + 250 * 93 + 7, 7400 + 250 * 94 + 7
    dead, used = shm / f"{stem}_{mark}", shm / f"{stem}_{mark}_el"
    our_port, their_port = shm / f"{stem}_port{ours}_{mark}", shm / f"{stem}_port{theirs}_{mark}"
    files = (dead, used, our_port, their_port)
    before = _shared_memory(93)
    try:
        for file in files:
            file.write_bytes(b"x")
            os.utime(file, (1.0, 1.0))
        with used.open("rb"):
            _clean_shared_memory(93, before)
        assert [file.exists() for file in files] == [False, True, False, True]
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def test_processes_end_in_order_and_the_deaf_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpnet_ros.nodes.processes.starter.PATIENCE", 1.0)
    polite = "import signal, sys; signal.signal(2, lambda *_: sys.exit(7)); print('up', flush=True); signal.pause()"
    deaf = "import signal, time; signal.signal(2, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    processes = {
        name: subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, start_new_session=True)
        for name, text in (("sim", polite), ("polite", polite), ("deaf", deaf))
    }
    for process in processes.values():
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
    end_processes(processes)
    assert [processes[name].returncode for name in ("sim", "polite", "deaf")] == [7, 7, -9]
    for process in processes.values():
        assert process.stdout is not None
        process.stdout.close()


def test_an_external_camera_takes_the_place_of_ours_under_its_own_topics() -> None:
    nodes = by_name(RunSettings(camera="external"))
    assert set(nodes) == {"inference_node", "planner_node"}
    for node in nodes.values():
        assert node.remaps["color/image_raw"] == "/camera/camera/color/image_raw"
        assert node.remaps["aligned_depth_to_color/image_raw"] == "/camera/camera/aligned_depth_to_color/image_raw"
    other = by_name(RunSettings(camera="external", camera_prefix="/d435/"))["planner_node"]
    assert other.remaps["color/camera_info"] == "/d435/color/camera_info"
    assert by_name(RunSettings())["planner_node"].remaps == {}
    with pytest.raises(SettingsError, match="camera:=own"):
        RunSettings(camera="external", sim=True)


def test_a_d405_and_packed_images_are_arguments_of_the_launch() -> None:
    run = RunSettings(camera="external", camera_color="color/image_rect_raw", image_transport="compressed")
    for node in by_name(run).values():
        assert node.remaps["color/image_raw"] == "/camera/camera/color/image_rect_raw"
        assert node.remaps["color/camera_info"] == "/camera/camera/color/camera_info"
        assert node.overrides["image_transport"] == "compressed"
    assert not any("image_transport" in node.overrides for node in by_name(RunSettings(camera="external")).values())
    with pytest.raises(SettingsError, match="camera:=external"):
        RunSettings(image_transport="compressed")
    with pytest.raises(SettingsError, match="theora"):
        RunSettings(camera="external", image_transport="theora")


# --- the second network ---------------------------------------------------------------------------------------------
def test_priority_graspnext_gives_inference_the_second_network_and_the_planner_the_word() -> None:
    nodes = by_name(RunSettings(priority="graspnext"))
    assert nodes["inference_node"].overrides["scene_model"] == "fast-graspnext"
    assert nodes["planner_node"].overrides["priority"] == "graspnext"
    plain = by_name(RunSettings())
    assert "scene_model" not in plain["inference_node"].overrides
    assert "priority" not in plain["planner_node"].overrides


def test_a_scene_model_of_a_person_goes_before_the_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("/**/inference_node: {ros__parameters: {scene_model: of_the_file}}\n")
    mine = by_name(RunSettings(priority="graspnext", params_file=str(file)))
    assert mine["inference_node"].overrides["scene_model"] == "of_the_file"
    given = by_name(RunSettings(priority="graspnext", params_file=str(file), scene_model="given"))
    assert given["inference_node"].overrides["scene_model"] == "given"
    alone = by_name(RunSettings(scene_model="given"))  # to look at, and nobody decides by it
    assert alone["inference_node"].overrides["scene_model"] == "given"
    assert "priority" not in alone["planner_node"].overrides


def test_the_oracle_runs_no_second_network() -> None:
    assert "priority" not in by_name(RunSettings(sim=True, priority="oracle"))["planner_node"].overrides
    with pytest.raises(SettingsError, match="leave scene_model out"):
        RunSettings(sim=True, priority="oracle", scene_model="fast-graspnext")


# --- the suction cup ------------------------------------------------------------------------------------------------
CUP_FILE = config_dir() / "cell_suction.yaml"


def test_a_cup_has_its_cell_its_driver_and_the_multi_task_network_alone() -> None:
    nodes = by_name(RunSettings(sim=True, gripper="suction"))
    assert {node.overrides["cell_file"] for node in nodes.values()} == {str(CUP_FILE)}
    assert nodes["planner_node"].overrides["gripper"] == "suction"
    inference = nodes["inference_node"].overrides
    assert (inference["model"], inference["scene_model"]) == ("", "fast-graspnext")
    words = simulation_command(RunSettings(sim=True, gripper="suction"))
    assert words[words.index("--cell") + 1] == str(CUP_FILE)
    assert 'model:=""' in node_command(nodes["inference_node"])
    jaws = by_name(RunSettings(sim=True, pace="careful"))
    assert not {"cell_file", "gripper", "scene_model"} & {k for node in jaws.values() for k in node.overrides}


def test_the_cup_s_model_may_be_given_by_either_name() -> None:
    for given in ({"model": "mine"}, {"scene_model": "mine"}):
        inference = by_name(RunSettings(gripper="suction", **given))["inference_node"].overrides
        assert (inference["model"], inference["scene_model"]) == ("", "mine")


def test_a_cell_of_a_person_goes_before_the_shipped_one_with_a_cup(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("tool: suction\n")
    nodes = by_name(RunSettings(gripper="suction", cell_file=str(mine)))
    assert {node.overrides["cell_file"] for node in nodes.values()} == {str(mine)}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "a", "scene_model": "b"}, "give model or scene_model, not both"),
        ({"sim": True, "priority": "oracle"}, "with gripper:=suction leave it out"),
        ({"gripper": "magnet"}, "gripper is 'magnet'; allowed"),
    ],
)
def test_what_does_not_go_with_a_cup_is_refused_before_anything_starts(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        RunSettings(**{"gripper": "suction", **given})


def test_the_cell_with_a_cup_is_the_shipped_cell_but_for_the_tool() -> None:
    cup, jaw = load_cell(CUP_FILE), load_cell()
    assert (cup.tool, jaw.tool) == ("suction", "jaw")
    assert replace(cup, tool="jaw", gripper=jaw.gripper, motion=jaw.motion) == jaw
    assert "tcp" in robot_description(RunSettings(gripper="suction"))
