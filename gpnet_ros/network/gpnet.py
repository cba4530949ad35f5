"""GP-Net: planar grasps with a grasp priority, reconstructed from Yang et al., "GP-Net: a lightweight
generative convolutional neural network with grasp priority" (2023).

The paper fixes the sizes (224 to 112 to 56 to 56 and back), the calibrated global context module between
them and the five maps. It leaves the rest open; here is each choice with its reason:

* Encoder kernels 8/4/3 with strides 2/2/1: even kernels under stride 2 and the mirrored 4/2 transposed
  convolutions have their windows symmetric about the output pixel, so maps are not shifted; 9/5 shift by 1.5 px.
* Widths 32/64/128: those of GR-ConvNet (Kumra et al. 2020); the paper's times do not constrain them.
* Decoder: transposed convolutions (the text says so) k3 s1, k4 s2, k4 s2: the kernel is divisible by the
  stride, so no checkerboard.
* Split into two by chunking channels: "divide the feature map into two parts", at no cost.
* W3 is the latent branch, W2 the original scale, W4 the output: the order of the text, not of SCNet's code.
* Down-sampling: average pooling by 4, up-sampling: nearest, as in SCNet (Liu et al. 2020).
* Batch norm after each convolution of the module, ReLU only after W4 and W1, as in SCNet.
* Global context sits on the calibrated branch before concatenation; ratio 1/4, fused by addition, last
  layer zero at the start: GCNet (Cao et al. 2019), whose 1x1 tables favour 1/4 over 1/16.
* No convolution after concatenation and no residual over the module: the decoder's first layer mixes at once.
* One module: the text says "a CGC module". More of them, and a deeper W3, are this project's own additions.
* Heads: one 1x1 convolution with five outputs, equal to five of one; 2x2 heads would need an odd map.
* Outputs are linear as in GG-CNN (Morrison et al. 2018) and clamped when they are decoded (maps.py), unless
  they are asked for as probabilities.
* "No CGC" is the identity (the paper's time falls); "no GPP" drops the P head. A plain 3x3 convolution of the same
  weights (147 k against 150 k) in its place tells the module's design from its size.
* Initialisation: Xavier uniform as in the baselines. Convolutions before a batch norm have no bias.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from gpnet_ros.errors import BadInput

#: Widths of the three encoder layers by size of the network.
WIDTHS: dict[str, tuple[int, int, int]] = {"s": (16, 32, 64), "m": (32, 64, 128), "l": (64, 128, 256)}
#: What may stand between encoder and decoder: the module of the paper, nothing, or a plain 3x3 convolution.
CONTEXTS = ("full", "none", "plain")
#: Most channels of the full-resolution map: its cost is that of 224x224 pixels per channel.
LAST_WIDTH_MAX = 32
#: Down-sampling of the latent branch.
LATENT_STRIDE = 4
#: Hidden channels of the global context block, as a share of its channels.
CONTEXT_RATIO = 4


class GPNet(nn.Module):
    """(B, channels, H, W) to (B, 5, H, W) or, without priority, (B, 4, H, W); H and W divisible by 4.

    Output order: Q, cos 2θ, sin 2θ, W, P.

    Args:
        channels: 4 for RGB-D, 3 for RGB, 1 for depth.
        widths: channels of the three encoder layers.
        context: one of `CONTEXTS`.
        gpp: with the grasp priority head.
        modules: how many of them, one after another; with more than one, each adds to what it reads.
        latent: convolutions of the latent branch of each module (W3). One is the published module. On the coarse
            grid of that branch each costs 2 % of the network and lets it see 64 px further: whether something lies
            on an object is often seen at the object's other end.
        probabilities: Q and P leave the network through a sigmoid, as loss `likelihood` needs them.
        mirrored: in evaluation mode P (before the sigmoid) is the mean of what it is for the picture and for its
            mirror image, upside down. It costs as much time again, is no matter of training, and is this project's
            own: what lies on what does not depend on the side from which it is looked at.

    Raises:
        BadInput: unknown context, a count below 1, or no P that could be mirrored.
    """

    def __init__(
        self,
        channels: int = 4,
        widths: tuple[int, int, int] = WIDTHS["m"],
        context: str = "full",
        gpp: bool = True,
        modules: int = 1,
        latent: int = 1,
        probabilities: bool = False,
        mirrored: bool = False,
    ) -> None:
        super().__init__()
        if context not in CONTEXTS:
            raise BadInput(f"The context {context!r} is unknown; allowed: {', '.join(CONTEXTS)}.")
        if mirrored and not gpp:
            raise BadInput("A network without a priority head has no P to be mirrored: leave mirrored out.")
        if modules < 1 or latent < 1:
            raise BadInput(f"{modules} modules with {latent} latent convolutions: there must be 1 or more of each.")
        first, second, third = widths
        last = min(first, LAST_WIDTH_MAX)
        self.extraction = nn.Sequential(
            _conv(channels, first, 8, stride=2, padding=3),  # 224 -> 112
            _conv(first, second, 4, stride=2, padding=1),  # 112 -> 56
            _conv(second, third, 3, stride=1, padding=1),  # 56 -> 56
        )
        self.context: nn.Module = nn.Identity()
        if context != "none":
            chain: list[nn.Module] = [
                CalibratedGlobalContext(third, latent)
                if context == "full"
                else _conv(third, third, 3, stride=1, padding=1)
                for _ in range(modules)
            ]
            self.context = chain[0] if modules == 1 else Added(chain)
        self.generation = nn.Sequential(
            _transposed(third, second, 3, stride=1, padding=1),  # 56 -> 56
            _transposed(second, first, 4, stride=2, padding=1),  # 56 -> 112
            _transposed(first, last, 4, stride=2, padding=1),  # 112 -> 224
        )
        self.heads = nn.Conv2d(last, 5 if gpp else 4, 1)
        self.probabilities, self.mirrored = probabilities, mirrored
        self.apply(_initialise)
        for module in self.modules():
            if isinstance(module, GlobalContext):
                module.start_as_identity()

    def forward(self, x: Tensor) -> Tensor:
        """Q, cos 2θ, sin 2θ, W, P (B, 4 or 5, H, W) of a batch (B, channels, H, W).

        They are linear (not clamped) but for Q and P where those are probabilities.

        Raises:
            BadInput: H or W is not divisible by 4.
        """
        maps = self.maps(self.features(x))
        if self.mirrored and not self.training:
            mirror_image = self.maps(self.features(x.flip(-2))).flip(-2)
            maps = torch.cat([maps[:, :4], (maps[:, 4:] + mirror_image[:, 4:]) / 2], dim=1)
        return with_probabilities(maps) if self.probabilities else maps

    def features(self, x: Tensor) -> Tensor:
        """What the maps are made from, (B, C, H / 4, W / 4), of a batch (B, channels, H, W).

        Raises:
            BadInput: H or W is not divisible by 4.
        """
        if x.shape[-1] % 4 or x.shape[-2] % 4:
            raise BadInput(f"An input of {x.shape[-1]}x{x.shape[-2]} px is not divisible by 4: pad it.")
        return self.context(self.extraction(x))  # type: ignore[no-any-return]

    def maps(self, features: Tensor) -> Tensor:
        """All maps (B, 4 or 5, H, W) of `features`, linear."""
        return self.heads(self.generation(features))  # type: ignore[no-any-return]


def with_probabilities(maps: Tensor) -> Tensor:
    """Linear maps (B, 4 or 5, H, W) with Q and, if it is there, P through a sigmoid; float32."""
    maps = maps.float()  # under autocast: bfloat16 has no number between 0.996 and 1
    return torch.cat([maps[:, :1].sigmoid(), maps[:, 1:4], maps[:, 4:].sigmoid()], dim=1)


class Added(nn.Module):
    """Modules one after another, each of which adds to what it reads."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w)."""
        for layer in self.layers:
            x = x + layer(x)
        return x


class CalibratedGlobalContext(nn.Module):
    """Half of the channels calibrated on two scales and given global context, half convolved plainly."""

    def __init__(self, channels: int, latent: int = 1) -> None:
        super().__init__()
        half = channels // 2
        self.calibrated = SelfCalibratedConv(half, latent)
        self.attention = GlobalContext(half)
        self.plain = _conv(half, half, 3, stride=1, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w)."""
        upper, lower = x.chunk(2, dim=1)
        return torch.cat([self.attention(self.calibrated(upper)), self.plain(lower)], dim=1)


class SelfCalibratedConv(nn.Module):
    """relu(W4(W2(x) · sigmoid(x + up(W3(down(x))))))."""

    def __init__(self, channels: int, latent: int = 1) -> None:
        super().__init__()
        self.original = _conv(channels, channels, 3, stride=1, padding=1, relu=False)  # W2
        last = _conv(channels, channels, 3, stride=1, padding=1, relu=False)  # W3
        before = [_conv(channels, channels, 3, stride=1, padding=1) for _ in range(latent - 1)]
        self.latent = nn.Sequential(*before, last) if before else last
        self.output = _conv(channels, channels, 3, stride=1, padding=1)  # W4

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w); the latent grid is rounded down where h or w is not divisible."""
        latent = self.latent(functional.avg_pool2d(x, LATENT_STRIDE))
        gate = torch.sigmoid(x + functional.interpolate(latent, size=x.shape[-2:], mode="nearest"))
        return self.output(self.original(x) * gate)


class GlobalContext(nn.Module):
    """Adds to every pixel one vector made from a softmax-weighted mean over all pixels (GCNet)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // CONTEXT_RATIO
        self.mask = nn.Conv2d(channels, 1, 1)
        self.squeeze = nn.Linear(channels, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.expand = nn.Linear(hidden, channels)

    def start_as_identity(self) -> None:
        """Zero the last layer: at the start of training the block changes nothing."""
        nn.init.zeros_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w)."""
        weights = self.mask(x).flatten(2).softmax(dim=-1)  # (B, 1, h·w)
        context = (x.flatten(2) * weights).sum(dim=-1)  # (B, C)
        vector = self.expand(functional.relu(self.norm(self.squeeze(context))))
        return x + vector[:, :, None, None]


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int, padding: int, relu: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


def _transposed(inputs: int, outputs: int, kernel: int, *, stride: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
