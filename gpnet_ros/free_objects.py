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
#: Share of its own P that a place keeps where the second network sees no object.
MISSED = 0.25


def free_first(maps: Maps, frame: Frame, detections: Detections) -> Maps:
    """The maps with P from the detections: how likely the object at each place is free.

    Where no object was detected, `MISSED` of the maps' own P is left: what the second network overlooks is taken once
    nothing better is left, so that no round stalls on it.

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
    chance = maps.grid.warp_depth(free_chance(detections))
    return maps.with_priority(np.where(np.isnan(chance), MISSED * np.clip(maps.priority, 0, 1), chance))


def free_chance(detections: Detections) -> Floats:
    """(H, W) chance, in [0, 1], that the object which a pixel shows is free; NaN where no object was detected.

    Where visible masks overlap, the surer detection counts.

    Args:
        detections: of one frame.
    """
    chance = np.full(detections.mass.shape, np.nan, dtype=np.float32)
    for mask, occluded in zip(detections.visible[::-1], detections.occluded[::-1], strict=True):  # the surest last
        chance[mask] = 1.0 - np.clip(occluded, 0.0, 1.0)
    return chance
