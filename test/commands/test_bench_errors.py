"""The curve of picking against injected errors: paired with no error, resumed, and written for people and programs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from support.rounds import round_row

from gpnet_ros.cli import main
from gpnet_ros.evaluation.closed_loop import core as clearing_core
from gpnet_ros.evaluation.closed_loop.error_curve import ERROR_KINDS, error_curve
from gpnet_ros.evaluation.closed_loop.heaps import first_frozen
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.rows import RoundRow
from gpnet_ros.sim.clearing.injected import Errors


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Errors]]:
    """Rounds that go wrong with more than 3 mm of any error; what was played."""
    found: list[tuple[str, Errors]] = []

    def play(job: Any) -> RoundRow:
        name, policy, by = job
        found.append((name.label, policy.errors))
        e = policy.errors
        right = max(e.hand_eye, e.tcp, abs(e.depth)) < 0.0035
        return round_row(name, right, by, picks=3)

    monkeypatch.setattr(clearing_core, "core_round", play)
    return found


def test_curve_falls_where_picking_does_and_is_not_played_twice(
    played: list[tuple[str, Errors]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--rounds", "4", "--objects", "3-4", "--kinds", "hand_eye,depth", "--workers", "1", "--out", str(tmp_path)]
    assert main(["bench", "errors", *words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    points = {(p["error"], p["size"]): p for p in answer["curve"]}
    assert len(points) == 1 + 5 + 6 and len(played) == 8 * len(points)
    assert points["none", 0.0]["pick_rate"]["rate"] == points["hand_eye", 3.0]["pick_rate"]["rate"] == 1.0
    assert points["hand_eye", 4.0]["pick_rate"]["rate"] == points["depth", -4.0]["pick_rate"]["rate"] == 0.0
    assert points["hand_eye", 5.0]["change"]["difference"] == -1.0 and points["depth", 2.0]["change"]["difference"] == 0
    assert main(["bench", "errors", *words]) == 0  # goes on with what is there
    assert len(played) == 8 * len(points)
    assert "| hand eye | 4 mm | 0% [0%, 14%] of 24 |" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "errors.csv").open()))
    assert len(rows) == len(points) and {row["unit"] for row in rows} == {"", "mm"}
    assert (tmp_path / "errors.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "errors.json").read_text()) == answer


def test_only_the_sizes_that_are_asked_for_are_tried(played: list[tuple[str, Errors]], tmp_path: Path) -> None:
    words = ["--rounds", "1", "--kinds", "hand_eye,tcp", "--sizes", "3", "--workers", "1", "--out", str(tmp_path)]
    assert main(["bench", "errors", *words]) == 0
    assert [errors for _, errors in played] == [Errors(), Errors(hand_eye=0.003), Errors(tcp=0.003)]
    assert (tmp_path / "hand_eye_3mm.jsonl").is_file(), "the name by which gpnet tables knows it"


def test_sizes_arrive_in_si_units(played: list[tuple[str, Errors]], tmp_path: Path) -> None:
    kinds = [kind for kind in ERROR_KINDS if kind.field in ("hand_eye_turn", "tcp")]
    error_curve(kinds, first_frozen((5, 5), 1), Policy(priority="none"), tmp_path, 1)
    tried = [errors for _, errors in played]
    assert Errors() in tried and Errors(tcp=0.003) in tried
    assert max(e.hand_eye_turn for e in tried) == pytest.approx(0.01745, abs=1e-5)
    assert {label for label, _ in played} == {"k5-000"}


def test_errors_of_a_round_are_part_of_who_played_it() -> None:
    assert Policy(errors=Errors(tcp=0.001)).played_by("x") != Policy(errors=Errors(tcp=0.002)).played_by("x")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kinds", "wind"], "which is no error"),
        (["--kinds", "tcp,hand_eye_turn", "--sizes", "3"], "no size of hand_eye_turn"),
        (["--rounds", "0"], "at least one"),
        (["--objects", "9"], "no frozen"),
    ],
)
def test_bad_arguments_are_refused(words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["bench", "errors", *words, "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
