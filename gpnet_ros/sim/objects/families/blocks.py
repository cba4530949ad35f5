"""Plain shapes: blocks, rods and what a child builds with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gpnet_ros.sim.objects.shapes import Part, arc_rings, box, frustum, hull, polygon, prism, sweep

Rng = np.random.Generator


def _box(rng: Rng) -> list[Part]:
    return [box([rng.uniform(0.045, 0.13), rng.uniform(0.025, 0.06), rng.uniform(0.025, 0.055)])]


def _flat_box(rng: Rng) -> list[Part]:
    return [box([rng.uniform(0.08, 0.14), rng.uniform(0.04, 0.066), rng.uniform(0.016, 0.026)])]


def _cylinder(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.012, 0.028), rng.uniform(0.06, 0.13)
    return [frustum(r, r, -h / 2, h / 2)]


def _superquadric(rng: Rng) -> list[Part]:
    a = np.array([rng.uniform(0.03, 0.055), rng.uniform(0.018, 0.032), rng.uniform(0.016, 0.03)])
    e1, e2 = rng.uniform(0.3, 0.9, 2)
    u, v = np.meshgrid(np.linspace(-np.pi, np.pi, 21)[:-1], np.linspace(-np.pi / 2, np.pi / 2, 11))

    def power(x: np.ndarray, e: float) -> np.ndarray:
        return np.sign(x) * np.abs(x) ** e

    xyz = [power(np.cos(v), e1) * power(np.cos(u), e2), power(np.cos(v), e1) * power(np.sin(u), e2)]
    points = np.stack([*xyz, power(np.sin(v), e1)], axis=-1).reshape(-1, 3) * a
    return [hull(np.unique(points.round(7), axis=0))]


def _l_piece(rng: Rng) -> list[Part]:
    long, short = rng.uniform(0.07, 0.12), rng.uniform(0.05, 0.08)
    w, h = rng.uniform(0.018, 0.03), rng.uniform(0.018, 0.035)
    return [box([long, w, h], [long / 2, 0, 0]), box([w, short, h], [w / 2, short / 2 - w / 2, 0])]


def _t_piece(rng: Rng) -> list[Part]:
    bar, stem = rng.uniform(0.07, 0.12), rng.uniform(0.05, 0.09)
    w, h = rng.uniform(0.018, 0.03), rng.uniform(0.018, 0.035)
    return [box([bar, w, h]), box([w, stem, h], [0, stem / 2, 0])]


def _cross(rng: Rng) -> list[Part]:
    a, b = rng.uniform(0.07, 0.12, 2)
    w, h = rng.uniform(0.018, 0.028), rng.uniform(0.018, 0.035)
    return [box([a, w, h]), box([w, b, h])]


def _prism(rng: Rng) -> list[Part]:
    # Short enough to be taken by its ends where the sides lean.
    corners, h = int(rng.choice([3, 5, 6])), rng.uniform(0.035, 0.065)
    r = rng.uniform(0.018, 0.03)
    return [prism(polygon(corners, r), -h / 2, h / 2)]


def _ring(rng: Rng) -> list[Part]:
    bend, r = rng.uniform(0.026, 0.042), rng.uniform(0.009, 0.013)
    return sweep(arc_rings(bend, 0, 2 * np.pi, [r] * 15))


def _cone(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.024, 0.034), rng.uniform(0.05, 0.09)
    return [frustum(r, rng.uniform(0.45, 0.75) * r, 0, h)]


BLOCKS: dict[str, Callable[[Rng], list[Part]]] = {
    "box": _box,
    "flat_box": _flat_box,
    "cylinder": _cylinder,
    "superquadric": _superquadric,
    "l_piece": _l_piece,
    "t_piece": _t_piece,
    "cross": _cross,
    "prism": _prism,
    "ring": _ring,
    "cone": _cone,
}
