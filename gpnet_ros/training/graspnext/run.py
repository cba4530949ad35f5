"""One run of `gpnet train` for the multi-task network: from first weights or a saved state to a model with its card."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gpnet_ros.data.scene_views import SceneViews
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card
from gpnet_ros.network.graspnext.lite import LiteTrunk
from gpnet_ros.network.graspnext.network import GraspNeXt
from gpnet_ros.network.graspnext.trainer import SceneTrainer
from gpnet_ros.training.graspnext.recipe import GraspNextRecipe
from gpnet_ros.training.graspnext.scene_log import SceneLog
from gpnet_ros.training.graspnext.views import moved, scene_batches
from gpnet_ros.training.learning_settings import IMAGENET
from gpnet_ros.training.origin import code_commit, first_weights
from gpnet_ros.training.recipe import Budget
from gpnet_ros.training.run import LAST, RunOptions, training_device
from gpnet_ros.training.runs import FIRST_STATE, enter_run, finished_card, go_on, make_folders

#: Between the seeds of two steps: a prime, so that runs of neighbouring seeds do not draw alike.
_SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class ScenePictures:
    """Where the pictures of a run lie.

    Attributes:
        data: folders to learn from. validation: folders to judge on, evenly; without any the card has no metric.
        source: what they hold, a key of `loaders.sets.LOADERS`.
        split, validation_split: files of the scenes to take from each; all without.
    """

    data: Sequence[Path]
    validation: Sequence[Path] = ()
    source: str = "own"
    split: Path | None = None
    validation_split: Path | None = None

    def learned(self) -> SceneViews:
        """The pictures to learn from; see `SceneViews.load` for what is refused."""
        return SceneViews.load(self.data, self.source, self.split)

    def judged(self) -> SceneViews | None:
        """The pictures to judge on, if there are some; see `learned`."""
        return SceneViews.load(self.validation, self.source, self.validation_split) if self.validation else None


def train_scene_folders(
    pictures: ScenePictures,
    recipe: GraspNextRecipe,
    options: RunOptions,
    budget: tuple[float | None, float | None],
) -> Card:
    """Train on the pictures of folders, and write the model with its card.

    Args:
        pictures: to learn from and to judge on.
        recipe: network, views and method.
        options: where the run lies and what it starts from.
        budget: minutes and epochs, None where the recipe says.

    Raises:
        BadInput: a folder cannot be read or written, nobody says how long, or there is no run to resume.
        GpnetError: the loss is not finite any more.
    """
    device = training_device(options.device)
    make_folders(options.out, options.folder)
    views, judged_on = pictures.learned(), pictures.judged()
    length = Budget.of(recipe, len(views), *budget)
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    blank = recipe.blank_card()
    net, start = first_weights(blank, options.init)
    assert isinstance(net, GraspNeXt)
    if recipe.trunk != "random" and options.init is None and isinstance(net.trunk, LiteTrunk):
        net.trunk.start_from_imagenet()
        start = dict(IMAGENET)
    net.work_on(recipe.sampling())
    origin = {"views": len(views), "scenes": len(set(views.scenes)), **views.made, **start}
    origin |= _lacking(views)
    origin |= {"found_by": recipe.found_by} if recipe.found_by else {}
    enter_run(options.folder, recipe, origin, options.resume)
    trainer = recipe.trainer(net.to(device))
    if options.resume:
        go_on(trainer, options.folder)
    log = SceneLog(options.folder, judged_on, recipe, options.resume)
    card = replace(blank, data=origin, recipe=asdict(recipe), commit=code_commit())
    metric: dict[str, Any] = {}
    for said in _stages(trainer, views, recipe, length):
        trainer.save(options.folder)
        metric = log.report(trainer, said)
        checkpoint.save(trainer.learned, finished_card(card, trainer, metric), options.folder / LAST)
    return checkpoint.save(trainer.learned, finished_card(card, trainer, metric), options.out)


def _lacking(views: SceneViews) -> dict[str, Any]:
    """What the card says of labels that are not there; a person is told, too."""
    missing = views.missing()
    for name, share in missing.items():
        print(f"{share} pictures have no {name}, or not of all objects: what is not known teaches nothing.")
    return {"lacking": missing} if missing else {}


def _stages(
    trainer: SceneTrainer, views: SceneViews, recipe: GraspNextRecipe, budget: Budget
) -> Iterator[dict[str, Any]]:
    """Steps until the budget is spent; a line for the log whenever a state is due."""
    source = scene_batches(views, recipe.side, recipe.batch, recipe.seed, trainer.step)
    device = next(trainer.net.parameters()).device
    losses: list[Tensor] = []
    begin = saved = time.monotonic()
    wait = recipe.checkpoint_seconds if trainer.step else min(FIRST_STATE, recipe.checkpoint_seconds)
    while (progress := budget.progress(trainer)) < 1.0:
        # Regions to learn from are drawn at random: a resumed run draws as the unbroken one.
        torch.manual_seed(recipe.seed + _SEED_STRIDE * trainer.step)
        losses.append(trainer.update(*moved(next(source), device), progress))
        now = time.monotonic()
        trainer.elapsed += now - begin
        begin = now
        if now - saved > wait or budget.progress(trainer) >= 1.0:
            said = {"step": trainer.step, "images": trainer.step * recipe.batch, "minutes": trainer.elapsed / 60}
            yield {**said, "rate": trainer.rate, "loss": trainer.finite(losses), "parts": trainer.parts()}
            begin = saved = time.monotonic()
            losses, wait = [], recipe.checkpoint_seconds
