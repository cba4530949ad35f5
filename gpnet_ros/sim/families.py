"""Generators of the object families: each draws its sizes from a random generator.

All sizes in metres; the frame is arbitrary, `make_object` moves it to the centre of mass. Objects are
4 to 17 cm long. The graspable ones keep, in every resting pose, one width between about 15 and 70 mm
for a jaw that opens 85 mm.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from gpnet_ros.sim.shapes import (
    Part,
    arc_rings,
    box,
    frustum,
    hull,
    polygon,
    prism,
    ring_sector,
    sweep,
)

Rng = np.random.Generator
Parts = list[Part]

_ALONG_X = Rotation.from_euler("y", 90, degrees=True).as_matrix()


def _box(rng: Rng) -> Parts:
    return [box([rng.uniform(0.045, 0.13), rng.uniform(0.025, 0.06), rng.uniform(0.025, 0.055)])]


def _flat_box(rng: Rng) -> Parts:
    return [box([rng.uniform(0.08, 0.14), rng.uniform(0.04, 0.066), rng.uniform(0.016, 0.026)])]


def _cylinder(rng: Rng) -> Parts:
    r, h = rng.uniform(0.012, 0.028), rng.uniform(0.06, 0.13)
    return [frustum(r, r, -h / 2, h / 2)]


def _can(rng: Rng) -> Parts:
    r, h = rng.uniform(0.025, 0.033), rng.uniform(0.05, 0.1)
    body = frustum(r, r, -h / 2, h / 2)
    rim = 0.92 * r
    return [body, frustum(r, rim, h / 2, h / 2 + 0.006), frustum(rim, r, -h / 2 - 0.006, -h / 2)]


def _superquadric(rng: Rng) -> Parts:
    a = np.array([rng.uniform(0.03, 0.055), rng.uniform(0.018, 0.032), rng.uniform(0.016, 0.03)])
    e1, e2 = rng.uniform(0.3, 0.9, 2)
    u, v = np.meshgrid(np.linspace(-np.pi, np.pi, 21)[:-1], np.linspace(-np.pi / 2, np.pi / 2, 11))

    def power(x: np.ndarray, e: float) -> np.ndarray:
        return np.sign(x) * np.abs(x) ** e

    xyz = [power(np.cos(v), e1) * power(np.cos(u), e2), power(np.cos(v), e1) * power(np.sin(u), e2)]
    points = np.stack([*xyz, power(np.sin(v), e1)], axis=-1).reshape(-1, 3) * a
    return [hull(np.unique(points.round(7), axis=0))]


def _l_piece(rng: Rng) -> Parts:
    long, short = rng.uniform(0.07, 0.12), rng.uniform(0.05, 0.08)
    w, h = rng.uniform(0.018, 0.03), rng.uniform(0.018, 0.035)
    return [box([long, w, h], [long / 2, 0, 0]), box([w, short, h], [w / 2, short / 2 - w / 2, 0])]


def _t_piece(rng: Rng) -> Parts:
    bar, stem = rng.uniform(0.07, 0.12), rng.uniform(0.05, 0.09)
    w, h = rng.uniform(0.018, 0.03), rng.uniform(0.018, 0.035)
    return [box([bar, w, h]), box([w, stem, h], [0, stem / 2, 0])]


def _cross(rng: Rng) -> Parts:
    a, b = rng.uniform(0.07, 0.12, 2)
    w, h = rng.uniform(0.018, 0.028), rng.uniform(0.018, 0.035)
    return [box([a, w, h]), box([w, b, h])]


def _u_bracket(rng: Rng) -> Parts:
    span, leg = rng.uniform(0.06, 0.11), rng.uniform(0.04, 0.065)
    w, depth = rng.uniform(0.012, 0.018), rng.uniform(0.02, 0.035)
    legs = [box([w, leg, depth], [s * (span - w) / 2, leg / 2, 0]) for s in (-1, 1)]
    return [box([span, w, depth], [0, w / 2, 0]), *legs]


def _bottle(rng: Rng) -> Parts:
    r, h = rng.uniform(0.017, 0.03), rng.uniform(0.06, 0.09)
    neck, cap = 0.42 * r, 0.5 * r
    shoulder, top = h + rng.uniform(0.6, 1.0) * r, h + rng.uniform(0.6, 1.0) * r + 0.025
    body = [frustum(r, r, 0, h), frustum(r, neck, h, shoulder), frustum(neck, neck, shoulder, top, 16)]
    return [*body, frustum(cap, cap, top - 0.012, top + 0.003, 16)]


def _hammer(rng: Rng) -> Parts:
    length, head = rng.uniform(0.11, 0.15), rng.uniform(0.055, 0.08)
    r, w = rng.uniform(0.008, 0.012), rng.uniform(0.02, 0.028)
    handle = frustum(r, 0.85 * r, 0, length, 12)
    face = frustum(0.6 * w, 0.6 * w, head / 2 - 0.012, head / 2 + 0.006, 16).placed(_ALONG_X, [0, 0, length])
    return [handle, box([head, w, w], [0, 0, length]), face]


def _screwdriver(rng: Rng) -> Parts:
    grip, shaft = rng.uniform(0.06, 0.085), rng.uniform(0.04, 0.075)
    r, thin = rng.uniform(0.011, 0.016), rng.uniform(0.0035, 0.005)
    # Eight sides: lying on one, two others stand upright between the pads.
    handle = prism(polygon(8, r), 0, grip)
    tip = hull(
        np.vstack(
            [
                np.column_stack([polygon(8, thin), np.full(8, grip + shaft)]),
                [[sx * thin, sy * 0.0007, grip + shaft + 0.01] for sx in (-1, 1) for sy in (-1, 1)],
            ]
        )
    )
    return [handle, frustum(r, 0.6 * r, grip, grip + 0.008, 12), frustum(thin, thin, 0, grip + shaft, 8), tip]


def _prism(rng: Rng) -> Parts:
    # Short enough to be taken by its ends where the sides lean.
    corners, h = int(rng.choice([3, 5, 6])), rng.uniform(0.035, 0.065)
    r = rng.uniform(0.018, 0.03)
    return [prism(polygon(corners, r), -h / 2, h / 2)]


def _ring(rng: Rng) -> Parts:
    bend, r = rng.uniform(0.026, 0.042), rng.uniform(0.009, 0.013)
    return sweep(arc_rings(bend, 0, 2 * np.pi, [r] * 15))


def _banana(rng: Rng) -> Parts:
    bend, r = rng.uniform(0.07, 0.1), rng.uniform(0.013, 0.019)
    half = rng.uniform(0.1, 0.15) / bend / 2
    taper = np.array([0.35, 0.75, 0.95, 1.0, 1.0, 0.95, 0.75, 0.3])
    return sweep(arc_rings(bend, -half, half, list(r * taper)))


def _spool(rng: Rng) -> Parts:
    r, rim, h = rng.uniform(0.011, 0.018), rng.uniform(0.024, 0.032), rng.uniform(0.045, 0.08)
    t = rng.uniform(0.005, 0.009)
    flanges = [frustum(rim, rim, s * h / 2 - t / 2, s * h / 2 + t / 2) for s in (-1, 1)]
    return [frustum(r, r, -h / 2, h / 2, 16), *flanges]


def _stepped_shaft(rng: Rng) -> Parts:
    radii = rng.uniform(0.009, 0.024, 3)
    stops = np.cumsum([0.0, *rng.uniform(0.025, 0.05, 3)])
    return [frustum(r, r, a, b, 20) for r, a, b in zip(radii, stops[:-1], stops[1:], strict=True)] + [
        frustum(0.007, 0.007, 0, stops[-1], 12)
    ]


def _hex_nut(rng: Rng) -> Parts:
    r, h = rng.uniform(0.024, 0.036), rng.uniform(0.018, 0.03)
    bore = 0.5 * r
    t = np.pi / 3 * np.arange(7)
    return [ring_sector([bore] * 2, [r] * 2, [-h / 2, h / 2], a, b) for a, b in zip(t[:-1], t[1:], strict=True)]


def _cone(rng: Rng) -> Parts:
    r, h = rng.uniform(0.024, 0.034), rng.uniform(0.05, 0.09)
    return [frustum(r, rng.uniform(0.45, 0.75) * r, 0, h)]


def _mug(rng: Rng) -> Parts:
    r, h, wall = rng.uniform(0.029, 0.036), rng.uniform(0.06, 0.085), 0.005
    t = np.linspace(0, 2 * np.pi, 13)
    side = [ring_sector([r - wall] * 2, [r] * 2, [0, h], a, b) for a, b in zip(t[:-1], t[1:], strict=True)]
    loop = sweep(arc_rings(0.36 * h, -1.7, 1.7, [0.005] * 6, 6))
    upright = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    return [*side, frustum(r - 0.001, r - 0.001, 0, 0.006), *[p.placed(upright, [r, 0, h / 2]) for p in loop]]


def _bowl(rng: Rng) -> Parts:
    r, h = rng.uniform(0.045, 0.06), rng.uniform(0.03, 0.045)
    z, outer = [0.0, 0.5 * h, h], np.array([0.55, 0.87, 1.0]) * r
    t = np.linspace(0, 2 * np.pi, 13)
    parts = [frustum(0.55 * r, 0.62 * r, 0, 0.005)]
    for low, high in ((0, 1), (1, 2)):
        wall = list(outer[[low, high]])
        inner = [w - 0.005 for w in wall]
        heights = [z[low], z[high]]
        parts += [ring_sector(inner, wall, heights, a, b) for a, b in zip(t[:-1], t[1:], strict=True)]
    return parts


def _wrench(rng: Rng) -> Parts:
    length, w, h = rng.uniform(0.085, 0.12), rng.uniform(0.012, 0.018), rng.uniform(0.008, 0.013)
    jaw = rng.uniform(0.012, 0.018)
    handle = box([length, w, h])
    arms = [box([0.026, 0.009, h], [length / 2 + 0.012, s * (jaw / 2 + 0.0045), 0]) for s in (-1, 1)]
    back = box([0.012, jaw + 0.018, h], [length / 2, 0, 0])
    return [handle, *arms, back, frustum(w, w, -h / 2, h / 2, 12).placed(offset=[-length / 2, 0, 0])]


#: Family name to generator, in a fixed order: the order is part of what a heap's seed means.
GENERATORS: dict[str, Callable[[Rng], Parts]] = {
    "box": _box,
    "flat_box": _flat_box,
    "cylinder": _cylinder,
    "can": _can,
    "superquadric": _superquadric,
    "l_piece": _l_piece,
    "t_piece": _t_piece,
    "cross": _cross,
    "u_bracket": _u_bracket,
    "bottle": _bottle,
    "hammer": _hammer,
    "screwdriver": _screwdriver,
    "prism": _prism,
    "ring": _ring,
    "banana": _banana,
    "spool": _spool,
    "stepped_shaft": _stepped_shaft,
    "hex_nut": _hex_nut,
    "cone": _cone,
    "mug": _mug,
    "bowl": _bowl,
    "wrench": _wrench,
}
