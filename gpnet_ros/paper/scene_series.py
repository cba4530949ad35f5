"""The multi-task networks that the paper compares, trained one after the other on equally many images."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.evaluation.graspnext.evaluation import evaluate_scenes
from gpnet_ros.network.card import read_card
from gpnet_ros.network.trainer import STATE
from gpnet_ros.paper.rows import is_trained
from gpnet_ros.paper.scene_table import EVALUATION, RUN
from gpnet_ros.training.graspnext.recipe import GraspNextRecipe, load_graspnext_recipe
from gpnet_ros.training.graspnext.run import ScenePictures, train_scene_folders
from gpnet_ros.training.run import RunOptions


@dataclass(frozen=True)
class SceneSeries:
    """What all trainings of the comparison have in common.

    Attributes:
        out: folder of all models. pictures: to learn from and to judge on.
        images: that each network learns from, counted as often as they are seen.
        networks: name in the table -> what `GraspNextRecipe.network` takes.
        config: recipe of all; chosen: settings in place of its own.
        device: see `RunOptions`.
    """

    out: Path
    pictures: ScenePictures
    images: int
    networks: dict[str, str]
    config: str = "graspnext"
    chosen: dict[str, Any] = field(default_factory=dict)
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.images < 1:
            raise BadInput(f"--images is {self.images}; allowed: 1 or more, the same for every network.")
        if not self.pictures.validation:
            raise BadInput("--val is missing: the table compares what the networks do on pictures of other scenes.")

    def recipe(self, name: str) -> GraspNextRecipe:
        """The recipe of a network."""
        return load_graspnext_recipe(self.config, **{**self.chosen, "network": self.networks[name]})


def networks_of(words: Sequence[str]) -> dict[str, str]:
    """Networks of the command line: a name, or NAME=FILE with a winner.json of gpnet search.

    Raises:
        BadInput: two are called the same, or a name cannot be that of a folder.
    """
    found: dict[str, str] = {}
    for word in words:
        name, _, network = word.partition("=")
        if name in found or Path(name).name != name or name.startswith("."):
            raise BadInput(f"--networks {word!r}: give each network once, as NAME, or NAME=winner.json.")
        found[name] = network or name
    return found


def state_of(series: SceneSeries, name: str) -> str:
    """ "finished", "begun" or "to do".

    Raises:
        BadInput: a model lies there that learned from another number of images.
    """
    folder = series.out / name
    if not is_trained(folder):
        return "begun" if (folder / RUN / STATE).is_file() else "to do"
    card = read_card(folder)
    seen = card.views_seen
    if seen < series.images or seen >= series.images + int(card.recipe["batch"]):
        raise BadInput(f"{folder} learned from {seen} images, not {series.images}: remove it, or choose another --out.")
    return "finished"


def train_series(series: SceneSeries) -> list[str]:
    """Train and judge what is left, one network after the other; the names of those that failed.

    What is finished is skipped, and what was begun goes on, also after kill -9.

    Raises:
        BadInput: data cannot be read, a recipe is not allowed, or a model of another comparison lies there.
    """
    recipes = {name: series.recipe(name) for name in series.networks}
    states = {name: state_of(series, name) for name in series.networks}
    pictures = len(series.pictures.learned())
    failed = []
    for name, recipe in recipes.items():
        folder = series.out / name
        try:
            if states[name] != "finished":
                print(f"{name}: {states[name]}, {series.images} images", flush=True)
                resume = (folder / RUN / STATE).is_file()
                how = RunOptions(folder, folder / RUN, resume, device=series.device)
                epochs = series.images / pictures
                train_scene_folders(series.pictures, recipe, how, (None, epochs))
            _judge(folder, series)
        except (GpnetError, OSError) as error:
            print(f"{folder}: {error}", file=sys.stderr)
            failed.append(name)
    return failed


def _judge(folder: Path, series: SceneSeries) -> None:
    """Write the figures of a model beside it, once for these weights and pictures."""
    on = series.pictures
    split = None if on.validation_split is None else str(on.validation_split)
    about = {"sha256": read_card(folder).sha256, "data": [str(p) for p in on.validation], "split": split}
    kept = folder / EVALUATION
    if kept.is_file() and about.items() <= json.loads(kept.read_text(encoding="utf-8")).items():
        return
    answer = evaluate_scenes(folder, list(on.validation), None, on.validation_split, on.source)
    kept.write_text(json.dumps({**answer, **about}) + "\n", encoding="utf-8")
