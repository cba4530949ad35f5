"""Where an object meets what must be taken before it: the place that tells that it is not topmost.

Whether an object is topmost is one answer for the whole object, and a network that is told only this must find out by
itself where to look. These places are learned beside the five maps while training, and are not asked for afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

#: Pixels of an object that are as near as this to one that lies on it [network px].
REACH = 6


def contacts(ids: NDArray[np.uint8], layer: Sequence[int]) -> NDArray[np.float32]:
    """1 where an object is seen beside an object of a higher layer, else 0; (h, w).

    Two neighbours of different layers need not touch: then the lower one lies under something else, and the network is
    told a place too many.

    Args:
        ids: (h, w) object 1, 2, ... or 0 for none.
        layer: of objects 1, 2, ...; 0 for what may be taken first, see `Objects.layer`.
    """
    deepest = max(layer, default=0)
    places = np.zeros(ids.shape, dtype=np.float32)
    if deepest == 0:
        return places
    # The table is below all: nothing lies under it.
    of_pixel = np.array([deepest + 1, *layer], dtype=np.int32)[ids]
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * REACH + 1, 2 * REACH + 1))
    for depth in sorted(set(layer) - {0}):
        above = cv2.dilate((of_pixel < depth).astype(np.uint8), near) > 0
        places[above & (of_pixel == depth)] = 1.0
    return places
