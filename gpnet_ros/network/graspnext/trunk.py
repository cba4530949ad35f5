"""Trunks: an image in, features at strides 4, 8, 16 and 32 out."""

from __future__ import annotations

from collections import OrderedDict

import torchvision
from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter

from gpnet_ros.network.graspnext.architecture import Architecture, TrunkStage
from gpnet_ros.network.graspnext.blocks import AttentionCondenser, BlurPool, ResidualBlock, conv_norm
from gpnet_ros.network.graspnext.lite import LiteTrunk

#: Names of the four maps that a trunk gives, finest first.
LEVELS = ("0", "1", "2", "3")
#: Layers of torchvision's networks after which the maps are taken, and their channels. The last of EfficientNet and
#: MobileNet is the 1x1 convolution before their classifier: with it the paper's three totals agree.
_TAPS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "resnet50": (("layer1", "layer2", "layer3", "layer4"), (256, 512, 1024, 2048)),
    "efficientnet_b0": (("2", "3", "5", "8"), (24, 40, 112, 1280)),
    "mobilenet_v3_large": (("3", "6", "12", "16"), (24, 40, 112, 960)),
}
#: Of every batch norm, as torch has it. torchvision's MobileNet has 0.01: after a hundred steps a third of its mean and
#: variance is still what it began with, and a net that has learned sees nothing in `eval` mode.
_NORM_MOMENTUM = 0.1


class SearchedTrunk(nn.Module):
    """Stem and four stages, each begun by a BlurPool: nothing else changes the resolution."""

    def __init__(self, stem: int, stages: tuple[TrunkStage, ...]) -> None:
        super().__init__()
        # Half of the stem's channels at full resolution: a blur needs features to blur, and here they cost most.
        self.stem = nn.Sequential(conv_norm(3, stem // 2, 3), BlurPool(stem // 2), conv_norm(stem // 2, stem, 3))
        self.stages = nn.ModuleList()
        before = stem
        for stage in stages:
            layers: list[nn.Module] = [BlurPool(before), conv_norm(before, stage.width, 1)]
            for block in range(1, stage.depth + 1):
                layers.append(ResidualBlock(stage.width, stage.expansion, stage.kernel, stage.fused))
                if block % stage.condenser_every == 0:
                    layers.append(AttentionCondenser(stage.width))
            self.stages.append(nn.Sequential(*layers))
            before = stage.width
        self.widths = tuple(stage.width for stage in stages)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) to the maps of `LEVELS`."""
        x = self.stem(x)
        maps: dict[str, Tensor] = OrderedDict()
        for level, stage in zip(LEVELS, self.stages, strict=True):
            x = stage(x)
            maps[level] = x
        return maps


class ReferenceTrunk(nn.Module):
    """One of torchvision's networks up to its classifier, untrained: PyPI carries no weights of them."""

    def __init__(self, name: str) -> None:
        super().__init__()
        network = getattr(torchvision.models, name)(weights=None)
        taps, self.widths = _TAPS[name]
        body = network if name == "resnet50" else network.features
        for layer in body.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = _NORM_MOMENTUM
        self.body = IntermediateLayerGetter(body, dict(zip(taps, LEVELS, strict=True)))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) to the maps of `LEVELS`."""
        return self.body(x)  # type: ignore[no-any-return]


def build_trunk(architecture: Architecture) -> SearchedTrunk | ReferenceTrunk | LiteTrunk:
    """The trunk of an architecture, with random weights."""
    if architecture.trunk == "lite0":
        return LiteTrunk(architecture.lite)
    if architecture.trunk == "searched":
        return SearchedTrunk(architecture.stem, architecture.stages)
    return ReferenceTrunk(architecture.trunk)
