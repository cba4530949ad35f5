"""How many messages of a topic did not arrive, counted over some seconds. Nothing here needs ROS."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: Messages are counted for so long [s], then told and forgotten.
WINDOW = 10.0
#: A smaller share of lost messages is not told, nor that of so few.
SHARE_MIN, COUNT_MIN = 0.1, 8

Stamp = tuple[int, int]


@dataclass(frozen=True)
class Lost:
    """Messages of one topic that did not arrive, of those that should have."""

    count: int
    expected: int

    @property
    def share(self) -> float:
        """What was lost, in [0, 1]."""
        return self.count / self.expected

    def describe(self, name: str) -> str:
        """In words, for a topic of that name."""
        return f"{self.count} of {self.expected} messages of {name} ({self.share:.0%})"


@dataclass
class _Count:
    """Messages of one topic in a window: stamps that came, and how many the middleware says are lost."""

    stamps: set[Stamp] = field(default_factory=set)
    lost: int = 0


class Losses:
    """Counts the messages of topics; of paired topics also those whose partner of the same stamp came alone."""

    def __init__(self, pair: tuple[str, ...], tell: Callable[[dict[str, Lost]], None]) -> None:
        """Args:
        pair: topics that carry equal stamps.
        tell: told after each window in which too many were lost, of which topics.
        """
        self._pair, self._tell = pair, tell
        self._counts: dict[str, _Count] = {}
        self._losing: set[str] = set()
        self.shares: dict[str, float] = {}  # of the last whole window, of all topics
        self._began = time.monotonic()

    def note(self, topic: str, stamp: Stamp) -> None:
        """A message came."""
        self._close_window()
        self._counts.setdefault(topic, _Count()).stamps.add(stamp)

    def note_lost(self, topic: str, count: int) -> None:
        """The middleware says that so many messages were lost."""
        self._close_window()
        self._counts.setdefault(topic, _Count()).lost += count

    def is_losing(self, topic: str) -> bool:
        """Whether messages of a topic are lost, by the last window or by what the middleware has said since."""
        return topic in self._losing or self._counts.get(topic, _Count()).lost > 0

    def _close_window(self) -> None:
        now = time.monotonic()
        if now - self._began < WINDOW:
            return
        found = self._lost() if now - self._began < 2 * WINDOW else {}  # after a long silence there is nothing to judge
        self.shares = {topic: lost.share for topic, lost in found.items()}
        told = {t: f for t, f in found.items() if f.count >= SHARE_MIN * f.expected and f.expected >= COUNT_MIN}
        newest = self._newest()
        self._counts = {t: _Count({newest} & c.stamps) for t, c in self._counts.items()} if newest else {}
        self._began = now
        self._losing = set(told)
        if told:
            self._tell(told)

    def _newest(self) -> Stamp | None:
        """The newest stamp of the paired topics, whose partner may still be on its way."""
        return max((s for t in self._pair if t in self._counts for s in self._counts[t].stamps), default=None)

    def _lost(self) -> dict[str, Lost]:
        """Lost and expected messages of each topic."""
        pairs = [self._counts.get(topic, _Count()).stamps for topic in self._pair]
        seen = set().union(*pairs) - {self._newest()}
        if not set.intersection(*pairs):  # stamps that never agree are another fault
            seen = set()
        found = {}
        for topic, count in self._counts.items():
            came = count.stamps
            missed = len(seen - came) if topic in self._pair else 0
            lost = max(count.lost, missed)
            found[topic] = Lost(lost, max(len(came) + lost, 1))
        return found
