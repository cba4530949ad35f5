"""The whole examination: a healthy cell raises no alarm, what is left out is left alone, the page lists all."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from support.controller_process import CELL, Running, controller

from gpnet_ros.cli import main
from gpnet_ros.errors import SettingsError
from gpnet_ros.finding import Finding, skipped, well, worst
from gpnet_ros.nodes.doctor.visit import GROUPS, PARTS, TROUBLES, VisitSettings, settings_of, table_of_troubles
from gpnet_ros.settings import config_dir

ROOT = config_dir().parent
TESTS = ROOT / "test"


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and the JSON object."""
    status = main(["doctor", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_healthy_simulated_cell_raises_no_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rclpy")
    with controller("--run-dir", str(tmp_path), "--objects", "3", program=CELL) as cell:
        about = ("--robot-ip", cell.ip, "--camera", "sim", "--run-dir", str(tmp_path), "--device", "cpu")
        status, told = doctor(capsys, *about, "--without", "torch")  # it has a test of its own
        assert status == 0 and told["state"] == "ok", told
        assert [finding["part"] for finding in told["findings"]] == list(PARTS)
        assert {finding["state"] for finding in told["findings"] if finding["part"] != "torch"} == {"ok"}
        state = cell.admin("state")
        assert state["written"] == [] and state["runtime_state"] == 1 and max(map(abs, state["qd"])) < 1e-6
        _ill(cell, about, capsys)


def _ill(cell: Running, about: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The same cell with faults in it: status 1, each with its remedy, and the rest is looked at all the same."""
    cell.admin("pstop")
    cell.admin("gripper_power", on=False)
    rest = ("--without", "python", "numpy", "opencv", "torch", "ros", "cv_bridge", "dds", "domain", "disk", "camera")
    status, told = doctor(capsys, *about, *rest)
    found = {finding["name"]: finding for finding in told["findings"] if finding["name"]}
    assert status == 1 and set(found) == {"stop_protective", "gripper_dark"}
    assert all(finding["remedy"].endswith(".") for finding in found.values())
    assert [finding["part"] for finding in told["findings"]] == list(PARTS)
    assert main(["doctor", *about, *rest]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("FAULT   safety") for line in lines) and "2 faults, 0 warnings" in lines[-1]


def test_what_is_left_out_is_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    without = [part for part in PARTS if part not in (*GROUPS["robot"], "clock")]
    status, told = doctor(capsys, "--robot-ip", "127.99.99.99", "--without", "robot", *without)
    assert status == 0
    assert {finding["part"]: finding["state"] for finding in told["findings"]} == {
        **dict.fromkeys(PARTS, "skipped"),
        "clock": "ok",
    }
    without.append("gripper")
    status, told = doctor(capsys, "--robot-ip", "127.99.99.99", "--without", *without)
    states = {finding["part"]: finding["state"] for finding in told["findings"]}
    assert status == 1 and states["rtde"] == "fault" and states["payload"] == states["registers"] == "skipped"


def test_bad_input_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doctor", "--without", "kitchen"]) == 2
    assert "kitchen" in capsys.readouterr().err
    assert main(["doctor", "--cell", str(tmp_path / "none.yaml")]) == 2
    with pytest.raises(SettingsError):
        VisitSettings(without=("robots",))


def test_settings_come_from_the_files_of_the_nodes(tmp_path: Path) -> None:
    assert settings_of().robot_ip == "192.168.0.10" and settings_of(robot_ip="10.0.0.1").robot_ip == "10.0.0.1"
    file = tmp_path / "mine.yaml"
    file.write_text("/**:\n  ros__parameters: {gripper: digital, serial: '77', device: cpu}\n")
    settings = settings_of(str(file), serial="", without=("camera",))
    assert (settings.gripper, settings.serial, settings.device, settings.without) == (
        "digital",
        "77",
        "cpu",
        ("camera",),
    )


def test_the_worst_counts_and_what_was_skipped_does_not() -> None:
    ill = [Finding("a", "warning", "W."), skipped("b", "S."), well("c", "O.")]
    assert worst(ill) == "warning" and worst([*ill, Finding("d", "fault", "F.")]) == "fault"
    assert worst([skipped("a", "S.")]) == "ok"


# --- the table ----------------------------------------------------------------------------------------------
def test_the_page_is_the_table_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert table_of_troubles() in page, "print it with `gpnet doctor --table` and put it into docs/doctor.md"
    assert main(["doctor", "--table"]) == 0 and capsys.readouterr().out.strip() == table_of_troubles()


def test_every_trouble_has_a_name_of_its_own_and_one_sentence_of_remedy() -> None:
    names = [trouble.name for trouble in TROUBLES]
    assert len(names) == len(set(names))
    for trouble in TROUBLES:
        assert trouble.remedy.endswith(".") and not re.search(r"\.\s+[A-Z]", trouble.remedy), trouble
        assert trouble.sign and not trouble.sign.endswith(".")


def test_two_faults_at_least_are_known_of_every_part() -> None:
    assert len(TROUBLES) >= 2 * len(PARTS)
    assert not [part for part in PARTS if sum(trouble.part == part for trouble in TROUBLES) < 2]


def test_every_trouble_is_planted_somewhere() -> None:
    """A test asks for each by its name in quotes, and this file names none."""
    own = Path(sys.modules[__name__].__file__ or "").name
    tests = [
        f for f in TESTS.rglob("test_*.py") if f.name != own and ("doctor" in f.name or f.name == "test_computer.py")
    ]
    text = "\n".join(f.read_text(encoding="utf-8") for f in tests)
    assert not [trouble.name for trouble in TROUBLES if f'"{trouble.name}"' not in text]
