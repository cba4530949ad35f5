"""Panels of a page that show objects: visible masks, boxes, whole shapes, centres of mass."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import Objects

_NAMED = 6  # with more objects names cover the masks; they stand in the graph, too


def draw_ids(axis: Any, ids: NDArray[np.int32], objects: Objects | None) -> None:
    """Draw the visible masks `ids` (H, W) of objects with their ids and names; topmost objects get a white outline."""
    image = np.full((*ids.shape, 3), 0.15)
    present = [int(k) for k in np.unique(ids) if k > 0]
    for number in present:
        image[ids == number] = color_of(number)
    axis.imshow(image)
    names = {}
    if objects is not None:
        if objects.category is not None:
            names = {int(k): f" {name}" for k, name in zip(objects.ids, objects.category, strict=True)}
        if objects.top_level is not None:
            for number in objects.ids[objects.top_level]:
                outline(axis, ids == number, "white", 2.0)
    for number in present:
        u, v = middle(ids == number)
        axis.text(
            u,
            v,
            f"{number}{names.get(number, '') if len(present) < _NAMED else ''}",
            ha="center",
            va="center",
            fontsize=7,
            color="black",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.8, "linewidth": 0},
        )


def has_shapes(objects: Objects) -> bool:
    """Whether boxes, whole masks or centres of mass of the objects are known."""
    parts = (objects.boxes, objects.amodal_boxes, objects.amodal_masks, objects.center_of_mass)
    return any(part is not None for part in parts)


def draw_shapes(axis: Any, image: NDArray[np.uint8], objects: Objects) -> None:
    """Draw boxes (dotted: of the whole object), whole masks and centres of mass over a picture (H, W, 3) RGB."""
    from matplotlib.patches import Rectangle

    axis.imshow(pale(image))
    for row, number in enumerate(objects.ids):
        color = color_of(int(number))
        for boxes, dashes in ((objects.boxes, "-"), (objects.amodal_boxes, ":")):
            if boxes is not None and np.isfinite(boxes[row]).all():
                u0, v0, u1, v1 = boxes[row] - 0.5  # a box's edges are pixel edges, an image's whole numbers centres
                axis.add_patch(Rectangle((u0, v0), u1 - u0, v1 - v0, fill=False, ec=color, ls=dashes, lw=1.2))
        if objects.amodal_masks is not None:
            outline(axis, objects.amodal_masks[row], color, 1.6)
        if objects.center_of_mass is not None and np.isfinite(objects.center_of_mass[row]).all():
            axis.plot(*objects.center_of_mass[row], "+", color=color, markersize=9, markeredgewidth=2)


def color_of(number: int) -> tuple[float, float, float]:
    """RGB in [0, 1] of the object with the id `number`, the same in all panels."""
    import matplotlib

    red, green, blue, _ = matplotlib.colormaps["tab20"]((number - 1) % 20)
    return float(red), float(green), float(blue)


def middle(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """The pixel (u, v) deepest inside a mask (H, W); a centre of gravity may lie outside of it."""
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    v, u = np.unravel_index(int(np.argmax(inside)), mask.shape)
    return int(u), int(v)


def pale(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) evenly bright and with less contrast, so that lines on it are seen."""
    bright = float(np.percentile(image, 98))
    return np.asarray(np.clip(image * (190.0 / max(bright, 40.0)) * 0.7 + 50, 0, 255), dtype=np.uint8)


def outline(axis: Any, mask: NDArray[np.bool_], color: Any, width: float) -> None:
    """Draw the rim of a mask (H, W), a line of `width` [pt]."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        line = contour.reshape(-1, 2)
        axis.plot(*np.vstack([line, line[:1]]).T, color=color, linewidth=width)
