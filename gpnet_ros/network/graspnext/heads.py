"""The heads: what is computed per region (box, visible mask, amodal mask, occlusion) and per pixel.

Order of the regional heads: box, visible, amodal, occlusion, each reading the features of all before it (hierarchical
occlusion modelling, Back et al. 2022, UOAIS-Net). Choices that the paper leaves open, each with its reason:

* Box head: two fully connected layers, each followed by layer norm: without it nothing is learned from scratch on
  few images (shared/facts: box AP50 .04 against .12 after as many); layer norm asks nothing of the batch.
* Group norm in the regional convolutions: a batch of regions is no sample of what the cell shows.
* Occlusion head: reads a 7x7 mean of the regional features: a quarter of the cost, and the answer is one number.
* Dense heads: 3x3 convolutions at stride 4 on the sum of all levels of the pyramid, one 1x1 output, probabilities.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RPNHead

from gpnet_ros.network.graspnext.architecture import HeadSizes
from gpnet_ros.network.graspnext.blocks import conv_norm

#: Side of the features of a region for the box head and for the mask heads, and of a mask.
BOX_SIDE, REGION_SIDE, MASK_SIDE = 7, 14, 28
#: Chance of a peak that a dense head gives each pixel at the start: most pixels show none (Lin et al. 2017).
_PRIOR = 0.1
_GROUPS = 16


def _convolutions(channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        groups = next(count for count in range(min(_GROUPS, width), 0, -1) if width % count == 0)
        layers += [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.GroupNorm(groups, width),
            nn.ReLU(inplace=True),
        ]
        channels = width
    return nn.Sequential(*layers)


class Anchors(AnchorGenerator):
    """Anchors in float32, whatever the maps are in: as bfloat16 an edge at 300 px is a multiple of 2 px."""

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        """The anchors (n, 4) of each image [px]; of the maps only sizes count."""
        return super().forward(image_list, [each[:, :1].float() for each in feature_maps])  # type: ignore[no-any-return]


class ProposalHead(RPNHead):
    """Scores and moves in float32, so that what follows, true boxes among it, is not rounded to bfloat16."""

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Scores (B, A, h, w) and moves (B, 4 A, h, w) of each map (B, C, h, w)."""
        scores, moves = super().forward(x)
        return [each.float() for each in scores], [each.float() for each in moves]


class BoxHead(nn.Module):
    """Features (N, C, 7, 7) of N regions to (N, hidden)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(channels * BOX_SIDE**2, hidden)
        self.first_norm = nn.LayerNorm(hidden)
        self.second = nn.Linear(hidden, hidden)
        self.second_norm = nn.LayerNorm(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 7, 7) to (N, hidden)."""
        x = functional.relu(self.first_norm(self.first(x.flatten(1))))
        return functional.relu(self.second_norm(self.second(x)))


class MaskHead(nn.Module):
    """Features (N, C, 14, 14) of N regions to mask logits (N, 28, 28) and to features for the heads that follow."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.convolutions = _convolutions(channels, widths)
        self.enlarge = nn.ConvTranspose2d(widths[-1], widths[-1], 2, stride=2)
        self.output = nn.Conv2d(widths[-1], 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 28, 28) and features (N, widths[-1], 14, 14)."""
        features = self.convolutions(x)
        return self.output(functional.relu(self.enlarge(features))).squeeze(1), features


class OcclusionHead(nn.Module):
    """Features (N, C, 14, 14) of N regions to the logit (N,) of being occluded."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.convolutions = _convolutions(channels, widths)
        self.output = nn.Linear(widths[-1] * BOX_SIDE**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 14, 14) to (N,)."""
        return self.output(self.convolutions(functional.avg_pool2d(x, 2)).flatten(1)).squeeze(1)


class RegionHeads(nn.Module):
    """Visible mask, amodal mask and occlusion of regions."""

    def __init__(self, channels: int, sizes: HeadSizes) -> None:
        super().__init__()
        self.shared = _convolutions(channels, (sizes.shared,)) if sizes.shared else None
        read = channels + sizes.shared
        self.visible = MaskHead(read, sizes.visible)
        read += sizes.visible[-1]
        self.amodal = MaskHead(read, sizes.amodal)
        read += sizes.amodal[-1]
        self.occlusion = OcclusionHead(read, sizes.occlusion)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the visible (N, 28, 28) and amodal masks (N, 28, 28) and of occlusion (N,) of (N, C, 14, 14)."""
        if self.shared is not None:
            x = torch.cat([x, self.shared(x)], dim=1)
        visible, features = self.visible(x)
        x = torch.cat([x, features], dim=1)
        amodal, features = self.amodal(x)
        return visible, amodal, self.occlusion(torch.cat([x, features], dim=1))


class DenseHead(nn.Module):
    """A map of logits (B, h, w) from features (B, C, h, w)."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in widths:
            layers.append(conv_norm(channels, width, 3))
            channels = width
        self.convolutions = nn.Sequential(*layers)
        self.output = nn.Conv2d(channels, 1, 1)
        assert self.output.bias is not None
        nn.init.constant_(self.output.bias, math.log(_PRIOR / (1.0 - _PRIOR)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, h, w)."""
        return self.output(self.convolutions(x)).squeeze(1)
