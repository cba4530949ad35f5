"""The figures of the six tasks over many pictures, with intervals by scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpnet_ros.evaluation.graspnext.judged_scene import JudgedScene
from gpnet_ros.evaluation.graspnext.precision import KINDS, average_precision
from gpnet_ros.evaluation.intervals import share_of

#: Similarities at which the centre of mass's precision is averaged, as COCO's for key points.
SIMILARITIES = np.arange(0.5, 1.0, 0.05)
_RECALLS = np.linspace(0.0, 1.0, 101)


def scene_figures(judged: Sequence[JudgedScene], resamples: int = 100, seed: int = 0) -> dict[str, Any]:
    """The figures of pictures of different scenes.

    AP and suction come with 95 % intervals by the bootstrap over scenes (percentiles), accuracy with Wilson's.

    Args:
        judged: one per scene.
        resamples: drawings of the bootstrap; 0 gives no intervals.
        seed: of the drawings.
    """
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(judged), size=len(judged)) for _ in range(resamples)]

    def bounded(figure: Callable[[Sequence[JudgedScene]], float | None]) -> dict[str, float | None]:
        value = figure(judged)
        drawn = [found for rows in draws if (found := figure([judged[k] for k in rows])) is not None]
        low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (None, None)
        return {
            name: None if v is None else round(float(v), 4) for name, v in zip(_BOUNDS, (value, low, high), strict=True)
        }

    figures: dict[str, Any] = {"pictures": len(judged)}
    for kind in KINDS:
        figures[kind] = average_precision([(j.true, j.found) for j in judged], kind)
        figures[kind]["AP50_interval"] = bounded(lambda some, kind=kind: _ap50(some, kind))
    calls = np.concatenate([j.occlusion for j in judged]) if judged else np.zeros((0, 2))
    occluded = float(calls[:, 1].mean()) if len(calls) else 0.0
    figures["occlusion"] = share_of((calls[:, 0] == calls[:, 1]).tolist())
    figures["occlusion"]["best_constant"] = round(max(occluded, 1.0 - occluded), 4)
    figures["mass"] = bounded(mass_precision) | {"error_px": _mean([e for j in judged for e in j.mass_errors])}
    figures["suction"] = bounded(suction_at_peak) | suction_error(judged)
    return figures


_BOUNDS = ("value", "low", "high")


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
    best = sum(j.suction_at_peak[1] for j in judged)
    return sum(j.suction_at_peak[0] for j in judged) / best if best > 0 else None


def suction_error(judged: Sequence[JudgedScene]) -> dict[str, float | None]:
    """Mean squared error of the suction maps, and that of the best constant: a map that says nothing."""
    if not judged:
        return {"MSE": None, "MSE_best_constant": None}
    error, mean, square = np.mean([j.suction_squares for j in judged], axis=0)
    return {"MSE": round(float(error), 6), "MSE_best_constant": round(float(square - mean**2), 6)}


def _precision(hits: np.ndarray, total: int) -> float:
    counts = np.cumsum(hits)
    precision, recall = counts / np.arange(1, len(hits) + 1), counts / total
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.mean([best[k] if k < len(best) else 0.0 for k in places]))


def _ap50(judged: Sequence[JudgedScene], kind: str) -> float | None:
    return average_precision([(j.true, j.found) for j in judged], kind)["AP50"]


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 2) if values else None
