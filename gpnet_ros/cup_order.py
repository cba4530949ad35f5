"""Which cup is tried first: the likeliest on an object that lies free, and what waits, where nothing free promises."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.cup import CupSelect
from gpnet_ros.cup_fit import CupFit
from gpnet_ros.detections import Detections
from gpnet_ros.fit import Memory
from gpnet_ros.frame import Frame
from gpnet_ros.pose import Transform, invert

#: What is left of a chance if something lies on the object: it comes up askew, or not at all.
OCCLUDED = 0.2
#: What is left of it for each pick that failed on the object: its surface is worse than it looks, or it is held.
FAILED = 0.3


def likeliest_first(
    fits: Sequence[CupFit],
    detections: Detections,
    failures: Sequence[int],
    settings: CupSelect,
) -> list[CupFit]:
    """Cups in the order to try: the promising ones on free and sure objects, then all others, each by its chance.

    What may be occluded, or may be no object, waits as long as anything free promises. Then it is tried as well, the
    freest first, for a cell that stands still before a heap is no better than one that takes an object from below.

    Args:
        fits: each with the index of its object.
        detections: m objects.
        failures: (m,) picks that failed on each since the heap last changed.
        settings: see `CupSelect`.
    """

    def key(fit: CupFit) -> tuple[bool, float]:
        k = fit.grasp.index
        chance = fit.chance * FAILED ** failures[k]
        free = detections.occluded[k] < settings.occluded_max and detections.scores[k] >= settings.object_sure
        waits = not (free and chance >= settings.promising)
        return waits, -chance * (_freeness(detections, k) if waits else 1.0)

    return sorted(fits, key=key)


def failures_on(
    detections: Detections, frame: Frame, T_base_camera: Transform, cell: Cell, memory: Memory
) -> list[int]:
    """How many remembered picks failed on each of the m objects: those whose place in the picture its mask shows.

    Args:
        detections: of this very frame.
        frame: with its camera model.
        T_base_camera: hand-eye at the exposure, (4, 4).
        cell: for how far a lip goes below the surface.
        memory: places that failed.
    """
    assert frame.intrinsics is not None
    found, T_camera_base = np.zeros(len(detections.scores), dtype=int), invert(T_base_camera)
    for T in memory.failed:
        surface = T[:3, 3] + [0.0, 0.0, cell.cup.press + cell.cup.overtravel]
        u, v = np.rint(frame.intrinsics.project(T_camera_base[:3, :3] @ surface + T_camera_base[:3, 3])).astype(int)
        if 0 <= v < frame.shape[0] and 0 <= u < frame.shape[1]:
            found += detections.visible[:, v, u]
    return [int(count) for count in found]


def _freeness(detections: Detections, index: int) -> float:
    """What is left of a chance on an object, by how likely it is occluded and by how much of it is seen."""
    whole = detections.amodal[index] | detections.visible[index]
    shown = float(detections.visible[index].sum()) / max(float(whole.sum()), 1.0)
    return (1.0 - (1.0 - OCCLUDED) * float(detections.occluded[index])) * shown
