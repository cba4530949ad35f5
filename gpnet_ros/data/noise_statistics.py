"""Figures by which depth images of real and simulated cameras are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.noise import BASELINE, STEREO_FOCAL
from gpnet_ros.errors import NoDepth
from gpnet_ros.frame import Intrinsics

#: Side of the patches that planes are fitted to [px of the stereo pair]; flat enough on any table.
PATCH = 11.0

#: A hole wider than this is not the band along a silhouette [px of the stereo pair].
WIDEST_BAND = 28.0


@dataclass(frozen=True)
class NoiseStatistics:
    """Figures of one depth image; "px" are pixels of the stereo pair.

    Attributes:
        hole_share: pixels without reading, in [0, 1].
        edge_hole_px: median width of the hole between a near and a far surface.
        left_extra_px: by how much it is wider where the near surface is on the right.
        plane_residual_px: median deviation of the disparity from local planes.
        plane_residual_mm: the same as depth at 0.65 m [mm].
        correlation_px: distance at which the residual's autocorrelation falls below 0.5.
    """

    hole_share: float
    edge_hole_px: float
    left_extra_px: float
    plane_residual_px: float
    plane_residual_mm: float
    correlation_px: float


def noise_statistics(depth: NDArray[np.floating], intrinsics: Intrinsics) -> NoiseStatistics:
    """Figures of a depth image (H, W) [m] with NaN in holes.

    Raises:
        NoDepth: the image shows no silhouette or no flat patch to measure at.
    """
    scale = intrinsics.fx / STEREO_FOCAL
    disparity = STEREO_FOCAL * BASELINE / np.where(np.isfinite(depth), depth, np.nan)
    left, right = _gaps(disparity, WIDEST_BAND * scale)
    up, down = _gaps(disparity.T, WIDEST_BAND * scale)
    others = np.concatenate([right, up, down])
    deviation, correlation = _plane_residuals(disparity, round(PATCH * scale))
    if len(others) < 10 or len(deviation) < 10:
        raise NoDepth("The depth image shows too few silhouettes or flat patches to measure its noise at.")
    residual = float(np.median(deviation))
    return NoiseStatistics(
        hole_share=float(np.isnan(disparity).mean()),
        edge_hole_px=float(np.median(others) / scale),
        left_extra_px=float((np.median(left) - np.median(others)) / scale) if len(left) >= 10 else 0.0,
        plane_residual_px=residual,
        plane_residual_mm=1e3 * residual * 0.65**2 / (STEREO_FOCAL * BASELINE),
        correlation_px=float(np.median(correlation) / scale),
    )


def _gaps(disparity: NDArray[np.floating], widest: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lengths of the holes along rows between surfaces 2 px of disparity apart: near after far, far after near."""
    gaps, jumps = [], []
    for row in disparity[::2]:
        valid = np.flatnonzero(np.isfinite(row))
        gaps.append(np.diff(valid) - 1)
        jumps.append(np.diff(row[valid]))
    gap, jump = np.concatenate(gaps), np.concatenate(jumps)
    band = gap <= widest
    return gap[band & (jump > 2.0)], gap[band & (jump < -2.0)]


def _plane_residuals(disparity: NDArray[np.floating], side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Deviation from a plane, and distance of half correlation [image px], of every patch without holes."""
    v, u = np.indices((side, side), dtype=np.float64)
    plane = np.column_stack([u.ravel(), v.ravel(), np.ones(side * side)])
    inverse = np.linalg.pinv(plane)
    height, width = disparity.shape
    deviation, half = [], []
    for y in range(0, height - side, side):
        for x in range(0, width - side, side):
            patch = disparity[y : y + side, x : x + side].astype(np.float64)
            if np.isnan(patch).any():
                continue
            rest = patch.ravel() - plane @ (inverse @ patch.ravel())
            robust = 1.4826 * float(np.median(np.abs(rest)))
            # An object's edge inside the patch is not noise.
            if np.abs(rest).max() < 8 * robust:
                deviation.append(robust)
                half.append(_half_distance(rest.reshape(side, side)))
    return np.array(deviation), np.array(half)


def _half_distance(rest: NDArray[np.float64]) -> float:
    """Lag along rows at which the autocorrelation crosses one half [px]."""
    lags = np.arange(rest.shape[1] // 2)
    power = max(float((rest * rest).mean()), 1e-12)
    curve = [float((rest[:, k:] * rest[:, : rest.shape[1] - k]).mean()) / power for k in lags]
    below = next((int(k) for k in lags if curve[k] < 0.5), int(lags[-1]))
    if below == 0 or curve[below] >= 0.5:
        return float(below)
    return below - 1 + (curve[below - 1] - 0.5) / (curve[below - 1] - curve[below])


def table_plane(depth: NDArray[np.floating], intrinsics: Intrinsics, seed: int = 0) -> NDArray[np.float64]:
    """Plane (4,) n.x + d = 0 in the camera frame [m] that most of the picture lies on, n towards the camera.

    Raises:
        NoDepth: there are not enough readings.
    """
    v, u = np.nonzero(np.isfinite(depth))
    if len(u) < 1000:
        raise NoDepth(f"Only {len(u)} depth readings: at least 1000 are needed to find the table.")
    rng = np.random.default_rng(seed)
    pick = rng.choice(len(u), min(len(u), 20000), replace=False)
    points = intrinsics.deproject(np.column_stack([u, v])[pick], depth[v[pick], u[pick]])
    best, most = np.zeros(4), -1
    for _ in range(300):
        a, b, c = points[rng.choice(len(points), 3, replace=False)]
        normal = np.cross(b - a, c - a)
        normal /= np.linalg.norm(normal) + 1e-12
        near = int((np.abs((points - a) @ normal) < 0.006).sum())
        if near > most:
            best, most = np.append(normal, -normal @ a), near
    close = points[np.abs(points @ best[:3] + best[3]) < 0.008]
    centre = close.mean(axis=0)
    normal = np.linalg.svd(close - centre, full_matrices=False)[2][2]
    normal *= -np.sign(normal @ centre)
    return np.append(normal, -normal @ centre)
