"""Holes: where a depth image has no reading, and nothing that was seen explains why.

A stereo camera gives no depth in a narrow band along the edge of what stands higher, in the shadow beside it that its
other eye does not see, and in speckles. All three are known, narrow, and needed: no frame is without them. A hole that
is wider, or longer, may be a black, glossy or transparent object as high as any: what lies there is unknown, and must
not be taken for the table around it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.frame import Intrinsics

#: An edge explains the missing pixels that have both of its sides within this angle [rad], 8 px of a D435 (640x480),
#: and within 8 px of a coarser picture: the window in which a stereo camera looks for matches is one of pixels.
EDGE_REACH, EDGE_PIXELS = 0.013, 8.0
#: Inverse depths [1/m] on the two sides of an edge differ by this: one pixel of a D435's disparity, 34 mm at 0.85 m.
EDGE_JUMP = 0.047
#: Distance of a D435's colour imager from its right infrared one [m], on whose side near things throw no shadow.
STEREO_BASE = 0.065
#: The slope of the table is measured over this many pixels: a D435's depth comes in steps.
SLOPE_STEP = 8
#: Speckles are narrower than this [m]; whoever is wider has not been seen.
HOLE_WIDTH = 0.024
#: Speckles are smaller than this [m^2]; a pen without depth is narrow, and larger.
HOLE_AREA = 900e-6
#: A reading is believed where most of a square of this side around it [px] have one.
SCATTER = 5
#: Strips narrower than this [m] are the rest of an edge's band, and count for no area.
STRIP = 0.010
#: What is connected with a hole within this distance [m] belongs to it, also where an edge would explain it.
GROWTH = 0.022


def unexplained_holes(depth: Floats, intrinsics: Intrinsics) -> NDArray[np.bool_]:
    """Pixels without depth that are neither speckle nor band or shadow along an edge of which both sides were seen.

    docs/notebook.md tells how the limits were found, what they find and what they cost.

    Args:
        depth: (H, W) [m], NaN where unknown.
        intrinsics: of the camera, for the sizes of pixels.

    Returns:
        (H, W), True where what was photographed may stand at any height; single readings within a hole among them, for
        a black object gives such, and they are noise.
    """
    hole = ~(depth > 0)  # NaN compares false
    hole |= cv2.medianBlur(hole.astype(np.uint8), SCATTER) > 0
    seen = ~hole
    if not seen.any() or not hole.any():
        return hole
    pixel = float(np.median(depth[seen])) / intrinsics.fx
    inverse = np.where(seen, 1.0 / np.where(seen, depth, 1.0), 0.0).astype(np.float32)
    # An edge is one with the table's slope and without it, which is a wall's where that fills most of the picture.
    expected = _explained(inverse, seen, intrinsics) & _explained(_levelled(inverse, seen), seen, intrinsics)
    core = _core((hole & ~expected).astype(np.uint8), pixel)
    if not core.any():
        return core > 0
    grown = core
    for _ in range(2):  # in two steps: around a corner, not across what was measured
        grown = cv2.dilate(grown, _disc(GROWTH / 2 / pixel)) & hole
    return np.asarray(grown > 0, dtype=bool)


def _explained(inverse: Floats, seen: NDArray[np.bool_], intrinsics: Intrinsics) -> NDArray[np.bool_]:
    """Pixels (H, W) that a stereo camera may well leave out beside what was seen; inverse: of the depth [1/m]."""
    return _along_edges(inverse, seen, intrinsics) | _in_stereo_shadow(inverse, seen, intrinsics)


def _along_edges(inverse: Floats, seen: NDArray[np.bool_], intrinsics: Intrinsics) -> NDArray[np.bool_]:
    """Pixels (H, W) near which both sides of an edge were measured; inverse: of the depth [1/m]."""
    near, far = (np.where(seen, inverse, np.float32(unknown)) for unknown in (-1e3, 1e3))
    window = _disc(_edge_reach(intrinsics))
    return np.asarray(cv2.dilate(near, window) - cv2.erode(far, window) > EDGE_JUMP, dtype=bool)


def _levelled(inverse: Floats, seen: NDArray[np.bool_]) -> Floats:
    """The inverse depth (H, W) [1/m] without the slope of the table, which would be an edge where it is seen aslant.

    A plane's inverse depth changes by the same from each pixel to the next, and most of what is seen is the table, or
    parallel to it: its slope is the median change from one of every `SLOPE_STEP` pixels to the next.
    """
    coarse, known = inverse[::SLOPE_STEP, ::SLOPE_STEP], seen[::SLOPE_STEP, ::SLOPE_STEP]
    slopes = [np.float32(0), np.float32(0)]
    for axis, both in enumerate((known[1:] & known[:-1], known[:, 1:] & known[:, :-1])):
        if both.any():
            slopes[axis] = np.median(np.diff(coarse, axis=axis)[both]) / SLOPE_STEP
    rows, columns = (np.arange(n, dtype=np.float32) for n in inverse.shape)
    return np.asarray(inverse - slopes[0] * rows[:, None] - slopes[1] * columns, dtype=np.float32)


def _in_stereo_shadow(inverse: Floats, seen: NDArray[np.bool_], intrinsics: Intrinsics) -> NDArray[np.bool_]:
    """Pixels (H, W) left of a nearer thing, in the shadow where the other eye sees that thing, and no farther."""
    width = seen.shape[1]
    column = np.arange(width)
    rows, columns = np.nonzero(~seen)
    left = np.maximum.accumulate(np.where(seen, column, -1), axis=1)[rows, columns]
    right = np.minimum.accumulate(np.where(seen, column, width)[:, ::-1], axis=1)[:, ::-1][rows, columns]
    bounded = (left >= 0) & (right < width)
    step = inverse[rows, np.where(bounded, right, 0)] - inverse[rows, np.where(bounded, left, 0)]
    reach = STEREO_BASE * step * intrinsics.fx + 2 * _edge_reach(intrinsics)  # and the bands on both sides
    shadow = np.zeros_like(seen)
    shadow[rows, columns] = bounded & (step > EDGE_JUMP) & (right - left - 1 <= reach)
    return shadow


def _edge_reach(intrinsics: Intrinsics) -> float:
    """How far the band along an edge reaches [px]."""
    return max(EDGE_REACH * intrinsics.fx, EDGE_PIXELS)


def _core(hole: NDArray[np.uint8], pixel: float) -> NDArray[np.uint8]:
    """The parts (H, W) of a hole that are too wide or too large for speckles; pixel is the size of one [m].

    Outside of the picture nothing is known: a hole at its border counts as if it went on there.
    """
    wide = cv2.morphologyEx(hole, cv2.MORPH_OPEN, _disc(HOLE_WIDTH / 2 / pixel))
    broad = cv2.morphologyEx(hole, cv2.MORPH_OPEN, _disc(STRIP / 2 / pixel))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(broad, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] * pixel**2 > HOLE_AREA
    large[0] = False  # the label of everything else
    return np.asarray(wide | large[labels].astype(np.uint8), dtype=np.uint8)


def _disc(radius: float) -> NDArray[np.uint8]:
    """Structuring element of a radius [px], rounded, at least one pixel."""
    size = 2 * max(round(radius), 1) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)
