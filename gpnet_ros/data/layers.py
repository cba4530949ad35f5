"""In which order the objects of a heap become free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def layers_of(covered_by: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Layer (n,) of each object: 0 for what may be taken now, 1 for what follows when those are gone, ...

    Objects that lie on each other in a ring have no order; they share the layer after the last free one.

    Args:
        covered_by: (n, n), [i, j] = j must go before i.
    """
    layer = np.full(len(covered_by), -1, dtype=np.int64)
    for step in range(len(covered_by)):
        left = layer < 0
        free = left & ~(covered_by & left[None, :]).any(axis=1)
        layer[free if free.any() else left] = step
        if (layer >= 0).all():
            break
    return layer
