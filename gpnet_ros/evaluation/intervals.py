"""How sure a count is: rates with Wilson's interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

_Z = 1.96  # standard normal deviate of a 95 % interval


def share(count: float, n: int) -> dict[str, float | int | None]:
    """Rate of `count` in `n`, in 0..1, with Wilson's 95 % interval (J. Am. Stat. Assoc. 22, 1927); None where n is 0.

    A mean count of several trials need not be whole.
    """
    if n == 0:
        return {"rate": None, "low": None, "high": None, "n": 0}
    rate = count / n
    middle = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * float(np.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2)))
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return {"rate": round(rate, 4), "low": round(low, 4), "high": round(high, 4), "n": n}


def share_of(outcomes: Sequence[bool]) -> dict[str, float | int | None]:
    """Rate of what came true, see `share`."""
    return share(int(sum(outcomes)), len(outcomes))


def paired(outcomes: Sequence[tuple[bool, bool]]) -> dict[str, float | int]:
    """Difference of two rates over the same things, second minus first.

    The 95 % interval is Newcombe's method 10 (Statistics in Medicine 17, 1998, 2635-2650), which squares and adds
    the distances to Wilson's limits and knows of the pairs' correlation; p is McNemar's exact test.

    Args:
        outcomes: (first, second) per thing, at least one.
    """
    n = len(outcomes)
    both = sum(a and b for a, b in outcomes)
    first, second = (sum(a and not b for a, b in outcomes), sum(b and not a for a, b in outcomes))
    neither = n - both - first - second
    product = (both + first) * (both + second) * (neither + first) * (neither + second)
    agreement = float(both * neither - first * second)
    agreement = max(agreement - n / 2, 0.0) if agreement > 0 else agreement
    phi = 0.0 if product == 0 else agreement / float(np.sqrt(product))
    difference, low, high = squared_and_added(both + first, both + second, n, phi)
    p = float(binomtest(min(first, second), first + second).pvalue) if first + second else 1.0
    found = {"difference": difference, "low": low, "high": high, "p": p}
    counts = {"n": n, "both": both, "only_first": first, "only_second": second, "neither": neither}
    return {**{name: round(float(value), 4) for name, value in found.items()}, **counts}


def squared_and_added(first: float, second: float, n: int, correlation: float) -> tuple[float, float, float]:
    """Difference of two rates, second minus first, with the interval of Newcombe's method 10: (difference, low, high).

    Args:
        first, second: counts in `n`, see `share`.
        n: number of things.
        correlation: of the pairs' outcomes.
    """
    rates = [count / n for count in (first, second)]
    limits = [share(count, n) for count in (first, second)]
    down = [rate - float(limit["low"] or 0.0) for rate, limit in zip(rates, limits, strict=True)]
    up = [float(limit["high"] or 0.0) - rate for rate, limit in zip(rates, limits, strict=True)]
    difference = rates[1] - rates[0]
    below = np.sqrt(max(down[1] ** 2 - 2 * correlation * down[1] * up[0] + up[0] ** 2, 0.0))
    above = np.sqrt(max(up[1] ** 2 - 2 * correlation * up[1] * down[0] + down[0] ** 2, 0.0))
    return difference, max(difference - float(below), -1.0), min(difference + float(above), 1.0)
