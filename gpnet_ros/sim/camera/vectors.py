"""Vectors kept as three planes (3, n), one each for x, y and z, over which long loops run fast."""

from __future__ import annotations

import numpy as np

from gpnet_ros.arrays import Floats


def dot(a: Floats, b: Floats) -> Floats:
    """Scalar products (n,) of vectors (3, n), always summed from x to z: the last bit is part of what a seed gives."""
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
