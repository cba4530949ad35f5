"""The tables: what is called a difference, what stands for missing models, and what a page keeps."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.judged_rows import CARD, results, row
from support.rounds import round_row

from gpnet_ros import cli
from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.evaluation.closed_loop import core
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.rows import RoundRow
from gpnet_ros.evaluation.judging.evaluation import Results
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import build, save
from gpnet_ros.paper import measuring, paper_figures, tables
from gpnet_ros.paper.cells import Outcomes, cell, difference
from gpnet_ros.paper.lines import Line, table_lines, untrained
from gpnet_ros.paper.pages import fill, marks
from gpnet_ros.paper.pictures import measure_line, picture_table
from gpnet_ros.paper.rows import AblationRow, decisive_settings, read_ablation_rows
from gpnet_ros.paper.table3 import ALL, clearing_table, line_of_rounds
from gpnet_ros.paper.target_figures import NOT_YET, ShippedFiles
from gpnet_ros.paper.targets import targets_table

N = 200
NAMES = tuple(f"scene-{k}" for k in range(N))
ROW = AblationRow("gpnet", "GP-Net", "best", paper="GP-Net RGB-D")


def of_counts(*counts: int, names: tuple[str, ...] = NAMES) -> Outcomes:
    """Seeds that won the first so many scenes."""
    return Outcomes(np.array([[k < count for k in range(len(names))] for count in counts]), names)


def test_mean_spread_and_interval_are_those_of_the_seeds_and_the_scenes() -> None:
    outcomes = of_counts(160, 170, 180)
    assert outcomes.mean == pytest.approx(0.85) and outcomes.deviation == pytest.approx(0.05)
    low, high = outcomes.interval
    assert low < 0.85 < high and (low, high) == of_counts(170).interval, "more seeds are not more scenes"
    assert cell(outcomes) == "85.0 ± 5.0 [79, 89]" and "±" not in cell(of_counts(170)) and cell(None) == ""
    assert of_counts(170).deviation is None


def test_seeds_whose_ranges_touch_are_inside_the_spread_however_far_their_means() -> None:
    far = difference(of_counts(190, 180, 120), of_counts(120, 110, 100))
    assert far.rate > 0.2 and far.low > 0 and far.verdict == "inside the spread"
    apart = difference(of_counts(190, 180, 121), of_counts(120, 110, 100))
    assert apart.verdict == "ahead"
    back = difference(of_counts(120, 110, 100), of_counts(190, 180, 121))
    assert back.verdict == "behind" and back.rate == -apart.rate and (back.low, back.high) == (-apart.high, -apart.low)


def test_seeds_that_are_apart_but_too_few_scenes_are_inside_the_interval() -> None:
    names = NAMES[:20]
    found = difference(of_counts(11, 11, 11, names=names), of_counts(10, 10, 10, names=names))
    assert found.verdict == "inside the interval" and found.low <= 0 < found.rate
    assert difference(of_counts(100, 90), of_counts(90, 100)).verdict == "equal"


def test_single_seeds_are_called_that_and_tested_in_pairs() -> None:
    ours, theirs = of_counts(150), of_counts(140)
    found = difference(ours, theirs)  # ten scenes more, none less
    assert found.verdict == "ahead (one seed)" and found.p == pytest.approx(2 * 0.5**10, abs=1e-4)
    mixed = Outcomes(np.roll(theirs.won, 30, axis=1), NAMES)
    assert difference(ours, mixed).verdict == "inside the interval (one seed)" and difference(ours, mixed).p > 0.05
    assert difference(of_counts(150, 151), theirs).p is None


def test_a_difference_that_is_the_same_everywhere_still_has_an_interval() -> None:
    names = NAMES[:4]
    for seeds in (1, 3):
        found = difference(of_counts(*[0] * seeds, names=names), of_counts(*[4] * seeds, names=names))
        assert found.rate == -1.0 and found.low == -1.0 < found.high < 0.0
        equal = difference(of_counts(*[2] * seeds, names=names), of_counts(*[2] * seeds, names=names))
        assert equal.low <= 0.0 == equal.rate <= equal.high
    many = difference(of_counts(150, 150), of_counts(140, 140))
    one = difference(of_counts(150), of_counts(140))
    assert (many.low, many.high) == pytest.approx((one.low, one.high), abs=0.01)
    low, high = of_counts(1, 2, names=names).interval  # 1.5 of 4, not 2
    assert low < 0.375 < high and (low, high) != of_counts(2, names=names).interval


def test_other_scenes_are_never_compared() -> None:
    with pytest.raises(BadInput, match="different scenes"):
        difference(of_counts(10), of_counts(10, names=tuple(reversed(NAMES))))
    with pytest.raises(BadInput):
        Outcomes(np.zeros((2, 3), bool), NAMES)


def judged(model: Path, priority: str) -> Results:
    """Models whose folder is a number won so many scenes; without priority half of that."""
    if model.name == "broken":
        raise ModelRefused("the file is not the one its card vouches for")
    won = int(model.name) // (1 if priority == "learned" else 2)
    return results([row(k, lift=k < won, top=k < won // 2) for k in range(N)])


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Line, "cards", lambda self: [CARD for _ in self.models])


def line(*models: str, name: str = "gpnet", priority: str = "learned") -> Line:
    return Line(AblationRow(name, name.upper(), "best", paper=""), priority, tuple(Path(m) for m in models))


def test_a_line_without_models_says_the_command_and_a_refused_one_its_reason(cards: None) -> None:
    measured = [
        measure_line(entry, judged) for entry in (line("180", "182"), line(name="rival"), line("broken", name="bad"))
    ]
    table = picture_table("table1", "T", measured, Path("runs/x"), {})
    assert table.rows[0]["lift"].startswith("90.5 ± 0.7") and table.rows[0]["seeds"] == "2"
    assert len(table.rows) == 2 and "vouches" in table.rows[1]["seeds"] and table.rows[1].get("lift", "") == ""
    assert table.notes[-1] == "Not trained yet: RIVAL. `gpnet ablate --rows rival --out runs/x` trains them."
    assert [entry["method"] for entry in table.values if entry["metric"] is None] == ["rival", "bad"]


def test_every_line_is_compared_with_the_named_one(cards: None) -> None:
    entries = [line("100", "101", name="rival"), line("180", "182"), line("180", "182", priority="none")]
    table = picture_table("t", "T", [measure_line(e, judged) for e in entries], Path("x"), {}, against="gpnet")
    column = "lift, less gpnet"
    assert column in table.columns
    assert table.rows[0][column].startswith(("-40.2", "-40.3")) and table.rows[0][column].endswith("behind")
    assert table.rows[1][column] == "" and table.rows[2][column].endswith("behind")
    (number,) = (v for v in table.values if (v["method"], v["metric"], v["decode"]) == ("rival", "lift", "cell"))
    assert number["difference"] == pytest.approx(-0.4025) and number["verdict"] == "behind" and number["n"] == N


def test_what_a_set_cannot_tell_has_no_column(cards: None) -> None:
    def public(model: Path, priority: str) -> Results:
        return results([row(k, lift=None, top=None, any=k < 50) for k in range(N)])

    table = picture_table(
        "t", "T", [measure_line(line("1"), public), measure_line(line("2", name="b"), public)], Path("x"), {}
    )
    page = table.markdown()
    assert "rectangle, any, less gpnet" in page and "lift" not in page.replace("lift in physics", "")
    assert "| 25.0 [" in page


def test_the_papers_figures_stand_in_columns_of_their_own(cards: None) -> None:
    entry = measure_line(Line(ROW, "learned", (Path("100"),)), judged)
    table = picture_table("t", "T", [entry], Path("x"), paper_figures.TABLE1)
    assert table.rows[0]["paper [%]"] == "82.6" and table.rows[0]["paper [ms]"] == "23"
    assert "paper" not in picture_table("t", "T", [entry], Path("x"), {}).markdown()


def test_every_row_named_of_the_paper_is_one(cards: None) -> None:
    known = {("table1", "rgb", "depth"): paper_figures.TABLE1, ("table2",): paper_figures.TABLE2}
    for name, figures in known.items():
        named = {r.paper for r in read_ablation_rows() if set(name) & set(r.tables) and r.paper} & set(figures)
        assert named == set(figures), f"every figure of the paper's {name} stands beside one of ours"
    assert all(r.paper in paper_figures.TABLE1 | paper_figures.TABLE2 for r in read_ablation_rows() if r.paper)


def test_unequal_budgets_are_named(cards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [measure_line(line("100"), judged), measure_line(line("120", name="b"), judged)]
    assert "Budgets" not in picture_table("t", "T", entries, Path("x"), {}).markdown()
    long = Card("gpnet", {}, "rgbd", recipe={"steps": 3000, "batch": 8}, data={"views": 200})
    monkeypatch.setattr(Line, "cards", lambda self: [long if self.row.name == "b" else CARD for _ in self.models])
    page = picture_table("t", "T", [measure_line(e.line, judged) for e in entries], Path("x"), {}).markdown()
    assert "Budgets differ: 8000 views (gpnet) to 24000 views (b) in training." in page
    assert "Training data differ: 100, 200 views" in page


def rounds(rights: Sequence[bool], objects: Sequence[int] = (3, 4, 5, 6, 7)) -> list[RoundRow]:
    """Rounds over the first frozen heaps of each K, of two picks each, one of which misses where not all is right."""
    good = round_row(HeapName(5), True).picks
    found = [round_row(HeapName(k, number=n), right) for k in objects for n, right in enumerate(rights)]
    return [replace(row, picks=(*good, *row.picks)) for row in found]


def test_table3_compares_heap_by_heap_and_shows_the_paper() -> None:
    found = [
        line_of_rounds("oracle", "oracle", rounds([True] * 20)),
        line_of_rounds("gpnet", "GP-Net", rounds([True] * 16 + [False] * 4)),
        line_of_rounds("gpnet, none", "GP-Net, none", rounds([True] * 8 + [False] * 12)),
    ]
    table = clearing_table(found, "gpnet", Path("x"))
    assert table.rows[1]["K = 3"].startswith("80.0") and table.rows[1][ALL].startswith("80.0 [7")
    assert table.rows[0]["all, less gpnet"].startswith("+20.0") and table.rows[2]["all, less gpnet"].endswith("behind")
    assert table.rows[1]["picks that brought an object"] == "90.0"
    assert table.rows[-1]["K = 3"] == "94.4" and table.rows[-1][ALL] == "83.3" and "paper" in table.rows[-1]["method"]
    shuffled = line_of_rounds("gpnet", "GP-Net", rounds([True] * 16 + [False] * 4)[::-1])
    assert shuffled.outcomes[ALL].names == found[1].outcomes[ALL].names, "the order of the log does not matter"
    with pytest.raises(BadInput):
        line_of_rounds("gpnet", "GP-Net", [])
    found[0] = line_of_rounds(
        "oracle", "oracle", rounds([True] * 10)
    )  # ten heaps of each K only, which all won in both
    table = clearing_table(found, "gpnet", Path("x"))
    assert [r.get("heaps") for r in table.rows] == ["50", "100", "100", None]
    assert table.rows[0]["all, less gpnet"].startswith("+0.0")
    with pytest.raises(BadInput, match="for 0 scenes"):
        clearing_table([found[0], line_of_rounds("gpnet", "GP-Net", rounds([True], objects=(8,)))], "gpnet", Path("x"))


def test_rounds_beyond_those_asked_for_count_where_they_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "ROUNDS", tmp_path)
    asked: list[tuple[int, int]] = []

    def clear(heaps: Sequence[HeapName], policy: Policy, log: Path, resume: bool, workers: int) -> list[RoundRow]:
        asked.append((len(heaps), max(heap.number or 0 for heap in heaps)))
        with log.open("a") as file:
            for heap in heaps[: None if len(asked) == 1 else 0]:
                file.write(json.dumps(round_row(heap, True).to_dict()) + "\n")
        return []

    monkeypatch.setattr(core, "clear_heaps", clear)
    for count in (3, 1, 4):
        measuring.play_heaps(None, "oracle", rounds=count)
    assert asked == [(15, 2), (15, 2), (20, 3)], "three heaps of each K are there: one is not enough to ask for"
    (log,) = tmp_path.iterdir()
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))  # the last K of the third is lost
    measuring.play_heaps(None, "oracle", rounds=1)
    assert asked[-1] == (10, 1)


def test_a_page_gets_its_parts_and_keeps_everything_else(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    begin, end = marks("table1")
    page.write_text(f"# Mine\n\n{begin}\nold\n{end}\n\nMy words.\n")
    assert fill(page, {"table1": "| 1 \\2 |", "table9": "x"}) == ["table9"]
    text = page.read_text()
    assert text == f"# Mine\n\n{begin}\n\n| 1 \\2 |\n\n{end}\n\nMy words.\n"
    fill(page, {"table1": "| 1 \\2 |"})
    assert page.read_text() == text, "a second time changes nothing"
    page.write_text(f"{begin}\nold\n")
    with pytest.raises(BadInput, match="has no line"):
        fill(page, {"table1": "new"})
    with pytest.raises(BadInput, match="cannot be read"):
        fill(tmp_path / "none.md", {})


def test_the_page_of_results_has_a_part_for_every_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "results.md").read_text("utf-8")
    for name in ("targets", "table1", "rgb", "depth", "parts", "losses", "table2-unseen-test", "table3", "ingredients"):
        begin, end = marks(name)
        assert page.count(begin) == page.count(end) == 1 and page.index(begin) < page.index(end)
    kept = json.loads((Path(__file__).parents[2] / "docs" / "targets.json").read_text("utf-8"))
    asked = targets_table(ShippedFiles(Path("none")), {}).rows
    assert set(kept) <= {line["measure"] for line in asked}, "nothing is remembered that no line asks for"
    for line in asked:
        entry = kept.get(line["measure"])
        figure = f"{NOT_YET} |" if entry is None else f"{entry['text']} ({entry['day']}"
        assert f"| {line['measure']} | {line['at least now']} | {line['we aim at']} | {figure}" in page


def save_tiny(folder: Path) -> None:
    """A model as row `best` trains it, but for its size."""
    torch.manual_seed(0)
    best = next(row for row in read_ablation_rows() if row.name == "best")
    recipe = {**decisive_settings(best.train_settings()), "steps": 500}
    card = Card("gpnet", {"widths": [4, 8, 16]}, "rgbd", recipe=recipe, data={"views": 100})
    save(build(card), card, folder)


def test_lines_take_three_seeds_or_the_shipped_model_or_nothing(tmp_path: Path) -> None:
    rows = read_ablation_rows()
    found = {entry.key: entry for entry in table_lines("table1", rows, tmp_path)}
    gone = replace(found["gpnet"], row=replace(found["gpnet"].row, shipped="gone"), models=())
    assert untrained([gone], tmp_path) == ["GP-Net as shipped cannot be there: models/ has no 'gone'."]
    assert found["gpnet"].shipped and found["gpnet, height"].models == found["gpnet"].models
    assert found["no-cgc"].models == () and "--rows no-cgc " in untrained([found["no-cgc"]], tmp_path)[0]
    for name in ("gpnet", "best"):
        for seed in (0, 1, 2):
            save_tiny(tmp_path / name / f"seed{seed}")
    (tmp_path / "no-cgc" / "seed0" / "run").mkdir(parents=True)  # begun, not finished
    found = {entry.key: entry for entry in table_lines("table1", rows, tmp_path)}
    assert len(found["best"].models) == 3 and not found["best"].shipped and found["no-cgc"].models == ()
    assert found["gpnet"].shipped and len(found["gpnet"].models) == 1, "whatever lies in the folder"
    again = replace(next(row for row in rows if row.name == "best"), name="again", tables=("ingredients",))
    parts = {entry.key: entry for entry in table_lines("ingredients", (*rows, again), tmp_path)}
    assert parts["again"].models == found["best"].models and parts["again"].trained_as == "best"
    assert "gpnet" not in parts
    closed = {entry.key for entry in table_lines("table3", rows, tmp_path)}
    assert "gpnet, none" in closed and "grconvnet, published" in found and "grconvnet, published" not in closed


def test_the_command_writes_everything_with_missing_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (0, 1, 2):
        save_tiny(tmp_path / "models" / "best" / f"seed{seed}")

    def evaluated(model: Path, pictures: object, settings: object, **_: object) -> Results:
        won = 170 + 5 * int(model.name[-1:] if model.name.startswith("seed") else 0)
        return results([row(k, lift=k < won, top=k < won) for k in range(N)])

    monkeypatch.setattr(measuring, "evaluate", evaluated)
    monkeypatch.setattr(tables, "open_pictures", lambda name, source="own": type("P", (), {"name": name, "note": ""})())

    def played(model: Path | None, priority: str, **_: object) -> list[RoundRow]:
        return rounds([True] * 5 + [priority != "none"])

    monkeypatch.setattr(tables, "play_heaps", played)
    monkeypatch.setattr(Line, "cards", lambda self: [CARD for _ in self.models])
    page = tmp_path / "results.md"
    page.write_text("\n".join(mark for n in ("targets", "table1", "table3") for mark in marks(n)))
    words = [
        "tables",
        "--out",
        str(tmp_path / "out"),
        "--models",
        str(tmp_path / "models"),
        "--page",
        str(page),
        "--json",
    ]
    words += ["--runs", str(tmp_path / "none")]
    assert cli.main(words) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(answer["tables"]) == {
        "targets",
        "table1",
        "rgb",
        "depth",
        "parts",
        "equal",
        "losses",
        "table2-unseen-test",
        "table3",
        "ingredients",
        "graspnext",
    }
    for name in ("table1", "table3", "ingredients"):
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 1000
    text = (tmp_path / "out" / "tables.md").read_text()
    assert "87.5 ± 2.5" in text and text.count("Not trained yet: ") == 9, "one sentence per table"
    assert "best-no-cgc best-plain" in text and "| GP-Net, recipe paper, RGB |  | not trained |" in text
    assert "87.5 ± 2.5" in page.read_text() and "Table 3" in page.read_text()
    assert (tmp_path / "targets.json").is_file() and not (tmp_path / "out" / "targets.json").exists()
    with (tmp_path / "out" / "table1.csv").open() as file:
        found = [r for r in csv.DictReader(file) if (r["method"], r["metric"], r["decode"]) == ("best", "lift", "cell")]
    assert len(found) == 1 and found[0]["rates"] == "0.8500 0.8750 0.9000" and found[0]["seeds"] == "3"


@pytest.mark.parametrize(
    "words",
    [["--scenes", "0"], ["--rounds", "0"], ["--public", "vmrd"], ["--public", "vmrd=/none"], ["--public", "cor=/tmp"]],
)
def test_bad_requests_are_refused(tmp_path: Path, words: list[str]) -> None:
    assert cli.main(["tables", "--out", str(tmp_path), *words]) == 2
