"""GR-ConvNet (Kumra, Joshi, Sahin: IROS 2020, "Antipodal robotic grasping using GR-ConvNet"): the large baseline.

Layer for layer as published (1.9 M parameters), written anew. Output order: Q, cos 2θ, sin 2θ, W, P.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from gpnet_ros.network.baselines.ggcnn import Heads, initialise


class GrConvNet(nn.Module):
    """(B, channels, H, W) to (B, 4, H, W) or, with priority, (B, 5, H, W); H and W divisible by 4.

    Args:
        channels: 4 for RGB-D, 3 for RGB, 1 for depth.
        width: channels of the first layer; 32 is the published network.
        fused: all heads as one convolution: the same function, faster.
        gpp: with a head for GP-Net's grasp priority P, which the published network has not.
        inverted: channels halve where they double in the others: the public variant grconvnet4.
        dropout: share of features dropped before each head in training; 0.1 in the public variant grconvnet3.
    """

    def __init__(
        self,
        channels: int = 4,
        width: int = 32,
        fused: bool = False,
        gpp: bool = False,
        inverted: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        first, second, third = (width, width // 2, width // 4) if inverted else (width, 2 * width, 4 * width)
        self.encoder = nn.Sequential(
            *_with_norm(nn.Conv2d(channels, first, 9, padding=4), first),
            *_with_norm(nn.Conv2d(first, second, 4, stride=2, padding=1), second),
            *_with_norm(nn.Conv2d(second, third, 4, stride=2, padding=1), third),
        )
        self.residuals = nn.Sequential(*(Residual(third) for _ in range(5)))
        self.decoder = nn.Sequential(
            *_with_norm(nn.ConvTranspose2d(third, second, 4, stride=2, padding=1, output_padding=1), second),
            *_with_norm(nn.ConvTranspose2d(second, first, 4, stride=2, padding=2, output_padding=1), first),
            nn.ConvTranspose2d(first, first, 9, padding=4),
        )
        self.heads = Heads(first, kernel=2, outputs=5 if gpp else 4, fused=fused, dropout=dropout)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Q, cos 2θ, sin 2θ, W and perhaps P (B, 4 or 5, H, W) of a batch (B, channels, H, W)."""
        return self.heads(self.decoder(self.residuals(self.encoder(x))))


class Residual(nn.Module):
    """x + BN(conv(relu(BN(conv(x))))), without ReLU after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels))
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w)."""
        return x + self.second(functional.relu(self.first(x)))


def _with_norm(layer: nn.Module, channels: int) -> tuple[nn.Module, ...]:
    return layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
