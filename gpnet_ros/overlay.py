"""The camera image with the chosen grasp and the rejected candidates drawn into it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected, candidates
from gpnet_ros.maps import Maps

CHOSEN, REFUSED, EDGE = (30, 220, 60), (235, 60, 40), (60, 140, 250)


def draw_overlay(frame: Frame, maps: Maps, grasp: Grasp | None, rejected: list[Rejected]) -> NDArray[np.uint8]:
    """The camera image with the chosen grasp (green) and the rejected candidates (red), (H, W, 3) RGB.

    What lies outside the frame's region is darker, its edge blue.
    """
    image = base_image(frame)
    thick = max(1, round(image.shape[1] / 400))
    if frame.region is not None:
        image[~frame.region] //= 2
        edge, _ = cv2.findContours(frame.region.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, edge, -1, EDGE, thick)
    for r in rejected:
        centre = (round(r.pixel[0]), round(r.pixel[1]))
        cv2.drawMarker(image, centre, REFUSED, cv2.MARKER_TILTED_CROSS, 8 * thick, thick, cv2.LINE_AA)
        cv2.putText(image, r.reason, (centre[0] + 5 * thick, centre[1]), 0, 0.4 * thick, REFUSED, thick, cv2.LINE_AA)
    if grasp is not None:
        draw_grasp(image, grasp, maps.grid.scale, thick)
    return image


def draw_grasp(image: NDArray[np.uint8], grasp: Grasp, grid_scale: float, thick: int = 2) -> None:
    """Draw the jaw as two plates joined by the opening into an RGB image (H, W, 3)."""
    opening = grasp.width_px / grid_scale
    along = np.array([np.cos(grasp.angle), np.sin(grasp.angle)])
    across = np.array([-along[1], along[0]]) * max(opening * 0.22, 4.0 * thick)
    centre = np.array(grasp.pixel)
    left, right = centre - along * opening / 2, centre + along * opening / 2
    segments = [(left, right, 1), (left - across, left + across, 3), (right - across, right + across, 3)]
    for color, grow in (((0, 0, 0), 2), (CHOSEN, 0)):
        for a, b, weight in segments:
            p, q = (tuple(int(x) for x in np.round(point)) for point in (a, b))
            cv2.line(image, p, q, color, weight * thick + grow, cv2.LINE_AA)
    cv2.circle(image, tuple(int(x) for x in np.round(centre)), 2 * thick, CHOSEN, -1, cv2.LINE_AA)


def base_image(frame: Frame) -> NDArray[np.uint8]:
    """A writable RGB copy (H, W, 3) of the colour image, or the depth image in false colours."""
    if frame.color is not None:
        return frame.color.copy()
    assert frame.depth is not None
    known = np.isfinite(frame.depth)
    low, high = np.percentile(frame.depth[known], [1, 99]) if known.any() else (0.0, 1.0)
    scaled = np.clip((high - np.nan_to_num(frame.depth, nan=high)) / max(high - low, 1e-6), 0, 1)
    return cv2.cvtColor(cv2.applyColorMap((scaled * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)


def draw_best(frame: Frame, maps: Maps) -> NDArray[np.uint8]:
    """The overlay of the first candidate that has depth, (H, W, 3) RGB."""
    rejected: list[Rejected] = []
    for candidate in candidates(maps, frame):
        if isinstance(candidate, Grasp):
            return draw_overlay(frame, maps, candidate, rejected)
        rejected.append(candidate)
    return draw_overlay(frame, maps, None, rejected)
