"""`gpnet check` and `gpnet cell` from a terminal: a board in the picture, answers on standard input, exit statuses."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.board_pictures import picture
from support.touch_world import CAMERA, CELL, TouchingArm, TouchWorld, WorldCamera

from gpnet_ros.board import Board
from gpnet_ros.cli import main
from gpnet_ros.commands import measure_cell, touch_check
from gpnet_ros.devices.fake import FakeGripper
from gpnet_ros.frame import Frame
from gpnet_ros.pose import invert, transform
from gpnet_ros.touch_record import read_record


class Pictures(WorldCamera):
    """A RealSense camera that sees the board of the world."""

    serial = "123456"

    def __init__(self, world: TouchWorld) -> None:
        super().__init__(world)
        x, y = world.R.T
        R = np.column_stack([[*x, 0.0], [*y, 0.0], [0.0, 0.0, -1.0]])
        origin = world.corners[0] - R @ [0.033, 0.033, 0.0]
        self.color = picture(CAMERA, invert(world.T_base_camera) @ transform(R, origin), Board())

    def open(self) -> None:
        """It is."""

    def close(self) -> None:
        """It stays."""

    def read(self, timeout: float | None = None) -> Frame:
        """Board and depth."""
        return replace(super().read(), color=self.color)


def at(world: TouchWorld, folder: Path, monkeypatch: pytest.MonkeyPatch, answers: str) -> tuple[TouchingArm, Path]:
    arm, camera = TouchingArm(world), Pictures(world)
    arm._auto_resume = False
    for module in (touch_check, measure_cell):
        monkeypatch.setattr(module, "devices", lambda *_: (arm, FakeGripper(), camera))
    monkeypatch.setattr("sys.stdin", io.StringIO(answers))
    eye = folder / "hand_eye.yaml"
    values = {"position": list(world.hand_eye.position), "quaternion": list(world.hand_eye.quaternion)}
    eye.write_text(yaml.safe_dump(values))
    return arm, eye


def still(seed: int) -> TouchWorld:
    """A world whose tips are where they should be."""
    world = TouchWorld(seed)
    world.tips = np.zeros(3)
    return world


def test_check_from_the_picture_to_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, eye = at(still(7), tmp_path, monkeypatch, "\n" * 100)
    out = tmp_path / "check.yaml"
    assert main(["check", "--robot-ip", "1.2.3.4", "--hand-eye", str(eye), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "corner 6" in told and "Good: within 3 mm" in told
    record = read_record(out)
    assert record.checked.camera_serial == "123456"
    found = record.errors(eye)
    assert touch_check.report(replace(found, mean=np.array([0.0, 0.0, 0.006])), out, CELL) == 1
    assert "it opens no mode" in capsys.readouterr().out


def test_what_a_person_types_is_understood_or_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # arm and gripper ready, one corner left out, a false answer, a far one, one that counts, then the end, and home
    arm, eye = at(still(8), tmp_path, monkeypatch, "\n\ns\n\nleft\n50 0\n0.5, -0.5\nq\n\n")
    out = tmp_path / "check.yaml"
    assert main(["check", "--robot-ip", "1.2.3.4", "--hand-eye", str(eye), "--out", str(out)]) == 2
    output = capsys.readouterr()
    assert "'left' are not two numbers" in output.out and "Count again" in output.out
    assert "call the command again" in output.err
    (touch,) = read_record(tmp_path / "check.unfinished.yaml").touches
    assert touch.aside.tolist() == [0.0005, -0.0005]
    assert np.abs(arm._q - np.array(CELL.home)).max() < 0.02


@pytest.mark.parametrize("last", ["", "q\n", "s\n", "home\nq\n"])
def test_who_has_ended_leaves_the_arm_where_it_is(
    last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arm, eye = at(still(8), tmp_path, monkeypatch, "\n\n\n0 0\nq\n" + last)
    out = tmp_path / "check.yaml"
    assert main(["check", "--robot-ip", "1.2.3.4", "--hand-eye", str(eye), "--out", str(out)]) == 2
    assert arm.moves[-1].kind == "descend" and np.abs(arm._q - np.array(CELL.home)).max() > 0.05
    assert "stay there" in capsys.readouterr().out


def test_nothing_moves_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for answers in ("s\n", "\ns\n", "q\n", "", "\n\nq\n", "no\nwait\nstop\nq\n", "\nn\ns\n"):
        arm, eye = at(still(8), tmp_path, monkeypatch, answers)
        words: list[Any] = ["check", "--robot-ip", "1.2.3.4", "--hand-eye", str(eye), "--out", str(tmp_path / "c.yaml")]
        assert main(words) == 2 and not arm.moves


def test_cell_asks_for_its_items_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = still(8)
    world.tall, world.cylinder = 0.0, np.array([9.0, 9.0])
    _, eye = at(world, tmp_path, monkeypatch, "\n" * 20)
    words = ["cell", "--robot-ip", "1.2.3.4", "--hand-eye", str(eye), "--out", str(tmp_path / "cell")]
    assert main([*words, "--only", "walls"]) == 2
    assert "tote,keep_out,home,table" in capsys.readouterr().err
    assert main([*words, "--only", "table"]) == 0
    written = yaml.safe_load((tmp_path / "cell" / "cell.yaml").read_text())
    assert abs(written["workspace"]["table_z"] - world.table) < 0.002 and written["workspace"]["side"] == 0.32
