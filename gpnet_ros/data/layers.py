"""In which order the objects of a heap become free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def layers_of(before: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Layer (n,) of each object: 0 for those that may be taken now, 1 for those after them, ...

    Objects that lie on each other in a ring have no order among themselves: they share a layer, which is never 0.

    Args:
        before: (n, n), [i, j] = j is taken before i.
    """
    n = len(before)
    layer = np.full(n, -1, dtype=np.int64)
    for k in range(n + 1):
        left = layer < 0
        waits = before & left[None, :] & left[:, None]
        free = left & ~waits.any(axis=1)
        if k and not free.any():
            after = np.linalg.matrix_power(np.eye(n) + waits, n) > 0  # [i, j]: i waits for j, over any number of steps
            free = left & ~(after & ~after.T).any(axis=1)
        layer[free] = k
    return layer
