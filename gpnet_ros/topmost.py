"""Topmost: which objects of a heap may be taken now, and in which order the others follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components


def layers(before: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Layer (n,) of each object: 0 is topmost, 1 is topmost once all of layer 0 are gone, and so on.

    Objects that lie on each other in a ring have no order among themselves: a ring waits as one for what must go before
    any of it, and then each of its objects may be first. So a heap always has a topmost object.

    Args:
        before: (n, n), [i, j] = object j is taken before i, because it lies on i or leans on it.
    """
    count, ring = connected_components(before, directed=True, connection="strong")
    waits = np.zeros((count, count), dtype=np.bool_)
    i, j = np.nonzero(before)
    waits[ring[i], ring[j]] = True
    np.fill_diagonal(waits, False)
    layer = np.full(count, -1, dtype=np.int64)
    for k in range(count):
        left = layer < 0
        layer[left & ~(waits & left).any(axis=1)] = k
    return layer[ring]
