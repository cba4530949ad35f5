"""What a printer makes of our own PDF pages: their rectangles, painted."""

from __future__ import annotations

import re

import cv2
import numpy as np
from numpy.typing import NDArray

_POINTS = 72.0 / 25.4


def boxes(data: bytes) -> NDArray[np.float64]:
    """Rectangles (n, 4) of x, y from the page's lower left corner, width and height [mm]."""
    found = re.findall(rb"(\S+) (\S+) (\S+) (\S+) re", data)
    return np.array(found, np.float64) / _POINTS


def page_size(data: bytes) -> tuple[float, float]:
    """Width and height of the page [mm]."""
    found = re.search(rb"/MediaBox \[0 0 (\S+) (\S+)\]", data)
    assert found
    return float(found[1]) / _POINTS, float(found[2]) / _POINTS


def painted(data: bytes, per_mm: float = 3.0, scale: float = 1.0) -> NDArray[np.uint8]:
    """The page as a picture (H, W, 3), printed at a scale, with `per_mm` pixels per millimetre of paper."""
    width, height = page_size(data)
    s = 4.0 * per_mm * scale
    image = np.full((round(height * s), round(width * s), 3), 255, np.uint8)
    for x, y, w, h in boxes(data) * s:
        top = height * s - y - h
        image[round(top) : round(top + h), round(x) : round(x + w)] = 0
    size = (round(width * s / 4), round(height * s / 4))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
