"""How well a network's P tells objects that may be taken first from those that must wait, without any grasp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import nn

from gpnet_ros.arrays import Floats
from gpnet_ros.data.augment import centred, warp
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.evaluation.intervals import share_of
from gpnet_ros.maps import NETWORK_SIDE
from gpnet_ros.network import score
from gpnet_ros.network.loss import SURE

#: An object of which fewer pixels of the network's grid are seen is not ranked.
PIXELS_MIN = 30


@dataclass(frozen=True)
class RankedObject:
    """One object of a picture: the mean of P over its visible pixels, and whether it is topmost."""

    priority: float
    topmost: bool


@dataclass(frozen=True)
class RankedPicture:
    """What P says of one picture.

    Attributes:
        objects: those that are seen well enough, if there are two or more in the picture.
        entropy: mean cross entropy of P over the pixels of objects [nat]; None without any.
        on_top: the argmax of Q* lies on a topmost object; on_top_by_object: the same where P is multiplied by its own
            mean over each true mask and over the table, which is what a perfect grouping of pixels would give.
    """

    objects: tuple[RankedObject, ...]
    entropy: float | None
    on_top: bool
    on_top_by_object: bool


def rank_picture(output: Floats, ids: NDArray[np.uint8], layer: Sequence[int]) -> RankedPicture:
    """What a network's maps say of the objects of a picture.

    Args:
        output: (5, h, w) Q, cos 2θ, sin 2θ, W, P with Q and P in [0, 1].
        ids: (h, w) object of each pixel, 0 for none. layer: of objects 1, 2, ...: 0 for what may be taken first.
    """
    priority = np.clip(output[4], 0.0, 1.0)
    topmost = np.array([False, *(each == 0 for each in layer)])
    pooled, objects = np.empty_like(priority), []
    for number in np.unique(ids):
        mask = ids == number
        pooled[mask] = mean = float(priority[mask].mean())
        if number and mask.sum() >= PIXELS_MIN:
            objects.append(RankedObject(mean, bool(topmost[number])))
    maps = score.as_maps(np.concatenate([output[:4], priority[None]]))
    by_object = score.as_maps(np.concatenate([output[:4], (priority * pooled)[None]]))
    first, second = (np.unravel_index(int(np.argmax(each.q_star)), ids.shape) for each in (maps, by_object))
    return RankedPicture(
        tuple(objects) if len(layer) > 1 else (),
        _entropy(priority[ids > 0], topmost[ids[ids > 0]]),
        bool(topmost[ids[first]]),
        bool(topmost[ids[second]]),
    )


def rank_pictures(net: nn.Module, pictures: Dataset, channels: str) -> list[RankedPicture]:
    """What a network says of the objects of pictures, each seen without augmentation through one average D435.

    Args:
        net: with a map of priority. pictures: as training reads them. channels: of the network's input.
    """
    found = []
    for index, record in enumerate(pictures.records):
        rng = np.random.default_rng([index])
        x, _ = pictures.sample(index, rng, crop=NETWORK_SIDE, augment=False, channels=channels)
        with torch.inference_mode():
            output = net(torch.from_numpy(x)[None])[0].float().numpy()
        ids = warp(record, centred(record, NETWORK_SIDE), NETWORK_SIDE).ids
        found.append(rank_picture(output, ids, record.layer))
    return found


def ranking(objects: Sequence[RankedObject]) -> float | None:
    """Chance that of a topmost and another object P is higher on the topmost one: the area under the ROC curve, in
    [0, 1], a tie counting half; None where there are not both."""
    topmost = np.array([each.topmost for each in objects], dtype=bool)
    count = int(topmost.sum())
    if count in (0, len(topmost)):
        return None
    ranks = rankdata([each.priority for each in objects])
    pairs = count * (len(topmost) - count)
    return float((ranks[topmost].sum() - count * (count + 1) / 2) / pairs)


def ranking_figures(pictures: Sequence[RankedPicture]) -> dict[str, Any]:
    """Figures over pictures, ready for JSON: `ranking`, `told` (share of objects on whose side of 0.5 P is right),
    `entropy` [nat], and `on_top` and `on_top_by_object` with Wilson's 95 % interval; null where nothing can be said."""
    objects = [each for picture in pictures for each in picture.objects]
    entropies = [picture.entropy for picture in pictures if picture.entropy is not None]
    told = [(each.priority > 0.5) == each.topmost for each in objects]
    area = ranking(objects)
    return {
        "pictures": len(pictures),
        "objects": len(objects),
        "ranking": None if area is None else round(area, 4),
        "told": round(float(np.mean(told)), 4) if told else None,
        "entropy": round(float(np.mean(entropies)), 4) if entropies else None,
        "on_top": share_of([picture.on_top for picture in pictures]),
        "on_top_by_object": share_of([picture.on_top_by_object for picture in pictures]),
    }


def _entropy(priority: Floats, topmost: NDArray[np.bool_]) -> float | None:
    if not priority.size:
        return None
    right = np.where(topmost, priority, 1.0 - priority).astype(np.float64)
    return float(-np.log(np.clip(right, SURE, 1.0)).mean())
