"""`gpnet bench protocol` with a script in a person's place: what is laid, what is asked, and what counts."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.loop_bench import Scene
from support.scenes import CELL

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.cli import main
from gpnet_ros.commands import run_shift
from gpnet_ros.devices.fake import FakeArm, FakeGripper
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.layout import layout, read_things
from gpnet_ros.evaluation.closed_loop.rows import read_rounds
from gpnet_ros.picking.loop import PickingLoop
from gpnet_ros.picking.loop_settings import LoopSettings
from gpnet_ros.picking.shift.session import News, Shift

ARM = ["--robot-ip", "192.0.2.1"]


class Script:
    """Lays as many boxes as it is told, and answers from a list; afterwards it leaves."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked, self.told = list(answers), list[str](), list[str]()
        self.eyes: Scene | None = None

    def word(self, what: str) -> bool:
        self.asked.append(what)
        if "hands off" in what:
            assert self.eyes is not None
            lines = self.told[-1].splitlines()
            self.eyes.boxes += len(lines)
        return bool(self.answers)

    def ask(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0) if self.answers else "q"

    def tell(self, what: str) -> None:
        self.told.append(what)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Script]:
    """A fake cell in place of what `shift_of` opens; the person is filled in by each test."""
    who: dict[str, Script] = {}

    @contextmanager
    def shift_of(args: argparse.Namespace) -> Iterator[tuple[Shift, Script, None]]:
        arm, gripper = FakeArm(CELL), FakeGripper(object_width=0.03)
        person, news = who["person"], News(who["person"].tell)
        person.eyes = Scene(gripper)
        person.eyes.boxes = 0
        settings = LoopSettings(mode=args.mode, look_timeout=5.0, max_picks=args.picks)
        loop = PickingLoop(arm, gripper, CELL, load_hand_eye(), person.eyes, news, settings)
        yield Shift(loop, news, person), person, None

    monkeypatch.setattr(run_shift, "shift_of", shift_of)
    monkeypatch.chdir(tmp_path)
    return who


def test_rounds_are_laid_picked_asked_about_and_counted(
    cell: dict[str, Script], capsys: pytest.CaptureFixture[str]
) -> None:
    right = ["2", "2", "y", "1", "1", "y"]
    wrong = ["1 3", "3, 1", "n", "three", "3", "2", "2", "maybe", "n", "0"]  # two at once, wrong words, not topmost
    cell["person"] = person = Script(*right, *wrong)
    words = ["bench", "protocol", *ARM, "--objects", "2-3", "--rounds", "1", "--log", "log.jsonl", "--json"]
    assert main(words) == 0
    first, second = read_rounds(Path("log.jsonl"))
    assert (first.objects, first.all_right, first.cleared, first.faults) == (2, True, True, ())
    assert [pick.ok for pick in first.picks if pick.executed] == [True, True]
    assert (second.objects, second.all_right, second.removed) == (3, False, (0, 1, 2))
    assert second.faults == ("two_at_once", "not_topmost", "dropped")
    assert first.by.path == "own" and first.by.model == "gpnet"
    out = capsys.readouterr().out
    assert "### Table 3 on one cell" in out and "the paper's UR10" in out and "real, path own" in out
    answer = json.loads(out.splitlines()[-2])  # before the line that names the page
    assert [row["all_right"]["rate"] for row in answer["rows"]] == [1.0, 0.0]
    assert answer["all"]["objects_per_hour"] > 0
    page = Path("log.html").read_text(encoding="utf-8")
    assert "thing" in page and "two_at_once" in page and "src=" not in page
    assert sum("Allowed are 0" in told for told in person.told) == 2
    assert sum("neither y nor n" in told for told in person.told) == 1

    cell["person"] = nobody = Script()
    assert main(words[:-1]) == 0, "all rounds are there: nothing is picked"
    assert nobody.asked == []
    assert main(["bench", "protocol", *ARM, "--report", "log.jsonl"]) == 0


def test_a_round_that_a_person_leaves_does_not_count_and_is_laid_anew(cell: dict[str, Script]) -> None:
    words = ["bench", "protocol", *ARM, "--objects", "2", "--rounds", "1", "--log", "log.jsonl"]
    cell["person"] = first = Script("1", "1", "y", "q")
    assert main(words) == 1
    assert read_rounds(Path("log.jsonl")) == []
    cell["person"] = second = Script("1", "1", "y", "2", "2", "y")
    assert main(words) == 0
    laid = [[told for told in person.told if told.startswith("1. ")] for person in (first, second)]
    assert laid[0] == laid[1] and len(laid[0]) == 1


def test_rounds_in_another_precision_are_played_by_the_model_and_do_not_count_for_it(cell: dict[str, Script]) -> None:
    words = ["bench", "protocol", *ARM, "--objects", "2", "--rounds", "1", "--log", "log.jsonl"]
    cell["person"] = Script("1", "1", "y", "2", "2", "y")
    assert main([*words, "--precision", "bfloat16"]) == 0
    (row,) = read_rounds(Path("log.jsonl"))
    assert row.by.model == "gpnet in bfloat16" and row.by.weights
    cell["person"] = Script()
    assert main(words) != 0, "of the network in float32 there is no round"


def test_nothing_is_picked_before_a_person_has_laid_it(cell: dict[str, Script]) -> None:
    cell["person"] = person = Script()
    assert main(["bench", "protocol", *ARM, "--objects", "2", "--rounds", "1", "--log", "log.jsonl"]) == 1
    assert person.eyes is not None and person.eyes.gripper.commands == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--objects", "0-3"], "--objects 0-3"),
        (["--rounds", "0"], "--rounds 0"),
        (["--things", "few.txt"], "2 things are named, 3 are needed"),
        (["--things", "none.txt"], "cannot be read"),
        (["--things", "twice.txt"], "has 'mug' twice"),
        (["--report", "none.jsonl"], "cannot be read"),
        (["--log", "few.txt"], "cannot be read"),
    ],
)
def test_bad_input_is_one_sentence(
    cell: dict[str, Script], words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("few.txt").write_text("mug\n# none\nbox # blue\n")
    Path("twice.txt").write_text("mug\nmug\n")
    cell["person"] = Script()
    assert main(["bench", "protocol", *ARM, *words]) == 2
    assert told in capsys.readouterr().err


def test_layouts_are_those_of_their_seed_and_can_be_laid() -> None:
    things = read_things(None, 7)
    for number in range(1, 19):
        found = layout(7, number, things, 0, 0.32)
        assert found == layout(7, number, things, 0, 0.32)
        assert found != layout(7, number, things, 1, 0.32)
        assert len({laid.name for laid in found.things}) == 7
        assert found.things[0].on is None
        assert all(laid.on is None or 1 <= laid.on <= k for k, laid in enumerate(found.things))
        assert all(abs(v) < 0.16 for laid in found.things for v in laid.place)
    with pytest.raises(BadInput, match="2 things"):
        layout(3, 1, ["a", "b"], 0, 0.32)
