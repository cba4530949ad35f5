"""Rows of the closed loop: they resume, count, and compare in pairs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rounds import BY, round_row

from gpnet_ros.cli import main
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop import core as clearing_core
from gpnet_ros.evaluation.closed_loop.compare import compare_picks, compare_rounds
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import PlayedBy, Policy, played_code
from gpnet_ros.evaluation.closed_loop.ros import MODULES, SETTINGS
from gpnet_ros.evaluation.closed_loop.rows import RoundLog, RoundRow, read_rounds
from gpnet_ros.evaluation.closed_loop.tally import counted
from gpnet_ros.evaluation.intervals import paired
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.sim.clearing.injected import Errors


def row(number: int, right: bool, objects: int = 5, by: PlayedBy = BY) -> RoundRow:
    """A round over a frozen heap with one pick that is right or misses."""
    return round_row(HeapName(objects, number=number), right, by)


def line(row: RoundRow) -> str:
    return json.dumps(row.to_dict()) + "\n"


# --- logs --------------------------------------------------------------------------------------------------------
def test_log_goes_on_after_a_line_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = RoundLog(path, BY)
    log.add(row(0, True))
    log.add(row(1, False))
    path.write_text(path.read_text()[:-40])  # killed while it wrote
    again = RoundLog(path, BY, resume=True)
    assert again.done(HeapName(5, number=0)) == row(0, True)
    assert again.done(HeapName(5, number=1)) is None
    again.add(row(1, True))
    assert read_rounds(path) == [row(0, True), row(1, True)]


def test_log_of_others_and_forgotten_resume_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    RoundLog(path, BY).add(row(0, True))
    with pytest.raises(BadInput, match="add --resume"):
        RoundLog(path, BY)
    with pytest.raises(BadInput, match="name another file"):
        RoundLog(path, replace(BY, priority="none"), resume=True)
    with pytest.raises(BadInput, match=r"min_quality.*name another file"):
        RoundLog(path, replace(BY, min_quality=0.2), resume=True)
    path.write_text('{"some": "thing"}\n')
    with pytest.raises(BadInput, match="no round"):
        read_rounds(path)
    path.write_text("no json\n" + line(row(0, True)))
    with pytest.raises(BadInput, match="cannot be read"):
        read_rounds(path)


def test_rounds_of_other_code_are_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    RoundLog(path, BY).add(row(0, True))
    with pytest.raises(BadInput, match=r"other code of this package played: name another file"):
        RoundLog(path, replace(BY, code="tomorrow's"), resume=True)
    assert RoundLog(path, BY, resume=True).rows == [row(0, True)]


def test_logs_of_before_are_read_but_not_gone_on_with(tmp_path: Path) -> None:
    path, old = tmp_path / "log.jsonl", row(0, True).to_dict()
    for unknown in ("code", "min_quality"):
        del old["by"][unknown]
    path.write_text(json.dumps(old) + "\n")
    assert read_rounds(path) == [row(0, True, by=replace(BY, code="", min_quality=None))]
    with pytest.raises(BadInput, match="did not note what code played"):
        RoundLog(path, BY, resume=True)


def test_code_and_settings_of_either_path_can_be_summed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("gpnet_ros.evaluation.closed_loop.players.config_dir", lambda: tmp_path)
    monkeypatch.setattr("gpnet_ros.evaluation.closed_loop.players.code_sum", lambda *modules: "the code")
    (tmp_path / "cell.yaml").write_text("a: 1\n")
    before = played_code(["x"], ["cell"])
    (tmp_path / "cell.yaml").write_text("# said better\na: 1\n")
    assert played_code(["x"], ["cell"]) == before
    (tmp_path / "cell.yaml").write_text("a: 2\n")
    assert played_code(["x"], ["cell"]) != before
    monkeypatch.undo()
    assert played_code(MODULES, SETTINGS) != clearing_core.core_code(), "modules and files of both are there"


def test_rounds_that_the_log_has_are_not_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[str] = []

    def play(job: Any) -> RoundRow:
        name, _, by = job
        played.append(name.label)
        return row(name.number, True, by=by)

    monkeypatch.setattr(clearing_core, "core_round", play)
    policy, log = Policy(priority="oracle", model=None), tmp_path / "log.jsonl"
    heaps = [HeapName(5, number=k) for k in range(3)]
    clearing_core.clear_heaps(heaps[1:2], policy, log, workers=1)
    rows = clearing_core.clear_heaps(heaps, policy, log, workers=1)
    assert played == ["k5-001", "k5-000", "k5-002"]
    assert [r.heap for r in rows] == ["k5-000", "k5-001", "k5-002"]
    assert len(read_rounds(log)) == 3


def test_policies_that_differ_tell_so() -> None:
    learned = Policy(model="gpnet").played_by("x")
    assert learned.weights and learned.model == "gpnet" and learned.min_quality == SelectSettings.quality_min
    others = [Policy(priority="none"), Policy(priority="oracle"), Policy(errors=Errors(tcp=0.001))]
    assert all(other.played_by("x") != learned for other in [*others, Policy(min_quality=0.3)])
    oracle = Policy(priority="oracle", model="gpnet", min_quality=0.3).played_by("x")
    assert oracle.weights is None and oracle.min_quality is None


# --- counts ------------------------------------------------------------------------------------------------------
def test_counts_name_what_rounds_were_lost_by() -> None:
    rows = [row(0, True), row(1, False), row(2, False)]
    rows[1] = replace(rows[1], picks=(replace(rows[1].picks[0], details={"target_topmost": False}),))
    rows[2] = replace(rows[2], faults=("pushed_out", "missed"))
    found = counted(rows)
    assert (found["rounds"], found["rounds_all_right"], found["picks_ok"]) == (3, 1, 1)
    assert found["faults"] == {"missed": 2, "pushed_out": 1}
    assert found["rounds_lost_by"] == {"missed": 1, "pushed_out": 1}
    assert found["faults_by_target"] == {"topmost": {"missed": 1}, "not_topmost": {"missed": 1}}


def test_broken_rounds_count_for_no_rate() -> None:
    broken = replace(row(1, False), failed=True)
    found = counted([row(0, True), broken])
    assert found["all_right"]["n"] == 1 and found["all_right"]["rate"] == 1.0 and found["rounds_broken"] == 1
    assert counted([])["all_right"]["rate"] is None


# --- pairs -------------------------------------------------------------------------------------------------------
def test_pairs_of_a_published_example() -> None:
    # Newcombe 1998, Table II: e, f, g, h = 36, 12, 2, 0 -> method 10 gives 0.0569 to 0.3404, turned here.
    pairs = [(True, True)] * 36 + [(True, False)] * 12 + [(False, True)] * 2
    found = paired(pairs)
    assert found["difference"] == pytest.approx(-0.2)
    assert (found["low"], found["high"]) == (pytest.approx(-0.3404, abs=2e-3), pytest.approx(-0.0569, abs=2e-3))
    assert found["p"] == pytest.approx(0.0129, abs=1e-4)  # 2 * (1 + 14 + 91) / 2**14


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_interval_of_pairs_holds_the_difference_and_turns_with_it(pairs: list[tuple[bool, bool]]) -> None:
    found, turned = paired(pairs), paired([(b, a) for a, b in pairs])
    assert -1.0 <= found["low"] <= found["difference"] <= found["high"] <= 1.0
    assert turned["low"] == pytest.approx(-found["high"]) and turned["p"] == found["p"]
    assert found["both"] + found["neither"] + found["only_first"] + found["only_second"] == len(pairs)
    again = paired(pairs * 4)
    assert again["high"] - again["low"] <= found["high"] - found["low"] + 1e-9


def test_comparison_pairs_heaps_whatever_their_order() -> None:
    rng = np.random.default_rng(0)
    first = [row(k, bool(rng.integers(2)), objects) for objects in (3, 5) for k in range(20)]
    better = [r if r.all_right or r.heap[-1] in "02468" else row(int(r.heap[3:]), True, r.objects) for r in first]
    better = [better[int(k)] for k in rng.permutation(len(better))]
    found = compare_rounds(first, better)
    gained = sum(not r.all_right and r.heap[-1] not in "02468" for r in first)
    assert found["all"]["only_second"] == gained > 0 and found["all"]["only_first"] == 0
    assert [r["objects"] for r in found["rows"]] == [3, 5] and found["all"]["n"] == 40
    assert compare_rounds(first, first)["all"]["difference"] == 0.0
    with pytest.raises(BadInput, match="no heap in common"):
        compare_rounds([row(0, True)], [row(1, True)])
    with pytest.raises(BadInput, match="no heap in common"):
        compare_rounds([row(0, True)], [replace(row(0, True), failed=True)])


def test_picks_are_compared_over_the_heaps_that_both_played_and_heaps_make_the_interval() -> None:
    def played(won: int, picks: int) -> list[RoundRow]:
        return [round_row(HeapName(5, number=k), k < won, picks=picks) for k in range(20)]

    found = compare_picks(played(18, 2), [*played(14, 5), row(30, True)])
    assert (found["first"], found["second"], found["n"]) == (pytest.approx(0.9), pytest.approx(0.7), 20)
    assert found["difference"] == pytest.approx(-0.2) and found["low"] < -0.2 < found["high"] < 0
    more = compare_picks(played(18, 20), played(14, 50))
    assert (more["low"], more["high"]) == (found["low"], found["high"]), "more picks of a heap are no more heaps"
    same = compare_picks(played(18, 2), played(18, 5))
    assert same["low"] == same["difference"] == same["high"] == 0.0
    idle = [*played(18, 2)[:-1], replace(played(18, 2)[-1], picks=())]
    assert compare_picks(played(18, 2), idle)["n"] == 20, "a heap in which one side never picked counts"
    few = compare_picks(played(18, 2)[:2], [played(18, 2)[0], replace(played(18, 2)[1], picks=())])
    assert few["low"] == few["difference"] == few["high"] == 0.0, "drawings without any pick tell no rate"
    for other in (row(1, True), replace(row(0, True), failed=True), replace(row(0, True), picks=())):
        with pytest.raises(BadInput, match="share no heap"):
            compare_picks([row(0, True)], [other])


def test_command_compares_two_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    for path, right in ((a, False), (b, True)):
        path.write_text("".join(line(row(k, right)) for k in range(8)))
    assert main(["bench", "clearing", "--compare", str(a), str(b), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["all"]["difference"] == 1.0 and found["all"]["low"] > 0.4
    assert main(["bench", "clearing", "--compare", str(a), str(b)]) == 0
    assert "| all | 8 | 0 | 8 | 0 | 8 | +100" in capsys.readouterr().out
    assert main(["bench", "clearing", "--compare", str(a), str(tmp_path / "absent")]) == 2
    assert "cannot be read as rounds" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--heaps", "frozen", "--objects", "2-5"], "no frozen heaps of 2"),
        (["--heaps", "frozen", "--rounds", "101"], "there are 100 of each K"),
        (["--heaps", "frozen", "--seed", "3"], "have no --seed"),
        (["--resume"], "needs the --log"),
        (["--rounds", "0"], "rounds must be at least 1"),
        (["--objects", "5-3"], "--objects is 5 to 3"),
        (["--min-quality", "1.5"], "--min-quality is 1.5; allowed: 0 to 1"),
    ],
)
def test_command_refuses_in_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "clearing", *words]) == 2
    assert said in capsys.readouterr().err
