"""The figures of the six tasks over many pictures, with intervals by scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gpnet_ros.data.scene_judging.judged_scene import JudgedScene
from gpnet_ros.data.scene_judging.precision import KINDS, Matched
from gpnet_ros.data.scene_judging.tasks import mass_precision, occlusion_calls, suction_at_peak, suction_error

Values = Mapping[str, float | None]


def scene_figures(judged: Sequence[JudgedScene], resamples: int = 100, seed: int = 0) -> dict[str, Any]:
    """The figures of pictures of different scenes.

    All come with 95 % intervals by the bootstrap over scenes (percentiles): objects of one scene are no independent
    samples.

    Args:
        judged: one per scene.
        resamples: drawings of the bootstrap; 0 gives no intervals.
        seed: of the drawings.
    """
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(judged), size=len(judged)).tolist() for _ in range(resamples)] if judged else []

    def bounded(figure: Callable[[Sequence[int]], Values]) -> dict[str, dict[str, float | None]]:
        drawn = [figure(rows) for rows in draws]
        said = {}
        for name, value in figure(range(len(judged))).items():
            known = [found for values in drawn if (found := values[name]) is not None]
            low, high = np.percentile(known, [2.5, 97.5]) if known else (None, None)
            said[name] = {"value": _rounded(value), "low": _rounded(low), "high": _rounded(high)}
        return said

    figures: dict[str, Any] = {"pictures": len(judged), "objects": sum(len(j.true.boxes) for j in judged)}
    for kind in KINDS:
        found = bounded(Matched([(j.true, j.found) for j in judged], kind).precision)
        figures[kind] = {name: said["value"] for name, said in found.items()}
        figures[kind] |= {f"{name}_interval": found[name] for name in ("AP", "AP50")}
    calls = bounded(lambda rows: _occlusion([judged[k] for k in rows]))
    rate = calls["rate"]
    figures["occlusion"] = {"rate": rate["value"], "low": rate["low"], "high": rate["high"]}
    figures["occlusion"] |= {name: calls[name]["value"] for name in ("best_constant", "over_constant")}
    figures["occlusion"] |= {"n": len(occlusion_calls(judged)), "over_constant_interval": calls["over_constant"]}
    errors = [float(e) for j in judged for e in j.mass_errors]
    mass = bounded(lambda rows: {"AP": mass_precision([judged[k] for k in rows])})["AP"]
    figures["mass"] = mass | {"error_px": _rounded(float(np.mean(errors)) if errors else None)}
    cup = bounded(lambda rows: _suction([judged[k] for k in rows]))
    figures["suction"] = cup["at_peak"] | suction_error(judged) | {"MSE_over_constant": cup["MSE_over_constant"]}
    return figures


def _occlusion(judged: Sequence[JudgedScene]) -> Values:
    """Accuracy, that of the best constant on the same objects, and by how much it is ahead of that."""
    calls = occlusion_calls(judged)
    if not len(calls):
        return {"rate": None, "best_constant": None, "over_constant": None}
    rate, occluded = float(np.mean(calls[:, 0] == calls[:, 1])), float(calls[:, 1].mean())
    best = max(occluded, 1.0 - occluded)
    return {"rate": rate, "best_constant": best, "over_constant": rate - best}


def _suction(judged: Sequence[JudgedScene]) -> Values:
    """True quality at the peak over the best possible, and the map's error over that of the best constant."""
    error = suction_error(judged)
    mine, constant = error["MSE"], error["MSE_best_constant"]
    ratio = mine / constant if mine is not None and constant else None
    return {"at_peak": suction_at_peak(judged), "MSE_over_constant": ratio}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
