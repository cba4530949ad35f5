"""What a data set holds, in figures; what none of its pictures has is None."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpnet_ros.data.noise import DepthNoise, d435_depth
from gpnet_ros.data.sample import Sample

#: Pictures of which the share without depth behind a simulated D435 is found; it takes a tenth of a second each.
NOISY_PICTURES = 24


@dataclass
class SetStatistics:
    """Counts over the pictures added so far; lists have one entry per picture that has such a thing."""

    scenes: set[str] = field(default_factory=set)
    sizes: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    objects: list[int] = field(default_factory=list)
    visible: list[int] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)
    top_level: list[int] = field(default_factory=list)
    graspable: list[int] = field(default_factory=list)
    related: list[int] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)
    rectangles: list[int] = field(default_factory=list)
    negatives: list[int] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    grasp_pixels: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)
    unknown_d435: list[float] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)

    def add(self, sample: Sample, exact: bool) -> None:
        """Count one picture; `exact` says that its depth has no sensor noise yet."""
        self.scenes.add(sample.scene)
        height, width = sample.frame.shape
        self.sizes[f"{width}x{height}"] += 1
        if sample.ids is not None:
            self.visible.append(len(np.unique(sample.ids[sample.ids > 0])))
        if sample.rectangles is not None:
            self.rectangles.append(len(sample.rectangles))
            self.left_out.update(sample.rectangles.left_out)
        if sample.negatives is not None:
            self.negatives.append(len(sample.negatives))
        if sample.grasps is not None:
            self.grasp_pixels.append(float((sample.grasps.quality > 0).mean()))
        self._add_objects(sample)
        self._add_depth(sample, exact)

    def _add_objects(self, sample: Sample) -> None:
        objects = sample.objects
        if objects is None:
            return
        self.objects.append(len(objects.ids))
        if objects.category is not None:
            self.categories.update(objects.category)
        if objects.covered_by is not None and objects.top_level is not None:
            self.pairs.append(int(objects.covered_by.sum()))
            self.top_level.append(int(objects.top_level.sum()))
            self.related.append(len(objects.ids))
        if objects.graspable is not None:
            self.graspable.append(int(objects.graspable.sum()))
            self.judged.append(len(objects.ids))

    def _add_depth(self, sample: Sample, exact: bool) -> None:
        frame = sample.frame
        if frame.depth is None:
            return
        known = np.isfinite(frame.depth)
        self.unknown.append(1.0 - float(known.mean()))
        if known.any():
            self.distance.append(float(np.median(frame.depth[known])))
        if exact and frame.intrinsics is not None and len(self.unknown_d435) < NOISY_PICTURES:
            rng = np.random.default_rng([7, len(self.unknown_d435)])
            seen = d435_depth(frame.depth, frame.intrinsics, DepthNoise(), rng, frame.color)
            self.unknown_d435.append(1.0 - float(np.isfinite(seen).mean()))

    def summary(self) -> dict[str, Any]:
        """The figures as plain values."""
        return {
            "scenes": len(self.scenes),
            "pictures": sum(self.sizes.values()),
            "sizes": dict(self.sizes.most_common(8)),
            "objects": _spread(self.objects),
            "visible_objects": _spread(self.visible),
            "related_pairs": _spread(self.pairs),
            "top_level_share": _share(self.top_level, self.related),
            "graspable_share": _share(self.graspable, self.judged),
            "rectangles": _spread(self.rectangles),
            "rectangles_left_out": dict(self.left_out) or None,
            "negatives": _spread(self.negatives),
            "pictures_without_grasp": sum(n == 0 for n in self.rectangles) if self.rectangles else None,
            "grasp_pixel_share": _mean(self.grasp_pixels),
            "unknown_depth_share": _mean(self.unknown),
            "unknown_depth_share_d435": _mean(self.unknown_d435),
            "median_depth_m": _mean(self.distance),
            "categories": dict(sorted(self.categories.items())) if self.categories else None,
        }


def _spread(counts: list[int]) -> dict[str, float] | None:
    if not counts:
        return None
    values = np.array(counts)
    return {
        "total": int(values.sum()),
        "mean": round(float(values.mean()), 3),
        "min": int(values.min()),
        "max": int(values.max()),
    }


def _share(part: list[int], whole: list[int]) -> float | None:
    return round(sum(part) / sum(whole), 4) if sum(whole) else None


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 5) if values else None
