"""A person and the loop through a shift: each begins where the other waits.

Nothing here moves anything: it calls what `PickingLoop` offers a person, and waits for what the loop says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from gpnet_ros.errors import DeviceError
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.loop import PickingLoop
from gpnet_ros.picking.record import DecisionBasis, PickRecord, decision_values, how_chosen, where_chosen
from gpnet_ros.tool_words import TOOL_WORDS

#: States in which the loop waits for a person.
_REST = ("idle", "needs_resume")
#: How often a wait looks whether the loop has died [s].
_TICK = 1.0
#: Ends of a task that ask for another word of a person, and may then be gone on from.
_GO_ON = ("stopped", "failures", "not_seen", "no_frame")
#: What a turn with a word of its own does. Whatever it begins with, the arm comes home first where it has to.
_HOME = "before it the arm goes home if it stands elsewhere"
_TURNS = {
    "dry_run": "Look and decide; nothing moves",
    "hover": f"Look and hover above what is chosen; {_HOME}",
    "step": f"Look and decide; {_HOME}, {{tidy}}; for the pick nothing moves yet",
}
#: Ends of a shift at which all is well.
WELL = ("nothing_left", "max_picks", "person")


class Operator(Protocol):
    """Somebody beside the cell."""

    def word(self, what: str) -> bool:
        """Whether this may happen now."""

    def tell(self, what: str) -> None:
        """Say something."""


class News:
    """Implements `LoopListener`: progress for a person, and something to wait for.

    Attributes:
        states: of the loop, in order.
        last: record of the last turn of the present task.
        records: of turns that nobody has taken yet, kept while `pause` is set: pictures are large.
        decision: what was decided last.
        pause: called after each turn that does not end a task; None lets the loop go on.
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        """`tell` takes each line of progress."""
        self._tell, self._changed = tell, threading.Condition()
        self.states: list[str] = []
        self.last: PickRecord | None = None
        self.records: list[PickRecord] = []
        self.pause: Callable[[], object] | None = None
        self.decision: Decision | None = None
        self._refused = ""

    def state(self, state: str) -> None:
        """The loop has a new state."""
        with self._changed:
            self.states.append(state)
            self._changed.notify_all()

    def refused(self, reason: str) -> None:
        """Say why a frame or a wish was refused, once."""
        if reason != self._refused:
            self._refused = reason
            self._tell(f"refused: {reason}")

    def decided(self, decision: Decision, sight: Sight, basis: DecisionBasis) -> None:
        """Say what was chosen."""
        with self._changed:
            self.decision = decision
        if decision.plan is not None:
            self._tell(chosen(decision))

    def result(self, record: PickRecord) -> None:
        """Say what became of a turn."""
        self._refused = ""
        self._tell(_line(record))
        if self.pause is not None and record.finished is None:  # in the loop's thread, so that no next turn begins
            self.pause()
        with self._changed:
            self.last = record
            if self.pause is not None:
                self.records.append(record)
            self._changed.notify_all()

    @property
    def now(self) -> str:
        """The newest state that was told; the loop itself may be ahead of it."""
        return self.states[-1] if self.states else ""

    def has_come(self, states: Sequence[str], seen: int) -> bool:
        """Whether one of these states has come after the first `seen` ones."""
        return any(state in states for state in self.states[seen:])

    def wait(self, condition: Callable[[], bool], loop: PickingLoop) -> None:
        """Wait until something holds.

        Raises:
            DeviceError: the loop has died.
        """
        with self._changed:
            while not condition():
                self._changed.wait(_TICK)
                if loop.has_died:
                    raise DeviceError("The picking loop has died, see the message above: start it again.")


def chosen(decision: Decision) -> str:
    """One line of a decision with a grasp: see `record.where_chosen` and `how_chosen`."""
    values = decision_values(decision)
    return f"chosen    {where_chosen(values)}, {how_chosen(values)}"


def _line(record: PickRecord) -> str:
    turn = record.turn
    name = f"pick {record.pick}" if turn.result is not None else "look"
    seconds = sum(turn.times.values())
    why = f": {turn.message}" if turn.message else ""
    return f"{name:9}{turn.status.replace('_', ' '):18}{seconds:5.1f} s  {record.placed} placed{why}"


class Shift:
    """A shift of a loop with a person beside it."""

    def __init__(self, loop: PickingLoop, news: News, person: Operator, again: bool = False, turns: int | None = None):
        """Nothing is opened yet.

        Args:
            loop: not open; its listener tells `news`.
            news: what the loop says.
            person: asked before all that a person has to allow.
            again: ask for another heap where the table is empty, instead of ending.
            turns: in modes in which each turn has a word of its own, most turns; None asks until the person ends it.
        """
        self._loop, self._news, self._person, self._again, self._turns = loop, news, person, again, turns
        self._words = TOOL_WORDS[loop.manipulator.cell.tool]

    def run(self) -> str:
        """Pick until the table is empty or somebody ends it; why it ended, `person` where a person did.

        Raises:
            DeviceError: the loop has died.
        """
        with self.opened():
            settings = self._loop.settings
            runs = settings.mode == "run"  # in other modes each turn has a word of its own
            begin = f"Pick until nothing is left, or {settings.max_picks} picks"
            if not (self.is_allowed(begin) if runs else self.make_ready()):
                return "person"
            while True:
                ended = self._task(self._loop.start) if runs else self._one_by_one()
                if not self._goes_on(ended):
                    return ended

    @contextmanager
    def opened(self) -> Iterator[None]:
        """The loop, open and at rest; afterwards it is closed, the grip is held.

        Raises:
            DeviceError: the loop has died.
        """
        self._loop.open()
        try:
            self._news.wait(lambda: self._news.now in _REST, self._loop)
            yield
        finally:
            self._loop.close()

    def paused_turns(self) -> Iterator[PickRecord]:
        """The turns of one task; the loop pauses after each until the next is asked for, and stops if none is.

        Raises:
            DeviceError: the loop has died.
        """
        loop, news = self._loop, self._news
        seen, news.pause = len(news.states), loop.pause
        news.records.clear()
        try:
            done, why = loop.start()
            if not done:
                self._person.tell(why)
                return
            while True:
                news.wait(partial(news.has_come, (*_REST, "paused"), seen), loop)
                while news.records:
                    yield news.records.pop(0)
                seen = len(news.states)
                if news.now in _REST:
                    return
                loop.end_pause()
        finally:
            news.pause = None
            if news.now not in _REST:  # whoever asked for the turns has left: nothing goes on without them
                loop.stop()

    def _goes_on(self, ended: str) -> bool:
        """Whether a person wants to go on after a task has ended."""
        if ended == "nothing_left":
            return self._again and self.is_allowed("The table is empty. Lay the next heap, hands off; it picks on")
        if ended not in _GO_ON or self._loop.settings.auto_resume:
            return False
        last = self._news.last
        why = "no result" if last is None else last.turn.message or last.turn.status
        return self.is_allowed(f"It has stopped ({why}). Look at the cell; go on")

    def is_allowed(self, what: str) -> bool:
        """Whether a task may begin: what makes ready has a word of its own, and the task's word comes after it."""
        while self.make_ready():
            if not self._person.word(what):
                return False
            if self._news.now != "needs_resume":
                return True
        return False

    def make_ready(self) -> bool:
        """Whether the loop may begin, on a person's word where it needs one; nothing else begins by that word."""
        loop, news = self._loop, self._news
        tool = f", and {self._words.ready}" if loop.manipulator.grips else ""
        while news.now == "needs_resume":
            why = loop.refusal
            if not self._person.word(f"{why} Make it ready: it powers on where it must, brakes click{tool}"):
                return False
            seen = len(news.states)
            done, told = loop.resume()
            if done:
                news.wait(partial(news.has_come, _REST, seen), loop)
            else:
                self._person.tell(told)
        return True

    def _task(self, begin: Callable[[], tuple[bool, str]]) -> str:
        """Begin something and wait until the loop rests; why it ended, empty where it goes on."""
        loop, news = self._loop, self._news
        seen, news.last = len(news.states), None
        done, told = begin()
        if not done:
            self._person.tell(told)
            return "stopped"
        news.wait(partial(news.has_come, (*_REST, "awaiting_approval"), seen), loop)
        return self._ended()

    def _ended(self) -> str:
        """Why what was begun last has ended, empty where it goes on."""
        if self._news.now == "needs_resume":
            return "stopped"
        last = self._news.last
        return "" if last is None else last.finished or ""

    def _one_by_one(self) -> str:
        """Turn by turn, each on a word; why it ended."""
        what = _TURNS[self._loop.settings.mode].format(tidy=self._words.tidy)
        done = 0
        while self._turns is None or done < self._turns:
            if not self._person.word(what):
                return "person"
            ended = self._task(self._loop.pick)
            while not ended and self._news.now == "awaiting_approval":
                ended = self._approved()
            if ended:
                return ended
            done += 1
        return "max_picks"

    def _approved(self) -> str:
        """The pick that was told last, on a word for it and no other; why it ended, empty where it goes on."""
        loop, news = self._loop, self._news
        shown = news.decision
        if not self._person.word("Pick what was chosen, as told above"):
            return "person"
        seen = len(news.states)
        done, told = loop.approve(shown)
        if done:
            news.wait(partial(news.has_come, (*_REST, "awaiting_approval"), seen), loop)
        else:
            self._person.tell(told)
            news.wait(lambda: news.now in _REST or self._waits_for_another(shown), loop)
        return self._ended()

    def _waits_for_another(self, shown: Decision | None) -> bool:
        """Whether the loop waits for a word on another decision than this."""
        return self._news.now == "awaiting_approval" and self._news.decision is not shown
