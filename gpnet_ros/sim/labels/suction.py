"""Suction quality: how well a cup that comes down on a pixel would hold its object.

The law of it stands here once: `seal_quality` and `balance`, for the labels and for the simulated cup.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform
from gpnet_ros.sim.heap.heap import Heap

CUP_DIAMETER = 0.018  # of the lip [m]
FLATNESS = 0.0007  # deviation from a plane under the cup that lets e^-1 of the quality pass [m]; a soft lip bridges it
TILT_MAX = np.deg2rad(45.0)  # of the surface against the vertical approach [rad]
TORQUE_ARM = 0.05  # distance to the centre of mass, across the approach, that halves the quality [m]
_COVER_MIN = 0.92  # share of the cup that must lie on the object; the rest is the square window's corners


def suction_quality(
    depth: NDArray[np.float32], ids: NDArray[np.int32], heap: Heap, intrinsics: Intrinsics, T_base_camera: Transform
) -> NDArray[np.float32]:
    """Quality (H, W) in [0, 1] of a suction cup per pixel, 0 off the objects.

        q = exp(-(r / 0.7 mm)^2) * (cos(tilt) - cos(45 deg)) / (1 - cos(45 deg)) / (1 + (d / 50 mm)^2)

    with r the root mean square distance of the surface under an 18 mm cup from its best plane, tilt the angle of that
    plane against the horizontal, and d the horizontal distance of the pixel's point from the centre of mass; 0 where
    the cup reaches over the object's visible edge or the surface is steeper than 45 degrees.

    The criteria are those of Mahler et al., "Dex-Net 3.0" (ICRA 2018): a seal on a locally flat surface, and a
    wrench that gravity does not overcome. The formula is an own, cheaper choice: no spring model of the lip.

    Args:
        depth: (H, W) exact depth [m].
        ids: (H, W) index of the object + 1, 0 elsewhere.
        heap: the objects.
        intrinsics, T_base_camera: camera of the picture.
    """
    quality = np.zeros(ids.shape, dtype=np.float32)
    for index in range(len(heap.objects)):
        rows, columns = np.nonzero(ids == index + 1)
        if len(rows) == 0:
            continue
        # A window of the cup's area at the object's distance.
        z = float(np.median(depth[rows, columns]))
        side = max(round(np.sqrt(np.pi) / 2 * CUP_DIAMETER * intrinsics.fx / z) | 1, 3)
        crop = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        v, u = np.mgrid[crop]
        points = intrinsics.deproject(np.stack([u, v], axis=-1), depth[crop]) @ T_base_camera[:3, :3].T
        points += T_base_camera[:3, 3]
        own = ids[crop] == index + 1
        found = _quality(points, own, heap.T_base_object[index, :3, 3], side)
        quality[crop][own] = found[own]
    return quality


def seal_quality(covariance: Doubles, up: Doubles) -> Doubles:
    """Quality (k,) in [0, 1] of the seal on surfaces under the lip: the first two factors of `suction_quality`.

    Args:
        covariance: (k, 3, 3) of the points under the lip [m^2].
        up: (3,) unit vector, against the approach of the cup.
    """
    spread, axes = np.linalg.eigh(covariance)
    flat = np.exp(-np.maximum(spread[:, 0], 0.0) / FLATNESS**2)
    level = (np.abs(axes[:, :, 0] @ up) - np.cos(TILT_MAX)) / (1 - np.cos(TILT_MAX))
    return flat * np.clip(level, 0.0, 1.0)


def balance(arm: Doubles) -> Doubles:
    """The last factor of `suction_quality`, for distances (k,) of the cup's axis from the centre of mass [m]."""
    return np.asarray(1 / (1 + (arm / TORQUE_ARM) ** 2))


def _quality(points: Doubles, own: NDArray[np.bool_], centre: Doubles, side: int) -> Doubles:
    """Quality (h, w) for points (h, w, 3) in base, of which `own` are on the object."""
    weight = own.astype(np.float64)
    local = np.where(own[..., None], points - centre, 0.0)
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    stack = [weight, *(local[..., i] for i in range(3)), *(local[..., i] * local[..., j] for i, j in pairs)]
    sums = [cv2.boxFilter(layer, -1, (side, side), borderType=cv2.BORDER_CONSTANT) for layer in stack]
    share = sums[0]  # boxFilter divides by the window's area
    safe = np.maximum(share, 1e-9)
    mean = [s / safe for s in sums[1:4]]
    covariance = np.empty((*own.shape, 3, 3))
    for (i, j), s in zip(pairs, sums[4:], strict=True):
        covariance[..., i, j] = covariance[..., j, i] = s / safe - mean[i] * mean[j]
    good = own & (share >= _COVER_MIN)
    result = np.zeros(own.shape)
    if not good.any():
        return result
    arm = np.hypot(local[good][:, 0], local[good][:, 1])
    result[good] = seal_quality(covariance[good], np.array([0.0, 0.0, 1.0])) * balance(arm)
    return result
