"""Dense pretraining: trunk, pyramid, proposals and the two heat maps learn, without a region; a fifth of a step's time.

Three maps more are learned on the sum of the pyramid by a head that is thrown away afterwards: what is an object, where
one ends, and how deep each place lies. They say of every pixel what the regional heads need, from the first step on.
Choices: depth is told relative to its view (its median is 0, its mean deviation 1), for one picture of a moved and
scaled view tells no metres; all three terms weigh 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from gpnet_ros.network.graspnext.blocks import conv_norm
from gpnet_ros.network.graspnext.losses import mass_bells, mass_loss, suction_loss
from gpnet_ros.network.graspnext.network import GraspNeXt, ImageTruth
from gpnet_ros.network.graspnext.trainer import SceneMethod, SceneTrainer

#: The maps of `ImageTruth.surface`, in their order.
SURFACE = ("foreground", "boundary", "depth")
#: Channels of the head that is thrown away.
_WIDTH = 64
#: Least mean deviation of a view's depth [m], and most deviations that are told: a flat view has nothing but noise.
_DEVIATION_MIN, _DEVIATIONS_MAX = 0.005, 4.0


@dataclass(frozen=True, eq=False)
class DenseOutput:
    """What a pass of `DenseStage` gives.

    Attributes:
        proposals: loss of shape (), by torchvision's definition.
        mass, suction: (B, h, w) logits at stride 4.
        surface: (B, 3, h, w) logits of foreground and boundary, and relative depth; None without that head.
    """

    proposals: Tensor
    mass: Tensor
    suction: Tensor
    surface: Tensor | None


class DenseStage(nn.Module):
    """A network without its regional heads, and with a head for what a surface is."""

    def __init__(self, net: GraspNeXt, surface: bool = True) -> None:
        """Take the network that shall learn, and say whether the three maps are learned beside it."""
        super().__init__()
        self.net = net
        neck = net.architecture.heads.neck
        head = (conv_norm(neck, _WIDTH, 3), nn.Conv2d(_WIDTH, len(SURFACE), 1))
        self.surface = nn.Sequential(*head) if surface else None

    def forward(self, images: Tensor, truths: list[ImageTruth]) -> DenseOutput:
        """One pass for training: images (B, 3, H, W) in [0, 1], H and W multiples of 32, and what is true of each."""
        net = self.net
        maps, total = net.pyramid(images)
        losses = net.proposal_losses(images, maps, truths)
        surface = None if self.surface is None else self.surface(total)
        return DenseOutput(losses, net.mass(total), net.suction(total), surface)


class DenseTrainer(SceneTrainer):
    """A GraspNeXt network of which only trunk, pyramid, proposals and dense heads learn."""

    def __init__(self, net: GraspNeXt, method: SceneMethod, surface: bool = True) -> None:
        super().__init__(DenseStage(net, surface), method)

    @property
    def learned(self) -> GraspNeXt:
        """The mean of the weights so far."""
        assert isinstance(self.ema, DenseStage)
        return self.ema.net

    def losses(self, x: Tensor, target: list[ImageTruth]) -> dict[str, Tensor]:
        """Three terms or six, each of shape (), of images (B, 3, H, W) in [0, 1] and what is true of each."""
        with self.computing(x.device):
            output: DenseOutput = self._together(x, target)
        weights = self.scene_method.weights
        heat = torch.stack([mass_bells(t, output.mass.shape[-2:]) for t in target])
        wanted = torch.stack([t.suction for t in target])
        parts = {
            "proposals": weights.proposals * output.proposals,
            "mass": weights.mass * mass_loss(output.mass.float(), heat),
            "suction": weights.suction * suction_loss(output.suction.float(), wanted, self.scene_method.suction),
        }
        return parts if output.surface is None else parts | surface_losses(output.surface.float(), target)


def surface_losses(said: Tensor, truths: list[ImageTruth]) -> dict[str, Tensor]:
    """The terms of `SURFACE`, each of shape (), of (B, 3, h, w), against what is true of each image."""
    wanted = torch.stack([t.surface if t.surface is not None else torch.full_like(said[0], torch.nan) for t in truths])
    entropies = {
        name: _mean_where_known(said[:, k], wanted[:, k], functional.binary_cross_entropy_with_logits)
        for k, name in enumerate(SURFACE[:2])
    }
    depth = torch.stack([relative_depth(one[2]) for one in wanted])
    return entropies | {"depth": _mean_where_known(said[:, 2], depth, functional.smooth_l1_loss)}


def relative_depth(depth: Tensor) -> Tensor:
    """Depth (h, w) [m], NaN unknown, in mean deviations from its median: without unit, NaN where it was."""
    known = depth[~depth.isnan()]
    if not len(known):
        return depth
    middle = known.median()
    deviation = (known - middle).abs().mean().clamp(min=_DEVIATION_MIN)
    return ((depth - middle) / deviation).clamp(-_DEVIATIONS_MAX, _DEVIATIONS_MAX)


def _mean_where_known(said: Tensor, wanted: Tensor, loss: object) -> Tensor:
    known = ~wanted.isnan()
    if not known.any():
        return said.sum() * 0.0
    return loss(said[known], wanted[known])  # type: ignore[operator, no-any-return]
