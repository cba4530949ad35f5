"""The figures of the six tasks over many pictures, with intervals by scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from gpnet_ros.data.scene_judging.judged_scene import JudgedScene
from gpnet_ros.data.scene_judging.precision import KINDS, average_precision
from gpnet_ros.data.scene_judging.tasks import ap50, mass_precision, occlusion_calls, suction_at_peak, suction_error
from gpnet_ros.evaluation.intervals import share_of

_Figure = Callable[[Sequence[JudgedScene]], float | None]


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

    def bounded(figure: _Figure) -> dict[str, float | None]:
        drawn = [found for rows in draws if (found := figure([judged[k] for k in rows])) is not None]
        low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (None, None)
        return {"value": _rounded(figure(judged)), "low": _rounded(low), "high": _rounded(high)}

    figures: dict[str, Any] = {"pictures": len(judged)}
    for kind in KINDS:
        figures[kind] = average_precision([(j.true, j.found) for j in judged], kind)
        figures[kind]["AP50_interval"] = bounded(partial(ap50, kind=kind))
    calls = occlusion_calls(judged)
    occluded = float(calls[:, 1].mean()) if len(calls) else 0.0
    figures["occlusion"] = share_of((calls[:, 0] == calls[:, 1]).tolist())
    figures["occlusion"]["best_constant"] = round(max(occluded, 1.0 - occluded), 4)
    errors = [float(e) for j in judged for e in j.mass_errors]
    figures["mass"] = bounded(mass_precision) | {"error_px": _rounded(float(np.mean(errors)) if errors else None)}
    figures["suction"] = bounded(suction_at_peak) | suction_error(judged)
    return figures


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
