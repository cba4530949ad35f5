"""What the multi-task network sees, as pictures a person can read: six panels, one per task."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.detections import Detections

#: Colours (RGB) of free and of occluded objects, as in the paper's Figure 1.
FREE, OCCLUDED = (220, 50, 40), (40, 90, 220)
#: Names of the six panels, in reading order.
PANELS = ("boxes", "visible", "amodal", "occlusion", "mass", "suction")
#: Lowest score of an object that is drawn.
SCORE_MIN = 0.5
_TINT = 0.45
#: Turn of the hue from one object to the next: the golden ratio sets neighbours apart.
_GOLDEN = 0.618


def detection_panels(color: NDArray[np.uint8], seen: Detections) -> dict[str, NDArray[np.uint8]]:
    """The panels of `PANELS`, each (H, W, 3) uint8 RGB, of a picture (H, W, 3) RGB and what was seen in it."""
    colors = {k: _distinct(n) for n, k in enumerate(drawn_objects(seen))}
    panels = {
        "boxes": color.copy(),
        "visible": _tinted(color, seen.visible, colors),
        "amodal": _tinted(color, seen.amodal, colors),
        "occlusion": occlusion_picture(color, seen),
        "mass": heat_picture(color, seen.mass),
        "suction": heat_picture(color, seen.suction),
    }
    for k, drawn in colors.items():
        u0, v0, u1, v1 = np.round(seen.boxes[k]).astype(int).tolist()
        cv2.rectangle(panels["boxes"], (u0, v0), (u1 - 1, v1 - 1), drawn, 2)
        cv2.putText(
            panels["boxes"], f"{seen.scores[k]:.2f}", (u0 + 3, v0 + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.35, drawn, 1
        )
    return panels


def drawn_objects(seen: Detections) -> list[int]:
    """Numbers of the objects that are drawn, surest first."""
    return [int(k) for k in np.flatnonzero(seen.scores >= SCORE_MIN)]


def occlusion_picture(color: NDArray[np.uint8], seen: Detections) -> NDArray[np.uint8]:
    """The picture (H, W, 3) RGB with free objects in red and occluded ones in blue, as the paper's Figure 1."""
    return _tinted(color, seen.visible, {k: FREE if seen.free[k] else OCCLUDED for k in drawn_objects(seen)})


def label_image(seen: Detections) -> NDArray[np.uint16]:
    """Which object each pixel belongs to, (H, W): its row in the table of objects, counted from 1; 0 for none.

    Where two masks overlap the surer object has the pixel.
    """
    labels = np.zeros(seen.mass.shape, np.uint16)
    for k in reversed(drawn_objects(seen)):
        labels[seen.visible[k]] = k + 1
    return labels


def label_picture(seen: Detections) -> NDArray[np.uint8]:
    """The label image with a colour (RGB) of its own for each object, (H, W, 3); black for none."""
    picture = np.zeros((*seen.mass.shape, 3), np.uint8)
    for n, k in reversed(list(enumerate(drawn_objects(seen)))):
        picture[seen.visible[k]] = _distinct(n)
    return picture


def panel_sheet(panels: dict[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The six panels side by side in two rows, with their names: (2 H, 3 W, 3) uint8 RGB."""
    named = []
    for name in PANELS:
        panel = panels[name].copy()
        cv2.putText(panel, name, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(panel, name, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
        named.append(panel)
    return np.vstack([np.hstack(named[:3]), np.hstack(named[3:])])


def _distinct(number: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb((number * _GOLDEN) % 1.0, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _tinted(
    color: NDArray[np.uint8], masks: NDArray[np.bool_], colors: dict[int, tuple[int, int, int]]
) -> NDArray[np.uint8]:
    panel = color.copy()
    for k in reversed(colors):  # the surest object is drawn last
        mask = masks[k]
        panel[mask] = ((1.0 - _TINT) * panel[mask] + _TINT * np.array(colors[k])).astype(np.uint8)
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(panel, outlines, -1, colors[k], 1)
    return panel


def heat_picture(color: NDArray[np.uint8], heat: Floats) -> NDArray[np.uint8]:
    """A heat map (H, W), in [0, 1] or NaN, over the grayed picture (H, W, 3) RGB: bright where it is high."""
    values = np.clip(np.nan_to_num(heat), 0.0, 1.0)
    warm = cv2.applyColorMap((255 * values).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    gray = np.repeat(color.mean(axis=2, keepdims=True), 3, axis=2)
    share = 0.35 + 0.65 * values[..., None]
    return ((1.0 - share) * gray + share * warm).astype(np.uint8)
