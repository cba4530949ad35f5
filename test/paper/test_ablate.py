"""Rows of the tables: what they train, what they skip, and that a killed series of trainings goes on."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from support.bars import Bars

from gpnet_ros import cli
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput
from gpnet_ros.network.card import Card, read_card, write_card
from gpnet_ros.network.trainer import STATE
from gpnet_ros.paper.ablation import SeriesOptions, plan, same_rows
from gpnet_ros.paper.lines import table_lines
from gpnet_ros.paper.rows import (
    TABLES,
    choose_rows,
    decisive_settings,
    first_equals,
    is_trained,
    other_recipe,
    read_ablation_rows,
)

TINY = "size: s\nbatch: 2\nsmall_crop: 64\nsmall_share: 1.0\nthreads: 1\ncheckpoint_seconds: 1.0\nloss: suppress\n"


def write_rows(folder: Path, *lines: str) -> Path:
    (folder / "tiny.yaml").write_text(TINY)
    text = "".join(f"  {line.replace('TINY', str(folder / 'tiny.yaml'))}\n" for line in lines)
    (folder / "rows.yaml").write_text("rows:\n" + text)
    return folder / "rows.yaml"


ROWS = (
    "gpnet: {recipe: TINY, title: small, tables: [table1]}",
    "same: {recipe: TINY, settings: {loss: suppress}, title: same, tables: [losses]}",
    "literal: {recipe: TINY, settings: {loss: literal}, title: literal, tables: [losses]}",
    "never: {recipe: TINY, settings: {no_such_setting: 1}, title: never, tables: [losses]}",
)


def ablate(folder: Path, *words: str) -> int:
    out = ["ablate", "--config", str(folder / "rows.yaml"), "--out", str(folder / "out"), "--data", str(folder)]
    return cli.main(out + list(words))


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "load", lambda folder, views=None: Bars(4, views=views))
    monkeypatch.setattr("gpnet_ros.paper.ablation.read_index", lambda folder: None)


def test_every_shipped_row_can_be_trained() -> None:
    rows = read_ablation_rows()
    for row in rows:
        row.train_settings()
        assert row.tables, row.name
    assert {table for row in rows for table in row.tables} == set(TABLES)


def test_shipped_rows_hold_every_method_that_the_tables_compare() -> None:
    rows = {row.name: row.train_settings() for row in read_ablation_rows()}
    tables = {row.name: row.tables for row in read_ablation_rows()}
    in_table1 = [rows[name] for name in rows if "table1" in tables[name]]
    for architecture in ("gpnet", "grconvnet", "ggcnn", "ggcnn2", "orange"):
        assert any(s.architecture == architecture and s.channels == "rgbd" for s in in_table1), architecture
    for channels in ("rgb", "depth"):
        alone = [rows[name] for name in rows if channels in tables[name]]
        assert {s.channels for s in alone} == {channels} and {s.architecture for s in alone} >= {"gpnet", "grconvnet"}
    gpnets = [s for s in in_table1 if s.architecture == "gpnet"]
    assert {s.context for s in gpnets} == {"full", "none", "plain"}
    assert {s.loss for s in gpnets if not s.priority_head} == {"ggcnn", "literal"}, "no GPP in both readings"
    rivals = [s for s in in_table1 if s.architecture == "grconvnet"]
    assert any(s.objects == "top" for s in rivals) and any(s.priority_head for s in rivals)
    losses = {rows[name].loss for name in rows if "losses" in tables[name]}
    assert losses == {"literal", "suppress", "posmask", "ggcnn"}
    assert {s.channels for name, s in rows.items() if "table2" in tables[name]} == {"rgb"}


def test_each_ingredient_changes_one_thing_of_best() -> None:
    rows = {row.name: row for row in read_ablation_rows()}
    best = decisive_settings(rows["best"].train_settings())
    for row in rows.values():
        if "ingredients" in row.tables:
            other = decisive_settings(row.train_settings())
            assert sum(other[key] != best[key] for key in best) <= 1, row.name


def test_rows_that_come_out_equal_are_trained_once(tmp_path: Path) -> None:
    rows = read_ablation_rows(write_rows(tmp_path, *ROWS))
    assert {name: twin.name for name, twin in first_equals(rows).items()} == {
        "gpnet": "gpnet",
        "same": "gpnet",
        "literal": "literal",
    }
    jobs = plan(rows, choose_rows(rows, ["losses"]), SeriesOptions(tmp_path / "out", seeds=2))
    assert [(job.row.name, job.seed) for job in jobs] == [
        ("gpnet", 0), ("literal", 0), ("never", 0), ("gpnet", 1), ("literal", 1), ("never", 1)
    ], "the first seed of every row comes first"  # fmt: skip
    assert [job.state for job in jobs[:3]] == ["to do", "to do", "cannot run"]
    assert "no_such_setting" in jobs[2].reason
    assert same_rows(rows, choose_rows(rows, ["same"])) == ["same = gpnet: same settings, trained once"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gpnet: {recipe: TINY}", "needs title and recipe"),
        ("gpnet: {recipe: TINY, title: x, colour: red}", "needs title and recipe"),
        ("gpnet: {recipe: TINY, title: x, tables: [table9]}", "table9"),
        ("gpnet: {recipe: TINY, title: x, priority: [highest]}", "highest"),
        ("../up: {recipe: TINY, title: x}", "name of a folder"),
        ("gpnet: {recipe: TINY, title: x, settings: 3}", "settings is 3; it must be a mapping"),
        ("gpnet: {recipe: TINY, title: x, shipped: 3}", "shipped is 3; it must be a text"),
        ("gpnet: {recipe: TINY, title: x, trained: 1}", "trained is 1; it must be true or false"),
        ("gpnet: {recipe: TINY, title: x, tables: table1}", "it must be a list"),
    ],
)
def test_bad_rows_are_refused(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_ablation_rows(write_rows(tmp_path, line))


def test_a_file_without_rows_and_unknown_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.yaml").write_text("- gpnet\n")
    with pytest.raises(BadInput, match="holds no rows"):
        read_ablation_rows(tmp_path / "rows.yaml")
    with pytest.raises(BadInput, match="grconvnett"):
        choose_rows(read_ablation_rows(), ["table1", "grconvnett"])


def test_what_all_rows_share_stands_under_what_one_row_says(tmp_path: Path) -> None:
    path = write_rows(tmp_path, *ROWS[:3])
    alone = {row.name: row.train_settings() for row in read_ablation_rows(path)}
    path.write_text("common: {batch: 4, loss: posmask, epochs: 3}\n" + path.read_text())
    shared = {row.name: row.train_settings() for row in read_ablation_rows(path)}
    assert {s.batch for s in shared.values()} == {4} and {s.batch for s in alone.values()} == {2}
    assert {s.epochs for s in shared.values()} == {3.0}
    assert [shared[name].loss for name in ("gpnet", "same", "literal")] == ["posmask", "suppress", "literal"]
    path.write_text("common: 4 epochs\nrows:\n  a: {recipe: best, title: a}\n")
    with pytest.raises(BadInput, match="must be settings of a recipe"):
        read_ablation_rows(path)


def test_the_file_may_say_the_budget_of_all_rows(tmp_path: Path, bars: None) -> None:
    path = write_rows(tmp_path, ROWS[0])
    assert ablate(tmp_path, "--seeds", "1") == 2, "nobody says how long"
    path.write_text("common: {epochs: 2}\n" + path.read_text())
    assert ablate(tmp_path, "--seeds", "1") == 0
    assert read_card(tmp_path / "out" / "gpnet" / "seed0").recipe["steps"] == 4


def test_pictures_are_read_once_for_all_rows_and_again_only_for_what_they_lack(
    tmp_path: Path, bars: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    default = ViewSettings().quality

    def load(folders: object, views: ViewSettings) -> Bars:
        reads.append(views.quality)
        return Bars(4, views=views)

    monkeypatch.setattr(Dataset, "load", load)
    analytic = "analytic: {recipe: TINY, settings: {quality: analytic}, title: a, tables: [losses]}"
    gaussian = "gaussian: {recipe: TINY, settings: {quality: gaussian}, title: g, tables: [losses]}"
    write_rows(tmp_path, "binary: {recipe: TINY, settings: {quality: binary}, title: b}", gaussian, analytic)
    assert ablate(tmp_path, "--seeds", "1", "--epochs", "1", "--val", str(tmp_path / "val")) == 0
    assert reads == ["binary", default, "gaussian"], "validation once, and only bells need another reading"
    recipes = [read_card(tmp_path / "out" / name / "seed0").recipe for name in ("binary", "gaussian", "analytic")]
    assert [recipe["quality"] for recipe in recipes] == ["binary", "gaussian", "analytic"]


def test_what_is_finished_is_skipped_and_a_failure_does_not_stop_the_rest(
    tmp_path: Path, bars: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path, *ROWS)
    assert ablate(tmp_path, "--seeds", "1", "--epochs", "1", "--rows", "gpnet", "--json") == 0
    first = tmp_path / "out" / "gpnet" / "seed0"
    assert is_trained(first) and read_card(first).recipe["steps"] == 2
    written = (first / "weights.safetensors").stat().st_mtime_ns
    (tmp_path / "out" / "literal" / "seed0" / "run").mkdir(parents=True)
    (tmp_path / "out" / "literal" / "seed0" / "run" / STATE).write_bytes(b"no state")  # of a run without a recipe
    capsys.readouterr()
    assert ablate(tmp_path, "--seeds", "2", "--epochs", "1", "--rows", "gpnet", "literal", "--json") == 1
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["failed"] == ["literal/seed0"] and answer["finished"] == 3
    assert (first / "weights.safetensors").stat().st_mtime_ns == written, "a finished model is left alone"
    seeds = [read_card(tmp_path / "out" / "gpnet" / f"seed{k}") for k in (0, 1)]
    assert [card.recipe["seed"] for card in seeds] == [0, 1] and seeds[0].sha256 != seeds[1].sha256


def test_list_trains_nothing_and_says_how_long_the_rest_takes(
    tmp_path: Path, bars: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path, *ROWS)
    assert ablate(tmp_path, "--list", "--minutes", "50", "--json") == 0
    out = capsys.readouterr().out
    assert "6 left, about 5.0 h" in out.replace("0 trainings finished, ", "") and not (tmp_path / "out").exists()
    assert ablate(tmp_path) == 2, "a budget is needed"
    assert ablate(tmp_path, "--minutes", "1", "--epochs", "1") == 2


def test_another_process_in_the_same_folder_is_left_alone(
    tmp_path: Path, bars: None, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    write_rows(tmp_path, ROWS[0])
    folder = tmp_path / "out" / "gpnet" / "seed0"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert ablate(tmp_path, "--seeds", "1", "--epochs", "1") == 0
    assert "another gpnet ablate" in capsys.readouterr().out and not is_trained(folder)
    assert ablate(tmp_path, "--seeds", "1", "--epochs", "1") == 0
    assert is_trained(folder), "the lock goes with its owner"


def test_a_killed_series_goes_on_with_the_run_that_was_begun(tmp_path: Path, bars: None) -> None:
    write_rows(tmp_path, ROWS[0], ROWS[2])
    script = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from support.bars import Bars\nfrom gpnet_ros import cli\nfrom gpnet_ros.paper import ablation\n"
        "from gpnet_ros.data.dataset import Dataset\n"
        "ablation.read_index = lambda folder: None\n"
        "Dataset.load = lambda folder, views=None: Bars(4, views=views)\n"
        "cli.main(sys.argv[3:])\n"
    )
    here = Path(__file__).parents[1]
    words = ["ablate", "--config", str(tmp_path / "rows.yaml"), "--out", str(tmp_path / "out"), "--data", "x"]
    # So many passes that it never ends by itself.
    command = [sys.executable, "-c", script, str(here), str(here.parent), *words, "--seeds", "1", "--epochs", "1000000"]
    process = subprocess.Popen(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True, stdout=subprocess.DEVNULL
    )
    state = tmp_path / "out" / "gpnet" / "seed0" / "run" / STATE
    log = state.parent / "log.jsonl"
    try:
        deadline = time.monotonic() + 120
        while not (state.is_file() and _lines(log)) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
    assert state.is_file() and _lines(log), "no state was written before the deadline"
    _wait_for_the_dead(state.parents[1])
    done = _steps(state)
    rows = read_ablation_rows(tmp_path / "rows.yaml")
    assert [job.state for job in plan(rows, rows, SeriesOptions(tmp_path / "out", seeds=1))] == ["begun", "to do"]
    killed = log.read_text()
    assert ablate(tmp_path, "--seeds", "1", "--epochs", str((done + 3) / 2)) == 0
    assert log.read_text().startswith(killed), "the run was not begun anew"
    assert read_card(tmp_path / "out" / "gpnet" / "seed0").recipe["steps"] == done + 3 > 3
    assert is_trained(tmp_path / "out" / "literal" / "seed0")
    assert not list((tmp_path / "out").rglob(STATE)), "states of finished runs do not fill the disk"


def test_a_run_that_was_begun_with_another_recipe_is_not_continued(
    tmp_path: Path, bars: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path, ROWS[0])
    assert ablate(tmp_path, "--seeds", "1", "--epochs", "1") == 0
    folder = tmp_path / "out" / "gpnet" / "seed0"
    (folder / "card.json").unlink()
    (folder / "run" / STATE).write_bytes(b"a state")
    (tmp_path / "tiny.yaml").write_text(TINY + "rate: 0.001\n")
    assert ablate(tmp_path, "--seeds", "1", "--epochs", "2") == 1
    assert "begun with another recipe" in capsys.readouterr().out and not is_trained(folder)


def test_what_was_trained_with_another_recipe_is_not_finished(
    tmp_path: Path, bars: None, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(tmp_path, ROWS[0])
    assert ablate(tmp_path, "--seeds", "1", "--epochs", "1") == 0
    assert [len(line.models) for line in table_lines("table1", read_ablation_rows(rows), tmp_path / "out")] == [1]
    (tmp_path / "tiny.yaml").write_text(TINY + "rate: 0.5\n")
    capsys.readouterr()
    assert ablate(tmp_path, "--seeds", "1", "--list") == 0
    assert re.search(r"another recipe \(rate 0\.\d+, now 0\.5\): remove it", capsys.readouterr().out)
    assert [line.models for line in table_lines("table1", read_ablation_rows(rows), tmp_path / "out")] == [()]


@pytest.mark.parametrize(("copy_paste", "said"), [(0.0, ""), (0.3, "copy_paste 0.3, now None")])
def test_a_setting_that_is_gone_counts_where_it_did_something(tmp_path: Path, copy_paste: float, said: str) -> None:
    (row,) = read_ablation_rows(write_rows(tmp_path, ROWS[0]))
    recipe = {**decisive_settings(row.train_settings()), "copy_paste": copy_paste}
    write_card(Card("gpnet", {}, "rgbd", recipe=recipe), tmp_path)
    assert other_recipe(tmp_path, row) == said


def test_bad_budgets_and_data_are_refused_once_and_before_the_first_row(tmp_path: Path) -> None:
    write_rows(tmp_path, *ROWS)
    assert ablate(tmp_path, "--seeds", "1", "--epochs", "1") == 2, "no shards there"
    assert ablate(tmp_path, "--seeds", "1", "--minutes", "-1", "--list") == 2
    assert not (tmp_path / "out").exists()


def _wait_for_the_dead(folder: Path) -> None:
    """Until no process of a killed series holds its folder: on a busy machine its children die later than it."""
    deadline = time.monotonic() + 30
    with (folder / "lock").open() as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                assert time.monotonic() < deadline, "a process of the killed series goes on"
                time.sleep(0.05)


def _lines(log: Path) -> int:
    return log.read_text().count("\n") if log.is_file() else 0


def _steps(state: Path) -> int:
    from gpnet_ros.network.trainer import Method, Trainer

    trainer = Trainer(_tiny_net(), Method())
    trainer.restore(state.parent)
    return trainer.step


def _tiny_net() -> torch.nn.Module:
    from gpnet_ros.network.checkpoint import build
    from gpnet_ros.training.recipe import TrainSettings

    return build(TrainSettings(size="s").blank_card())
