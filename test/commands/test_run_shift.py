"""`gpnet run` from a terminal: what is refused before anything is opened, and a heap cleared in the simulated cell."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.scenes import CELL, sight

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.cli import main
from gpnet_ros.commands import run_shift
from gpnet_ros.errors import ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.shift.lines import LINES, read_lines

ROBOT = ["--robot-ip", "192.0.2.1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "--robot-ip"),
        ([*ROBOT, "--simulate"], "one of both"),
        (["--simulate", "--again"], "--again asks a person"),
        ([*ROBOT, "--speed", "0"], "--speed is 0"),
        ([*ROBOT, "--speed", "nan"], "--speed is nan"),
        ([*ROBOT, "--picks", "0"], "--picks is 0"),
        ([*ROBOT, "--mode", "run"], "No calibration check is on file"),
        ([*ROBOT, "--mode", "step", "--check", "none.yaml"], "No calibration check is on file (none.yaml)"),
        ([*ROBOT, "--run-dir", "x", "--mode", "run", "--check", "none.yaml"], "No calibration check is on file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_opened(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", *words]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_network_is_run_by_what_the_arguments_say(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    run_shift.add_arguments(parser)
    person = run_shift.PersonAtTerminal()

    def see(*words: str) -> Callable[[Frame], Sight]:
        return run_shift._see(parser.parse_args(["--device", "cpu", *words]), CELL, load_hand_eye(), person)

    frame = sight().frame
    seen = see("--runtime", "torch")(frame)
    assert "model gpnet runs on cpu by torch" in capsys.readouterr().out
    assert seen.frame is frame and seen.maps is not None and seen.detections is None
    with pytest.raises(ModelRefused, match="Runtime onnxruntime computes in float32 only"):
        see("--runtime", "onnxruntime", "--precision", "bfloat16")
    assert parser.parse_args([]).runtime == "auto", "as inference_node"


@pytest.mark.slow
def test_a_simulated_heap_is_cleared_and_told_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--simulate", "--objects", "2", "--out", str(tmp_path), "--json"]) == 0
    answer = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert answer["simulated"] and answer["ended"] == "nothing_left" and answer["placed"] >= 1
    assert Path(answer["page"]).is_file()
    (folder,) = (path.parent for path in tmp_path.glob(f"*/{LINES}"))
    done = [line for line in read_lines(folder) if line["kind"] == "turn" and line["executed"]]
    assert len(done) == answer["picks"] and all("contact_m" in line["drift"] for line in done)
