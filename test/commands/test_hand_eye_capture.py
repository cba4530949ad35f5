"""The whole way in the simulated cell, through the real ur_rtde and the simulated D435: a hidden hand-eye is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.controller_process import CELL as CELL_PROGRAM
from support.controller_process import controller

from gpnet_ros import cli
from gpnet_ros.board import Board
from gpnet_ros.calibration.board_page import board_yaml
from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.devices.robots import make_robot
from gpnet_ros.plan import Move
from gpnet_ros.pose import distance
from gpnet_ros.settings import config_dir
from gpnet_ros.sim.cell.shown_board import hidden_rig

FIRST = {
    "fixed": [142.0, -77.0, 90.0, -79.0, -63.0, -29.0],
    "flange": [157.0, -113.0, 101.0, -80.0, -74.0, 53.0],
}


class Person:
    """Takes a view, then drives and takes one again, until there are enough; goes on when a move was cut short."""

    def __init__(self, wanted: int) -> None:
        self._wanted, self._said = wanted, ""
        self._left = 8 * wanted

    def __call__(self, prompt: str) -> str:
        self._left -= 1
        count = int(prompt.split(maxsplit=1)[0]) if prompt[0].isdigit() else -1
        if count >= self._wanted or self._left < 0:
            self._said = "q"
        elif count < 0:
            self._said = "yes"
        else:
            self._said = "" if count == 0 or self._said == "yes" else "d"
        return self._said


def jog(ip: str, degrees: list[float]) -> None:
    """What a person does with the pendant."""
    arm = make_robot("sim", ip, "robotiq", "", True, load_cell())[0]
    arm.connect()
    try:
        result = arm.move(Move("by hand", "joint", 1.5, 2.0, q=np.deg2rad(degrees)), lambda: False)
        assert result.ok, result.message
    finally:
        arm.disconnect()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mount", ["fixed", "flange"])
def test_a_hidden_hand_eye_is_found_in_the_simulated_cell(
    mount: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rough = config_dir() / ("hand_eye.yaml" if mount == "fixed" else "hand_eye_flange.yaml")
    (tmp_path / "board.yaml").write_text(board_yaml(Board()), encoding="utf-8")
    run, views = tmp_path / "cell", tmp_path / "views"
    monkeypatch.setattr("builtins.input", Person(10))
    with controller("--objects", "0", "--run-dir", str(run), factor=1.0, program=CELL_PROGRAM) as running:
        jog(running.ip, FIRST[mount])
        status = cli.main(
            ["hand-eye", "capture", str(views), "--mount", mount, "--board", str(tmp_path / "board.yaml"),
             "--robot", "sim", "--robot-ip", running.ip, "--camera", "sim", "--run-dir", str(run), "--sim-seed", "4",
             "--hand-eye", str(rough), "--drive", "--table-empty"]
        )  # fmt: skip
    told = capsys.readouterr().out
    assert status == 0, told
    assert cli.main(["hand-eye", "solve", str(views), "--out", str(tmp_path / "mine")]) == 0
    found = load_hand_eye(tmp_path / "mine" / "hand_eye.yaml")
    truth, _ = hidden_rig(4, load_hand_eye(rough), Board())
    away, turned = distance(found.T_parent_camera, truth.T_parent_camera)
    assert away < 0.001 and turned < np.deg2rad(0.15)
    assert distance(load_hand_eye(rough).T_parent_camera, truth.T_parent_camera)[0] > 0.005
    assert found.measured.arm_model.startswith("UR10") and found.measured.views >= 8


def test_what_cannot_begin_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hand-eye", "capture", str(tmp_path / "new")]) == 2
    assert "give --board" in capsys.readouterr().err
    (tmp_path / "board.yaml").write_text(board_yaml(Board()), encoding="utf-8")
    assert cli.main(["hand-eye", "capture", str(tmp_path / "new"), "--board", str(tmp_path / "board.yaml")]) == 2
    assert "--robot-ip is empty" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
