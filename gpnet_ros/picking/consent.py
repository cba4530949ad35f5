"""A person's word on a grasp that was shown, in mode `step`: it moves the arm for that grasp and for no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gpnet_ros.pick import Decision
from gpnet_ros.picking.picker import Picker, TurnOver
from gpnet_ros.picking.record import Turn, decision_values, where_chosen

#: A proposal that nobody approved for so long [s] shows a heap that may have changed.
APPROVAL_MAX = 60.0
#: Why a proposal holds no longer.
_TOO_OLD, _CHANGED = "The proposal is too old", "A parameter has changed since the decision"
#: In the answer to a refused call: another proposal waits for a word already, and is named; else one is still to come.
PROPOSED_NOW = "Proposed now is the grasp"
#: How often a wait looks at what ends it without a word [s].
_TICK = 0.1


class Consent:
    """Holds the proposal that waits for a word, and remembers when one before it was dropped.

    A call that cannot name its grasp, as `std_srvs/Trigger` cannot, is for what its caller saw last. After a proposal
    was dropped that may be the old one: the first such call is told so, and approves nothing. Several callers count
    as one: what one of them was told all are taken to know.
    """

    def __init__(self, changed: threading.Condition, picker: Picker, is_over: Callable[[], bool]) -> None:
        """Wait for words.

        Args:
            changed: notified whenever something happens that a wait may end by.
            picker: whose proposals these are, and who carries them out.
            is_over: whether nothing may move any more, as after a stop; asked all the time.
        """
        self._changed, self._picker, self._is_over = changed, picker, is_over
        self._shown: Decision | None = None
        self._given = False
        self._dropped = ""  # why the proposal before holds no longer, until a caller was told

    def begin(self) -> None:
        """A task begins: its caller has seen no proposal of it yet."""
        with self._changed:
            self._shown, self._given, self._dropped = None, False, ""

    def take_back(self) -> None:
        """A word that was given and not acted on yet counts no more, as after a stop."""
        with self._changed:
            self._given = False

    def execute(self, turn: Turn) -> Turn | None:
        """Carry out a proposal that was published, once a person approves it; None where nobody did.

        Raises:
            TurnOver: see `Picker.execute`.
        """
        with self._changed:
            self._shown, self._given = turn.decision, False
        self._picker.say("awaiting_approval")
        why = self._wait()
        if why == "":
            try:
                return self._picker.execute(turn)
            except TurnOver:
                self._drop(_CHANGED)
                raise
        if why is not None:
            self._picker.listener.refused(f"{why}; looks again.")
        return None

    def _wait(self) -> str | None:
        """Wait for the word on what is shown: empty with it, why it holds no longer, or None when it is over."""
        end, why = time.monotonic() + APPROVAL_MAX, ""
        with self._changed:
            while not (self._given or self._shown is None or self._is_over() or why):
                why = _CHANGED if self._picker.is_outdated else _TOO_OLD if time.monotonic() > end else ""
                if not why:
                    self._changed.wait(_TICK)
            given, is_wanted, self._shown = self._given, self._shown is not None, None
            if given or not is_wanted or self._is_over():  # a stop, and a new task after it, end the wait as one
                return "" if given and not self._picker.stopped() else None
            self._drop(why)
            return why

    def _drop(self, why: str) -> None:
        """What was shown last is not done, whatever was said, and another look follows; why begins a sentence."""
        with self._changed:
            self._dropped = why

    def give(self) -> tuple[bool, str] | None:
        """A word for what was seen last: whether it approves, and what the caller is told; None if none is asked for.

        Only the first call after a proposal was dropped is refused for that: it may be meant for what is gone.
        """
        with self._changed:
            why, self._dropped = self._dropped, ""
            if why:
                return False, f"{why}: what was shown before is not approved. {self._what_comes()}"
            return None if self._shown is None else self._approve()

    def give_for(self, decision: Decision | None) -> tuple[bool, str]:
        """A word for this very decision: whether it approves, and what the caller is told."""
        with self._changed:
            if self._shown is None or self._shown is not decision:
                return False, "That choice holds no longer: too old, a changed parameter or a stop. Nothing was picked."
            self._dropped = ""
            return self._approve()

    def _approve(self) -> tuple[bool, str]:
        self._given = True
        self._changed.notify_all()
        return True, f"Approved: the grasp {self._where()}."

    def _what_comes(self) -> str:
        if self._shown is None:
            return "Look at the next proposal; then call pick for it."
        return f"{PROPOSED_NOW} {self._where()}: look at it, then call pick again for it."

    def _where(self) -> str:
        assert self._shown is not None
        return where_chosen(decision_values(self._shown))
