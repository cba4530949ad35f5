"""Free objects first: P from what the second network says of the objects, for `priority: graspnext`."""

from __future__ import annotations

import numpy as np

from gpnet_ros.arrays import Floats
from gpnet_ros.detections import Detections
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.maps import P_SOURCES, Maps

#: Who may say whose turn it is: the sources of the maps' own P, or the second network's detections.
PRIORITIES = (*P_SOURCES, "graspnext")
#: Chance that an object is free of which the second network says nothing: about half of all objects in a heap are.
UNKNOWN = 0.5
#: Least chance, however sure the second network is: where no free object has a grasp, one that waits is better than
#: none.
LEAST = 0.1


def free_first(maps: Maps, frame: Frame, detections: Detections) -> Maps:
    """The maps with P times the chance that the object at each place is free, by the detections.

    The two networks look at different things, depth and colour, so each may doubt: measured, the product picks a
    topmost object more often than the detections' chance alone, whether that is true or often wrong (docs/notebook.md).

    Args:
        maps: of the frame; with their own P.
        frame: the frame.
        detections: of this very frame.

    Raises:
        BadInput: the detections are of a picture of another size.
    """
    seen, wanted = (f"{shape[1]}x{shape[0]} px" for shape in (detections.mass.shape, frame.shape))
    if seen != wanted:
        raise BadInput(f"The detections are of a picture of {seen}, the frame has {wanted}: give those of this frame.")
    chance = np.nan_to_num(maps.grid.warp_depth(free_chance(detections)), nan=UNKNOWN)  # NaN is beside the picture
    return maps.with_priority(np.clip(maps.priority, 0, 1) * chance)


def free_chance(detections: Detections) -> Floats:
    """(H, W) chance, in [0, 1], that the object which a pixel shows is free, beside the freest of the frame.

    Something is always free: where the second network thinks that all it sees is hidden, the least hidden counts, and
    before that what it did not see, which has the chance `UNKNOWN`: a round stalls neither on its doubt nor on an
    object that it overlooks. A detection counts as far as the network is sure that an object is there at all; where
    visible masks overlap, the surer one counts.

    Args:
        detections: of one frame.
    """
    free = UNKNOWN + detections.scores * (1.0 - detections.occluded - UNKNOWN)
    each = np.clip(free, LEAST, 1.0)
    chance = np.full(detections.mass.shape, UNKNOWN, dtype=np.float32)
    for mask, told in zip(detections.visible[::-1], each[::-1], strict=True):  # the surest last
        chance[mask] = told
    return chance / np.float32(max(each.max(initial=UNKNOWN), UNKNOWN))
