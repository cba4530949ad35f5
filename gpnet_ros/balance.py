"""Where an object balances: its centre of mass in space, and how far from it, seen along the approach, a tool holds.

The network tells the pixel onto which the centre of mass projects. A camera that looks aside sees the inside of an
object beside the point of its surface that is above it: by 10 mm at an object of 60 mm height and 20 degrees, which a
cup of 18 mm feels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.detections import Detections
from gpnet_ros.frame import Frame

#: A centre of mass is looked for around the middle of the object's mask, by this share of the radius of a disc of its
#: area (standard deviation): where objects lie on each other, a mask holds the centres of both.
MASS_NEAR = 0.2
#: Weight of an object's middle beside the squared chances of its centre of mass, where a sure one has 1.
MASS_PRIOR = 0.05
#: The lowest and the highest of what is seen of an object, in percent of its pixels: single readings are wrong, and the
#: sides that tell how far down it goes are a narrow strip.
LOWEST, HIGHEST = 1, 95
#: Least cosine between a ray and the vertical for which a height on it is looked up: 60 degrees.
STEEPEST = 0.5


def mass_centre(detections: Detections, index: int) -> Doubles:
    """Pixel (2,) u, v at which the whole object balances: the mean of its mask, weighed by chance.

    Where the network is unsure, it is the mask's middle; where it is sure, the centre of mass that it sees.
    """
    mask = detections.amodal[index] | detections.visible[index]
    rows, columns = np.nonzero(mask)
    chances = np.nan_to_num(detections.mass[rows, columns]).astype(np.float64)  # NaN where the network did not look
    away = np.hypot(columns - columns.mean(), rows - rows.mean())
    near = np.exp(-(away**2) / (2 * MASS_NEAR**2 * len(rows) / np.pi))
    weights = chances**2 * near + MASS_PRIOR / len(rows)
    return np.array([weights @ columns, weights @ rows]) / weights.sum()


def mass_point(detections: Detections, index: int, frame: Frame, up: Doubles) -> Doubles:
    """Centre of mass (3,) of an object in the camera frame [m]: on the ray of its pixel, at the middle of its heights.

    Args:
        detections: of this very frame.
        index: of the object, of which a pixel with depth must be seen.
        frame: with depth and camera model.
        up: unit vector (3,) against the approach, in the camera frame.
    """
    assert frame.depth is not None and frame.intrinsics is not None
    ray = frame.intrinsics.deproject(mass_centre(detections, index), 1.0)
    steep = float(-(ray @ up)) / float(np.linalg.norm(ray))
    if steep < STEEPEST:  # a camera from the side: heights are no way along its rays
        seen = detections.visible[index] & (frame.depth > 0)
        return np.asarray(ray * float(np.median(frame.depth[seen])), dtype=np.float64)
    middle = sum(height_range(detections, index, frame, up)) / 2
    return np.asarray(ray * middle / (ray @ up), dtype=np.float64)


def height_range(detections: Detections, index: int, frame: Frame, up: Doubles) -> tuple[float, float]:
    """How low and how high what is seen of an object reaches, along `up` from the camera [m].

    Args:
        detections: of this very frame.
        index: of the object, of which a pixel with depth must be seen.
        frame: with depth and camera model.
        up: unit vector (3,) against the approach, in the camera frame.
    """
    assert frame.depth is not None and frame.intrinsics is not None
    rows, columns = np.nonzero(detections.visible[index] & (frame.depth > 0))
    z = frame.depth[rows, columns].astype(np.float64)
    low, high = np.percentile(frame.intrinsics.deproject(np.column_stack([columns, rows]), z) @ up, [LOWEST, HIGHEST])
    return float(low), float(high)


def arms(points: Doubles, centre: Doubles, up: Doubles) -> NDArray[np.float64]:
    """Distances (n,) [m] of points (n, 3) from the vertical through a centre (3,), all in the camera frame [m].

    Args:
        points: of the surface.
        centre: of mass.
        up: unit vector (3,) against the approach.
    """
    away = points - centre
    return np.asarray(np.linalg.norm(away - (away @ up)[..., None] * up, axis=-1), dtype=np.float64)
