"""Recipes of `gpnet train` for the multi-task network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from gpnet_ros import settings as setting_files
from gpnet_ros.errors import BadInput
from gpnet_ros.network.card import Card
from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.network.graspnext.dense import DenseTrainer
from gpnet_ros.network.graspnext.losses import SUCTION_LOSSES, TermWeights
from gpnet_ros.network.graspnext.network import STRIDE_MAX, GraspNeXt, Sampling
from gpnet_ros.network.graspnext.trainer import SceneMethod, SceneTrainer
from gpnet_ros.settings import setting, validate
from gpnet_ros.training.graspnext.found_network import named_or_found
from gpnet_ros.training.learning_settings import TRUNK_STARTS, LearningSettings
from gpnet_ros.training.recipe import is_graspnext_recipe

#: What of a network learns: everything, or what needs no regions, as a start for everything.
STAGES = ("whole", "dense")


@dataclass(frozen=True)
class GraspNextRecipe(LearningSettings):
    """How a GraspNeXt network is trained. A file of config/train/graspnext overrides these defaults."""

    network: str = setting("fast-graspnext", "Network: its name, or a winner.json of gpnet search.")
    trunk: str = setting(
        "auto", "First weights of the trunk; auto: of ImageNet where there are some.", choices=TRUNK_STARTS
    )
    stage: str = setting("whole", "What learns: all tasks, or dense (see network/graspnext/dense.py).", choices=STAGES)
    side: int = setting(384, "Side of the views; a multiple of 32.", unit="px", low=64, high=2048)
    batch: int = setting(4, "Views per step.", low=1, high=256)
    suction_loss: str = setting("graded", "See network/graspnext/losses.py.", choices=SUCTION_LOSSES)
    terms: TermWeights = field(default_factory=lambda: TermWeights(suction=1.0))
    """Weights of the seven terms of the loss; the graded suction loss is of the size of the others."""
    proposals: int = setting(300, "Proposals per view that the box head learns from.", low=8, high=2000)
    regions: int = setting(64, "Regions per view in the loss of the boxes.", low=8, high=1024)
    masks: int = setting(8, "Regions per view in the losses of masks and occlusion.", low=1, high=256)
    judged: int = setting(40, "Most pictures of --val that are judged at each state.", low=0, high=10**6)

    def __post_init__(self) -> None:
        validate(self)
        named_or_found(self.network)
        if self.side % STRIDE_MAX:
            raise BadInput(f"side is {self.side}; it must be a multiple of {STRIDE_MAX}.")

        if self.trunk == "imagenet" and self.architecture.trunk != "lite0":
            raise BadInput(
                f"trunk is imagenet, but for that of {self.network} there are no such weights: set trunk=random."
            )

    @property
    def architecture(self) -> Architecture:
        """Sizes of the network."""
        return named_or_found(self.network)[0]

    @property
    def found_by(self) -> dict[str, Any]:
        """Which search found the network; empty where none did."""
        return named_or_found(self.network)[1]

    def sampling(self) -> Sampling:
        """How many regions the network works on while it learns."""
        return Sampling(proposals=self.proposals, before=self.proposals, regions=self.regions, masks=self.masks)

    def method(self) -> SceneMethod:
        """How the weights are found."""
        return SceneMethod(
            **self.optimiser_values(),
            weights=self.terms,
            suction=self.suction_loss,
        )

    def trainer(self, net: GraspNeXt) -> SceneTrainer:
        """What takes the steps."""
        return (DenseTrainer if self.stage == "dense" else SceneTrainer)(net, self.method())

    def blank_card(self) -> Card:
        """The card of a network that is not trained yet."""
        return Card("graspnext", {"sizes": self.architecture.as_json(), "side": self.side}, "rgb")


def load_graspnext_recipe(name: str, **chosen: Any) -> GraspNextRecipe:
    """A recipe by its name in config/train/graspnext.

    Args:
        name: of the recipe.
        chosen: settings that replace the recipe's.

    Raises:
        BadInput: there is none of that name, or a setting is not allowed.
    """
    folder = setting_files.config_dir() / "train" / "graspnext"
    if not is_graspnext_recipe(name):
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        raise BadInput(f"There is no recipe {name!r} of the multi-task network; known: {known}.")
    path = folder / f"{name}.yaml"
    return replace(setting_files.load_settings(GraspNextRecipe, path), **chosen)
