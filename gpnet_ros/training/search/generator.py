"""The generator: draws points, each variable by itself, and learns from the best of them (cross-entropy method)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.training.search.space import Point, Space

#: A variable's chances stay this uncertain [nat]: a value that lost once may have been unlucky.
ENTROPY_MIN = 0.1
#: Share of the new chances in each update.
LEARNING = 0.5
#: How strongly advice of the inquisitor counts: advice of 1 makes a value exp(0.5) times as likely.
ADVISING = 0.5


class PointGenerator:
    """A factorised categorical distribution over the points of a space.

    Attributes:
        chances: of each variable, (values,) that sum to 1.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self.chances: list[NDArray[np.float64]] = [np.full(len(v.values), 1.0 / len(v.values)) for v in space.variables]

    def draw(self, rng: np.random.Generator) -> Point:
        """One point."""
        return tuple(int(rng.choice(len(p), p=p)) for p in self.chances)

    def learn(self, best: Sequence[Point]) -> None:
        """Move towards how often each value stands in the best points."""
        if not best:
            return
        for row, chances in enumerate(self.chances):
            counts = np.bincount([point[row] for point in best], minlength=len(chances))
            self.chances[row] = uncertain((1.0 - LEARNING) * chances + LEARNING * counts / len(best))

    def heed(self, advice: Mapping[str, NDArray[np.float64]]) -> None:
        """Re-weight values by advice: for variables by name, (values,) in [-1, 1], positive for more of it."""
        for row, variable in enumerate(self._space.variables):
            if variable.name in advice:
                weighed = self.chances[row] * np.exp(ADVISING * advice[variable.name])
                self.chances[row] = uncertain(weighed / weighed.sum())

    def entropies(self) -> dict[str, float]:
        """Uncertainty of each variable [nat]."""
        return {v.name: entropy(p) for v, p in zip(self._space.variables, self.chances, strict=True)}

    def as_json(self) -> dict[str, Any]:
        """The chances by variable, rounded for reading."""
        return {
            v.name: [round(float(c), 4) for c in p] for v, p in zip(self._space.variables, self.chances, strict=True)
        }


def entropy(chances: NDArray[np.float64]) -> float:
    """Entropy of chances (values,) [nat]."""
    known = chances[chances > 0]
    return float(-(known * np.log(known)).sum())


def uncertain(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chances (values,), mixed with equal ones as little as it takes for an entropy of `ENTROPY_MIN` [nat]."""
    count = len(chances)
    if count == 1 or entropy(chances) >= ENTROPY_MIN:
        return chances
    low, high = 0.0, 1.0  # entropy rises with the share of equal chances
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if entropy(_mixed(chances, middle)) < ENTROPY_MIN else (low, middle)
    return _mixed(chances, high)


def _mixed(chances: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    mixed = (1.0 - share) * chances + share / len(chances)
    result: NDArray[np.float64] = mixed / mixed.sum()
    return result
