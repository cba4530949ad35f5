"""One picture, judged: what of it the network saw, task by task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpnet_ros.arrays import Doubles, Floats
from gpnet_ros.data.sample import Sample
from gpnet_ros.data.scene_judging.precision import Instances
from gpnet_ros.data.scene_record import require_masks
from gpnet_ros.detections import CHANCE_MIN, OCCLUDED_MIN, Detections

#: Overlap (IoU) of boxes from which on a detection is about an object.
OVERLAP_MIN = 0.5
#: Tolerance of a centre of mass, as a share of the object's size: COCO's OKS with k = 0.1 (nothing is published).
MASS_SHARE = 0.1
_PEAKS_MAX = 100


@dataclass(frozen=True, eq=False)
class JudgedScene:
    """How good the detections of one picture are.

    Attributes:
        true, found: for `precision.average_precision`.
        occlusion: (k, 2) of detections that are about an object whose occlusion is known: called, truly occluded.
        peaks: (p, 2) peaks of the mass map: height, and similarity (OKS) to its nearest free centre; highest first.
        masses: number of true centres of mass inside of the picture; misses where one is unknown do not count.
        mass_errors: distances of peaks to their centres [px], of those with a similarity of 0.5 or more.
        suction_squares: mean square of the suction map's error, that of a map of zeros, and mean and mean square of
            the truth, from which the best constant of many pictures follows.
        suction_at_peak: true quality where the map is highest, and the best of the picture. None: unknown.
    """

    true: Instances
    found: Instances
    occlusion: Doubles
    peaks: Doubles
    masses: int
    mass_errors: Doubles
    suction_squares: tuple[float, float, float] | None
    suction_at_peak: tuple[float, float] | None


def judge_scene(sample: Sample, seen: Detections) -> JudgedScene:
    """Compare what was seen in a picture with what is true of it, as far as it is known.

    Raises:
        NoMasks: the picture has none.
    """
    require_masks(sample)
    objects = sample.objects
    assert sample.ids is not None and objects is not None
    assert objects.amodal_masks is not None and objects.amodal_boxes is not None
    rows = np.flatnonzero(np.isin(objects.ids, sample.ids))
    boxes = objects.amodal_boxes[rows]
    visible = np.stack([sample.ids == i for i in objects.ids[rows]]) if len(rows) else objects.amodal_masks[rows]
    n = len(objects.ids)
    hidden = (np.full(n, np.nan) if objects.occlusion is None else objects.occlusion)[rows]
    centers = (np.full((n, 2), np.nan) if objects.center_of_mass is None else objects.center_of_mass)[rows]
    about = matches(seen.boxes, boxes)
    hits = np.flatnonzero((about >= 0) & np.isfinite(np.append(hidden, np.nan)[about]))
    occluded = hidden[about[hits]] >= OCCLUDED_MIN
    peaks, errors, masses = _mass(centers, boxes, seen)
    return JudgedScene(
        Instances.of(boxes, visible, objects.amodal_masks[rows]),
        Instances.of(seen.boxes, seen.visible, seen.amodal, seen.scores),
        np.column_stack([seen.occluded[hits] >= CHANCE_MIN, occluded]).astype(np.float64),
        peaks,
        masses,
        errors,
        *_suction(sample.suction, seen.suction),
    )


def _suction(
    true: Floats | None, said: Floats
) -> tuple[tuple[float, float, float], tuple[float, float]] | tuple[None, None]:
    """What `JudgedScene` has of suction, of maps (H, W)."""
    if true is None:
        return None, None
    squares = float(np.mean((said - true) ** 2)), float(np.mean(true)), float(np.mean(true**2))
    row, column = np.unravel_index(int(np.argmax(said)), said.shape)
    return squares, (float(true[row, column]), float(true.max()))


def matches(found: Doubles, true: Doubles) -> Doubles:
    """(m,) index of the true box (n, 4) that each found box (m, 4) is about, -1 for none.

    Each true box is taken once, by the first found box (the surest) that overlaps it by half or more, which takes the
    one it overlaps most.
    """
    about = np.full(len(found), -1)
    free = np.ones(len(true), dtype=bool)
    for k, overlap in enumerate(overlaps(found, true)):
        best = int(np.argmax(np.where(free, overlap, -1.0))) if free.any() else -1
        if best >= 0 and overlap[best] >= OVERLAP_MIN:
            about[k], free[best] = best, False
    return about


def overlaps(first: Doubles, second: Doubles) -> Doubles:
    """Intersection over union (m, n) of boxes (m, 4) and (n, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(high - low, 0.0, None).prod(axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def _mass(centers: Doubles, boxes: Doubles, seen: Detections) -> tuple[Doubles, Doubles, int]:
    """Peaks with their similarity, distances of the hits [px], and the number of centres in the picture."""
    height, width = seen.mass.shape
    inside = ((centers >= 0) & (centers <= [width - 1, height - 1])).all(axis=1)
    unknown = boxes[np.isnan(centers).any(axis=1)]
    centers, areas = centers[inside], np.prod(boxes[inside, 2:] - boxes[inside, :2], axis=1)
    places, heights = seen.centers(_PEAKS_MAX)
    free = np.ones(len(centers), dtype=bool)
    rated, errors = [], []
    for place, tall in zip(places, heights, strict=True):
        squares = np.sum((centers - place) ** 2, axis=1)
        alike = np.where(free, np.exp(-squares / (2.0 * areas * MASS_SHARE**2)), 0.0)
        best = int(np.argmax(alike)) if len(alike) else -1
        similarity = float(alike[best]) if best >= 0 else 0.0
        if similarity >= 0.5:
            free[best] = False
            errors.append(float(np.sqrt(squares[best])))
        elif ((unknown[:, :2] <= place) & (place <= unknown[:, 2:])).all(axis=1).any():
            continue
        rated.append((float(tall), similarity))
    return np.array(rated).reshape(-1, 2), np.array(errors), len(centers)
