"""Priorities side by side: pairs of the same heaps and pictures, resumed; and a second network that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.judged_scene import tiny_model, write_shards
from support.rounds import round_row
from support.tiny_graspnext import save_tiny

from gpnet_ros.cli import main
from gpnet_ros.commands import bench_clearing
from gpnet_ros.evaluation.closed_loop import core as clearing_core
from gpnet_ros.evaluation.closed_loop import ros as closed_loop_ros
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.priorities import contenders
from gpnet_ros.evaluation.closed_loop.rows import RoundRow


def test_rounds_are_compared_in_pairs_and_not_played_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The truth wins every heap, the learned priority every second one, the others none."""
    played: list[tuple[str, str]] = []

    def play(job: Any) -> RoundRow:
        name, policy, by = job
        assert (by.scene_model, by.scene_weights) == (policy.scene_model, None)
        played.append((policy.priority, name.label))
        wins = {"graspnext": policy.scene_model == "truth", "learned": name.number % 2 == 0}
        return round_row(name, wins.get(policy.priority, False), by)

    monkeypatch.setattr(clearing_core, "core_round", play)
    words = ["bench", "priorities", "--scene-model", "truth", "--scenes", "0", "--rounds", "6", "--workers", "1"]
    words += ["--out", str(tmp_path)]
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = {row["name"]: row["all_right"] for row in answer["rounds"]}
    assert list(rows) == ["graspnext-truth", "learned", "height", "none"] and answer["picks"] == []
    assert {name: row["rate"] for name, row in rows.items()} == dict(zip(rows, [1.0, 0.5, 0.0, 0.0], strict=True))
    assert {name: row["gain"]["difference"] for name, row in rows.items()} == dict(
        zip(rows, [0.0, 0.5, 1.0, 1.0], strict=True)
    )
    assert rows["learned"]["gain"]["only_second"] == 3 and rows["learned"]["gain"]["only_first"] == 0
    assert all(row["aimed_at_topmost"]["n"] == 6 for row in answer["rounds"])
    assert json.loads((tmp_path / "priorities.json").read_text()) == answer
    assert main(words) == 0 and len(played) == 4 * 6
    assert "| learned | 50.0% [19%, 81%] of 6 | +50.0 [" in capsys.readouterr().out


def test_first_picks_are_judged_by_each_priority(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model = write_shards(tmp_path / "data", ("scene-0",)), tiny_model(tmp_path / "model")
    words = ["bench", "priorities", "--scene-model", "truth", "--rounds", "0", "--scenes", "1", "--workers", "1"]
    words += ["--model", str(model), "--data", str(data), "--out", str(tmp_path / "out"), "--json"]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["name"] for row in answer["picks"]] == ["graspnext-truth", "learned", "height", "none"]
    assert all(row["lift"]["rate"] == 0.0 and row["lift"]["n"] == 1 for row in answer["picks"])
    assert len(list((tmp_path / "out").glob("model_data_*.jsonl"))) == 4, "each priority has results of its own"


def test_the_second_network_is_compared_with_all_and_with_a_perfect_one() -> None:
    names = [one.name for one in contenders("fast-graspnext")]
    assert names == ["graspnext", "learned", "height", "none", "graspnext-truth"]
    assert [one.scene_model for one in contenders("x") if one.priority != "graspnext"] == [None] * 3


def test_the_second_network_is_part_of_who_played() -> None:
    truth = Policy(priority="graspnext", scene_model="truth")
    assert truth.played_by("x") != Policy(priority="graspnext").played_by("x")
    assert truth.played_by("x").scene_model == "truth"


def test_through_the_nodes_the_second_network_is_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torchvision")
    model, started = str(save_tiny(tmp_path / "tiny")), []

    def play(heaps: Any, policy: Policy, start: Any, *_: object) -> list[RoundRow]:
        start(heaps[0].seed, heaps[0].objects, tmp_path, {})
        return [round_row(heap, True) for heap in heaps]

    monkeypatch.setattr(closed_loop_ros, "run_rounds", play)
    monkeypatch.setattr(bench_clearing, "open_cell", lambda run, *_: started.append(run))
    words = ["bench", "clearing", "--path", "ros", "--rounds", "1"]
    assert main([*words, "--priority", "graspnext", "--scene-model", model]) == 0 and main(words) == 0
    assert main([*words, "--gripper", "suction", "--model", model]) == 0
    jaws, cup = started[:2], started[2]
    assert [(run.priority, run.scene_model) for run in jaws] == [("graspnext", model), ("learned", "")]
    assert {run.gripper for run in jaws} == {""}
    assert (cup.gripper, cup.model, cup.scene_model, cup.priority) == ("suction", model, "", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["clearing", "--priority", "graspnext", "--scene-model", "nobody"], "train one (gpnet train --config"),
        (["clearing", "--priority", "graspnext", "--scene-model", "nobody"], "--scene-model truth"),
        (["clearing", "--priority", "graspnext", "--scene-model", "gpnet"], "gpnet is a grasp network"),
        (["clearing", "--priority", "graspnext", "--scene-model", "truth", "--path", "ros"], "on --path core only"),
        (["clearing", "--gripper", "suction", "--model", "truth", "--path", "ros"], "on --path core only"),
        (["clearing", "--gripper", "suction", "--priority", "oracle", "--path", "ros"], "on --path core only"),
        (["clearing", "--gripper", "suction", "--meshes", "."], "heaps of its own"),
        (["clearing", "--scene-model", "truth"], "goes with --priority graspnext"),
        (["errors", "--priority", "graspnext", "--scene-model", "nobody"], "There is no model 'nobody'"),
        (["priorities", "--scene-model", "nobody"], "There is no model 'nobody'"),
        (["priorities", "--scene-model", "truth", "--scenes", "0", "--rounds", "0"], "nothing to compare"),
        (["priorities", "--scene-model", "truth", "--scenes", "-1"], "must be 0 or more"),
    ],
)
def test_what_cannot_be_asked_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 2
    assert said in capsys.readouterr().err
