"""The ladder: it goes on where it was left, what rests on a changed file is done anew, and only Enter begins a step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.picking.bringup.ladder import Ladder, Outcome, Step
from gpnet_ros.picking.bringup.progress import FILE, RESTS, STEPS, Progress

#: What each step writes into the folder.
WRITES = {"hand-eye": "hand_eye.yaml", "cell": "cell.yaml", "check": "check.yaml"}


class Person:
    """Answers with these words, then is gone."""

    def __init__(self, *words: str) -> None:
        self.words, self.asked = list(words), list[str]()

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        if not self.words:
            raise EOFError
        return self.words.pop(0)


class Fakes:
    """Steps that write their files and say how it went."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.done = folder, list[str]()
        self.fails: set[str] = set()
        self.put_away: list[str] = []
        self.breaks: dict[str, type[BaseException]] = {}
        folder.mkdir(exist_ok=True)
        (folder / "board.yaml").write_text("printed")

    def climb(self, person: Callable[[str], str]) -> tuple[bool, list[str]]:
        """A new process that goes on; whether all is done, and what was done by it."""
        before, told = len(self.done), list[str]()
        steps = [
            Step(
                name, "about", "look", lambda name=name: self._run(name), back="hand-eye" if name == "check" else "",
                afresh=lambda name=name: self.put_away.append(name), acceptable=name == "doctor",
            )
            for name in STEPS
        ]  # fmt: skip
        ended = Ladder(Progress(self.folder), steps, told.append, person).climb()
        self.told = "\n".join(told)
        return ended, self.done[before:]

    def _run(self, name: str) -> Outcome:
        self.done.append(name)
        if name in self.breaks:
            raise self.breaks.pop(name)
        if name in WRITES:
            (self.folder / WRITES[name]).write_text(f"{name} {len(self.done)}")
        return Outcome(name not in self.fails, (f"{name} told <this>",))


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path / "cell")


def test_it_goes_from_an_empty_folder_to_run_and_then_has_nothing_left_to_do(fakes: Fakes) -> None:
    assert fakes.climb(Person(*[""] * len(STEPS))) == (True, list(STEPS))
    assert fakes.climb(Person()) == (True, [])
    page = (fakes.folder / "bringup.html").read_text()
    assert "All steps are done" in page and "check told &lt;this&gt;" in page and "http" not in page


@pytest.mark.parametrize("way", ["q", "terminal", "Ctrl-C", "terminal within", "killed"])
def test_it_can_be_left_anywhere_and_goes_on_there(fakes: Fakes, way: str) -> None:
    if way in ("Ctrl-C", "terminal within"):
        fakes.breaks["check"] = KeyboardInterrupt if way == "Ctrl-C" else EOFError
        assert fakes.climb(Person("", "", "", "")) == (False, ["doctor", "hand-eye", "cell", "check"])
    elif way == "killed":  # nothing that comes after is run
        fakes.breaks["check"] = SystemExit
        with pytest.raises(SystemExit):
            fakes.climb(Person("", "", "", ""))
    else:
        words = ["", "", "", *(["q"] if way == "q" else [])]
        assert fakes.climb(Person(*words)) == (False, ["doctor", "hand-eye", "cell"])
    assert fakes.climb(Person("", "q"))[1] == ["check"]


def test_what_rests_on_a_file_that_changed_is_done_anew_and_told(fakes: Fakes) -> None:
    assert fakes.climb(Person(*[""] * len(STEPS)))[0]
    (fakes.folder / "hand_eye.yaml").write_text("another")
    ended, done = fakes.climb(Person("q"))
    assert not ended and not done and "hand-eye rests on hand_eye.yaml, which is another one since" in fakes.told
    (fakes.folder / "hand_eye.yaml").write_text("hand-eye 2")  # as it was
    assert fakes.climb(Person()) == (True, [])
    (fakes.folder / "check.yaml").unlink()
    assert fakes.climb(Person(*[""] * 7)) == (True, list(STEPS[3:]))
    progress = Progress(fakes.folder)
    progress.forget("hand-eye")
    assert progress.missing("check") == "hand-eye goes before it, and is not done yet"
    ended, done = fakes.climb(Person(*[""] * 4))  # hand-eye anew; its new file takes cell, check and all modes along
    assert not ended and done == ["hand-eye", "cell", "check", "dry_run"]


def test_every_step_falls_with_each_file_that_it_rests_on_and_only_with_these(fakes: Fakes) -> None:
    assert fakes.climb(Person(*[""] * len(STEPS)))[0]
    for name in ("board.yaml", "hand_eye.yaml", "cell.yaml", "check.yaml"):
        before = (fakes.folder / name).read_text()
        (fakes.folder / name).write_text(before + "!")
        fallen = [step for step in STEPS if Progress(fakes.folder).missing(step)]
        first = next(step for step in STEPS if name in RESTS[step])
        assert fallen == list(STEPS[STEPS.index(first) :])
        (fakes.folder / name).write_text(before)
    assert Progress(fakes.folder).next() is None


def test_a_step_that_fails_stops_the_ladder_and_b_goes_back(fakes: Fakes) -> None:
    fakes.fails = {"check"}
    ended, done = fakes.climb(Person("", "", "", "", "q"))
    assert not ended and done[-1] == "check" and "dry_run" not in done
    ended, done = fakes.climb(Person("", "a", "b", "", "q"))  # a is none of its words
    assert done == ["check", "hand-eye"] and fakes.put_away == ["hand-eye"] and "'a' is none of these" in fakes.told
    fakes.fails = set()
    assert fakes.climb(Person(*[""] * 8)) == (True, list(STEPS[2:]))


def test_a_person_may_go_on_over_a_fault_of_the_doctor_only_after_it_was_told(fakes: Fakes) -> None:
    fakes.fails = {"doctor"}
    person = Person("a", "", "a", "q")
    assert fakes.climb(person) == (False, ["doctor"])
    assert Progress(fakes.folder).next() == "hand-eye" and "a goes on" not in person.asked[0]
    assert "accepted by a person" in (fakes.folder / "bringup.html").read_text()


@pytest.mark.parametrize("word", ["y", "no", "yes", "run", " n", "-"])
def test_nothing_begins_on_another_answer_than_enter(fakes: Fakes, word: str) -> None:
    assert fakes.climb(Person(word, word, "q")) == (False, [])


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "settings: {}", "settings: {}\nsteps: {fly: {}}", "settings: {}\nsteps: {check: {ok: true}}"],
)
def test_a_damaged_file_of_progress_is_refused_with_the_next_step(fakes: Fakes, text: str) -> None:
    (fakes.folder / FILE).write_text(text)
    with pytest.raises(BadInput, match="move it away"):
        Progress(fakes.folder)


def test_a_kept_answer_that_is_not_true_is_none(fakes: Fakes) -> None:
    assert fakes.climb(Person("", "q")) == (False, ["doctor"])
    file = fakes.folder / FILE
    file.write_text(file.read_text().replace("ok: true", "ok: 'yes'"))
    assert Progress(fakes.folder).next() == "doctor"
