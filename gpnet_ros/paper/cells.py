"""What the tables say of outcomes: mean and spread over seeds, interval over scenes, and paired differences."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.intervals import paired, share, squared_and_added


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Outcomes of models of different seeds on the same scenes.

    Attributes:
        won: (seeds, scenes) bool; at least one of each.
        names: names of the scenes, in order: only outcomes of the same scenes can be compared.
    """

    won: NDArray[np.bool_]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "won", np.atleast_2d(np.asarray(self.won, dtype=np.bool_)))
        if self.won.size == 0 or self.won.shape[1] != len(self.names):
            raise BadInput(f"Outcomes of shape {self.won.shape} for {len(self.names)} scenes: one per seed and scene.")

    @property
    def rates(self) -> NDArray[np.float64]:
        """(seeds,) share of scenes won."""
        return self.won.mean(axis=1)

    @property
    def mean(self) -> float:
        """Mean of the seeds' rates, in [0, 1]."""
        return float(self.rates.mean())

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the seeds' rates, in [0, 1], with n - 1 below; None for one seed."""
        return float(self.rates.std(ddof=1)) if len(self.rates) > 1 else None

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high) of Wilson's 95 % interval of the mean, in [0, 1]; seeds do not make it narrower, scenes do."""
        scenes = self.won.shape[1]
        found = share(self.mean * scenes, scenes)
        assert found["low"] is not None and found["high"] is not None
        return float(found["low"]), float(found["high"])

    def on(self, names: Collection[str]) -> Outcomes:
        """The outcomes of some of the scenes only, in the order that they have here."""
        chosen = [k for k, name in enumerate(self.names) if name in names]
        return Outcomes(self.won[:, chosen], tuple(self.names[k] for k in chosen))


@dataclass(frozen=True)
class Difference:
    """One model less another, scene by scene.

    Attributes:
        rate: mean difference; low, high: its 95 % interval over scenes, Newcombe's of paired differences; where there
            are several seeds, of their means.
        verdict: "ahead", "behind", "inside the spread", "inside the interval" or "equal"; of single seeds with
            "(one seed)" behind it, since their spread is not known.
        p: McNemar's exact test; None where there is more than one seed.
    """

    rate: float
    low: float
    high: float
    verdict: str
    p: float | None = None


def difference(ours: Outcomes, theirs: Outcomes) -> Difference:
    """Paired difference of two models on the same scenes.

    A difference is called "inside the spread" if the ranges of the seeds' rates touch: then one more seed could turn
    it round. Three seeds against three whose ranges are apart come by chance in one of ten cases; so much is claimed.

    Raises:
        BadInput: other scenes.
    """
    if ours.names != theirs.names:
        raise BadInput("Two models were judged on different scenes: judge both with the same --data and --scenes.")
    each = [outcomes.won.mean(axis=0) for outcomes in (theirs, ours)]
    varies = min(float(values.std()) for values in each) > 0.0
    correlation = float(np.corrcoef(each[0], each[1])[0, 1]) if varies else 0.0
    n, p = len(ours.names), None
    rate, low, high = squared_and_added(theirs.mean * n, ours.mean * n, n, correlation)
    if len(ours.won) == len(theirs.won) == 1:
        found = paired([(bool(b), bool(a)) for a, b in zip(ours.won[0], theirs.won[0], strict=True)])
        low, high, p = found["low"], found["high"], found["p"]
    single = min(len(ours.won), len(theirs.won)) == 1
    verdict = _verdict(ours.rates, theirs.rates, (low, rate, high), single) + (" (one seed)" if single else "")
    return Difference(rate, low, high, verdict, p)


def difference_in_common(ours: Outcomes, theirs: Outcomes) -> Difference:
    """`difference` on the scenes that both have.

    Raises:
        BadInput: they have none in common.
    """
    names = set(ours.names) & set(theirs.names)
    return difference(ours.on(names), theirs.on(names))


def _verdict(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], found: tuple[float, float, float], single: bool
) -> str:
    low, rate, high = found
    if rate == 0.0:
        return "equal"
    if not single and ours.min() <= theirs.max() and theirs.min() <= ours.max():
        return "inside the spread"
    if low <= 0.0 <= high:
        return "inside the interval"
    return "ahead" if rate > 0 else "behind"


def percent(value: float | None, digits: int = 1) -> str:
    """A rate in [0, 1] as a text in per cent; empty for None."""
    return "" if value is None else f"{100 * value:.{digits}f}"


def cell(outcomes: Outcomes | None) -> str:
    """Mean ± standard deviation of the seeds [interval over scenes] in per cent; empty if it was not measured."""
    if outcomes is None:
        return ""
    low, high = outcomes.interval
    spread = "" if outcomes.deviation is None else f" ± {percent(outcomes.deviation)}"
    return f"{percent(outcomes.mean)}{spread} [{percent(low, 0)}, {percent(high, 0)}]"


def difference_cell(found: Difference | None) -> str:
    """Points [interval], verdict; empty for the row that all are compared with."""
    if found is None:
        return ""
    return f"{100 * found.rate:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}] {found.verdict}"
