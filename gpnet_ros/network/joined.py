"""GP-Net joined with a deep, coarse branch: fine maps say where and how to grasp, the branch helps to say which object.

Whether something lies on an object is often seen far from where it is grasped, and a network for pictures knows much
about what belongs together. GP-Net's maps of Q, angle and width are its own alone; its P is a sum:

    P = sigmoid(P of GP-Net + what the branch adds)

The branch is EfficientNet-lite0 (`graspnext/lite.py`), with maps at strides 4 to 32 and, if asked for, the weights of
ImageNet, and a feature pyramid (Lin et al. 2017) down to stride 4, where it also reads what GP-Net sees there. The
choices, each with its reason:

* A sum before the sigmoid, with the branch's last layer zero at the start: a network that begins with GP-Net's trained
  weights gives exactly its maps, and each step can only be paid for by a better P.
* Colour enters the stem as ImageNet's weights know it: `relief-1` spans (-1, 1) but for the mean, as they were trained.
* The other planes (relief, validity) start with zero weights: the trunk's features and the statistics of its batch
  norms are those of ImageNet at first. That is no dead end, for the gradient of a first layer is what it reads times
  what comes back, and Adam moves such a weight to the size of its neighbours in some hundred steps.
* Maps of odd kernels with stride 2 lie at pixels 0, 2, 4, ...: they are brought to the finer grid by interpolation at
  these places. Doubling them as if each covered two pixels would shift the coarsest by 15 px of the picture.
* The last layer gives all 4 x 4 pixels of a cell at once (pixel shuffle): nothing is computed at full resolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gpnet_ros.network.gpnet import WIDTHS, GPNet, with_probabilities
from gpnet_ros.network.graspnext.blocks import conv_norm
from gpnet_ros.network.graspnext.lite import LiteTrunk

#: Channels of the pyramid.
PYRAMID = 64
#: Stride of the finest map of the branch, and of what GP-Net computes its maps from [px].
CELL = 4


class JoinedNet(nn.Module):
    """(B, channels, H, W) to (B, 5, H, W): Q, cos 2θ, sin 2θ, W, P; H and W divisible by 4.

    Attributes:
        fine: GP-Net, whose weights bear the names that they have alone. coarse: the branch.
    """

    def __init__(
        self,
        channels: int = 4,
        widths: tuple[int, int, int] = WIDTHS["m"],
        context: str = "full",
        modules: int = 1,
        latent: int = 1,
        probabilities: bool = False,
    ) -> None:
        """Build both; see `GPNet` for the arguments.

        Raises:
            BadInput: arguments that GP-Net does not take.
        """
        super().__init__()
        self.fine = GPNet(channels, widths, context, gpp=True, modules=modules, latent=latent)
        self.coarse = CoarsePriority(channels, widths[-1])
        self.probabilities = probabilities
        self._kept = False

    def forward(self, x: Tensor) -> Tensor:
        """All maps of a batch; linear (not clamped) but for Q and P where those are probabilities.

        Raises:
            BadInput: H or W is not divisible by 4.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._kept):
            features = self.fine.features(x)
            maps = self.fine.maps(features)
        priority = maps[:, 4:].float() + self.coarse(x, features).float()
        maps = torch.cat([maps[:, :4].float(), priority], dim=1)
        return with_probabilities(maps) if self.probabilities else maps

    def keep_fine(self) -> None:
        """From now on only the branch learns: Q, angle and width stay as they are, to the last digit."""
        self._kept = True
        self.fine.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> JoinedNet:
        """Set the mode; what is kept stays as in evaluation, the statistics of its batch norms too."""
        super().train(mode)
        if self._kept:
            self.fine.eval()
        return self


class CoarsePriority(nn.Module):
    """What is added to P before its sigmoid, from the whole picture."""

    def __init__(self, planes: int, fine: int) -> None:
        """Build trunk and pyramid.

        Args:
            planes: of the input.
            fine: channels of GP-Net's features.
        """
        super().__init__()
        self.trunk = LiteTrunk(planes=planes)
        first, *deeper = self.trunk.widths
        self.lateral = nn.ModuleList(nn.Conv2d(width, PYRAMID, 1) for width in (first + fine, *deeper))
        self.merge = nn.ModuleList(conv_norm(PYRAMID, PYRAMID, 3) for _ in deeper)
        self.last = nn.Conv2d(PYRAMID, CELL * CELL, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, fine: Tensor) -> Tensor:
        """(B, 1, H, W) of a batch (B, planes, H, W) and GP-Net's features of it (B, C, H / 4, W / 4)."""
        levels = list(self.trunk(x).values())
        levels[0] = torch.cat([levels[0], fine.to(levels[0].dtype)], dim=1)
        y = self.lateral[-1](levels[-1])
        for level in reversed(range(len(self.merge))):
            beside = self.lateral[level](levels[level])
            y = self.merge[level](twice(y, (beside.shape[-2], beside.shape[-1])) + beside)
        return functional.pixel_shuffle(self.last(y), CELL)


def twice(x: Tensor, size: tuple[int, int]) -> Tensor:
    """A map whose cells lie at pixels 0, 2, 4, ... of a finer grid, on that grid: linear between, level at the end.

    Args:
        x: (B, C, ceil(h / 2), ceil(w / 2)).
        size: (h, w) of the finer grid.
    """
    height, width = x.shape[-2:]
    whole = functional.pad(x, (0, 1, 0, 1), mode="replicate")
    finer = functional.interpolate(whole, size=(2 * height + 1, 2 * width + 1), mode="bilinear", align_corners=True)
    return finer[..., : size[0], : size[1]]
