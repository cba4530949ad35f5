"""Figures by which candidates are ranked after little training; shares in [0, 1], higher is better."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import project_masks_on_boxes
from torchvision.ops import box_iou

from gpnet_ros.detections import OCCLUDED_MIN
from gpnet_ros.network.bfloat16 import quick_in_bfloat16
from gpnet_ros.network.graspnext.heads import MASK_SIDE
from gpnet_ros.network.graspnext.losses import mass_bells
from gpnet_ros.network.graspnext.network import GraspNeXt, ImageTruth
from gpnet_ros.network.graspnext.trunk import LEVELS
from gpnet_ros.training.search.pictures import ProxyViews

#: Proposals and detections that may hit an object, and the overlap that is a hit.
_PROPOSALS, _DETECTIONS, _HIT = 50, 20, 0.5
_BATCH = 8


def _quick() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=quick_in_bfloat16(torch.device("cpu")))


def _batches(judged: ProxyViews) -> Iterator[tuple[Tensor, list[ImageTruth]]]:
    for start in range(0, len(judged.truths), _BATCH):
        yield judged.batch(range(start, min(start + _BATCH, len(judged.truths))))


@torch.no_grad()
def dense_figures(net: GraspNeXt, judged: ProxyViews) -> dict[str, float]:
    """Recall of the proposals and correlations of both heat maps with the truth, in [-1, 1], of a net in eval mode."""
    hits: list[Tensor] = []
    maps_of: dict[str, list[tuple[Tensor, Tensor]]] = {"mass": [], "suction": []}
    for images, truths in _batches(judged):
        with _quick():
            maps, total = net.pyramid(images)
            logits = {"mass": net.mass(total), "suction": net.suction(total)}
        listed = ImageList(images, [(images.shape[-2], images.shape[-1])] * len(images))
        proposals, _ = net.proposals(listed, {level: features.float() for level, features in maps.items()})
        hits += [_hit(boxes[:_PROPOSALS], truth) for boxes, truth in zip(proposals, truths, strict=True)]
        said = {name: values.float().sigmoid() for name, values in logits.items()}
        for k, truth in enumerate(truths):
            maps_of["mass"].append((said["mass"][k], mass_bells(truth, said["mass"].shape[-2:])))
            maps_of["suction"].append((said["suction"][k], truth.suction))
    correlations = {name: _correlation(pairs) for name, pairs in maps_of.items()}
    return {"proposals": float(torch.cat(hits).float().mean()) if hits else 0.0, **correlations}


@torch.no_grad()
def regional_figures(net: GraspNeXt, judged: ProxyViews) -> dict[str, float]:
    """Recall of the boxes; of true boxes the overlap of both masks, and how much better than chance occlusion is."""
    hits, overlaps, occluded = [], {"visible": [], "amodal": []}, []  # type: ignore[var-annotated]
    for images, truths in _batches(judged):
        with _quick():
            maps, _ = net.pyramid(images)
            hits += [_hit(seen.boxes[:_DETECTIONS], truth) for seen, truth in zip(net.see(images), truths, strict=True)]
            pooled = net.region_pool(
                {level: maps[level].float() for level in LEVELS},
                [truth.boxes for truth in truths],
                [(images.shape[-2], images.shape[-1])] * len(images),
            )
            if not len(pooled):
                continue
            visible, amodal, hidden = net.regions(pooled)
        for name, logits in (("visible", visible), ("amodal", amodal)):
            wanted = torch.cat([_cut(getattr(t, name), t.boxes) for t in truths if len(t.boxes)]) > 0.5
            mine = logits > 0
            either = (mine | wanted).sum((1, 2)).clamp(min=1)
            overlaps[name].append((mine & wanted).sum((1, 2)) / either)
        shares = torch.cat([t.occlusion for t in truths])
        occluded.append(torch.stack([hidden > 0, shares >= OCCLUDED_MIN])[:, ~shares.isnan()])
    means = {name: float(torch.cat(values).mean()) if values else 0.0 for name, values in overlaps.items()}
    return {"boxes": float(torch.cat(hits).float().mean()), **means, "occlusion": _above_chance(occluded)}


def _cut(masks: Tensor, boxes: Tensor) -> Tensor:
    return project_masks_on_boxes(masks, boxes, torch.arange(len(boxes)), MASK_SIDE)


def _hit(boxes: Tensor, truth: ImageTruth) -> Tensor:
    if not len(truth.boxes) or not len(boxes):
        return torch.zeros(len(truth.boxes), dtype=torch.bool)
    return box_iou(truth.boxes, boxes.float()).amax(1) >= _HIT


def _correlation(pairs: list[tuple[Tensor, Tensor]]) -> float:
    said, wanted = (torch.stack(values).flatten().double() for values in zip(*pairs, strict=True))
    known = ~wanted.isnan()
    said, wanted = said[known], wanted[known]
    if not len(said):
        return 0.0
    value = functional.cosine_similarity(said - said.mean(), wanted - wanted.mean(), dim=0)
    return float(value.nan_to_num())


def _above_chance(occluded: list[Tensor]) -> float:
    """Mean of both answers' recalls, so scaled that a constant has 0 and the truth 1."""
    if not occluded:
        return 0.0
    said, wanted = torch.cat(occluded, dim=1)
    recalls = [
        float((said == value)[wanted == value].float().mean())
        for value in (True, False)
        if bool((wanted == value).any())
    ]
    return 2.0 * sum(recalls) / len(recalls) - 1.0 if len(recalls) == 2 else 0.0
