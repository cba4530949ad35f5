"""Steps of the multi-task network: the trainer of the grasp networks with seven terms for a loss."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from gpnet_ros.network.graspnext.losses import TermWeights, graspnext_losses
from gpnet_ros.network.graspnext.network import GraspNeXt, ImageTruth
from gpnet_ros.network.trainer import Method, Trainer


@dataclass(frozen=True)
class SceneMethod(Method):
    """How a GraspNeXt network learns.

    Attributes:
        weights: of the seven terms. suction: of `losses.SUCTION_LOSSES`.
    """

    weights: TermWeights = field(default_factory=TermWeights)
    suction: str = "graded"


class SceneTrainer(Trainer):
    """A GraspNeXt network, the mean of its weights, its optimiser, and how far the run is."""

    def __init__(self, net: nn.Module, method: SceneMethod) -> None:
        super().__init__(net, method)
        self.scene_method = method

    @property
    def learned(self) -> GraspNeXt:
        """The mean of the weights so far."""
        assert isinstance(self.ema, GraspNeXt)
        return self.ema

    def losses(self, x: Tensor, target: list[ImageTruth]) -> dict[str, Tensor]:
        """The seven terms, each of shape (), of images (B, 3, H, W) in [0, 1] and what is true of each."""
        with self.computing(x.device):
            output = self._together(x, target)
        return graspnext_losses(output, target, self.scene_method.weights, self.scene_method.suction)
