"""Judge a multi-task network on pictures of a data set."""

from __future__ import annotations

import time
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpnet_ros.data.scene_judging.judged_scene import JudgedScene, judge_scene
from gpnet_ros.data.scene_record import NoMasks
from gpnet_ros.data.scene_views import SceneViews
from gpnet_ros.data.splits import keep_split
from gpnet_ros.evaluation.graspnext.figures import scene_figures
from gpnet_ros.network.graspnext.cost import network_cost
from gpnet_ros.network.graspnext.detector import SceneDetector, load_scene_detector


def evaluate_scenes(
    model: str | Path, data: list[Path], most: int | None = None, split: Path | None = None, source: str = "own"
) -> dict[str, Any]:
    """Figures of the six tasks with intervals, time, parameters and multiply-adds of a model.

    Args:
        model: name in models/ or folder.
        data: folders of `gpnet generate --labels all`, or of a public set; several have their own figures too (`sets`).
        most: only so many pictures of each folder, the first of each scene; all without.
        split: file of the scenes to take, as `gpnet data split` writes it; all without.
        source: what the folders hold, a key of `loaders.sets.LOADERS`. Tasks whose labels it lacks have no figures.

    Raises:
        BadInput: no picture has masks, or the split names another scene. ModelRefused: no such model, or it is none
            of these.
    """
    detector = load_scene_detector(model)
    opened = [SceneViews.load([folder], source) for folder in data]
    scenes = tuple(scene for views in opened for scene in views.scenes)
    wanted = {scenes[index] for index in keep_split(scenes, split)}
    sets = {str(f): _judged(detector, v, wanted, most) for f, v in zip(data, opened, strict=True)}
    judged = [one for found, _ in sets.values() for one in found]
    times = [time for _, found in sets.values() for time in found]
    cost = network_cost(detector.architecture)
    several = {name: scene_figures(found) for name, (found, _) in sets.items()} if len(sets) > 1 else {}
    return {
        "model": str(model),
        **scene_figures(judged),
        **({"sets": several} if several else {}),
        "split": None if split is None else str(split),
        "frame_ms": round(1e3 * float(np.median(times)), 1) if times else None,
        "threads": torch.get_num_threads(),
        "side_px": detector.side,
        "parameters_M": round(cost.millions, 2),
        "GMAC_1200px": round(cost.gmac, 1),
    }


def _judged(
    detector: SceneDetector, views: SceneViews, wanted: Set[str], most: int | None
) -> tuple[list[JudgedScene], list[float]]:
    """The first picture of each wanted scene, judged if it has masks, and how long each took [s].

    Raises:
        NoMasks: none of them has.
    """
    refused: NoMasks | None = None
    first = {scene: index for index, scene in reversed(list(enumerate(views.scenes))) if scene in wanted}
    judged, times = [], []
    for index in sorted(first.values())[:most]:
        try:
            sample = views.sample(index)
        except NoMasks as error:
            refused = error
            continue
        begin = time.perf_counter()
        seen = detector(sample.frame)
        times.append(time.perf_counter() - begin)
        judged.append(judge_scene(sample, seen))
    if refused is not None and not judged:
        raise refused
    return judged, times


def scenes_table(answer: dict[str, Any]) -> str:
    """The figures of `evaluate_scenes`, for a person."""
    heading = f"{answer['model']}, {answer['pictures']} pictures at {answer['side_px']} px, {answer['objects']} objects"
    lines = [heading, *_figure_lines(answer)]
    for name, figures in answer.get("sets", {}).items():
        lines += [f"{name}, {figures['pictures']} pictures", *_figure_lines(figures)]
    size = f"{answer['parameters_M']} M, {answer['GMAC_1200px']} GMAC (the paper calls them FLOPs) at 1200 px"
    return "\n".join([*lines, f"  {answer['frame_ms']} ms a frame, {answer['threads']} threads; {size}"])


def _figure_lines(figures: dict[str, Any]) -> list[str]:
    def bounds(said: dict[str, Any], name: str = "value") -> str:
        return f"{said[name]} [{said['low']}, {said['high']}]"

    lines = []
    for kind in ("boxes", "visible", "amodal"):
        values = figures[kind]
        lines.append(f"  {kind:10} AP50 {bounds(values['AP50_interval'])}, AP {bounds(values['AP_interval'])}")
    occlusion, suction = figures["occlusion"], figures["suction"]
    constant = f"best constant {occlusion['best_constant']}, ahead by {bounds(occlusion['over_constant_interval'])}"
    lines.append(f"  occlusion  {bounds(occlusion, 'rate')}; {constant}")
    lines.append(f"  mass       AP {bounds(figures['mass'])}, off by {figures['mass']['error_px']} px")
    errors = f"MSE {suction['MSE']}, over the best constant {bounds(suction['MSE_over_constant'])}"
    return [*lines, f"  suction    at the peak {bounds(suction)} of the best, {errors}"]
