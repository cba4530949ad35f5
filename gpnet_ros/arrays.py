"""Short names for the types of arrays; shapes and units stand in the docstrings that use them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Pictures, maps and depth: single precision.
Floats = NDArray[np.float32]
#: Geometry: double precision.
Doubles = NDArray[np.float64]
