"""Depth from the d.tiff files of the Cornell grasping data, which hold the distance of each point from another origin.

GG-CNN's script (dougsm/ggcnn, generate_cornell_depth.py) writes sqrt(x^2 + y^2 + z^2) of the clouds, whose origin is
the robot's base. Where the clouds themselves are lost, the camera's place over the robot and the table is found again:
the one for which most pixels lie on one plane. That is an estimate: on published pictures the table fits to 1 mm, but
all depth together may be off by 1 to 3 cm, since distances determine the base's height above the table badly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from gpnet_ros.arrays import Doubles
from gpnet_ros.data.loaders.cornell.cloud import NOMINAL
from gpnet_ros.data.loaders.reading import metres

_STEP = 12  # every so many pixels enter the fit
_NEAR = 0.005  # table pixels agree to this [m]
_TABLE_SHARE = 0.4  # of the pixels that must
_SOLVED_SHARE = 0.9  # of the pixels must have a depth at all
#: Cornell's robot: camera before and over the base, turned (rotation vector), and the table's height [m, rad].
_ROBOT = (0.65, 0.67, -2.124, 1.418, -0.332, -0.08)


def depth_of_range(distance: NDArray[np.floating]) -> NDArray[np.float32] | None:
    """Estimated depth along the optical axis (480, 640) float32 [m] of distances (480, 640) [m] from an unknown origin.

    Unknown pixels are NaN. None if no plane explains the picture, or its size is another.
    """
    if distance.shape != (NOMINAL.height, NOMINAL.width):
        return None
    v, u = np.mgrid[: NOMINAL.height, : NOMINAL.width].astype(np.float64)
    rays = NOMINAL.deproject(np.stack([u, v], axis=-1), np.ones(u.shape))
    known = np.isfinite(distance[::_STEP, ::_STEP]) & (distance[::_STEP, ::_STEP] > 0)
    if known.sum() < 100:
        return None
    seen, directions = distance[::_STEP, ::_STEP][known].astype(np.float64), rays[::_STEP, ::_STEP][known]
    # The origin may also be the camera itself, looking straight down: what "range" means elsewhere.
    for start in (_ROBOT, (0.0, 0.0, np.pi, 0.0, 0.0, -float(np.median(seen)))):
        best = least_squares(_miss, start, loss="cauchy", f_scale=_NEAR, args=(directions, seen)).x
        if best[5] > 0:  # mirrored in the table the origin has the same distances from it; Cornell's lies above
            best = np.array([best[0], best[1] - 2 * best[5], *best[2:5], -best[5]])
        depth = metres(_solve(best, rays, distance.astype(np.float64)), 1.0)
        agrees = np.mean(np.abs(_miss(best, directions, seen)) < _NEAR) >= _TABLE_SHARE
        if agrees and np.isfinite(depth[::_STEP, ::_STEP][known]).mean() > _SOLVED_SHARE:
            return depth
    return None


def _parts(parameters: Doubles, rays: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Camera's place in the origin's frame (z up), rays (..., 3) there, and depth (...) of the table along them."""
    ahead, up, *turn, table = parameters
    turned = rays @ Rotation.from_rotvec(turn).as_matrix().T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([ahead, 0.0, up]), turned, (table - up) / turned[..., 2]


def _miss(parameters: Doubles, rays: Doubles, seen: Doubles) -> Doubles:
    place, turned, table = _parts(parameters, rays)
    miss = np.linalg.norm(place + table[..., None] * turned, axis=-1) - seen
    return np.clip(np.nan_to_num(miss, nan=1.0), -1.0, 1.0)  # rays that pass the table must not rule the fit


def _solve(parameters: Doubles, rays: Doubles, distance: Doubles) -> Doubles:
    """Depth (...) at which a ray has its distance from the origin.

    Of two solutions the one on the table's side of the point where the ray passes the origin; else the one ahead.
    """
    place, turned, table = _parts(parameters, rays)
    a, b, c = np.sum(turned**2, axis=-1), turned @ place, place @ place - distance**2
    with np.errstate(invalid="ignore"):
        root = np.sqrt(b * b - a * c)
        far, near = (root - b) / a, (-root - b) / a
    return np.where((near <= 0) | (a * table + b > 0), far, near)
