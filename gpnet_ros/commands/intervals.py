"""How sure a count is: rates with Wilson's interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_Z = 1.96  # standard normal deviate of a 95 % interval


def share(count: int, n: int) -> dict[str, float | int | None]:
    """Rate of `count` in `n` with Wilson's 95 % interval (J. Am. Stat. Assoc. 22, 1927); None where n is 0."""
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
