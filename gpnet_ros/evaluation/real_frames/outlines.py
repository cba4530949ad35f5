"""Hand-drawn outlines of the objects in real frames: which may be taken, which not and why.

The file is `outlines.json` beside the frame folders: frames -> folder -> objects, each with name, graspable, polygon
[[u, v], ...] in pixels of the colour image, and why where it is not graspable.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput

_FORM = "it must hold frames -> folder -> objects, each with name, graspable and a polygon of at least 3 [u, v]"


@dataclass(frozen=True, eq=False)
class Outline:
    """One object of a real frame.

    Attributes:
        name: for a person.
        graspable: a parallel jaw may take it as it lies.
        polygon: (n, 2) corners (u, v) in pixels of the colour image, in order [px].
        why: not graspable; empty if it is.
    """

    name: str
    graspable: bool
    polygon: NDArray[np.float32]
    why: str = ""

    def contains(self, pixel: tuple[float, float]) -> bool:
        """Whether a pixel (u, v) [px] lies inside the outline or on its edge."""
        return cv2.pointPolygonTest(self.polygon, (float(pixel[0]), float(pixel[1])), False) >= 0


def read_outlines(path: Path) -> dict[str, tuple[Outline, ...]]:
    """Outlines of each frame folder, in the file's order.

    Raises:
        BadInput: the file cannot be read, or an object of it is not complete; names file and object.
    """
    try:
        frames = json.loads(path.read_text(encoding="utf-8"))["frames"]
        listed = {name: frame["objects"] for name, frame in frames.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"Outlines {path} cannot be read ({error!r}): {_FORM}.") from error
    if not listed or not all(isinstance(objects, list) and objects for objects in listed.values()):
        raise BadInput(f"Outlines {path} name no frame, or a frame without objects: {_FORM}.")
    return {name: tuple(_outline(each, path, name) for each in objects) for name, objects in listed.items()}


def outlined_at(outlines: Sequence[Outline], pixel: tuple[float, float]) -> Outline | None:
    """The object at a pixel (u, v) [px], None beside all; where outlines overlap, one that may be taken."""
    there = [outline for outline in outlines if outline.contains(pixel)]
    return next((outline for outline in there if outline.graspable), there[0] if there else None)


def _outline(value: Any, path: Path, frame: str) -> Outline:
    try:
        name, graspable = value["name"], value["graspable"]
        polygon = np.asarray(value["polygon"], dtype=np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"Outlines {path}, frame {frame}: an object is not complete ({error!r}): {_FORM}.") from error
    if not isinstance(name, str) or not isinstance(graspable, bool):
        raise BadInput(f"Outlines {path}, frame {frame}: name or graspable of {name!r} has a wrong type: {_FORM}.")
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3 or not np.isfinite(polygon).all():
        raise BadInput(f"Outlines {path}, frame {frame}: the polygon of {name!r} has shape {polygon.shape}: {_FORM}.")
    return Outline(name, graspable, polygon, str(value.get("why", "")))
