"""The rectangle metric: when a predicted grasp rectangle counts as a true one.

A prediction is right if it overlaps one true rectangle by more than a quarter (intersection over union) and their
opening axes differ by at most 30 degrees: Jiang, Moseson and Saxena, ICRA 2011; Lenz, Lee and Saxena, IJRR 2015.
The overlap is that of the exact polygons. The public implementation of GG-CNN (github.com/dougsm/ggcnn) and its
descendants count pixels instead; `raster_iou` does the same, so that published figures can be compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import wrap_half_turn
from gpnet_ros.rectangle import Rectangles

#: The thresholds of the metric as published: more than a quarter, at most 30 degrees.
IOU_MIN = 0.25
ANGLE_MAX = np.pi / 6
#: Jaw of a predicted rectangle as a share of its opening in the public implementation: the network predicts no jaw.
JAW_SHARE = 0.5
_ROUNDING = 1e-9  # neither exactly 30 degrees nor an overlap of exactly a quarter may turn on the last bit
_CHUNK = 200_000  # pairs at a time, some 100 MB of intermediate arrays


def predicted(
    center: ArrayLike,
    angle: ArrayLike,
    opening: ArrayLike,
    score: ArrayLike | None = None,
    object_id: ArrayLike | None = None,
    jaw_share: float = JAW_SHARE,
) -> Rectangles:
    """Rectangles of predicted grasps, which have no jaw of their own.

    Args:
        center, angle, opening, score, object_id: see `Rectangles` [px, rad].
        jaw_share: jaw as a share of the opening; the published figures use a half.

    Raises:
        BadInput: a value is not finite, or an opening or the share is not positive.
    """
    return Rectangles(
        np.asarray(center, dtype=np.float64),
        np.asarray(angle, dtype=np.float64),
        np.asarray(opening, dtype=np.float64),
        np.asarray(opening, dtype=np.float64) * jaw_share,
        None if score is None else np.asarray(score, dtype=np.float64),
        None if object_id is None else np.asarray(object_id, dtype=np.int64),
    )


def angle_difference(a: Rectangles, b: Rectangles) -> Doubles:
    """(n, m) between the opening axes of n and m rectangles, in [0, pi/2] [rad]; an axis has no direction."""
    return np.abs(wrap_half_turn(a.angle[:, None] - b.angle[None, :]))


def iou(a: Rectangles, b: Rectangles) -> Doubles:
    """(n, m) intersection over union of the exact polygons of n and m rectangles, in [0, 1]."""
    return _sparse(a, b, _near(a, b), rasterised=False)


def raster_iou(a: Rectangles, b: Rectangles) -> Doubles:
    """(n, m) intersection over union of the pixels of n and m rectangles, in [0, 1]; see `pixels`.

    This is how the public implementation counts. It differs from the exact polygons by the pixels along the outline:
    a rectangle whose edges run through pixel centres owns both of its edges, so it gains one pixel in each direction
    and neighbours that only touch overlap; and what lies left of or above the image's first pixel is cut away.
    For an outline between the pixel centres the difference averages out; it vanishes as rectangles grow.
    """
    return _sparse(a, b, _near(a, b, margin=1.0), rasterised=True)


def matches(
    a: Rectangles,
    b: Rectangles,
    iou_min: float = IOU_MIN,
    angle_max: float = ANGLE_MAX,
    rasterised: bool = False,
) -> NDArray[np.bool_]:
    """(n, m) which of n predicted rectangles agree with which of m true ones.

    Args:
        a: predicted.
        b: true.
        iou_min: to be exceeded, in [0, 1).
        angle_max: that just passes [rad].
        rasterised: count pixels as the public implementation does.

    Raises:
        BadInput: a threshold that nothing or everything would pass.
    """
    if not (0 <= iou_min < 1 and 0 <= angle_max <= np.pi / 2):
        raise BadInput(
            f"Overlap above {iou_min} and angle up to {angle_max} rad cannot be asked for: "
            "the overlap must be in [0, 1), the angle in [0, pi/2]."
        )
    pairs = _near(a, b, margin=1.0 if rasterised else 0.0)
    pairs &= angle_difference(a, b) <= angle_max + _ROUNDING
    return _sparse(a, b, pairs, rasterised) > iou_min + _ROUNDING


def pixels(corners: ArrayLike) -> NDArray[np.int64]:
    """Pixels (k, 2) as (u, v) of a convex polygon, by the rule of `skimage.draw.polygon`.

    All pixel centres inside the polygon, and those on its edges and corners, whose coordinates are not negative: the
    library tests integer points from max(0, floor(least)) to ceil(greatest) for being inside, on an edge or on a
    corner (O'Rourke, Computational Geometry in C, 1998, section 7.4) and keeps all three.

    Args:
        corners: (c, 2) as (u, v), in either order around the polygon [px].
    """
    p = np.asarray(corners, dtype=np.float64)
    low, high = np.maximum(np.floor(p.min(axis=0)), 0), np.ceil(p.max(axis=0))
    if (high < low).any():
        return np.empty((0, 2), dtype=np.int64)
    v, u = np.mgrid[int(low[1]) : int(high[1]) + 1, int(low[0]) : int(high[0]) + 1]
    edge = np.roll(p, -1, axis=0) - p
    sides = [e[0] * (v - q[1]) - e[1] * (u - q[0]) for e, q in zip(edge, p, strict=True)]
    area = float((p[:, 0] * np.roll(p[:, 1], -1) - p[:, 1] * np.roll(p[:, 0], -1)).sum())
    inside = (np.stack(sides) * np.sign(area) >= -_ROUNDING).all(axis=0)
    return np.column_stack([u[inside], v[inside]])


def _near(a: Rectangles, b: Rectangles, margin: float = 0.0) -> NDArray[np.bool_]:
    """(n, m) pairs whose circumscribed circles meet; the others cannot overlap."""
    reach = np.hypot(a.opening, a.jaw)[:, None] / 2 + np.hypot(b.opening, b.jaw)[None, :] / 2 + margin
    gap = a.center[:, None, :] - b.center[None, :, :]
    return gap[..., 0] ** 2 + gap[..., 1] ** 2 <= reach * reach


def _sparse(a: Rectangles, b: Rectangles, pairs: NDArray[np.bool_], rasterised: bool) -> Doubles:
    """(n, m) overlap of the pairs that are asked for, 0 elsewhere."""
    result = np.zeros(pairs.shape)
    rows, columns = np.nonzero(pairs)
    if rasterised:
        result[rows, columns] = _pixel_ratio(a, b, rows, columns)
        return result
    for start in range(0, len(rows), _CHUNK):
        i, j = rows[start : start + _CHUNK], columns[start : start + _CHUNK]
        common = _intersection(a, b, i, j)
        areas = a.opening[i] * a.jaw[i], b.opening[j] * b.jaw[j]
        common = np.clip(common, 0.0, np.minimum(*areas))
        result[i, j] = common / (areas[0] + areas[1] - common)
    return result


def _intersection(a: Rectangles, b: Rectangles, i: NDArray[np.integer], j: NDArray[np.integer]) -> Doubles:
    """Area (k,) common to a[i] and b[j] [px^2].

    In the frame of a[i] it is a box, |x| <= opening / 2 and |y| <= jaw / 2. The area common to the box and a polygon
    is the sum over the polygon's edges of the integral of y, clamped to the box, over the part of the edge with |x|
    in the box: what lies above or below the box adds and subtracts the same. No case is special, nothing is divided
    by a small difference.
    """
    cos, sin = np.cos(a.angle[i])[:, None], np.sin(a.angle[i])[:, None]
    shift = b.corners()[j] - a.center[i][:, None, :]
    x0, y0 = cos * shift[..., 0] + sin * shift[..., 1], cos * shift[..., 1] - sin * shift[..., 0]
    x1, y1 = np.roll(x0, -1, axis=1), np.roll(y0, -1, axis=1)
    half_x, half_y = a.opening[i][:, None] / 2, a.jaw[i][:, None] / 2
    span = np.where(x1 == x0, 1.0, x1 - x0)
    from_x, to_x = np.clip(x0, -half_x, half_x), np.clip(x1, -half_x, half_x)
    from_y = y0 + (from_x - x0) / span * (y1 - y0)
    to_y = y0 + (to_x - x0) / span * (y1 - y0)
    low, high = np.minimum(from_y, to_y), np.maximum(from_y, to_y)
    inner_low, inner_high = np.clip(low, -half_y, half_y), np.clip(high, -half_y, half_y)
    above = np.maximum(high, half_y) - np.maximum(low, half_y)
    below = np.minimum(high, -half_y) - np.minimum(low, -half_y)
    total = (inner_high - inner_low) * (inner_high + inner_low) / 2 + half_y * (above - below)
    mean = np.where(high > low, total / np.where(high > low, high - low, 1.0), inner_low)
    return np.asarray(np.abs(((to_x - from_x) * mean).sum(axis=1)))


def _pixel_ratio(a: Rectangles, b: Rectangles, i: NDArray[np.integer], j: NDArray[np.integer]) -> Doubles:
    """Shared pixels over all pixels (k,) of a[i] and b[j]; 0 where neither has a pixel."""
    stride = 1 << 32
    of_a = {int(k): _keys(a, int(k), stride) for k in np.unique(i)}
    of_b = {int(k): _keys(b, int(k), stride) for k in np.unique(j)}
    ratio = np.zeros(len(i))
    for index, (p, q) in enumerate(zip(i, j, strict=True)):
        one, other = of_a[int(p)], of_b[int(q)]
        common = len(np.intersect1d(one, other, assume_unique=True))
        union = len(one) + len(other) - common
        ratio[index] = common / union if union else 0.0
    return ratio


def _keys(rectangles: Rectangles, row: int, stride: int) -> NDArray[np.int64]:
    found = pixels(rectangles.corners()[row])
    return found[:, 1] * stride + found[:, 0]
