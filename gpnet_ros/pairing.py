"""Which depth image belongs to which colour image: that of the very stamp, else the nearest within a tolerance.

A pair without one stamp is made where each is the nearest of the other, of all images that have no partner of their own
stamp. So what is paired depends on the stamps alone, not on which message came first; the earlier of two that are as
near counts. Bags are paired as a whole, what comes live by `Pairing`, as soon as nothing that is still to come can be
nearer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Images without a partner of their own stamp pair within this time [s], half a frame at 30 Hz rounded up.
TOLERANCE = 0.02
#: So many images of each topic wait at most: when the other topic has fallen silent, nothing is decided any more.
_WAIT_MAX = 60


@dataclass(frozen=True)
class StampPair:
    """A colour and a depth image of one exposure, by their numbers among all of their topic.

    Attributes:
        color, depth: numbers, in the order of recording, from 0.
        apart: difference of their stamps [ns]; 0 for one exposure.
    """

    color: int
    depth: int
    apart: int


def pair_stamps(colors: Sequence[int], depths: Sequence[int], tolerance: int) -> list[StampPair]:
    """Pairs in the order of the colour images; each image is in one at most.

    A stamp that comes again, as in a recording of a looped bag, pairs with the next depth of that stamp.

    Args:
        colors, depths: stamps [ns] in the order of recording.
        tolerance: greatest difference [ns] of images whose stamp the other topic does not have; 0: none pair.
    """
    waiting: dict[int, list[int]] = defaultdict(list)
    for number, stamp in reversed(list(enumerate(depths))):
        waiting[stamp].append(number)
    pairs = [StampPair(n, waiting[s].pop(), 0) for n, s in enumerate(colors) if waiting.get(s)]
    if tolerance > 0:
        taken = {p.color for p in pairs}
        color_turns = _turns([n for n in range(len(colors)) if n not in taken], colors)
        depth_turns = _turns(sorted(number for numbers in waiting.values() for number in numbers), depths)
        for some_colors, some_depths in zip(color_turns, depth_turns, strict=False):
            found = nearest_pairs([colors[n] for n in some_colors], [depths[n] for n in some_depths], tolerance)
            for i, k in found:
                color, depth = some_colors[i], some_depths[k]
                pairs.append(StampPair(color, depth, abs(colors[color] - depths[depth])))
    return sorted(pairs, key=lambda p: p.color)


def nearest_pairs(colors: Sequence[int], depths: Sequence[int], tolerance: int) -> list[tuple[int, int]]:
    """Places of colour and depth of which each is the nearest of the other, at most tolerance apart; stamps [ns]."""
    if not colors or not depths:
        return []
    one, other = np.asarray(colors, np.int64), np.asarray(depths, np.int64)
    to_depth, to_color = _nearest(one, other), _nearest(other, one)
    mutual = (to_color[to_depth] == np.arange(len(one))) & (np.abs(other[to_depth] - one) <= tolerance)
    return [(int(n), int(to_depth[n])) for n in np.flatnonzero(mutual)]


class Pairing:
    """Pairs what comes live, each topic in the order of its stamps; which topic is late does not matter."""

    def __init__(self, tolerance: int) -> None:
        """Nothing has come yet; tolerance [ns] as of `pair_stamps`."""
        self._tolerance = tolerance
        self._lone: dict[bool, list[int]] = {True: [], False: []}  # without a partner of their own stamp; by is_color
        self._newest: dict[bool, int] = {}
        self._known = -(2**63)  # all until then has been judged [ns]

    def add(self, is_color: bool, stamp: int) -> list[tuple[int, int]]:
        """An image came; the pairs (colour, depth) that are certain now, without those of one stamp.

        Args:
            is_color: of which topic.
            stamp: of the image [ns].
        """
        if self._tolerance <= 0:
            return []
        self._newest[is_color] = stamp
        if stamp in self._lone[not is_color]:
            self._lone[not is_color].remove(stamp)
        else:
            self._lone[is_color].append(stamp)
            del self._lone[is_color][:-_WAIT_MAX]
        return self._certain(min(self._newest.values())) if len(self._newest) == 2 else []

    def _certain(self, known: int) -> list[tuple[int, int]]:
        """Pairs that nothing can come between any more, for all that is not later than known [ns] has come."""
        colors, depths = self._lone[True], self._lone[False]
        found = [(colors[i], depths[k]) for i, k in nearest_pairs(colors, depths, self._tolerance)]
        # Each is judged once, while all that is near it is still there: later its rivals are forgotten.
        due = [(c, d) for c, d in found if self._known < max(c, d) + abs(c - d) <= known]
        # What is paired may be nearest to what comes, and then keeps it from another partner.
        for is_color, stamps in self._lone.items():
            self._lone[is_color] = [s for s in stamps if s > known - 3 * self._tolerance]
        self._known = max(known, self._known)
        return due


def _turns(numbers: list[int], stamps: Sequence[int]) -> list[list[int]]:
    """The numbers of stamps that come for the first time, for the second, and so on."""
    turns: list[list[int]] = []
    seen: dict[int, int] = defaultdict(int)
    for number in numbers:
        turn = seen[stamps[number]]
        seen[stamps[number]] += 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(number)
    return turns


def _nearest(values: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.intp]:
    """For each value the place of the nearest other; of two as near the earlier."""
    order = np.argsort(others, kind="stable")
    ordered = others[order]
    at = np.searchsorted(ordered, values)
    before, after = np.maximum(at - 1, 0), np.minimum(at, len(ordered) - 1)
    is_before = (at > 0) & ((at == len(ordered)) | (values - ordered[before] <= ordered[after] - values))
    return order[np.searchsorted(ordered, ordered[np.where(is_before, before, after)])]
