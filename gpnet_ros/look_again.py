"""Looking again: a pick is given up only after several looks in none of which anything is graspable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

#: Exposures that are looked at before a pick is given up because nothing in them is graspable: noise, and much of what
#: a D435 misses, change from one to the next.
LOOKS = 5
_Seen = TypeVar("_Seen")


def look_again(look: Callable[[int], _Seen], status: Callable[[_Seen], str], looks: int = LOOKS) -> _Seen:
    """The first of several looks in which anything else is found than that nothing is graspable, or the last one.

    Args:
        look: takes an exposure and decides on it; told which look this is, from 0.
        status: of what was seen: that of its decision (`pick.DecisionStatus`).
        looks: most of them, 1 or more; where every exposure is the same, 1 does.
    """
    for number in range(looks - 1):
        seen = look(number)
        if status(seen) != "nothing_graspable":
            return seen
    return look(looks - 1)
