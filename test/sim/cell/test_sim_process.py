"""`gpnet sim` as a process: real clients, another heap, frames beside it, a clean end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.controller_process import CELL, ROOT, controller
from support.full_disk import fill, make_room

from gpnet_ros.cell import load_cell
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.sim.cell.camera import SimCamera
from gpnet_ros.sim.cell.process import _model_of
from gpnet_ros.sim.cell.recording import read_states
from gpnet_ros.sim.cell.state import StateReader, read_scene
from gpnet_ros.sim.heap.heap import stack_heap
from gpnet_ros.sim.objects.model import CUP_GRASPABLE

SMALL = Intrinsics(160, 120, 153.75, 153.75, 80.0, 60.0)


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def gpnet_sim(ip, folder):
    words = ["sim", "--objects", "0", "--ip", ip, "--run-dir", str(folder)]
    return [sys.executable, "-m", "gpnet_ros.cli", *words]


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    arguments = ["--seed", "2", "--objects", "3", "--run-dir", str(folder)]
    with controller(*arguments, program=CELL) as running:
        yield running, folder


def test_ur_rtde_meets_a_pose_that_the_data_sheet_misses(cell):
    running, _ = cell
    answer = running.client(
        """
        r, c = receive(), control()
        c.setTcp([0, 0, 0.1628, 0, 0, 0])
        goal = [0.05, -0.6, 0.3, 0, 3.14159265, 0]
        moved = c.moveL(goal, 0.3, 0.8)
        until(lambda: far(r.getActualTCPPose()[:3], goal[:3]) < 3e-4 and far(r.getActualQd(), [0] * 6) < 1e-3, 5)
        done(moved=moved, q=r.getActualQ(), tcp=r.getActualTCPPose())
        """
    )
    assert answer["moved"]
    config = load_cell()
    nominal = (config.kinematics.forward(answer["q"]) @ config.T_flange_tcp)[:3, 3]
    assert 5e-4 < np.linalg.norm(nominal - answer["tcp"][:3]) < 0.011


def test_a_robotiq_client_moves_the_fingers_of_the_picture(cell):
    running, folder = cell
    answer = running.client(
        """
        link = socket.create_connection((ip, 63352), timeout=5)
        def ask(text):
            link.sendall(text.encode() + b"\\n")
            return link.recv(100).decode().split()
        ask("SET ACT 1 GTO 1")
        until(lambda: ask("GET STA")[1] == "3")
        ask("SET POS 255 SPE 255 FOR 20 GTO 1")
        time.sleep(0.1)
        until(lambda: ask("GET OBJ")[1] != "0")
        done(object=ask("GET OBJ")[1], position=int(ask("GET POS")[1]))
        """
    )
    assert answer["object"] == "3" and answer["position"] >= 225
    fingers = StateReader(folder).newest().poses[-2:, :3]
    assert np.linalg.norm(fingers[0] - fingers[1]) < 2e-3


def test_the_controller_is_that_of_the_cells_arm():
    assert _model_of("auto", load_cell()) == "ur10-cb3"
    assert _model_of("auto", replace(load_cell(), arm="ur10e")) == _model_of("ur10e", replace(load_cell(), arm="ur10e"))
    with pytest.raises(BadInput, match="'ur10e'"):
        _model_of("ur10-cb3", replace(load_cell(), arm="ur10e"))
    with pytest.raises(BadInput, match="'ur3e'"):
        _model_of("auto", replace(load_cell(), arm="ur3e"))


def test_truth_is_behind_the_admin_door_only(cell):
    running, folder = cell
    truth = running.admin("truth")
    assert truth["ok"] and truth["on_table"] == [0, 1, 2] and truth["at_rest"]
    assert len(truth["objects"]) == 3 and truth["grips"] == [] and 1 <= len(truth["top_level"]) <= 3
    eye = SimCamera(folder, intrinsics=SMALL)
    eye.open()
    assert set(vars(eye.read())) == {"color", "depth", "intrinsics", "stamp", "frame_id", "region"}


def test_frames_are_of_now(cell):
    _, folder = cell
    eye, reader = SimCamera(folder, intrinsics=SMALL), StateReader(folder)
    eye.open()
    eye.read()
    before = reader.newest().time
    frame = eye.read()
    assert before <= frame.stamp <= reader.newest().time


def test_another_heap_comes_while_the_controller_goes_on(cell):
    running, folder = cell
    version = running.admin("heap")["version"]
    before = running.admin("state")["time"]
    announced = running.admin("load_heap", seed=7, objects=2)
    assert announced["ok"] and announced["version"] == version + 1
    assert not running.admin("load_heap", seed=8, objects=2)["ok"]
    until(lambda: not running.admin("heap")["loading"])
    status = running.admin("heap")
    assert status["version"] == version + 1 and status["error"] == ""
    assert running.admin("state")["time"] > before
    assert len(running.admin("truth")["objects"]) == 2
    assert len(read_scene(folder, version + 1).heap["objects"]) == 2
    bad = running.admin("load_heap", seed=7, objects=99)
    assert bad["ok"]  # it is another process that finds out
    until(lambda: not running.admin("heap")["loading"])
    status = running.admin("heap")
    assert status["version"] == version + 1 and "99" in status["error"]


def test_a_cell_with_a_cup_has_heaps_that_a_cup_can_take(tmp_path):
    def families(running):
        return {thing["family"] for thing in running.admin("truth")["objects"]}

    words = ["--seed", "4", "--objects", "3", "--run-dir", str(tmp_path)]
    assert not {o.family for o in stack_heap(4, 3).objects} <= set(CUP_GRASPABLE)  # those for jaws would be others
    assert not {o.family for o in stack_heap(8, 2).objects} <= set(CUP_GRASPABLE)
    with controller(*words, "--tool", "suction", program=CELL) as running:
        assert families(running) <= set(CUP_GRASPABLE)
        version = running.admin("load_heap", seed=8, objects=2)["version"]
        until(lambda: running.admin("heap")["version"] == version)
        assert len(families(running)) == 2 and families(running) <= set(CUP_GRASPABLE)


def test_a_full_disk_stops_no_controller_and_is_told(cell):
    running, folder = cell
    version = running.admin("heap")["version"]
    fill(running.process.pid)
    try:
        assert running.admin("load_heap", seed=8, objects=2)["ok"]
        until(lambda: "cannot be written" in running.admin("heap")["error"])
        before = running.admin("state")["time"]
        until(lambda: running.admin("state")["time"] > before + 2.0)
        assert StateReader(folder).newest().version == version + 1
        with pytest.raises(BadInput):
            read_scene(folder, version + 1)
    finally:
        make_room(running.process.pid)
    until(lambda: running.admin("heap")["error"] == "")
    assert len(read_scene(folder, version + 1).heap["objects"]) == 2


def test_the_end_leaves_a_recording(tmp_path):
    with controller("--objects", "0", "--run-dir", str(tmp_path), program=CELL) as running:
        until(lambda: running.admin("state")["time"] > 0 and StateReader(tmp_path).newest() is not None)
        reader = StateReader(tmp_path)
        start = reader.newest().time
        until(lambda: reader.newest().time > start + 0.5)
        running.process.terminate()
        assert running.process.wait(10) == 0
    states = list(read_states(tmp_path))
    assert len(states) >= 8 and states[-1].time > states[0].time


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--ip", "8.8.8.8"], "8.8.8.8"),
        (["--objects", "99"], "99"),
        (["--factor", "0"], "0.0"),
        (["--cell", "no.yaml"], "no.yaml"),
    ],
)
def test_bad_input_is_one_sentence(arguments, names, tmp_path):
    command = gpnet_sim("127.0.3.7", tmp_path)
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and names in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_ready_line_names_ports_and_files(tmp_path):
    command = gpnet_sim("127.0.3.8", tmp_path)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] and ready["ip"] == "127.0.3.8" and ready["ports"]["rtde"] == 30004
        assert StateReader(ready["run_dir"]).newest() is not None
        assert json.loads(Path(ready["scene"]).read_text(encoding="utf-8"))["heap"] == {"objects": []}
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()
