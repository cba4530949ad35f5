"""GR-ConvNet (Kumra, Joshi, Sahin: IROS 2020, "Antipodal robotic grasping using GR-ConvNet"): the large baseline.

Layer for layer as published (1.9 M parameters), written anew. Output order: Q, cos 2θ, sin 2θ, W.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from gpnet_ros.network.ggcnn import Heads


class GrConvNet(nn.Module):
    """(B, channels, H, W) to (B, 4, H, W), H and W divisible by 4.

    Args:
        channels: 4 for RGB-D, 3 for RGB, 1 for depth.
        width: channels of the first layer; 32 is the published network.
        fused: the four heads as one convolution: the same function, faster.
    """

    def __init__(self, channels: int = 4, width: int = 32, fused: bool = False) -> None:
        super().__init__()
        c = width
        self.encoder = nn.Sequential(
            *_with_norm(nn.Conv2d(channels, c, 9, padding=4), c),
            *_with_norm(nn.Conv2d(c, 2 * c, 4, stride=2, padding=1), 2 * c),
            *_with_norm(nn.Conv2d(2 * c, 4 * c, 4, stride=2, padding=1), 4 * c),
        )
        self.residuals = nn.Sequential(*(Residual(4 * c) for _ in range(5)))
        self.decoder = nn.Sequential(
            *_with_norm(nn.ConvTranspose2d(4 * c, 2 * c, 4, stride=2, padding=1, output_padding=1), 2 * c),
            *_with_norm(nn.ConvTranspose2d(2 * c, c, 4, stride=2, padding=2, output_padding=1), c),
            nn.ConvTranspose2d(c, c, 9, padding=4),
        )
        self.heads = Heads(c, kernel=2, fused=fused)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """The four maps of a batch."""
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
