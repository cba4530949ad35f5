"""The layers of the searched trunk.

Choices that the paper leaves open, each with its reason:

* Attention condenser: as in AttendNets' drawing (Wong et al. 2020): max-pool, embedding, expansion, sigmoid; the gate
  scales what it reads and is added to it, so that a block starts near the identity.
* BlurPool: binomial [1, 2, 1], reflected at the border (Zhang 2019); the convolution before it keeps the resolution.
* Residual blocks: fused (one full convolution) at strides 4 and 8, where depthwise ones are slow, and inverted ones
  below, as EfficientNetV2 (Tan and Le 2021) found for processors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Max-pooling of the attention condenser.
CONDENSING = 2
#: Channels of the condenser's embedding, as a share of what it reads.
CONDENSER_RATIO = 4


def conv_norm(
    channels_in: int, channels_out: int, kernel: int, *, groups: int = 1, activate: bool = True
) -> nn.Sequential:
    """Convolution of stride 1 that keeps the resolution, batch norm and, if asked for, ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(channels_out),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if activate else nn.Sequential(*layers)


class BlurPool(nn.Module):
    """Halves the resolution after a low-pass filter, so that a shift of the image shifts what follows (Zhang 2019)."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4.0
        self.register_buffer("kernel", (line[:, None] * line).expand(channels, 1, 3, 3).clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, ceil(h / 2), ceil(w / 2)); h and w are 2 or more."""
        padded = functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, self.kernel.to(x.dtype), stride=2, groups=x.shape[1])


class AttentionCondenser(nn.Module):
    """Gates its input by attention that is computed on a condensed, coarser map: v + v·a·s with s learned."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        middle = max(channels // CONDENSER_RATIO, 8)
        self.embedding = nn.Sequential(
            conv_norm(channels, middle, 1),
            conv_norm(middle, middle, 3, groups=middle),
            nn.Conv2d(middle, channels, 1),
        )
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        condensed = functional.max_pool2d(x, CONDENSING, ceil_mode=True)
        attention = functional.interpolate(self.embedding(condensed), scale_factor=CONDENSING, mode="nearest")
        return x + x * torch.sigmoid(attention[..., : x.shape[-2], : x.shape[-1]]) * self.scale


class ResidualBlock(nn.Module):
    """x + f(x), with f an inverted residual (1x1, depthwise, 1x1) or its fused form (full convolution, 1x1)."""

    def __init__(self, channels: int, expansion: int, kernel: int, fused: bool) -> None:
        super().__init__()
        hidden = channels * expansion
        if fused and expansion == 1:
            layers = [conv_norm(channels, channels, kernel, activate=False)]
        elif fused:
            layers = [conv_norm(channels, hidden, kernel), conv_norm(hidden, channels, 1, activate=False)]
        else:
            layers = [
                conv_norm(channels, hidden, 1),
                conv_norm(hidden, hidden, kernel, groups=hidden),
                conv_norm(hidden, channels, 1, activate=False),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        return functional.relu(x + self.layers(x))
