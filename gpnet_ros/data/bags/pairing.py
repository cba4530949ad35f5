"""Which depth image belongs to which colour image: that of the very stamp, else the nearest within a tolerance."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


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
        left = [number for numbers in waiting.values() for number in numbers]
        pairs += _nearest([n for n in range(len(colors)) if n not in taken], left, colors, depths, tolerance)
    return sorted(pairs, key=lambda p: p.color)


def _nearest(
    color_left: list[int], depth_left: list[int], colors: Sequence[int], depths: Sequence[int], tolerance: int
) -> list[StampPair]:
    """The closest first, of what has no partner of its own stamp."""
    by_stamp = sorted((depths[n], n) for n in depth_left)
    found = []
    for number in color_left:
        at = bisect.bisect(by_stamp, (colors[number], -1))
        near = [StampPair(number, n, abs(s - colors[number])) for s, n in by_stamp[max(at - 2, 0) : at + 2]]
        found += [p for p in near if p.apart <= tolerance]
    taken_colors: set[int] = set()
    taken_depths: set[int] = set()
    pairs = []
    for pair in sorted(found, key=lambda p: p.apart):
        if pair.color not in taken_colors and pair.depth not in taken_depths:
            pairs.append(pair)
            taken_colors.add(pair.color)
            taken_depths.add(pair.depth)
    return pairs
