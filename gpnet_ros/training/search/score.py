"""How good a candidate is: NetScore, the front of Pareto, and how far two rankings agree."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

#: Exponents of NetScore (Wong 2018): of accuracy, of parameters, of multiply-adds.
ALPHA, BETA, GAMMA = 2.0, 0.5, 0.5
#: Accuracy below which a network counts as having learned nothing [share]: the logarithm needs a floor.
ACCURACY_MIN = 1e-3


def net_score(accuracy: float, millions: float, gmac: float) -> float:
    """NetScore Ω = 20 log10(a^α / (p^β m^γ)), without unit.

    Args:
        accuracy: share in [0, 1]. millions: of parameters. gmac: billions of multiply-adds.
    """
    percent = 100.0 * max(accuracy, ACCURACY_MIN)
    return 20.0 * (ALPHA * math.log10(percent) - BETA * math.log10(millions) - GAMMA * math.log10(gmac))


def front(costs: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """Rows that no other beats in both, cheapest first.

    Args:
        costs: (N,) of any one unit, less is better. accuracies: (N,) shares, more is better.
    """
    best, rows = -math.inf, []
    for row in sorted(range(len(costs)), key=lambda row: (costs[row], -accuracies[row])):
        if accuracies[row] > best:
            rows.append(row)
            best = accuracies[row]
    return rows


def spearman(one: ArrayLike, other: ArrayLike) -> float:
    """Rank correlation of two lists (N,), in [-1, 1]; ties share their mean rank; NaN where one is constant."""
    a, b = _ranks(np.asarray(one, dtype=float)), _ranks(np.asarray(other, dtype=float))
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: np.ndarray = (last - (counts - 1) / 2.0)[inverse]
    return middle
