"""Leads a person up the ladder from doctor to run: one step after the other, each on Enter; it can be left anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpnet_ros.picking.bringup.page import ladder_page
from gpnet_ros.picking.bringup.progress import STEPS, Progress

#: The page beside the file of progress.
PAGE = "bringup.html"


@dataclass(frozen=True)
class Outcome:
    """How a step ended.

    Attributes:
        ok: whether it is done.
        told: what a person read last, line by line.
        pictures: files of the folder.
        left: whether the person left (Ctrl-C).
    """

    ok: bool
    told: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    left: bool = False


@dataclass(frozen=True)
class Step:
    """One step of the ladder.

    Attributes:
        name: one of `progress.STEPS`.
        about: what it needs and what happens, before Enter.
        look: what to look for while it runs and at its result.
        run: does it; never moves anything without a further word where it moves at all.
        back: step that is to be done anew where this one fails again and again.
        afresh: puts away what this step has kept, before it is done anew.
        acceptable: whether a person may go on though it failed.
    """

    name: str
    about: str
    look: str
    run: Callable[[], Outcome]
    back: str = ""
    afresh: Callable[[], None] = lambda: None
    acceptable: bool = False


class Ladder:
    """The steps of one cell's folder, and a person who is led."""

    def __init__(
        self, progress: Progress, steps: Sequence[Step], say: Callable[[str], None], ask: Callable[[str], str]
    ) -> None:
        """Nothing is done yet.

        Args:
            progress: of the folder.
            steps: all of `progress.STEPS`.
            say: tells a person a line.
            ask: asks for a word; raises EOFError where nobody is there any more.
        """
        self.progress, self._say, self._ask = progress, say, ask
        self._steps = {step.name: step for step in steps}

    @property
    def page(self) -> Path:
        """The page of the folder."""
        return self.progress.folder / PAGE

    def climb(self) -> bool:
        """Go on where it was left, until all is done or the person leaves; whether all is done."""
        while (name := self._next()) is not None:
            if not self._step(self._steps[name]):
                self._say(f"Left before {name}. What is done is kept: call the same command again to go on.")
                self.write_page()
                return False
        self.write_page()
        return True

    def anew(self, name: str) -> None:
        """A step and all after it are done anew: what they have kept is put aside, not only how they ended."""
        for each in STEPS[STEPS.index(name) :]:
            self._steps[each].afresh()
        self.progress.forget(name)

    def again(self, name: str) -> Outcome:
        """Do a step that stands once more; what it rests on stays."""
        return self._do(self._steps[name])

    def write_page(self) -> None:
        """Write the page of what is done and what comes next."""
        looks = {name: (step.about, step.look) for name, step in self._steps.items()}
        self.page.write_text(ladder_page(self.progress, looks), encoding="utf-8")

    def _next(self) -> str | None:
        name = self.progress.next()
        if name is not None and self.progress.attempts.get(name) is not None:
            self._say(f"{name} {self.progress.missing(name)}: it is done anew.")
        return name

    def _step(self, step: Step) -> bool:
        """Ask for a word, and do it; whether the person stays."""
        number = STEPS.index(step.name) + 1
        self._say(f"\n== {number} of {len(STEPS)}: {step.name}\n{step.about}\nLook: {step.look}")
        failed = step.name in self.progress.attempts and not self.progress.attempts[step.name].ok
        while True:
            word = self._word(step, failed)
            if word == "":
                return not self._do(step).left
            if word == "q":
                return False
            if word == "b" and step.back:
                self._steps[step.back].afresh()
                self.progress.forget(step.back)
                return True
            if word == "a" and step.acceptable and failed:
                kept = self.progress.attempts[step.name]
                self.progress.note(step.name, False, kept.told, kept.pictures, accepted=True)
                return True
            self._say(f"{word!r} is none of these.")

    def _word(self, step: Step, failed: bool) -> str:
        words = ["Enter " + ("tries again" if failed else "begins")]
        words += [f"b does {step.back} anew"] if step.back else []
        words += ["a goes on all the same"] if step.acceptable and failed else []
        try:
            return self._ask(f"{step.name}: {', '.join(words)}, q leaves> ").strip().lower()
        except (EOFError, KeyboardInterrupt):
            return "q"

    def _do(self, step: Step) -> Outcome:
        try:
            outcome = step.run()
        except KeyboardInterrupt:
            outcome = Outcome(False, ("Left by Ctrl-C.",), left=True)
        except EOFError:
            outcome = Outcome(False, ("Left: nobody is at the terminal any more.",), left=True)
        self.progress.note(step.name, outcome.ok, outcome.told, outcome.pictures)
        self.write_page()
        self._say(f"{step.name}: {'done' if outcome.ok else 'not done'}; {self.page} tells it.")
        return outcome
