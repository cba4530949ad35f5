"""Losses between the maps of a network and their targets.

GP-Net's Eq. 3 asks for Q and P everywhere and for Θ in {cos 2θ, sin 2θ, W} under the priority target:

    L = ‖Q − Q*‖² + Σ_Θ ‖P*·(Θ − Θ*)‖² + ‖P − P*‖²        (starred: targets)

As printed (`literal`) it gives no gradient to Θ where P* = 0, so it cannot darken the background of the
angle and width maps as the paper says; ‖Θ − P*·Θ*‖² does (`suppress`). Both are kept; `ggcnn` is the loss
of GG-CNN (Morrison et al. 2018), without a mask. Sums over pixels are means here, all weights are 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from gpnet_ros.errors import BadInput

LossMode = Literal["literal", "suppress", "ggcnn"]


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
    """Mean loss of a batch.

    The mask P* of the Θ terms is 1 on top-level objects only, also where the target of P is graded: half a
    width is no width.

    Args:
        output: (B, 5, h, w) or, without priority, (B, 4, h, w): Q, cos 2θ, sin 2θ, W, P.
        target: the targets.
        mode: one of `LossMode`.
        shrink_width: in `suppress`, pull W to 0 outside too. If not, W is asked for only where a grasp is:
            an angle survives being pulled to 0 (it is a ratio), a width comes out too small for the object.

    Raises:
        BadInput: unknown mode.
    """
    if mode not in get_args(LossMode):
        raise BadInput(f"Loss mode {mode!r} is unknown; allowed: {', '.join(get_args(LossMode))}.")
    quality, cos2, sin2, width = output[:, 0], output[:, 1], output[:, 2], output[:, 3]
    loss = _mean_square(quality - target.quality)
    if output.shape[1] == 5:
        loss = loss + _mean_square(output[:, 4] - target.priority)
    angle = ((cos2, target.cos2), (sin2, target.sin2))
    top = (target.priority >= 1.0).to(output.dtype)
    if mode == "ggcnn":  # its labels call the background θ = 0, that is cos 2θ = 1
        nowhere = (target.cos2 == 0) & (target.sin2 == 0)
        background = torch.where(nowhere, torch.ones_like(cos2), target.cos2)
        terms = [cos2 - background, sin2 - target.sin2, width - target.width]
    elif mode == "literal":
        terms = [top * (value - wanted) for value, wanted in (*angle, (width, target.width))]
    else:
        grasps = top * (target.width > 0)
        terms = [value - top * wanted for value, wanted in angle]
        terms.append(width - top * target.width if shrink_width else grasps * (width - target.width))
    return loss + torch.stack([_mean_square(term) for term in terms]).sum()


def _mean_square(residual: Tensor) -> Tensor:
    return residual.square().mean()
