"""The benchmark of the labels: Wilson's interval, what is counted as what, and a run that tells true from false."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gpnet_ros.cli import main
from gpnet_ros.evaluation.intervals import share, share_of
from gpnet_ros.evaluation.label_figures import LabelScenes, count_labels, labels_table, trials_of_scene
from gpnet_ros.sim.hand import label_trials
from gpnet_ros.sim.hand.label_trials import LabelTrial, scene_trials
from gpnet_ros.sim.scenes.arrangement import arrange
from gpnet_ros.sim.scenes.recipe import SceneRecipe

LIFTED = LabelTrial(1, "positive", "box", 0.7, top=True, lifted=True, status="lifted", disturbed=False)


@pytest.mark.parametrize(
    ("true", "n", "low", "high"),
    [(8, 10, 0.490, 0.943), (0, 20, 0.0, 0.161), (20, 20, 0.839, 1.0), (475, 500, 0.927, 0.966)],
)
def test_intervals_are_wilsons(true: int, n: int, low: float, high: float) -> None:
    found = share_of([True] * true + [False] * (n - true))
    assert found["n"] == n
    assert found["rate"] == pytest.approx(true / n)
    assert (found["low"], found["high"]) == (pytest.approx(low, abs=6e-4), pytest.approx(high, abs=6e-4))


def test_of_nothing_there_is_no_rate() -> None:
    assert share(0, 0) == {"rate": None, "low": None, "high": None, "n": 0}


def test_each_trial_is_counted_where_it_belongs() -> None:
    missed = replace(LIFTED, lifted=False, status="missed", score=0.3)
    negative = replace(LIFTED, kind="negative", score=0.0, lifted=False, status="collision")
    top, low = replace(LIFTED, kind="best", score=1.0), replace(LIFTED, kind="best", top=False, disturbed=True)
    slipped = replace(low, lifted=False, disturbed=False, status="slipped")
    found = count_labels(
        LabelScenes(2, 0, "table", 3, 1), [[LIFTED, LIFTED, missed, negative, top, low, slipped], None]
    )
    assert (found.positives_lifted["rate"], found.positives_lifted["n"]) == (pytest.approx(2 / 3, abs=1e-4), 3)
    assert (found.negatives_lifted["rate"], found.negatives_lifted["n"]) == (0.0, 1)
    assert (found.moved_top["rate"], found.moved_top["n"]) == (0.0, 1)
    assert (found.moved_not_top["rate"], found.moved_not_top["n"]) == (1.0, 1)  # what slipped does not count
    assert {band: value["n"] for band, value in found.bands.items()} == {
        "0.0-0.2": 0,
        "0.2-0.4": 1,
        "0.4-0.6": 0,
        "0.6-0.8": 4,
        "0.8-1.0": 1,
    }
    assert found.positives_status == {"lifted": 2, "missed": 1}
    page = labels_table(found)
    assert found.scenes_without_heap == 1
    assert "66.7%" in page
    assert "missed 1" in page


def test_labels_come_true_and_shifted_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    arrangement = arrange(3, SceneRecipe("stack", objects=(3, 3), size=(128, 128)))
    true = scene_trials(arrangement, positives=5, negatives=0)
    assert np.mean([t.lifted for t in true]) > 0.8
    assert {t.kind for t in true} == {"positive", "best"}
    read = label_trials._as_read

    def shifted(*args):
        T, opening = read(*args)
        T[:2, 3] += 0.022 * T[:2, 0]  # a finger comes down on the object
        return T, opening

    monkeypatch.setattr(label_trials, "_as_read", shifted)
    false = [t for t in scene_trials(arrangement, positives=5, negatives=0) if t.kind == "positive"]
    assert np.mean([t.lifted for t in false]) < 0.5


def test_the_same_scene_gives_the_same_trials_and_another_others() -> None:
    first, again, other = (trials_of_scene((seed, "single", 2, 2)) for seed in (5, 5, 6))
    assert first == again != other
    assert first
    assert all(t.top and not t.disturbed for t in first)


def test_bench_labels_prints_what_it_counted(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--scenes", "2", "--seed", "11", "--profile", "single", "--positives", "3", "--negatives", "2"]
    assert main(["bench", "labels", *options, "--workers", "1", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.strip().split("\n")[-1])
    assert answer["positives_lifted"]["n"] <= 6
    assert answer["negatives_lifted"]["n"] <= 4
    assert answer["moved_not_top"]["n"] == 0
    assert {"bands", "moved_top", "positives_lifted", "negatives_lifted", "families"} <= set(answer)


@pytest.mark.parametrize("option", ["--scenes", "--seed", "--positives", "--workers"])
def test_absurd_numbers_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "labels", option, "-1"]) == 2
    assert option in capsys.readouterr().err
