"""Recipes of `gpnet train`: what of a run may be chosen, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, get_args

import yaml

from gpnet_ros import normalise
from gpnet_ros import settings as setting_files
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card
from gpnet_ros.network.gpnet import CONTEXTS, WIDTHS
from gpnet_ros.network.loss import LossMode
from gpnet_ros.network.trainer import Method, Trainer
from gpnet_ros.settings import setting, validate
from gpnet_ros.training.learning_settings import TRUNK_STARTS, LearningSettings

#: GP-Net alone, and joined with a coarse branch.
_GPNETS = ("gpnet", "joined")
#: Networks with a fifth map.
_WITH_PRIORITY = (*_GPNETS, "grconvnet")
#: Settings that earlier versions had, with the value at which they did nothing.
GONE_SETTINGS = {"copy_paste": 0.0, "contact": False}
#: Recipe of a run whose user names none.
_DEFAULT = "best"


@dataclass(frozen=True)
class TrainSettings(ViewSettings, LearningSettings):
    """The recipe: the views and all else. A file of config/train overrides these defaults."""

    architecture: str = setting("gpnet", "Network.", choices=tuple(checkpoint.GRASP_ARCHITECTURES))
    size: str = setting("m", "Width of GP-Net.", choices=tuple(WIDTHS))
    context: str = setting("full", "Context module of GP-Net, nothing, or a plain convolution.", choices=CONTEXTS)
    modules: int = setting(1, "Context modules of GP-Net; the paper has one.", low=1, high=8)
    latent: int = setting(1, "Convolutions of the latent branch of each; the paper has one.", low=1, high=8)
    backbone: str = setting("unet", "Of ORANGE.", choices=("unet", "ggcnn2"))
    trunk: str = setting("auto", "First weights of joined's trunk; auto: of ImageNet.", choices=TRUNK_STARTS)
    fine_rate: float = setting(1.0, "Rate of joined's GP-Net, as a share; 0: it is kept.", low=0.0, high=1.0)
    priority_head: bool = setting(True, "With a priority map: GP-Net and GR-ConvNet.")
    channels: str = setting("rgbd", "Input.", choices=tuple(normalise.CHANNEL_COUNT))
    loss: str = setting("suppress", "See network/loss.py.", choices=get_args(LossMode))
    shrink_width: bool = setting(False, "Pull the width map to 0 where no grasp is.")
    modality_dropout: float = setting(0.15, "Share of views without colour, and without depth.", low=0.0, high=0.45)
    batch: int = setting(16, "Views per step, over all processes.", low=2, high=4096)
    mix: tuple[float, ...] = setting(
        (), "Views from each folder of --data, in parts; none: as many as it has.", low=0.0
    )
    small_crop: int = setting(128, "Side of the crops at first; a multiple of 4.", unit="px", low=64, high=224)
    small_share: float = setting(0.7, "Share of the run on small crops; the rest on 224.", low=0.0, high=1.0)

    def __post_init__(self) -> None:
        validate(self)
        if self.small_crop % 4:
            raise BadInput(f"small_crop is {self.small_crop}; it must be a multiple of 4.")
        if self.priority_head and self.architecture not in _WITH_PRIORITY:
            raise BadInput(f"{self.architecture} has no priority map: set priority_head to false.")
        if self.architecture == "joined" and not self.priority_head:
            raise BadInput("joined is a GP-Net with a branch for priority: set priority_head to true, or take gpnet.")
        if self.fine_rate != 1.0 and self.architecture != "joined":
            raise BadInput(f"fine_rate {self.fine_rate} is of joined only, not of {self.architecture}: leave it at 1.")
        if self.mix and not sum(self.mix) > 0:
            raise BadInput(f"mix is {list(self.mix)}; one part must be above 0.")
        if self.context != "full" and self.architecture not in _GPNETS:
            raise BadInput(f"context {self.context} is of gpnet only, not of {self.architecture}: set context to full.")
        if self.loss == "likelihood" and self.architecture not in _GPNETS:
            raise BadInput(f"loss likelihood needs probabilities, which {self.architecture} does not give: use gpnet.")
        if (self.loss == "orange") != (self.architecture == "orange"):
            raise BadInput(f"loss {self.loss} is not for {self.architecture}: loss orange is for orange, and no other.")

    def views(self) -> ViewSettings:
        """The part of the recipe that says how pictures become training views."""
        return ViewSettings(**{f.name: getattr(self, f.name) for f in fields(ViewSettings)})

    def method(self) -> Method:
        """The part of the recipe that says how weights are found."""
        return Method(
            loss=self.loss,
            shrink_width=self.shrink_width,
            fine_rate=self.fine_rate,
            **self.optimiser_values(),
        )

    def blank_card(self) -> Card:
        """The card of a network that is not trained yet; arguments that have their defaults are left out."""
        kwargs: dict[str, Any] = {}
        if self.architecture in _GPNETS:
            wanted = {
                "context": self.context,
                "gpp": self.priority_head,
                "modules": self.modules,
                "latent": self.latent,
                "probabilities": self.loss == "likelihood",
            }
            defaults = {"context": "full", "gpp": True, "modules": 1, "latent": 1, "probabilities": False}
            chosen = {name: value for name, value in wanted.items() if value != defaults[name]}
            kwargs = {"widths": list(WIDTHS[self.size]), **chosen}
        elif self.architecture == "grconvnet" and self.priority_head:
            kwargs["gpp"] = True
        elif self.architecture == "orange":
            kwargs["backbone"] = self.backbone
        return Card(self.architecture, kwargs, self.channels, self.normalisation)


class RunLength(Protocol):
    """What of a recipe says how long a run is."""

    @property
    def minutes(self) -> float:
        """Length of the run [min], 0 if it does not say."""
        ...

    @property
    def epochs(self) -> float:
        """Passes over the data, 0 if it does not say."""
        ...

    @property
    def batch(self) -> int:
        """Views per step."""
        ...


@dataclass(frozen=True)
class Budget:
    """When a run ends: after `seconds` of steps [s], or after `steps`, whichever comes first."""

    seconds: float
    steps: float

    def progress(self, trainer: Trainer) -> float:
        """Share of the run that is done, in [0, 1]."""
        return min(1.0, max(trainer.elapsed / self.seconds, trainer.step / self.steps))

    @classmethod
    def of(cls, recipe: RunLength, views: int, minutes: float | None, epochs: float | None) -> Budget:
        """The length of a run, from the command line or, where that says nothing, from the recipe.

        Args:
            recipe: recipe of the run.
            views: number of pictures of the data set.
            minutes: length [min], or None; epochs: passes over the data, or None.

        Raises:
            BadInput: neither says how long, or not a positive time.
        """
        if minutes is None and epochs is None:
            minutes, epochs = recipe.minutes or None, recipe.epochs or None
        if minutes is None and epochs is None:
            raise BadInput("Neither --minutes nor --epochs is given: give one of them, it sets the schedule.")
        steps = float("inf") if epochs is None else epochs * views / recipe.batch
        seconds = float("inf") if minutes is None else 60.0 * minutes
        if not (steps > 0 and seconds > 0):
            raise BadInput(f"--minutes {minutes} and --epochs {epochs} must be positive.")
        return cls(seconds, max(1.0, steps))


def load_recipe(name: str | Path | None = None, **chosen: Any) -> TrainSettings:
    """A recipe by its name in config/train, or by the path of a file; `best` if there is none.

    Args:
        name: of the recipe, or path.
        chosen: settings that replace the recipe's.

    Raises:
        BadInput: there is none of that name (the known are listed), or a setting is not allowed.
    """
    folder = setting_files.config_dir() / "train"
    path = Path(_DEFAULT if name is None else name)
    if not path.suffix and path.name == str(path):
        path = folder / f"{path}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in folder.glob("*.yaml")))
            raise BadInput(f"There is no recipe {str(name)!r}; known are: {known}; or give the path of a file.")
    return replace(setting_files.load_settings(TrainSettings, path), **chosen)


def is_graspnext_recipe(name: str | Path | None) -> bool:
    """Whether a recipe of that name is one of the multi-task network, in config/train/graspnext."""
    return name is not None and (setting_files.config_dir() / "train" / "graspnext" / f"{name}.yaml").is_file()


def overrides(words: list[str], recipe: type[Any] | None = None) -> dict[str, Any]:
    """Settings given as NAME=VALUE, values as YAML has them.

    Args:
        words: as given. recipe: class of the recipe; `TrainSettings` without one.

    Raises:
        BadInput: a word that is none, or a name that is no setting.
    """
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise BadInput(f"--set {word!r} is no NAME=VALUE: write, for example, --set context=plain.")
        try:
            values[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise BadInput(f"--set {word!r} has no readable value: write, for example, --set batch=32.") from error
    parsed = setting_files.from_dict(recipe or _SingleSettings, values, "--set") if values else None
    return {name: getattr(parsed, name) for name in values}


def without_gone(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe that an earlier version wrote, without settings that are gone and did nothing in it."""
    return {name: value for name, value in recipe.items() if (name, value) not in GONE_SETTINGS.items()}


class _SingleSettings(TrainSettings):
    """Single settings, whose agreement with each other is checked once they are in their recipe."""

    def __post_init__(self) -> None:
        validate(self)
