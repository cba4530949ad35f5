"""`gpnet bringup` from an empty folder to a cleared heap, in a cell with hidden truths; a script is the person."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support.controller_process import CELL as CELL_PROGRAM
from support.controller_process import Running, controller
from support.ladder_bench import off_at_workspace
from support.ladder_person import LadderPerson, climb

from gpnet_ros import cli
from gpnet_ros.calibration.hand_eye_file import write_hand_eye
from gpnet_ros.cell import load_hand_eye
from gpnet_ros.commands.bringup_steps import Workbench, steps_of
from gpnet_ros.picking.bringup.ladder import Outcome
from gpnet_ros.picking.bringup.progress import STEPS, Progress
from gpnet_ros.settings import config_dir
from gpnet_ros.sim.cell.door import CellDoor

SEED = 3
LIMIT = 2400.0
#: A stop by the watchdog on a busy machine ends a step; a person who does not try again climbs so often.
CLIMBS = 4


def words(folder: Path, running: Running, run: Path) -> list[str]:
    rough = str(config_dir() / "hand_eye.yaml")
    return [
        "bringup", str(folder), "--robot-ip", running.ip, "--camera-serial", "SIM1", "--run-dir", str(run),
        "--hand-eye", rough, "--views", "9", "--without", "torch", "python",
    ]  # fmt: skip


def knocked(folder: Path, other: Path) -> None:
    """The same folder, but for a camera that the file has 5 mm beside where it is, and nobody has noticed."""
    shutil.copytree(folder, other)
    eye = load_hand_eye(folder / "hand_eye.yaml")
    x, y, z = eye.position
    write_hand_eye(replace(eye, position=(x + 0.003, y - 0.004, z)), other)
    progress = Progress(other)
    for name in ("hand-eye", "cell"):
        kept = progress.attempts[name]
        progress.note(name, True, kept.told, kept.pictures)


@pytest.mark.slow
@pytest.mark.timeout(3 * LIMIT)
def test_from_an_empty_folder_to_a_cleared_heap_and_a_camera_that_was_knocked_stops_at_the_check(
    tmp_path: Path,
) -> None:
    run, folder, other, log = (tmp_path / name for name in ("run", "cell", "knocked", "log.txt"))
    with controller(
        "--objects", "0", "--run-dir", str(run), "--hidden", str(SEED), factor=1.0, program=CELL_PROGRAM
    ) as running:
        door = CellDoor(running.ip)
        person = LadderPerson(door, [], leave_at="check: Enter begins")
        status, text = climb(words(folder, running, run), person, LIMIT, log)
        assert status == 1 and Progress(folder).next() == "check", text[-3000:]
        assert off_at_workspace(load_hand_eye(folder / "hand_eye.yaml"), SEED) < 0.001

        knocked(folder, other)
        assert off_at_workspace(load_hand_eye(other / "hand_eye.yaml"), SEED) > 0.004
        for number in range(CLIMBS):  # a stop on the way leaves, too, and is no answer of the check's
            person = LadderPerson(door, [], patience=min(number, 1))  # a later climb begins with trying again
            status, text = climb(words(other, running, run), person, LIMIT, log)
            assert status == 1 and Progress(other).next() == "check" and "dry_run: Enter" not in text, text[-3000:]
            if "calibrate the hand-eye anew" in text:
                break
        else:
            raise AssertionError(text[-3000:])

        person = LadderPerson(door, [(1, 3)])
        status, text = climb(words(folder, running, run), person, LIMIT, log)
    assert status == 0 and Progress(folder).next() is None, text[-3000:]
    assert set(person.truths[0].in_tote) == {0, 1, 2}
    assert set(yaml.safe_load((folder / "params.yaml").read_text())) == {
        "/**/camera_node", "/**/inference_node", "/**/planner_node"
    }  # fmt: skip
    assert all(f"{name}: <span class=ok>done" in (folder / "bringup.html").read_text() for name in STEPS)


def test_what_cannot_begin_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = tmp_path / "cell"
    assert cli.main(["bringup", str(new)]) == 2
    assert "give --robot-ip" in capsys.readouterr().err and not new.exists()
    assert cli.main(["bringup", str(new), "--robot-ip", "127.0.0.77"]) == 2
    assert "give --camera-serial" in capsys.readouterr().err and not new.exists()


def test_settings_are_kept_and_another_robot_is_refused_once_something_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115
    given = ["--robot-ip", "127.0.0.77", "--camera-serial", "SIM1"]
    assert cli.main(["bringup", str(tmp_path), *given]) == 1
    assert "1 of 10: doctor" in capsys.readouterr().out
    assert cli.main(["bringup", str(tmp_path)]) == 1  # goes on without them
    Progress(tmp_path).note("doctor", True, (), ())
    assert cli.main(["bringup", str(tmp_path), "--robot-ip", "127.0.0.78"]) == 2
    assert "was begun with robot_ip '127.0.0.77'" in capsys.readouterr().err
    assert cli.main(["bringup", str(tmp_path), "--from", "doctor"]) == 1
    assert Progress(tmp_path).next() == "doctor"


def hand_eye_step(folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], status: int = 0) -> Outcome:
    """The outcome of the hand-eye in a new folder, and in `ran.txt` the commands that it called."""

    def called(command: list[str]) -> int:
        with (folder / "ran.txt").open("a") as file:
            file.write(" ".join(command[:2]).replace(" --out", "") + "\n")
        return status

    def ask(question: str) -> str:
        if not words:
            raise EOFError
        return words.pop(0)

    monkeypatch.setattr(cli, "main", called)
    names = ("robot_ip", "gripper", "gripper_file", "camera_serial", "run_dir", "mount", "cell", "hand_eye", "model")
    bench = Workbench(folder, dict.fromkeys(names, ""), ask, 9, (), 1, "")
    return next(step for step in steps_of(bench) if step.name == "hand-eye").run()


@pytest.mark.parametrize("words", [["q\n"], ["Q"], ["no\n", "q\n"], []])
def test_the_board_that_is_to_be_printed_can_be_left_there(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = hand_eye_step(tmp_path, monkeypatch, words)
    assert outcome.left and not outcome.ok and "board.pdf at 100 %" in outcome.told[-1]
    assert (tmp_path / "ran.txt").read_text().split("\n") == ["board", ""]


def test_views_are_taken_after_enter_and_not_of_a_board_that_could_not_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hand_eye_step(tmp_path, monkeypatch, ["\n"]).ok
    assert (tmp_path / "ran.txt").read_text().split("\n")[:2] == ["board", "hand-eye capture"]
    (tmp_path / "ran.txt").unlink()
    outcome = hand_eye_step(tmp_path, monkeypatch, ["\n"], status=2)
    assert not outcome.ok and not outcome.left and (tmp_path / "ran.txt").read_text() == "board\n"


def test_from_a_step_on_all_is_measured_anew_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115
    (tmp_path / "views").mkdir()
    (tmp_path / "measured.yaml").write_text("touched: 1")
    (tmp_path / "check.unfinished.yaml").write_text("corners: 3")
    given = ["--robot-ip", "127.0.0.77", "--camera-serial", "SIM1"]
    assert cli.main(["bringup", str(tmp_path), *given, "--from", "cell"]) == 1
    assert not (tmp_path / "measured.yaml").exists() and (tmp_path / "views").is_dir()
    assert (tmp_path / "measured.before1.yaml").read_text() == "touched: 1"
    assert (tmp_path / "check.unfinished.before1.yaml").is_file()
    (tmp_path / "measured.yaml").write_text("touched: 2")
    assert cli.main(["bringup", str(tmp_path), "--from", "doctor"]) == 1
    assert (tmp_path / "views.before1").is_dir() and not (tmp_path / "views").exists()
    assert (tmp_path / "measured.before2.yaml").read_text() == "touched: 2"
