"""Losses between the maps of a network and their targets.

GP-Net's Eq. 3 asks for Q and P everywhere and for Θ in {cos 2θ, sin 2θ, W} under the priority target:

    L = ‖Q − Q*‖² + Σ_Θ ‖P*·(Θ − Θ*)‖² + ‖P − P*‖²        (starred: targets)

As printed (`literal`) it gives no gradient to Θ where P* = 0, so it cannot darken the background of the
angle and width maps as the paper says; ‖Θ − P*·Θ*‖² does (`suppress`). `posmask` asks for Θ only where a
top-level grasp is and takes the mean over those pixels. `likelihood` takes Q and P for probabilities of "here is a
grasp" and "this is topmost": their cross entropy makes Q·P the chance that a pick succeeds, while squared errors leave
so small a range to P that Q alone decides. Which object comes first is then P's alone to say, and Θ is asked for, as a
mean, wherever a grasp is, also on covered objects: it is learned in a fraction of the steps. The published losses have
no mask: `ggcnn` (GG-CNN, Morrison et al. 2018) is the squared error of all maps, `grconvnet` (GR-ConvNet, Kumra et al.
2020) their smooth L1 error; `orange` is `orange.orange_loss`. Sums over pixels are means here, all weights but those
below are 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from gpnet_ros.errors import BadInput
from gpnet_ros.network.baselines.orange import WIDTH_UNIT, orange_loss

LossMode = Literal["literal", "suppress", "posmask", "likelihood", "ggcnn", "grconvnet", "orange"]

#: Weight of Θ in `posmask`: its few pixels would starve Q and P at 1.
POSMASK_WEIGHT = 0.03
#: Weights of P, of the angle and of W in `likelihood`. Θ is a mean over the few pixels with a grasp; squared
#: errors of the angle begin at 1, openings, in halves of the view, are wrong by 0.05 only.
PRIORITY_WEIGHT, ANGLE_WEIGHT, WIDTH_WEIGHT = 1.5, 0.15, 5.0
#: Probabilities are kept this far from 0 and 1, where their logarithm has no end.
SURE = 1e-6


@dataclass(frozen=True, eq=False)
class Targets:
    """Target maps of a batch, each (B, h, w) float32.

    Attributes:
        quality: in [0, 1], 0 where no grasp is.
        cos2, sin2: of the doubled opening angle; 0 and 0 where no grasp is.
        width: opening in units of `maps.WIDTH_SCALE`; 0 where no grasp is.
        priority: 1 on top-level objects, less on covered ones, 0 on the table.
    """

    quality: Tensor
    cos2: Tensor
    sin2: Tensor
    width: Tensor
    priority: Tensor


def grasp_loss(output: Tensor, target: Targets, mode: str = "suppress", *, shrink_width: bool = True) -> Tensor:
    """Mean loss of a batch, of shape (): the sum of `loss_parts`, with the same arguments."""
    return torch.stack(list(loss_parts(output, target, mode, shrink_width=shrink_width).values())).sum()


def loss_parts(
    output: Tensor, target: Targets, mode: str = "suppress", *, shrink_width: bool = True
) -> dict[str, Tensor]:
    """The parts whose sum is the mean loss of a batch, by the map that each is about.

    The mask P* of the Θ terms is 1 on top-level objects only, also where the target of P is graded: half a
    width is no width.

    Args:
        output: (B, 5, h, w) or, without priority, (B, 4, h, w): Q, cos 2θ, sin 2θ, W, P; for `orange` its own maps.
        target: the targets.
        mode: one of `LossMode`.
        shrink_width: in `suppress`, pull W to 0 outside too. If not, W is asked for only where a grasp is:
            an angle survives being pulled to 0 (it is a ratio), a width comes out too small for the object.

    Raises:
        BadInput: unknown mode, or maps that the mode has no terms for.
    """
    if mode not in get_args(LossMode):
        raise BadInput(f"Loss mode {mode!r} is unknown; allowed: {', '.join(get_args(LossMode))}.")
    if mode == "orange":
        return orange_loss(output, target.quality, target.cos2, target.sin2, target.width)
    if output.shape[1] not in (4, 5):
        raise BadInput(f"The network gives {output.shape[1]} maps, loss {mode!r} takes 4 or 5: choose another loss.")
    if mode == "likelihood":
        return _likelihood(output, target)
    residuals = _unmasked if mode in ("ggcnn", "grconvnet") else _masked
    terms = dict(zip(("quality", "cos2", "sin2", "width"), residuals(output, target, mode, shrink_width), strict=True))
    if output.shape[1] == 5:
        terms["priority"] = output[:, 4] - target.priority
    if mode == "grconvnet":
        return {name: functional.smooth_l1_loss(term, torch.zeros_like(term)) for name, term in terms.items()}
    return {name: term.square().mean() for name, term in terms.items()}


def _likelihood(output: Tensor, target: Targets) -> dict[str, Tensor]:
    """Cross entropy of Q and P everywhere, squared errors of Θ where any grasp is."""
    parts = {"quality": _cross_entropy(output[:, 0], target.quality)}
    if output.shape[1] == 5:
        parts["priority"] = PRIORITY_WEIGHT * _cross_entropy(output[:, 4], target.priority)
    grasps = (target.width > 0).to(output.dtype)
    share = grasps.mean().clamp(min=1e-6)
    _, cos2, sin2, width = output[:, :4].unbind(1)
    angle = (cos2 - target.cos2).square() + (sin2 - target.sin2).square()
    opening = (width - target.width).square()
    parts["angle"] = (grasps * ANGLE_WEIGHT * angle).mean() / share
    parts["width"] = (grasps * WIDTH_WEIGHT * opening).mean() / share
    return parts


def _cross_entropy(probability: Tensor, target: Tensor) -> Tensor:
    """Mean over all pixels; in float32, whose smallest step below 1 is finer than `SURE`."""
    p = probability.float().clamp(SURE, 1.0 - SURE)
    return -(target * p.log() + (1.0 - target) * (1.0 - p).log()).mean()


def _unmasked(output: Tensor, target: Targets, mode: str, _: bool) -> list[Tensor]:
    """Residuals of Q, cos 2θ, sin 2θ and W everywhere; the published labels call the background θ = 0."""
    quality, cos2, sin2, width = output[:, :4].unbind(1)
    nowhere = (target.cos2 == 0) & (target.sin2 == 0)
    background = torch.where(nowhere, torch.ones_like(cos2), target.cos2)
    unit = WIDTH_UNIT if mode == "ggcnn" else 1.0  # GR-ConvNet calls half of 224 px 1.0, as is done here
    return [quality - target.quality, cos2 - background, sin2 - target.sin2, unit * (width - target.width)]


def _masked(output: Tensor, target: Targets, mode: str, shrink_width: bool) -> list[Tensor]:
    """Residuals of Q everywhere and of cos 2θ, sin 2θ and W as far as the mode asks for them."""
    quality, cos2, sin2, width = output[:, :4].unbind(1)
    pairs = ((cos2, target.cos2), (sin2, target.sin2), (width, target.width))
    top = (target.priority >= 1.0).to(output.dtype)
    grasps = top * (target.width > 0)
    terms = [quality - target.quality]
    if mode == "literal":
        return terms + [top * (value - wanted) for value, wanted in pairs]
    if mode == "posmask":
        share = grasps.mean().clamp(min=1e-6)
        weight = (POSMASK_WEIGHT / share).sqrt() * grasps
        return terms + [weight * (value - wanted) for value, wanted in pairs]
    terms += [value - top * wanted for value, wanted in pairs[:2]]
    return [*terms, width - top * target.width if shrink_width else grasps * (width - target.width)]
