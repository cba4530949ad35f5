"""Steps of the multi-task network: the trainer of the grasp networks with seven terms for a loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

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

    def __init__(self, net: GraspNeXt, method: SceneMethod) -> None:
        super().__init__(net, method)
        self._method = method

    def computing(self, device: torch.device) -> torch.autocast:
        """The context in which the network computes: bfloat16 if the method says so and the device is quick in it."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.method.mixed and quick_in_bfloat16(device))

    def losses(self, x: Tensor, target: list[ImageTruth]) -> dict[str, Tensor]:
        """The seven terms, each of shape (), of images (B, 3, H, W) in [0, 1] and what is true of each."""
        with self.computing(x.device):
            output = self._together(x, target)
        return graspnext_losses(output, target, self._method.weights, self._method.suction)


def quick_in_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies in bfloat16 faster than in float32: a GPU, or a processor with AMX or AVX512-bf16.

    Measured for this network on one core with AVX512-bf16 (AMD, Zen 5): a training step takes 0.46 of the time.
    """
    if device.type != "cpu":
        return True
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").split())
    except OSError:
        return False
    return bool(flags & {"amx_bf16", "avx512_bf16"})
