"""Detections: the objects that the multi-task network sees in a frame, and where they balance and a cup holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles, Floats

#: Chance from which on an object counts as occluded, and a pixel as one of its mask.
CHANCE_MIN = 0.5
#: An object counts as truly occluded from this hidden share on (UOAIS-Net, Back et al. 2022).
OCCLUDED_MIN = 0.05


@dataclass(frozen=True, eq=False)
class Detections:
    """m objects of a frame (H, W), surest first.

    Attributes:
        boxes: (m, 4) of whole objects, hidden part included: u0, v0, u1, v1, pixel edges [px].
        scores: (m,) how sure the network is of each, in [0, 1].
        visible, amodal: (m, H, W) masks of what is seen and of the whole object.
        occluded: (m,) chance that something hides a part of it, in [0, 1].
        mass: (H, W) chance that an object's centre of mass is here, in [0, 1]; NaN where the network did not look.
        suction: (H, W) quality of a suction cup here, in [0, 1]; NaN likewise.
        stamp: time of the frame's exposure [s]; frame_id: of its camera.
    """

    boxes: Doubles
    scores: Doubles
    visible: NDArray[np.bool_]
    amodal: NDArray[np.bool_]
    occluded: Doubles
    mass: Floats
    suction: Floats
    stamp: float
    frame_id: str

    def surest(self, score_min: float) -> Detections:
        """The same with those objects only whose score is as high as this, in [0, 1], or higher."""
        kept = self.scores >= score_min
        rows = {name: getattr(self, name)[kept] for name in ("boxes", "scores", "visible", "amodal", "occluded")}
        return replace(self, **rows)

    @property
    def free(self) -> NDArray[np.bool_]:
        """(m,) whether nothing hides a part of the object."""
        return self.occluded < CHANCE_MIN

    def centers(self, count: int, chance_min: float = 0.1) -> tuple[Doubles, Doubles]:
        """Peaks of `mass`, highest first: (k, 2) pixels u, v and (k,) chances.

        Args:
            count: most peaks to give.
            chance_min: lowest chance of one.
        """
        return heat_peaks(self.mass, count, chance_min)


def heat_peaks(heat: Floats, count: int, height_min: float) -> tuple[Doubles, Doubles]:
    """Local maxima of a heat map (h, w), highest first: (k, 2) cells u, v and (k,) heights.

    A cell is a peak if none of its eight neighbours is higher (CenterNet, Zhou et al. 2019).

    Args:
        heat: the map; NaN where nothing is known.
        count: most peaks to give.
        height_min: lowest height of one.
    """
    heat = np.where(np.isnan(heat), -np.inf, heat)
    padded = np.pad(heat, 1, constant_values=-np.inf)
    around = np.max([padded[r : r + heat.shape[0], c : c + heat.shape[1]] for r in range(3) for c in range(3)], axis=0)
    rows, columns = np.nonzero((heat >= around) & (heat >= height_min))
    order = np.argsort(-heat[rows, columns], kind="stable")[:count]
    cells = np.column_stack([columns[order], rows[order]]).astype(np.float64)
    return cells, heat[rows[order], columns[order]].astype(np.float64)
