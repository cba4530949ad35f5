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
        pictures: one pair per picture.
        kind: of `KINDS`.
    """
    return Matched(pictures, kind).precision(range(len(pictures)))


class Matched:
    """Objects of pictures, each detected one held once against the true ones of its picture.

    What was matched in one picture does not depend on others, so that the precision of any drawing of pictures, as the
    bootstrap asks for, is a matter of milliseconds.

    Args:
        pictures: (true, detected), one pair per picture.
        kind: of `KINDS`.
    """

    def __init__(self, pictures: Sequence[tuple[Instances, Instances]], kind: str) -> None:
        truths: list[dict[str, Any]] = []
        found: list[dict[str, Any]] = []
        for number, (true, detected) in enumerate(pictures, 1):
            truths += _rows(true, kind, number, len(truths))
            found += _rows(detected, kind, number, len(found))
        self._truths = np.array([len(true.boxes) for true, _ in pictures])
        self._rated = None
        if truths and found:
            sizes = [dict(zip(("height", "width"), true.shape, strict=True)) for true, _ in pictures]
            images = [{"id": number, **size} for number, size in enumerate(sizes, 1)]
            gold = COCO({"images": images, "annotations": truths, "categories": [{"id": 1, "name": "object"}]})
            seen, what = gold.loadRes(found), "bbox" if kind == "boxes" else "segm"
            self._rated = COCOeval_faster(gold, seen, what, print_function=_silent, separate_eval=True)
            self._rated.evaluate()
            self._per_picture = np.array(self._rated._evalImgs_cpp, dtype=object).reshape(-1, len(pictures))

    def precision(self, rows: Sequence[int]) -> dict[str, float | None]:
        """AP, AP50 and AP75 as `average_precision` gives them, of as many pictures as there are, by their numbers.

        Args:
            rows: one number for each picture; the same may stand in it several times.
        """
        if not self._truths[list(rows)].sum():
            return {"AP": None, "AP50": None, "AP75": None}
        if self._rated is None:
            return {"AP": 0.0, "AP50": 0.0, "AP75": 0.0}
        # Matches stand one area range after the other, each with all pictures in their order.
        self._rated._evalImgs_cpp = self._per_picture[:, list(rows)].ravel().tolist()
        self._rated.accumulate()
        self._rated.summarize()
        stats = self._rated.stats
        return {name: round(float(stats[index]), 4) for index, name in enumerate(("AP", "AP50", "AP75"))}


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
