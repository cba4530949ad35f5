"""One sheet of real frames: outlines, the grasp that was decided, and where Q* is highest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.real_frames.judged_frames import JudgedFrame, Reading
from gpnet_ros.grasp import Grasp
from gpnet_ros.overlay import base_image

FORMATS = (".jpg", ".png")
_WIDTH, _HEIGHT, _TITLE, _GAP, _COLUMNS = 480, 300, 34, 6, 4  # of a tile [px]
_GOOD, _BAD, _DOUBT, _PEAK = (30, 220, 60), (240, 50, 40), (255, 190, 0), (255, 80, 255)
_INK, _PAPER = (20, 20, 20), 255
_LETTERS = cv2.FONT_HERSHEY_SIMPLEX


def write_sheet(path: Path, judged: Sequence[JudgedFrame]) -> None:
    """Write the sheet of judged frames as jpg or png.

    Raises:
        BadInput: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = cv2.cvtColor(frames_sheet(judged), cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 80]):
        raise BadInput(f"{path} cannot be written: choose another path.")


def frames_sheet(judged: Sequence[JudgedFrame]) -> NDArray[np.uint8]:
    """Judged frames in rows of four with a line of legend below, (H, W, 3) RGB in 0..255."""
    columns = min(_COLUMNS, len(judged))
    rows = -(-len(judged) // columns)
    height, width = _HEIGHT + _TITLE + _GAP, _WIDTH + _GAP
    page = np.full((rows * height + _TITLE, columns * width - _GAP, 3), _PAPER, dtype=np.uint8)
    for k, each in enumerate(judged):
        top, left = k // columns * height, k % columns * width
        page[top : top + _HEIGHT + _TITLE, left : left + _WIDTH] = frame_tile(each)
    legend = "green/red jaw: the decision, on an object that may be taken or not; pink ring: highest Q*;"
    legend += " outlines: green may be taken, yellow not"
    cv2.putText(page, legend, (8, len(page) - 12), _LETTERS, 0.5, _INK, 1, cv2.LINE_AA)
    return page


def frame_tile(each: JudgedFrame) -> NDArray[np.uint8]:
    """One frame with its outlines, readings and title, (334, 480, 3) RGB in 0..255."""
    image = base_image(each.frame)
    scale = min(_WIDTH / image.shape[1], _HEIGHT / image.shape[0])
    image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    for outline in each.outlines:
        corners = np.round(outline.polygon * scale).astype(np.int32)
        cv2.polylines(image, [corners], True, _GOOD if outline.graspable else _DOUBT, 1, cv2.LINE_AA)
    if each.argmax.pixel is not None:
        centre = (round(each.argmax.pixel[0] * scale), round(each.argmax.pixel[1] * scale))
        cv2.circle(image, centre, 9, _PEAK, 2, cv2.LINE_AA)
    if each.decision.grasp is not None and each.maps is not None:
        _draw_jaw(image, each.decision.grasp, scale, each.maps.grid.scale, _color(each.decision))
    page = np.full((_HEIGHT + _TITLE, _WIDTH, 3), _PAPER, dtype=np.uint8)
    height, width = image.shape[:2]
    left = (_WIDTH - width) // 2
    page[:height, left : left + width] = image
    for line, words in enumerate(_titles(each)):
        color = _INK if line == 0 else tuple(c // 2 for c in _color(each.decision))
        cv2.putText(page, words, (4, _HEIGHT + 13 + 15 * line), _LETTERS, 0.42, color, 1, cv2.LINE_AA)
    return page


def _titles(each: JudgedFrame) -> tuple[str, str]:
    decision = each.decision
    words = decision.outcome.replace("_", " ")
    refused = ", ".join(f"{reason} {count}" for reason, count in each.reasons.items())
    return each.name, f"{words} {decision.hit}" + (f" (refused before: {refused})" if refused else "")


def _color(reading: Reading) -> tuple[int, int, int]:
    return _GOOD if reading.outcome == "object" else _BAD


def _draw_jaw(
    image: NDArray[np.uint8], grasp: Grasp, scale: float, grid_scale: float, color: tuple[int, int, int]
) -> None:
    """Two plates joined by the opening; `scale` from the camera image to this one."""
    half = grasp.width_px / grid_scale * scale / 2
    along = np.array([np.cos(grasp.angle), np.sin(grasp.angle)])
    across = np.array([-along[1], along[0]]) * max(0.4 * half, 5.0)
    centre = np.array(grasp.pixel) * scale
    left, right = centre - along * half, centre + along * half
    segments = ((left, right, 1), (left - across, left + across, 2), (right - across, right + across, 2))
    for ink, grow in (((0, 0, 0), 2), (color, 0)):
        for a, b, weight in segments:
            p, q = (tuple(int(x) for x in np.round(point)) for point in (a, b))
            cv2.line(image, p, q, ink, weight + grow, cv2.LINE_AA)
    cv2.circle(image, tuple(int(x) for x in np.round(centre)), 3, color, -1, cv2.LINE_AA)
