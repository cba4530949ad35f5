"""COCO's average precision of boxes and masks, by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from faster_coco_eval.core import mask as rle
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles

#: What average precision is asked of.
KINDS = ("boxes", "visible", "amodal")


@dataclass(frozen=True, eq=False)
class Instances:
    """The true or the detected objects of one picture, as COCO wants them.

    Attributes:
        boxes: (n, 4) u0, v0, u1, v1 [px]. scores: (n,), or None for true objects.
        visible, amodal: n encoded masks. shape: (H, W) of the picture [px].
    """

    shape: tuple[int, int]
    boxes: Doubles
    visible: list[Any]
    amodal: list[Any]
    scores: Doubles | None = None

    @classmethod
    def of(
        cls, boxes: Doubles, visible: NDArray[np.bool_], amodal: NDArray[np.bool_], scores: Doubles | None = None
    ) -> Instances:
        """Instances with masks (n, H, W)."""
        return cls(visible.shape[1:], boxes, _encoded(visible), _encoded(amodal), scores)


def average_precision(pictures: Sequence[tuple[Instances, Instances]], kind: str) -> dict[str, float | None]:
    """COCO's AP (mean over IoU .50 to .95), AP50 and AP75 of pictures, each as (true, detected); None without objects.

    Args:
        pictures: one pair per picture; the same may stand in it several times.
        kind: of `KINDS`.
    """
    truths: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, (true, detected) in enumerate(pictures, 1):
        truths += _rows(true, kind, number, len(truths))
        found += _rows(detected, kind, number, len(found))
    if not truths:
        return {"AP": None, "AP50": None, "AP75": None}
    if not found:
        return {"AP": 0.0, "AP50": 0.0, "AP75": 0.0}
    sizes = [dict(zip(("height", "width"), true.shape, strict=True)) for true, _ in pictures]
    images = [{"id": number, **size} for number, size in enumerate(sizes, 1)]
    gold = COCO({"images": images, "annotations": truths, "categories": [{"id": 1, "name": "object"}]})
    rated = COCOeval_faster(gold, gold.loadRes(found), "bbox" if kind == "boxes" else "segm", print_function=_silent)
    rated.evaluate()
    rated.accumulate()
    rated.summarize()
    return {name: round(float(rated.stats[index]), 4) for index, name in enumerate(("AP", "AP50", "AP75"))}


def _rows(instances: Instances, kind: str, image: int, before: int) -> list[dict[str, Any]]:
    rows = []
    for k, (u0, v0, u1, v1) in enumerate(instances.boxes.tolist()):
        row: dict[str, Any] = {"id": before + k + 1, "image_id": image, "category_id": 1, "iscrowd": 0}
        row |= {"bbox": [u0, v0, u1 - u0, v1 - v0], "area": max((u1 - u0) * (v1 - v0), 1e-6)}
        if kind != "boxes":
            code = getattr(instances, kind)[k]
            row |= {"segmentation": code, "area": float(rle.area(code))}
        if instances.scores is not None:
            row["score"] = float(instances.scores[k])
        rows.append(row)
    return rows


def _encoded(masks: NDArray[np.bool_]) -> list[Any]:
    return [rle.encode(np.asfortranarray(mask, dtype=np.uint8)) for mask in masks]


def _silent(*_: object) -> None:
    pass
