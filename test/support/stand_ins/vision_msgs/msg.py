"""The messages of vision_msgs 4 that are used here, with their fields as its .msg files name them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


def _pose() -> Any:
    return SimpleNamespace(position=SimpleNamespace(x=0.0, y=0.0), theta=0.0)


@dataclass
class ObjectHypothesis:
    class_id: str = ""
    score: float = 0.0


@dataclass
class ObjectHypothesisWithPose:
    hypothesis: ObjectHypothesis = field(default_factory=ObjectHypothesis)


@dataclass
class BoundingBox2D:
    center: Any = field(default_factory=_pose)
    size_x: float = 0.0
    size_y: float = 0.0


@dataclass
class Detection2D:
    header: Any = None
    results: list[ObjectHypothesisWithPose] = field(default_factory=list)
    bbox: BoundingBox2D = field(default_factory=BoundingBox2D)
    id: str = ""


@dataclass
class Detection2DArray:
    header: Any = None
    detections: list[Detection2D] = field(default_factory=list)
