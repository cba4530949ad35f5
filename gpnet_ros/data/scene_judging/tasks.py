"""The figures of the six tasks over many pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpnet_ros.data.scene_judging.judged_scene import JudgedScene
from gpnet_ros.data.scene_judging.precision import KINDS, average_precision

#: Similarities at which the centre of mass's precision is averaged, as COCO's for key points.
SIMILARITIES = np.arange(0.5, 1.0, 0.05)
_RECALLS = np.linspace(0.0, 1.0, 101)


def ap50(judged: Sequence[JudgedScene], kind: str) -> float | None:
    """AP50 of boxes, visible or amodal masks (`precision.KINDS`), in 0..1; None without objects."""
    return average_precision([(j.true, j.found) for j in judged], kind)["AP50"]


def occlusion_calls(judged: Sequence[JudgedScene]) -> np.ndarray:
    """(k, 2) bool of all objects that were found: called occluded, truly occluded."""
    return np.concatenate([np.zeros((0, 2)), *(j.occlusion for j in judged)]).astype(bool)


def mass_precision(judged: Sequence[JudgedScene]) -> float | None:
    """AP of centres of mass, in 0..1: the mean over `SIMILARITIES` of interpolated precision; None without any."""
    total = sum(j.masses for j in judged)
    if total == 0:
        return None
    peaks = np.concatenate([j.peaks for j in judged])
    peaks = peaks[np.argsort(-peaks[:, 0], kind="stable")]
    return float(np.mean([_precision(peaks[:, 1] >= least, total) for least in SIMILARITIES]))


def suction_at_peak(judged: Sequence[JudgedScene]) -> float | None:
    """True quality of a cup where the maps are highest, over the best there is, summed over pictures; None without."""
    known = [j.suction_at_peak for j in judged if j.suction_at_peak is not None]
    best = sum(peak[1] for peak in known)
    return sum(peak[0] for peak in known) / best if best > 0 else None


def suction_error(judged: Sequence[JudgedScene]) -> dict[str, float | None]:
    """Mean squared error of the suction maps, and that of the best constant: a map that says nothing."""
    known = [j.suction_squares for j in judged if j.suction_squares is not None]
    if not known:
        return {"MSE": None, "MSE_best_constant": None}
    error, mean, square = np.mean(known, axis=0)
    return {"MSE": round(float(error), 6), "MSE_best_constant": round(float(square - mean**2), 6)}


def task_figures(judged: Sequence[JudgedScene]) -> dict[str, float | None]:
    """One number for each task, without intervals: AP50 of boxes and masks, and see the functions above."""
    calls = occlusion_calls(judged)
    figures = {kind: ap50(judged, kind) for kind in KINDS}
    figures["occlusion"] = round(float(np.mean(calls[:, 0] == calls[:, 1])), 4) if len(calls) else None
    for name, figure in (("mass", mass_precision), ("suction", suction_at_peak)):
        value = figure(judged)
        figures[name] = None if value is None else round(value, 4)
    return figures


def _precision(hits: np.ndarray, total: int) -> float:
    counts = np.cumsum(hits)
    precision, recall = counts / np.arange(1, len(hits) + 1), counts / total
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.mean([best[k] if k < len(best) else 0.0 for k in places]))
