"""GG-CNN (Morrison et al., RSS 2018) and GG-CNN2 (Morrison et al., IJRR 2020): the small baselines.

Layer for layer as published, written anew. Output order as in GP-Net without P: Q, cos 2θ, sin 2θ, W.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: GG-CNN has stride 3·2·2: only sides divisible by this come back at their own size.
GGCNN_STRIDE = 12


class GgCnn(nn.Module):
    """(B, channels, H, W) to (B, 4, H, W), any H and W.

    Its grid is aligned with the input at the top left, so the input is padded at the bottom and right to a
    multiple of 12 and the maps are cropped there; a centre crop would shift them by 2 px.

    Args:
        channels: 4 for RGB-D, 3 for RGB, 1 for depth.
        fused: the four heads as one convolution: the same function, faster.
    """

    def __init__(self, channels: int = 4, fused: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 32, 9, stride=3, padding=3),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 16, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 8, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(8, 16, 5, stride=2, padding=2, output_padding=1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(16, 32, 9, stride=3, padding=3, output_padding=1),
            nn.ReLU(inplace=True),
        )
        self.heads = Heads(32, kernel=2, outputs=4, fused=fused)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Q, cos 2θ, sin 2θ and W (B, 4, H, W) of a batch (B, channels, H, W)."""
        height, width = x.shape[-2:]
        padded = functional.pad(x, (0, -width % GGCNN_STRIDE, 0, -height % GGCNN_STRIDE))
        return self.uncropped(padded)[..., :height, :width]

    def uncropped(self, x: Tensor) -> Tensor:
        """The maps as the published layers give them, larger than the input: (B, 4, 228, 228) for 224x224."""
        return self.heads(self.body(x))


class GgCnn2(nn.Module):
    """(B, channels, H, W) to (B, 4, H, W), H and W divisible by 4: dilated convolutions, bilinear up-sampling."""

    def __init__(self, channels: int = 4, fused: bool = False) -> None:
        super().__init__()
        layers = dilated_layers(channels)
        layers += [nn.UpsamplingBilinear2d(scale_factor=2), nn.Conv2d(32, 16, 3, padding=1), nn.ReLU(inplace=True)]
        layers += [nn.UpsamplingBilinear2d(scale_factor=2), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers)
        self.heads = Heads(16, kernel=1, outputs=4, fused=fused)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Q, cos 2θ, sin 2θ and W (B, 4, H, W) of a batch (B, channels, H, W)."""
        return self.heads(self.body(x))


def dilated_layers(channels: int) -> list[nn.Module]:
    """GG-CNN2 down to its dilated convolutions: a quarter of the input's side, 32 channels."""
    layers: list[nn.Module] = [nn.Conv2d(channels, 16, 11, padding=5), nn.ReLU(inplace=True)]
    layers += [nn.Conv2d(16, 16, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(16, 16, 5, padding=2), nn.ReLU(inplace=True)]
    layers += [nn.Conv2d(16, 16, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(16, 32, 5, dilation=2, padding=4), nn.ReLU(inplace=True)]
    layers += [nn.Conv2d(32, 32, 5, dilation=4, padding=8), nn.ReLU(inplace=True)]
    return layers


class Heads(nn.Module):
    """One convolution per map as published (Q, cos 2θ, sin 2θ, W and, if there are five, P), or one for all.

    Args:
        channels: of the features.
        kernel: side of the convolutions; even ones make the map a pixel smaller.
        outputs: number of maps.
        fused: one convolution for all maps.
        dropout: share of features that are dropped before each map in training.
    """

    def __init__(self, channels: int, *, kernel: int, outputs: int, fused: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(channels, n, kernel) for n in ((outputs,) if fused else (1,) * outputs))
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, outputs, h', w')."""
        if self.dropout and self.training:
            return torch.cat([layer(functional.dropout(x, self.dropout)) for layer in self.layers], dim=1)
        return torch.cat([layer(x) for layer in self.layers], dim=1)

    def fuse(self) -> None:
        """One convolution in place of several: the same function, in half of GG-CNN's time."""
        first = self.layers[0]
        assert isinstance(first, nn.Conv2d)
        weight, bias = (torch.cat([getattr(layer, name).data for layer in self.layers]) for name in ("weight", "bias"))
        one = nn.Conv2d(first.in_channels, len(weight), first.kernel_size[0]).to(weight)
        one.load_state_dict({"weight": weight, "bias": bias})
        self.layers = nn.ModuleList([one.requires_grad_(False)])


def initialise(module: nn.Module) -> None:
    """Xavier uniform weights, as the published baselines begin."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.xavier_uniform_(module.weight)
