"""Surfaces: the plane that fits depth best around a pixel, although some readings are wrong, and how flat it is there.

A plane that no ray of the camera lies in is linear in the inverse of depth: m · ray = 1 / z, with m = n / d for the
plane n · X = d. So the fit is one of linear least squares, weighted anew until readings off the plane count nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.errors import NoDepth
from gpnet_ros.frame import Frame

#: Readings this many times as far off the plane as most count nothing (Tukey's biweight, 95 % efficient at a normal).
TUKEY = 4.685
#: Median of absolute deviations times this is the standard deviation of a normal distribution.
MAD = 1.4826
#: Deviations below this [m] are never called outliers: depth has steps, and a rendered plane has none at all.
FINEST = 2e-4
ROUNDS = 8
#: The outer half of the window's radius is judged in so many sectors, its inner half as one.
SECTORS = 8
#: A part of the window with fewer readings than this tells nothing of the surface there.
PART_MIN = 3


@dataclass(frozen=True, eq=False)
class Surface:
    """The surface of an object around a pixel.

    Attributes:
        depth: of its plane at the pixel, along the optical axis [m].
        normal: of its plane, unit vector (3,) in the camera frame, towards the camera.
        unevenness: greatest deviation of a ninth of the lip's window from a plane of its own, by the median [m].
    """

    depth: float
    normal: Doubles
    unevenness: float


def surface_at(
    frame: Frame,
    pixel: tuple[float, float],
    mask: NDArray[np.bool_],
    radius: float,
    around: float,
    valid_min: float,
) -> Surface:
    """The surface around a pixel.

    How it is tilted is told by more of the object than the lip covers: the noise of a D435 is patchy, and tilts an
    18 mm window of a level surface by 15 degrees (median), one of 40 mm by 8 (measured on simulated noise).

    Args:
        frame: with depth and camera model.
        pixel: (u, v) [px].
        mask: of the object (H, W).
        radius: of the window that the lip would cover [px].
        around: radius within which the object's pixels tell its plane [px].
        valid_min: least share of the lip's window that must have depth, in [0, 1].

    Raises:
        NoDepth: too few pixels have depth, under all or a part of the lip, or they lie in no plane.
    """
    assert frame.intrinsics is not None
    under, z, share = _readings(frame, pixel, radius)
    if not share >= valid_min:
        raise NoDepth(f"Only {share:.0%} of what the lip would cover have depth, {valid_min:.0%} are needed.")
    wide, wide_z, _ = _readings(frame, pixel, around)
    own = mask[wide[:, 1], wide[:, 0]]
    rays = frame.intrinsics.deproject(wide[own], np.ones(int(own.sum())))
    m = fit_plane(rays, wide_z[own])
    norm, slope = float(np.linalg.norm(m)), float(m @ frame.intrinsics.deproject(pixel, 1.0))
    if not (np.isfinite(norm) and slope > 0):
        raise NoDepth("The readings of depth around the lip lie in no plane that faces the camera.")
    points = frame.intrinsics.deproject(under, z)
    flat, *_ = np.linalg.lstsq(points, np.ones(len(points)), rcond=None)
    off = (points @ flat - 1.0) / max(float(np.linalg.norm(flat)), 1e-9)
    return Surface(1.0 / slope, -m / norm, _unevenness(off, under - np.asarray(pixel), radius))


def _readings(frame: Frame, pixel: tuple[float, float], radius: float) -> tuple[NDArray[np.int_], Doubles, float]:
    """Pixels (n, 2) with depth within a radius [px] of one, their depths (n,) [m], and their share of all there."""
    assert frame.depth is not None
    columns, rows = _window(pixel, radius)
    inside = (columns >= 0) & (columns < frame.shape[1]) & (rows >= 0) & (rows < frame.shape[0])
    z = np.full(len(columns), np.nan)
    z[inside] = frame.depth[rows[inside], columns[inside]]
    known = z > 0  # NaN compares false
    return np.column_stack([columns, rows])[known], z[known], float(known.mean())


def fit_plane(rays: ArrayLike, z: ArrayLike) -> Doubles:
    """The plane m · X = 1 (3,) [1/m] nearest to most of the points rays * z; NaN where there is none.

    Args:
        rays: (n, 3) directions of the points, with 1 along the optical axis.
        z: (n,) their depths [m], positive.
    """
    directions, depth = np.asarray(rays, dtype=np.float64), np.asarray(z, dtype=np.float64)
    if len(depth) < 3:
        return np.full(3, np.nan)
    # Begin at the depth of most, square to the optical axis: a step through the window must not tilt the plane first.
    weight = _tukey(depth - np.median(depth))
    m = np.full(3, np.nan)
    for _ in range(ROUNDS):
        # Weighted by depth, errors of the inverse depth become errors of depth.
        scaled = (weight * depth)[:, None]
        m, *_ = np.linalg.lstsq(directions * scaled, weight, rcond=None)
        norm = float(np.linalg.norm(m))
        if not norm > 0:
            return np.full(3, np.nan)
        weight = _tukey(((directions * depth[:, None]) @ m - 1.0) / norm)
    return np.asarray(m, dtype=np.float64)


def _tukey(off: Doubles) -> Doubles:
    """Square roots (n,) of the weights of deviations (n,) [m]."""
    spread = max(float(np.median(np.abs(off - np.median(off)))) * MAD, FINEST)
    return np.asarray(1.0 - np.minimum(np.abs(off) / (TUKEY * spread), 1.0) ** 2, dtype=np.float64)


def _window(pixel: tuple[float, float], radius: float) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Columns and rows (n,) of the pixels within a radius [px]."""
    u, v = pixel
    rows, columns = np.mgrid[
        int(np.floor(v - radius)) : int(np.ceil(v + radius)) + 1,
        int(np.floor(u - radius)) : int(np.ceil(u + radius)) + 1,
    ]
    near = np.hypot(columns - u, rows - v) <= radius
    return columns[near], rows[near]


def _unevenness(off: Doubles, away: Doubles, radius: float) -> float:
    """Greatest absolute median of deviations (n,) [m] over the parts of a window; away: (n, 2) from its middle [px].

    Medians of parts, for a single reading of a stereo camera is off by as much as a real step: a pixel tells nothing.

    Raises:
        NoDepth: a part of the window has no readings.
    """
    turn = np.arctan2(away[:, 1], away[:, 0]) % (2 * np.pi)
    part = np.minimum((turn / (2 * np.pi) * SECTORS).astype(int), SECTORS - 1)
    part[np.hypot(away[:, 0], away[:, 1]) <= radius / 2] = SECTORS
    medians = []
    for k in range(SECTORS + 1):
        own = off[part == k]
        if len(own) < PART_MIN:
            raise NoDepth(
                f"A part of what the lip would cover has {len(own)} readings of depth, {PART_MIN} are needed."
            )
        medians.append(float(np.median(own)))
    return max(abs(each) for each in medians)
