"""Rows of an annotation that are no grasps are left out, and counted by the reason, so that a user can be told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

#: Reasons that several data sets share.
NOT_A_NUMBER, NO_AREA, OFF_PICTURE = "not a number", "without area", "centre off the picture"


def sieved(count: int, faults: Mapping[str, NDArray[np.bool_]]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which of `count` rows are kept, and how many are not, by reason.

    Args:
        count: n, the number of rows.
        faults: reason -> (n,) which rows have it; a row with several counts under the first.

    Returns:
        (n,) mask of the rows without any fault, and the number of rows of each reason that occurs.
    """
    keep = np.ones(count, dtype=bool)
    left_out = {}
    for reason, faulty in faults.items():
        if number := int((keep & faulty).sum()):
            left_out[reason] = number
        keep &= ~faulty
    return keep, left_out
