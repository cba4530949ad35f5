"""What GraspNeXt learns: seven terms, of proposals, boxes, visible and amodal masks, occlusion, mass and suction.

Choices that the paper leaves open, each with its reason:

* Weights of the terms: 1, and 20 for suction's squared error, which is about 0.003 where the others are about 1.
* Masks: cross entropy on 28x28 cells of the proposed region, visible and amodal in the same (UOAIS-Net).
* Occlusion: an object counts as occluded from 5 % on; the rarer answer weighs more, in the ratio of their numbers in
  the batch, at most 10 times: without occluded regions the ratio has no bound.
* Centre of mass: penalty-reduced focal loss of CenterNet (Zhou et al. 2019), α = 2 and β = 4; the radius of the bell is
  that at which a box moved by it still overlaps by 0.7, of the amodal box.
* What nobody looked at (NaN) teaches nothing: an occlusion, the box of an object without a centre, a suction map.
* Suction: the paper's mean squared error (`squared`) is won by a map of zeros, for cups hold on few pixels. `graded`
  is the quality focal loss of Li et al. (2020), |y - p|² times cross entropy, over the sum of the wanted qualities.
  `entropy` leaves out |y - p|²: its best answer is the mean of what may be true, where that of `graded` raises places
  that are seldom good (a tenth of the time 0.9: 0.09 and 0.29), which draws the peak to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.roi_heads import project_masks_on_boxes

from gpnet_ros.detections import OCCLUDED_MIN
from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.heads import MASK_SIDE
from gpnet_ros.network.graspnext.network import HEAT_STRIDE, ImageTruth, TrainingOutput

#: Most that the rarer answer of the occlusion head may weigh.
_OCCLUSION_WEIGHT_MAX = 10.0
#: Overlap that a box keeps which is moved by the radius of the bell around a centre of mass.
_BELL_OVERLAP = 0.7
SUCTION_LOSSES = ("squared", "graded", "entropy")


@dataclass(frozen=True)
class TermWeights:
    """Weights λ of the seven terms."""

    proposals: float = 1.0
    boxes: float = 1.0
    visible: float = 1.0
    amodal: float = 1.0
    occlusion: float = 1.0
    mass: float = 1.0
    suction: float = 20.0


def graspnext_losses(
    output: TrainingOutput, truths: list[ImageTruth], weights: TermWeights, suction: str = "squared"
) -> dict[str, Tensor]:
    """The seven weighted terms of a batch, each of shape (); their sum is what is minimised.

    Args:
        output: of the network. truths: one for each image of the batch.
        weights: λ. suction: of `SUCTION_LOSSES`.

    Raises:
        BadInput: unknown suction loss.
    """
    regions, losses = output.regions, output.proposal_losses
    heat = torch.stack([mass_bells(t, output.mass.shape[-2:]) for t in truths])
    wanted = torch.stack([t.suction for t in truths])
    hidden = torch.cat([t.occlusion[rows] for t, rows in zip(truths, regions.objects, strict=True)])
    return {
        "proposals": weights.proposals * (losses["loss_objectness"] + losses["loss_rpn_box_reg"]),
        "boxes": weights.boxes * (losses["box_class"] + losses["box_place"]),
        "visible": weights.visible * _mask_loss(regions.visible, [t.visible for t in truths], output),
        "amodal": weights.amodal * _mask_loss(regions.amodal, [t.amodal for t in truths], output),
        "occlusion": weights.occlusion * occlusion_loss(regions.occluded.float(), hidden),
        "mass": weights.mass * mass_loss(output.mass.float(), heat),
        "suction": weights.suction * suction_loss(output.suction.float(), wanted, suction),
    }


def _mask_loss(logits: Tensor, masks: list[Tensor], output: TrainingOutput) -> Tensor:
    regions = output.regions
    if not len(logits):
        return logits.sum()  # zero, and still a function of the weights
    cut = [
        project_masks_on_boxes(mask, boxes.float(), rows, MASK_SIDE)
        for mask, boxes, rows in zip(masks, regions.boxes, regions.objects, strict=True)
        if len(rows)
    ]
    return functional.binary_cross_entropy_with_logits(logits.float(), torch.cat(cut))


def occlusion_loss(logits: Tensor, hidden: Tensor) -> Tensor:
    """Weighted cross entropy of occlusion, of shape (), from logits (R,) and hidden shares (R,), NaN unknown."""
    known = ~hidden.isnan()
    logits, hidden = logits[known], hidden[known]
    if not len(logits):
        return logits.sum()
    occluded = (hidden >= OCCLUDED_MIN).float()
    count = occluded.sum().clamp(min=1.0)
    ratio = ((len(occluded) - occluded.sum()) / count).clamp(1.0 / _OCCLUSION_WEIGHT_MAX, _OCCLUSION_WEIGHT_MAX)
    return functional.binary_cross_entropy_with_logits(logits, occluded, pos_weight=ratio)


def mass_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """Penalty-reduced focal loss, of shape (), between logits (B, h, w) and bells (B, h, w), peaks 1, NaN unknown."""
    known = ~heat.isnan()
    logits, heat = logits[known], heat[known]
    peak = heat == 1.0
    chance = logits.sigmoid()
    at_peaks = functional.logsigmoid(logits) * (1.0 - chance) ** 2
    elsewhere = functional.logsigmoid(-logits) * chance**2 * (1.0 - heat) ** 4
    total = torch.where(peak, at_peaks, elsewhere).sum()
    return -total / peak.sum().clamp(min=1)


def suction_loss(logits: Tensor, wanted: Tensor, kind: str) -> Tensor:
    """Loss of shape () between logits (B, h, w) and wanted qualities (B, h, w) in [0, 1], NaN where unknown.

    Raises:
        BadInput: unknown kind.
    """
    known = ~wanted.isnan()
    if not known.any():
        return logits.sum() * 0.0
    logits, wanted = logits[known], wanted[known]
    chance = logits.sigmoid()
    if kind == "squared":
        return functional.mse_loss(chance, wanted)
    if kind in ("graded", "entropy"):
        entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        weight = (wanted - chance).detach() ** 2 if kind == "graded" else 1.0
        return (weight * entropy).sum() / wanted.sum().clamp(min=1.0)
    raise BadInput(f"The suction loss {kind!r} is unknown; allowed: {', '.join(SUCTION_LOSSES)}.")


def mass_bells(truth: ImageTruth, shape: torch.Size | tuple[int, int]) -> Tensor:
    """Bells (h, w) around the centres of mass at stride 4, 1 at the nearest cell; the largest where they overlap.

    NaN in the boxes of objects whose centre nobody knows.

    Args:
        truth: of the image. shape: (h, w) of the map.
    """
    height, width = shape
    heat = truth.suction.new_zeros(height, width)
    unknown = truth.centers.isnan().any(1)
    for u0, v0, u1, v1 in (truth.boxes[unknown] / HEAT_STRIDE).tolist():
        heat[math.floor(v0) : math.ceil(v1), math.floor(u0) : math.ceil(u1)] = torch.nan
    cells = (truth.centers / HEAT_STRIDE).floor().long()
    inside = ~unknown & (cells >= 0).all(1) & (cells[:, 0] < width) & (cells[:, 1] < height)
    if not inside.any():
        return heat
    cells, boxes = cells[inside], truth.boxes[inside] / HEAT_STRIDE
    deviation = (bell_radius(boxes[:, 2:] - boxes[:, :2]) / 3.0).clamp(min=0.7)
    columns = torch.arange(width, device=heat.device) - cells[:, :1]
    rows = torch.arange(height, device=heat.device) - cells[:, 1:]
    squares = rows[:, :, None] ** 2 + columns[:, None, :] ** 2
    bells = torch.exp(-squares / (2.0 * deviation[:, None, None] ** 2))
    return bells.amax(0) + heat  # exp(-0) is 1 exactly: the peaks; heat is 0 or NaN


def bell_radius(sizes: Tensor) -> Tensor:
    """Largest move (n,), along both axes, by which boxes (n, 2), width and height, still overlap by 0.7 (IoU).

    A box w x h moved by r along both axes overlaps by (w - r)(h - r) / (2 w h - (w - r)(h - r)), so that
    (w - r)(h - r) = w h · 2 t / (1 + t) for the overlap t; the smaller root of this quadratic is the answer.
    """
    total, area = sizes.sum(1), sizes.prod(1)
    share = 2.0 * _BELL_OVERLAP / (1.0 + _BELL_OVERLAP)
    return (total - torch.sqrt(total**2 - 4.0 * area * (1.0 - share))) / 2.0
