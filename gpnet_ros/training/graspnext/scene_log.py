"""What a run of the multi-task network says of itself: lines, curves and examples, as GP-Net's runs have them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import Sample
from gpnet_ros.data.scene_judging.judged_scene import judge_scene
from gpnet_ros.data.scene_judging.precision import KINDS
from gpnet_ros.data.scene_judging.tasks import task_figures
from gpnet_ros.data.scene_views import SceneViews
from gpnet_ros.detection_pictures import detection_panels, panel_sheet
from gpnet_ros.detections import Detections
from gpnet_ros.network.graspnext.detector import SceneDetector
from gpnet_ros.network.graspnext.trainer import SceneTrainer
from gpnet_ros.training.curves import CURVES, EXAMPLES, LOG, Panel, draw_curves, read_log
from gpnet_ros.training.graspnext.recipe import GraspNextRecipe
from gpnet_ros.training.search.figures import dense_figures
from gpnet_ros.training.search.pictures import ProxyViews

#: Curves beside those of the loss, of all tasks and of dense pretraining.
PANELS = {
    "whole": (
        Panel("AP50 of boxes and masks", tuple(KINDS), True),
        Panel("occlusion, centres of mass, suction", ("occlusion", "mass", "suction"), True),
    ),
    "dense": (
        Panel("recall of proposals", ("dense_proposals",), True),
        Panel("correlation of heat maps with the truth", ("dense_mass", "dense_suction"), True),
    ),
}
#: Judged pictures that are shown, and the width of their sheets [px].
_SHOWN, _WIDTH = 3, 960


class SceneLog:
    """The log of one run, in the run's folder."""

    def __init__(self, folder: Path, validation: SceneViews | None, recipe: GraspNextRecipe, resume: bool) -> None:
        """Begin a log, or go on with it.

        Args:
            folder: of the run.
            validation: pictures to judge on; None judges nothing.
            recipe: of the run.
            resume: keep the lines that are there.
        """
        self._folder, self._validation, self._recipe = folder, validation, recipe
        if not resume:
            (folder / LOG).unlink(missing_ok=True)

    def report(self, trainer: SceneTrainer, said: dict[str, Any]) -> dict[str, Any]:
        """Judge the mean of the weights and write line, curves and examples; the figures, empty without pictures.

        Args:
            trainer: with the network. said: what the line shall say beside the figures.
        """
        figures = self._figures(trainer)
        text = json.dumps({**said, "figures": figures}, default=lambda value: round(float(value), 5))
        with (self._folder / LOG).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
        print(text, flush=True)
        lines = [_flat(line) for line in read_log(self._folder / LOG)]
        draw_curves(lines, self._folder / CURVES, PANELS[self._recipe.stage])
        return figures

    def _figures(self, trainer: SceneTrainer) -> dict[str, Any]:
        if self._validation is None or self._recipe.judged == 0:
            return {}
        views, net = self._validation, trainer.learned
        rows = [row for row in views.spread(self._recipe.judged) if views.has_masks(row)]
        if not rows:
            return {}
        with trainer.computing(next(net.parameters()).device):
            if self._recipe.stage == "dense":
                found = dense_figures(
                    copy.deepcopy(net).cpu(), ProxyViews.of([views.whole(row, self._recipe.side) for row in rows])
                )
                return {f"dense_{name}": round(value, 4) for name, value in found.items()}
            detector = SceneDetector(net, self._recipe.side)
            seen = ((sample, detector(sample.frame)) for sample in map(views.sample, rows))
            shown: list[NDArray[np.uint8]] = []
            judged = []
            for sample, one in seen:
                judged.append(judge_scene(sample, one))
                if len(shown) < _SHOWN:
                    shown.append(_sheet(sample, one))
        cv2.imwrite(str(self._folder / EXAMPLES), cv2.cvtColor(np.vstack(shown), cv2.COLOR_RGB2BGR))
        return dict(task_figures(judged))


def _sheet(sample: Sample, seen: Detections) -> NDArray[np.uint8]:
    assert sample.frame.color is not None
    sheet = panel_sheet(detection_panels(sample.frame.color, seen))
    height = round(_WIDTH * sheet.shape[0] / sheet.shape[1])
    return np.asarray(cv2.resize(sheet, (_WIDTH, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _flat(line: dict[str, Any]) -> dict[str, Any]:
    """A line of the log with parts and figures beside the rest, as curves are named."""
    parts = {f"loss_{name}": value for name, value in line.get("parts", {}).items()}
    return {**line, **parts, **line.get("figures", {})}
