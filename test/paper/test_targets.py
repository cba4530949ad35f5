"""What must hold: figures of the shipped model only, said to be met, missed, or not known yet, and remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.rounds import round_row

from gpnet_ros import cli
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import PlayedBy, Policy
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import vouched_card
from gpnet_ros.paper.cells import Outcomes
from gpnet_ros.paper.lines import Line
from gpnet_ros.paper.pages import Table, marks
from gpnet_ros.paper.pictures import MeasuredLine
from gpnet_ros.paper.rows import AblationRow
from gpnet_ros.paper.target_figures import NOT_YET, ShippedFiles, TargetFigure, card_figure
from gpnet_ros.paper.targets import targets_table
from gpnet_ros.sim.clearing.injected import Errors

#: Beginnings of the measures that logs and answers tell.
ROUNDS, PRIORITIES, ROS, PICKS = "rounds all right, 50", "learned priority", "rounds all right through", "picks"
REAL, LATENCY = "real frames", "frame to grasp"
LEARNED = Policy()
EVERY = (3, 4, 5, 6, 7)


def keep(
    runs: Path,
    name: str,
    policy: Policy,
    right: Sequence[bool],
    objects: Sequence[int] = EVERY,
    picks: int = 1,
    by: PlayedBy | None = None,
) -> None:
    """A log of rounds over the first frozen heaps of each K, all right or not in this order."""
    by = by or policy.played_by("some code")
    rows = [round_row(HeapName(k, number=n), won, by, picks) for k in objects for n, won in enumerate(right)]
    (runs / name).parent.mkdir(exist_ok=True)
    (runs / name).write_text("".join(json.dumps(row.to_dict()) + "\n" for row in rows))


def first(count: int, of: int) -> list[bool]:
    return [k < count for k in range(of)]


def figure(measure: str, runs: Path, kept: Path | None = None) -> str:
    """The figure of the one line whose measure begins so."""
    return of_line(targets_table(ShippedFiles(runs), {}, kept), measure)


def of_line(table: Table, measure: str) -> str:
    (found,) = (row["our figure"] for row in table.rows if row["measure"].startswith(measure))
    return found


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (TargetFigure(), NOT_YET),
        (TargetFigure("90", True, 500, 500), "90, n = 500: met"),
        (TargetFigure("80", False, 500, 500), "80, n = 500: not met"),
        (TargetFigure("90", True, 20, 500), "90, on 20 of 500: too few to say"),
        (TargetFigure("90", True, 20, 500, sure=True), "90, on 20 of 500: met"),
        (TargetFigure("20", False, 20, 500, sure=True), "20, on 20 of 500: not met"),
        (TargetFigure("21 ms", True), "21 ms: met"),
        (TargetFigure("ahead", None, 500, 500), "ahead"),
    ],
)
def test_a_part_says_something_only_where_its_interval_leaves_no_doubt(figure: TargetFigure, said: str) -> None:
    assert str(figure) == said


def test_nothing_is_known_of_rounds_and_answers_without_their_files(tmp_path: Path) -> None:
    for measure in (ROUNDS, PRIORITIES, ROS, PICKS, REAL, LATENCY):
        assert figure(measure, tmp_path) == NOT_YET


def test_the_card_tells_what_it_holds_in_the_decode_that_is_asked() -> None:
    told = {"decode": "cell", "rate": 0.95, "low": 0.93, "high": 0.97, "n": 500}
    card = Card("gpnet", {}, "rgbd", metric={"stack-test": {"lift": told}})
    assert str(card_figure(card, "stack-test", "lift", "cell", 0.93)) == "95.0 [93, 97], n = 500: met"
    assert str(card_figure(card, "stack-test", "lift", "cell", 0.96)).endswith(": not met")
    for data, metric, decode in (
        ("stack-test", "lift", "argmax"),
        ("stack-test", "on_top", "cell"),
        ("table-test", "lift", "cell"),
    ):
        assert str(card_figure(card, data, metric, decode, 0.9)) == NOT_YET, "an older card is no error"


def test_rounds_of_the_heaps_that_are_asked_for_are_counted(tmp_path: Path) -> None:
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, [*first(40, 50), *[False] * 10])  # ten beyond those asked for
    assert figure(ROUNDS, tmp_path) == "80.0 [75, 84], n = 250: met"
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, first(30, 50))
    assert figure(ROUNDS, tmp_path).endswith("n = 250: not met")
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, first(8, 10))
    assert figure(ROUNDS, tmp_path).endswith("on 50 of 250: too few to say")


@pytest.mark.parametrize(
    "other",
    [
        {"weights": "of others"},
        {"priority": "height"},
        {"min_quality": 0.3},
        {"exposures": 2},
        {"errors": {"tcp": 1.0}},
    ],
)
def test_rounds_of_another_model_or_other_settings_are_left_out_and_named(
    tmp_path: Path, other: dict[str, object]
) -> None:
    by = replace(LEARNED.played_by("some code"), **other)
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, [True] * 50, by=by)
    shipped = ShippedFiles(tmp_path)
    assert of_line(targets_table(shipped, {}), ROUNDS) == NOT_YET
    assert next(iter(other)) in shipped.left_out[0] and "learned.jsonl" in shipped.left_out[0]
    same = replace(LEARNED.played_by("other code"), model="candidate")
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, [True] * 50, by=same)
    assert figure(ROUNDS, tmp_path).endswith(": met"), "the same weights, from a folder of another name"


def test_the_learned_priority_must_be_ahead_of_both_outside_the_interval(tmp_path: Path) -> None:
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, first(40, 50))
    keep(tmp_path, "clearing/none.jsonl", Policy(priority="none"), first(20, 50))
    assert figure(PRIORITIES, tmp_path) == NOT_YET, "of height nothing is known"
    keep(tmp_path, "clearing/height.jsonl", Policy(priority="height"), first(30, 50))
    found = figure(PRIORITIES, tmp_path)
    assert found.startswith("over height: +20.0 [") and "over none: +40.0" in found and found.endswith("n = 250: met")
    keep(tmp_path, "clearing/height.jsonl", Policy(priority="height"), [*[False] * 10, *first(39, 40)])
    assert figure(PRIORITIES, tmp_path).endswith(": not met"), "ahead, but inside the interval"
    older = Policy(priority="height").played_by("older code")
    keep(tmp_path, "clearing/height.jsonl", Policy(priority="height"), first(30, 50), by=older)
    shipped = ShippedFiles(tmp_path)
    assert of_line(targets_table(shipped, {}), PRIORITIES) == NOT_YET, "other code tells nothing of the priority"
    assert "height.jsonl" in shipped.left_out[0] and len(shipped.left_out) == 1


def test_rounds_through_ros_are_compared_on_the_same_heaps(tmp_path: Path) -> None:
    ros = Policy("ros", pace="fast")
    keep(tmp_path, "clearing/ros.jsonl", ros, first(28, 40), objects=(5,))
    assert figure(ROS, tmp_path) == NOT_YET, "of the core path nothing is known"
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, first(30, 50))
    assert figure(ROS, tmp_path).startswith("-5.0 [") and figure(ROS, tmp_path).endswith("n = 40: met")
    keep(tmp_path, "clearing/ros.jsonl", ros, first(8, 40), objects=(5,))
    assert figure(ROS, tmp_path).endswith("n = 40: not met")
    keep(tmp_path, "clearing/ros.jsonl", Policy("ros", pace="careful"), first(30, 40), objects=(5,))
    assert figure(ROS, tmp_path) == NOT_YET


def test_picks_with_an_error_are_compared_with_those_without(tmp_path: Path) -> None:
    wrong = Policy(errors=Errors(hand_eye=0.003))
    keep(tmp_path, "errors/none.jsonl", LEARNED, first(45, 50), picks=5)
    keep(tmp_path, "errors/hand_eye_3mm.jsonl", wrong, first(45, 50), picks=4)
    assert figure(PICKS, tmp_path) == "+0.0 [+0.0, +0.0], 90.0 % for 90.0 % without, n = 250: met"
    keep(tmp_path, "errors/hand_eye_3mm.jsonl", wrong, first(35, 50), picks=4)
    assert figure(PICKS, tmp_path).startswith("-20.0 [") and figure(PICKS, tmp_path).endswith(": not met")
    keep(tmp_path, "errors/hand_eye_3mm.jsonl", wrong, first(45, 50), by=wrong.played_by("older code"))
    shipped = ShippedFiles(tmp_path)
    assert of_line(targets_table(shipped, {}), PICKS) == NOT_YET and "hand_eye_3mm.jsonl" in shipped.left_out[0]
    keep(tmp_path, "errors/hand_eye_3mm.jsonl", LEARNED, first(45, 50))
    assert figure(PICKS, tmp_path) == NOT_YET, "rounds without an error are not those with one"


def real(hits: int, weights: str) -> str:
    """What `gpnet bench real --json` prints."""
    tally = {"hits": hits, "n": 16}
    return "a table\n" + json.dumps({"model": "gpnet", "weights": weights, "decision": tally, "argmax": {"hits": 16}})


def latency(torch: float, threads: int = 2) -> str:
    """What `gpnet bench latency --json` prints."""
    rows = [
        {"told": told, "frame_to_grasp_ms": {"total": total}}
        for told, total in (
            ("openvino 2026.4 in bfloat16", 9.0),
            ("openvino 2026.4 in float32", 14.14),
            ("torch 2.13 in float32", torch),
        )
    ]
    weights = vouched_card("gpnet").sha256
    return json.dumps({"weights": weights, "runtimes": rows, "threads": threads, "device": "cpu"}) + "\n"


def test_answers_of_commands_are_read_where_they_are_of_the_shipped_weights(tmp_path: Path) -> None:
    ours = vouched_card("gpnet").sha256
    (tmp_path / "real.json").write_text(real(15, ours))
    assert figure(REAL, tmp_path) == "decision 15, argmax 16, n = 16: met"
    (tmp_path / "real.json").write_text(real(14, ours))
    assert figure(REAL, tmp_path).endswith(": not met")
    (tmp_path / "real.json").write_text(real(15, "of others"))
    shipped = ShippedFiles(tmp_path)
    assert of_line(targets_table(shipped, {}), REAL) == NOT_YET and "real.json" in shipped.left_out[0]
    for content in ("", "a table", '{"decision": {}}', "[]"):
        (tmp_path / "real.json").write_text(content)
        with pytest.raises(BadInput, match=r"real\.json.*measure again"):
            targets_table(ShippedFiles(tmp_path), {})


def test_times_count_in_float32_on_the_cores_that_are_asked_for(tmp_path: Path) -> None:
    for content, said in (
        (latency(21.9), "torch 21.9 ms, openvino 14.1 ms: met"),
        (latency(40.1), "torch 40.1 ms, openvino 14.1 ms: not met"),
        (latency(21.9, threads=1), NOT_YET),
    ):
        (tmp_path / "frame_to_grasp.json").write_text(content)
        assert figure(LATENCY, tmp_path) == said


def test_rivals_are_compared_on_the_pictures_of_this_call() -> None:
    names = tuple(f"scene-{k}" for k in range(500))
    stack = {
        key: MeasuredLine(
            Line(AblationRow(key, key, "best"), "learned", ()),
            {"rectangle, top-level": Outcomes(np.array([first(won, 500)]), names)},
            {},
        )
        for key, won in (("best", 400), ("grconvnet", 300), ("grconvnet-top", 390))
    }
    table = targets_table(ShippedFiles(Path("none")), stack)
    assert of_line(table, "GP-Net over").startswith("+20.0 [") and of_line(table, "GP-Net over").endswith(": met")
    assert "priority head: not measured yet" in of_line(table, "GP-Net against")
    less = {**stack, "grconvnet": stack["grconvnet-top"]}
    assert of_line(targets_table(ShippedFiles(Path("none")), less), "GP-Net over").endswith(": not met")


def test_figures_are_remembered_with_their_day_and_go_with_the_line_that_asked(tmp_path: Path) -> None:
    kept, none = tmp_path / "targets.json", tmp_path / "none"
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, first(40, 50))
    told = figure(ROUNDS, tmp_path, kept)
    assert told.startswith("80.0 [75, 84], n = 250: met (20") and figure(ROUNDS, none, kept) == told
    known = json.loads(kept.read_text())
    (measure,) = (name for name in known if name.startswith(ROUNDS))
    known[measure]["day"] = "2026-01-02"
    kept.write_text(json.dumps({**known, "asked for long ago": known[measure]}))
    assert figure(ROUNDS, tmp_path, kept).endswith("met (2026-01-02)"), "read again, it was measured then all the same"
    assert "asked for long ago" not in json.loads(kept.read_text())
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, first(2, 10))
    assert figure(ROUNDS, tmp_path, kept).endswith("met (2026-01-02)"), "a part replaces nothing"
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, first(39, 50))
    assert figure(ROUNDS, tmp_path, kept).startswith("78.0") and "2026-01-02" not in figure(ROUNDS, none, kept)


def test_a_remembered_figure_of_other_weights_says_so_and_gives_way_to_any_of_these(tmp_path: Path) -> None:
    kept, none = tmp_path / "targets.json", tmp_path / "none"
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, first(40, 50))
    figure(ROUNDS, tmp_path, kept)
    kept.write_text(kept.read_text().replace(vouched_card("gpnet").sha256[:12], "0123456789ab"))
    assert figure(ROUNDS, none, kept).endswith(", of weights 0123456789ab, not of those shipped)")
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, first(8, 10))
    assert figure(ROUNDS, tmp_path, kept).startswith("80.0 [67, 89], on 50 of 250: too few to say (")
    kept.write_text(json.dumps({json.loads(kept.read_text()).popitem()[0]: {"text": "99", "n": 500}}))
    assert figure(ROUNDS, none, kept) == NOT_YET, "without a day and weights nobody knows of what it is"
    kept.write_text('{"x": "90"}')
    with pytest.raises(BadInput, match="cannot be read"):
        figure(ROUNDS, none, kept)


def test_the_command_refreshes_this_table_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, "clearing/learned.jsonl", LEARNED, [True] * 50)
    keep(tmp_path, "clearing/ros.jsonl", LEARNED, [True] * 50)
    page, other = tmp_path / "page.md", marks("table1")
    page.write_text("\n".join([*marks("targets"), other[0], "as it was", other[1]]))
    words = ["--tables", "targets", "--out", str(tmp_path / "out"), "--page", str(page), "--runs", str(tmp_path)]
    assert cli.main(["tables", *words, "--json"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert json.loads(said[-1])["tables"] == ["targets"] and "ros.jsonl is left out" in said[0]
    text = page.read_text()
    assert "100.0 [98, 100], n = 250: met" in text and "as it was" in text
    assert (tmp_path / "targets.json").is_file()
    (tmp_path / "clearing" / "learned.jsonl").write_text("no log\nat all\n")
    assert cli.main(["tables", *words]) == 2 and page.read_text() == text
