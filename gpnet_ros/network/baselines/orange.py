"""ORANGE (Gkanatsios et al., "Orientation attentive robotic grasp synthesis with augmented grasp map
representation", 2020): quality, angle and width per bin of orientation, with attention to the right bin.

Layer for layer as published, written anew. Where grasps of several angles are right at one pixel, a bin of its own
holds each, so that they are not averaged. In training the network gives its own maps and `orange_loss` cuts the
dense targets into bins; in evaluation it gives the four maps of all other networks, each pixel's from its best bin.

What differs from the public code: the dense targets know the best grasp of a pixel only, so one bin per pixel is
labelled; widths are in the unit of maps.py and the loss weighs them as if in ORANGE's.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from gpnet_ros.errors import BadInput
from gpnet_ros.maps import WIDTH_SCALE
from gpnet_ros.network.baselines.ggcnn import dilated_layers, initialise

#: Kinds of maps per bin, in this order: Q, cos 2θ, sin 2θ, W, whether the bin holds a grasp; then one graspness map.
MAPS_PER_BIN = 5
#: Quality above which a pixel is a grasp (what a blurred rim leaves is none), and the lowest label of one: ORANGE
#: labels grasps from 0.9 at their rim to 1 in their middle, so the dense quality goes into that range.
_QUALITY_MIN = 0.1
_QUALITY_FLOOR = 0.9
#: GG-CNN and ORANGE call 150 px of opening 1.0, the maps here `WIDTH_SCALE` px: an error of width times this is
#: the error that their losses see.
WIDTH_UNIT = WIDTH_SCALE / 150.0


class Orange(nn.Module):
    """(B, channels, H, W) to (B, 5·bins + 1, H, W) in training, to (B, 4, H, W) in evaluation.

    H and W are divisible by 4; the U-Net takes any.

    Args:
        channels: 4 for RGB-D, 3 for RGB, 1 for depth.
        backbone: "ggcnn2" (with transposed convolutions in place of up-sampling) or "unet".
        bins: of orientation; 3 is the published number.
        width: channels of the U-Net's first level; 64 is the published network.
    """

    def __init__(self, channels: int = 4, backbone: str = "unet", bins: int = 3, width: int = 64) -> None:
        super().__init__()
        if backbone not in ("ggcnn2", "unet") or bins < 1:
            raise ValueError(f"backbone {backbone!r} with {bins} bins; allowed: ggcnn2 and unet, 1 bin or more")
        self.body: nn.Module = DilatedBody(channels) if backbone == "ggcnn2" else UNet(channels, width)
        self.head = nn.Conv2d(16 if backbone == "ggcnn2" else width, MAPS_PER_BIN * bins + 1, 1)
        if backbone == "ggcnn2":
            self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Own maps (B, 5·bins + 1, H, W) in training; in evaluation Q, cos 2θ, sin 2θ, W (B, 4, H, W) of best bins."""
        return self.raw(x) if self.training else best_bin(self.raw(x))

    def raw(self, x: Tensor) -> Tensor:
        """The network's own maps (B, 5·bins + 1, H, W) of a batch (B, channels, H, W), in the order of `MAPS_PER_BIN`.

        Those of the bins and of graspness are logits.
        """
        return self.head(self.body(x))


class DilatedBody(nn.Sequential):
    """GG-CNN2 (Morrison et al. 2020) up to its heads, with transposed convolutions; to 16 channels."""

    def __init__(self, channels: int) -> None:
        layers = dilated_layers(channels)
        for inputs in (32, 16):
            up = nn.ConvTranspose2d(inputs, 16, 3, stride=2, padding=1, output_padding=1)
            layers += [up, nn.ReLU(inplace=True)]
        super().__init__(*layers)


class UNet(nn.Module):
    """Four levels down by max pooling and up by transposed convolutions (Ronneberger et al. 2015); to `width`."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        w = width
        self.entry = _double(channels, w)
        self.down = nn.ModuleList(
            _double(a, b) for a, b in ((w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w), (8 * w, 8 * w))
        )
        ups = ((8 * w, 4 * w), (4 * w, 2 * w), (2 * w, w), (w, w))  # channels from below, channels out
        self.up = nn.ModuleList(nn.ConvTranspose2d(below, below, 2, stride=2) for below, _ in ups)
        self.merge = nn.ModuleList(_double(2 * below, out) for below, out in ups)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, width, H, W); an odd row or column is padded back at the bottom or right."""
        levels = [self.entry(x)]
        for down in self.down:
            levels.append(down(functional.max_pool2d(levels[-1], 2)))
        y = levels.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            side, y = levels.pop(), up(y)
            y = functional.pad(y, (0, side.shape[3] - y.shape[3], 0, side.shape[2] - y.shape[2]))
            y = merge(torch.cat([side, y], dim=1))
        return y


def best_bin(raw: Tensor) -> Tensor:
    """Q, cos 2θ, sin 2θ and W (B, 4, h, w) of each pixel's best bin; Q = Q_bin · σ(graspness) · σ(bin)."""
    _, cos2, sin2, width, _ = _per_bin(raw)
    attended = _attended(raw)
    best = attended.argmax(dim=1, keepdim=True)
    return torch.cat([plane.gather(1, best) for plane in (attended, cos2, sin2, width)], dim=1)


def lead(raw: Tensor) -> Tensor:
    """(B, h, w): by how much Q of each pixel's best bin exceeds that of the next; infinite for one bin."""
    attended = _attended(raw)
    if attended.shape[1] == 1:
        return torch.full_like(attended[:, 0], math.inf)
    best, second = attended.topk(2, dim=1).values.unbind(1)
    return best - second


def _attended(raw: Tensor) -> Tensor:
    quality, _, _, _, logits = _per_bin(raw)
    return quality * torch.sigmoid(logits) * torch.sigmoid(raw[:, -1:])


def orange_loss(raw: Tensor, quality: Tensor, cos2: Tensor, sin2: Tensor, width: Tensor) -> dict[str, Tensor]:
    """Parts of the mean loss of a batch, whose sum it is.

    Squared errors per bin, and of Q under the bins' attention; cross-entropies of graspness and of the bins.

    Args:
        raw: (B, 5·bins + 1, h, w) as `Orange.raw` gives it.
        quality, cos2, sin2, width: dense targets, (B, h, w) each, as `loss.Targets`.

    Raises:
        BadInput: the maps are not those of ORANGE.
    """
    maps = raw.shape[1]
    if maps <= MAPS_PER_BIN or maps % MAPS_PER_BIN != 1:
        raise BadInput(f"The network gives {maps} maps, loss 'orange' is for ORANGE in training: choose another loss.")
    q, c, s, w, logits = _per_bin(raw)
    mask = bin_mask(quality, cos2, sin2, q.shape[1])
    # The background is θ = 0, that is cos 2θ = 1, in each bin, as in the labels of GG-CNN.
    wanted_q = mask * (_QUALITY_FLOOR + (1.0 - _QUALITY_FLOOR) * quality[:, None])
    residuals = {
        "quality": q - wanted_q,
        "cos2": c - torch.where(mask > 0, cos2[:, None], torch.ones_like(c)),
        "sin2": s - mask * sin2[:, None],
        "width": WIDTH_UNIT * (w - mask * width[:, None]),
        "attended": q * torch.sigmoid(logits) - wanted_q,
    }
    entropy = functional.binary_cross_entropy_with_logits
    return {
        **{name: q.shape[1] * residual.square().mean() for name, residual in residuals.items()},
        "graspness": entropy(raw[:, -1], mask.amax(dim=1)),
        "bins": entropy(logits, mask),
    }


def bin_mask(quality: Tensor, cos2: Tensor, sin2: Tensor, bins: int) -> Tensor:
    """(B, bins, h, w) of 1 in the bin of each grasp's angle; bin 0 begins at -90°, all are as wide.

    Args:
        quality, cos2, sin2: dense targets, (B, h, w) each.
        bins: of orientation.
    """
    share = (torch.atan2(sin2, cos2) + math.pi) / (2 * math.pi)  # 0 at θ = -90°, 1 at +90°
    index = (share * bins).floor().long() % bins
    grasps = (quality > _QUALITY_MIN)[:, None]
    return torch.zeros_like(quality)[:, None].repeat(1, bins, 1, 1).scatter(1, index[:, None], 1.0) * grasps


def _per_bin(raw: Tensor) -> tuple[Tensor, ...]:
    """Five kinds of maps, (B, bins, h, w) each."""
    return raw[:, :-1].chunk(MAPS_PER_BIN, dim=1)


def _double(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for count in (inputs, outputs):
        layers += [nn.Conv2d(count, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
