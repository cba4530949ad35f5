"""Fruit and vegetables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from gpnet_ros.sim.objects.shapes import Part, arc_rings, bar, ellipsoid, frustum, hull, lathe, polygon, shell, sweep

Rng = np.random.Generator


def _banana(rng: Rng) -> list[Part]:
    bend, r = rng.uniform(0.07, 0.1), rng.uniform(0.013, 0.019)
    half = rng.uniform(0.1, 0.15) / bend / 2
    taper = np.array([0.35, 0.75, 0.95, 1.0, 1.0, 0.95, 0.75, 0.3])
    return sweep(arc_rings(bend, -half, half, list(r * taper)))


def _apple(rng: Rng) -> list[Part]:
    r = rng.uniform(0.026, 0.033)
    # Twelve flat sides and a flat bottom: it comes to rest.
    low = lathe([0.45 * r, 0.82 * r, 0.99 * r, r, 0.93 * r], [-0.86 * r, -0.6 * r, -0.1 * r, 0.12 * r, 0.4 * r], 12)
    crown = shell([0.55 * r, 0.22 * r, 0.35 * r], [0.93 * r, 0.72 * r, 0.5 * r], [0.4 * r, 0.7 * r, 0.82 * r])
    core = frustum(0.93 * r, 0.16 * r, 0.4 * r, 0.58 * r, 12)
    stem = bar([0, 0], [0.001, 0], 0.0034, 0.0034)
    stalk = hull(np.vstack([stem.vertices + [0, 0, 0.5 * r], stem.vertices * 0.7 + [0.004, 0.001, 1.12 * r]]))
    return [*low, *crown, core, stalk]


def _pear(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.026, 0.032), rng.uniform(0.075, 0.095)
    radii = r * np.array([0.45, 0.85, 1.0, 0.97, 0.76, 0.54, 0.44, 0.2])
    z = h * np.array([0.0, 0.09, 0.28, 0.42, 0.62, 0.76, 0.92, 1.0])
    stalk = frustum(0.0022, 0.0016, h - 0.004, h + 0.014, 8)
    lean = Rotation.from_euler("y", 0.15).as_matrix()
    return [*lathe(list(radii), list(z), 12), stalk.placed(lean, [-0.15 * h, 0, 0])]


def _lemon(rng: Rng) -> list[Part]:
    r, length = rng.uniform(0.02, 0.026), rng.uniform(0.058, 0.075)
    radii = r * np.array([0.16, 0.24, 0.62, 0.93, 1.0, 0.93, 0.62, 0.26, 0.14])
    z = length * np.array([-0.5, -0.42, -0.32, -0.16, 0, 0.16, 0.32, 0.42, 0.47])
    return lathe(list(radii), list(z), 10)


def _pepper(rng: Rng) -> list[Part]:
    lobes, r, h = int(rng.integers(3, 5)), rng.uniform(0.017, 0.02), rng.uniform(0.032, 0.042)
    parts = []
    for x, y in polygon(lobes, 0.68 * r, phase=rng.uniform(0, 1)):
        parts.append(ellipsoid([r, r, h], [x, y, rng.uniform(-0.002, 0.002)], 12, 0.8))
        low = rng.uniform(0.1, 0.2) * h
        parts.append(ellipsoid([0.75 * r, 0.75 * r, 0.8 * h], [0.85 * x, 0.85 * y, -low - 0.2 * h], 12, 0.8))
    stalk = frustum(0.0055, 0.004, 0.75 * h, 1.32 * h, 8)
    return [*parts, frustum(0.012, 0.006, 0.8 * h, 0.98 * h, 10), stalk]


def _carrot(rng: Rng) -> list[Part]:
    length, r = rng.uniform(0.1, 0.135), rng.uniform(0.014, 0.018)
    radii = r * np.array([0.6, 0.95, 1.0, 0.82, 0.6, 0.35, 0.1])
    z = length * np.array([0.0, 0.04, 0.12, 0.42, 0.7, 0.9, 1.0])
    tops = [
        frustum(0.0022, 0.003, -0.022, 0.004, 8).placed(Rotation.from_euler("xz", [a, b]).as_matrix())
        for a, b in ((0.05, 0.0), (0.35, 1.0), (0.35, 3.5))
    ]
    return [*lathe(list(radii), list(z), 10), *tops]


FOOD: dict[str, Callable[[Rng], list[Part]]] = {
    "banana": _banana,
    "apple": _apple,
    "pear": _pear,
    "lemon": _lemon,
    "pepper": _pepper,
    "carrot": _carrot,
}
