"""What plans are judged by may change, but never under a plan that moves, nor may one of before move after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: How often a move that waits for a change looks whether it is still wanted [s].
_TICK = 0.1


class Outdated(Exception):
    """What was judged before a change does not move any more; or it is not wanted any more."""


class Rest:
    """Keeps moves and changes apart: one waits for the other, and neither waits for long.

    Attributes:
        version: counts the changes. Read it before what a plan is judged by, and hand it to `moving`.
    """

    def __init__(self, stopped: Callable[[], bool], is_still: Callable[[], bool]) -> None:
        """Args: stopped is asked while a move waits, which is not wanted any more then; is_still asks the arm."""
        self.version = 0
        self._stopped, self._is_still = stopped, is_still
        self._changed = threading.Condition()
        self._moving = self._held = False

    @contextmanager
    def moving(self, version: int | None = None) -> Iterator[None]:
        """While something moves, by a plan that was judged at a version; None: what is judged within.

        Raises:
            Outdated: something has changed since, or a stop came while it waited for a change.
        """
        with self._changed:
            while self._held and not self._stopped():
                self._changed.wait(_TICK)
            if self._held or version not in (None, self.version):
                raise Outdated
            self._moving = True
        try:
            yield
        finally:
            with self._changed:
                self._moving = False

    def hold(self) -> str:
        """Let no move begin until `let_go`; why that cannot be now, for a person, or empty."""
        with self._changed:
            if self._moving or self._held:
                return "something moves, or begins to: wait until nothing does, or call stop first."
            self._held = True
        if self._is_still():
            return ""
        self.let_go()
        return "the arm moves: wait until it stands still."

    def let_go(self) -> None:
        """Moves may begin again."""
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def note_change(self) -> None:
        """Something has changed, call it afterwards: plans of before must not begin any more."""
        with self._changed:
            self.version += 1
