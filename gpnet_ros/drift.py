"""Drift: whether picks meet their objects elsewhere than they used to, so that the calibration wants a new check.

Each pick says by how much it differs from what was foreseen: how wide the jaws closed, how high the descent met
something, whether it failed. A figure alone says nothing, for objects and networks differ; but from one check of the
calibration to the next the figures are all of one kind, whatever that is. So each is ranked among those before it.
While nothing drifts, these ranks are independent and uniform for every law of the figures, and so is the chance of a
false alarm of the two cumulated sums (CUSUM) over them: it needs no assumption about the figures but that.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.tool_words import TOOL_WORDS

#: Of a rank's score (variance 1) so much is taken off at each pick: a shift of less than this many deviations is none.
SLACK = 0.35
#: A sum above this is an alarm: 1 of 100 series of 1,000 picks without drift gets there, each way.
THRESHOLD = 13.0
#: So many picks without drift, in which at most `FALSE_ALARMS` of all cells get a false alarm of any kind.
ALARM_SPAN, FALSE_ALARMS = 1000, 0.05


@dataclass
class RankCusum:
    """Sequential test of one figure: sums of the scores of its ranks among all before, upwards and downwards.

    Attributes:
        falls: whether a fall is looked for, too.
        values: so far, in order.
        alarm: "up" or "down" from the first alarm on; empty before.
        began: index of the first value of the shift; of no meaning without an alarm.
    """

    falls: bool = True
    values: list[float] = field(default_factory=list)
    alarm: str = ""
    began: int = 0
    _sorted: list[float] = field(default_factory=list)
    _sums: dict[str, float] = field(default_factory=lambda: {"up": 0.0, "down": 0.0})
    _starts: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})

    def note(self, value: float) -> None:
        """Take the next figure.

        Raises:
            BadInput: it is no finite number.
        """
        if not math.isfinite(value):
            raise BadInput(f"A figure of drift is {value}; allowed are finite numbers: leave the pick out.")
        insort(self._sorted, value)
        self.values.append(value)
        low, high = bisect_left(self._sorted, value), bisect_right(self._sorted, value)
        score = math.sqrt(12.0) * ((low + high) / 2 / len(self.values) - 0.5)  # ties share the middle of their ranks
        for way, sign in (("up", 1.0), ("down", -1.0)):
            grown = self._sums[way] + sign * score - SLACK
            if grown <= 0.0:
                self._starts[way] = len(self.values)
            self._sums[way] = max(grown, 0.0)
            if grown > THRESHOLD and not self.alarm and (self.falls or way == "up"):
                self.alarm, self.began = way, self._starts[way]

    @property
    def shift(self) -> float:
        """By how much the figure has shifted, mean after less mean before; 0 without an alarm."""
        if not self.alarm or not 0 < self.began < len(self.values):
            return 0.0
        return float(np.mean(self.values[self.began :]) - np.mean(self.values[: self.began]))


@dataclass
class Drift:
    """The figures of the picks since a check of the calibration, each with its test.

    Attributes:
        tool: what hangs at the flange, "jaw" or "suction".
        tests: `width_m`: how much wider the jaws closed than the network said [m]; `contact_m`: how high over its end
            the descent met something [m], 0 where it met nothing; `failed`: 1 of a pick that missed, slipped or
            collided, else 0.
    """

    tool: str = "jaw"
    tests: dict[str, RankCusum] = field(
        default_factory=lambda: {"width_m": RankCusum(), "contact_m": RankCusum(), "failed": RankCusum(falls=False)}
    )

    def note(self, figures: Mapping[str, float]) -> str:
        """Take the figures of a pick, as far as it has them; a sentence for a person at the first alarm, else empty."""
        before = self.sentence
        for name, value in figures.items():
            if name in self.tests:
                self.tests[name].note(float(value))
        return "" if before else self.sentence

    @property
    def sentence(self) -> str:
        """What has shifted and what to do about it; empty while nothing has."""
        told = [_told(name, test, self.tool) for name, test in self.tests.items() if test.alarm]
        if not told:
            return ""
        return (
            f"{'; '.join(told)}. Camera, tool or table may have moved, or the objects are of another kind: do "
            "`gpnet check`."
        )


def _told(name: str, test: RankCusum, tool: str) -> str:
    since = f"in the last {len(test.values) - test.began} of {len(test.values)} picks"
    if name == "failed":
        return f"Of {since.removeprefix('in ')} {abs(test.shift):.0%} more failed than before"
    if name == "contact_m":
        way = "higher" if test.alarm == "up" else "lower"
        return f"{TOOL_WORDS[tool].meets} something {abs(test.shift) * 1e3:.1f} mm {way} than before {since}"
    way = "less" if test.alarm == "up" else "further"
    return f"The jaws close {abs(test.shift) * 1e3:.1f} mm {way} than was foreseen {since}"
