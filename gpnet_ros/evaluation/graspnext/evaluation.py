"""Judge a multi-task network on pictures of a data set."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.data.scene_judging.judged_scene import judge_scene
from gpnet_ros.data.scene_views import SceneViews
from gpnet_ros.evaluation.graspnext.figures import scene_figures
from gpnet_ros.network.graspnext.cost import network_cost
from gpnet_ros.network.graspnext.detector import load_scene_detector


def evaluate_scenes(model: str | Path, data: list[Path], most: int | None = None) -> dict[str, Any]:
    """Figures of the six tasks with intervals, time, parameters and multiply-adds of a model.

    Args:
        model: name in models/ or folder. data: folders of `gpnet generate --labels all`.
        most: only so many pictures, the first of each scene; all without.

    Raises:
        BadInput: pictures lack labels. ModelRefused: no such model, or it is none of these.
    """
    detector = load_scene_detector(model)
    views = SceneViews.load(data)
    first = {scene: index for index, scene in reversed(list(enumerate(views.scenes)))}
    judged, times = [], []
    for index in sorted(first.values())[:most]:
        sample = views.sample(index)
        begin = time.perf_counter()
        seen = detector(sample.frame)
        times.append(time.perf_counter() - begin)
        judged.append(judge_scene(sample, seen))
    cost = network_cost(detector.architecture)
    return {
        "model": str(model),
        **scene_figures(judged),
        "frame_ms": round(1e3 * float(np.median(times)), 1),
        "side_px": detector.side,
        "parameters_M": round(cost.millions, 2),
        "GMAC_1200px": round(cost.gmac, 1),
    }


def scenes_table(answer: dict[str, Any]) -> str:
    """The figures of `evaluate_scenes`, for a person."""

    def bounds(said: dict[str, Any], name: str = "value") -> str:
        return f"{said[name]} [{said['low']}, {said['high']}]"

    lines = [f"{answer['model']}, {answer['pictures']} pictures at {answer['side_px']} px"]
    for kind in ("boxes", "visible", "amodal"):
        lines.append(f"  {kind:10} AP50 {bounds(answer[kind]['AP50_interval'])}, AP {answer[kind]['AP']}")
    lines.append(
        f"  occlusion  {bounds(answer['occlusion'], 'rate')}; best constant {answer['occlusion']['best_constant']}"
    )
    lines.append(f"  mass       AP {bounds(answer['mass'])}, off by {answer['mass']['error_px']} px")
    suction = answer["suction"]
    errors = f"MSE {suction['MSE']} (best constant {suction['MSE_best_constant']})"
    lines.append(f"  suction    at the peak {bounds(suction)} of the best, {errors}")
    size = f"{answer['parameters_M']} M, {answer['GMAC_1200px']} GMAC at 1200 px"
    return "\n".join([*lines, f"  {answer['frame_ms']} ms a frame, {size}"])
