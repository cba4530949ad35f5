"""Things from kitchen and bath."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from gpnet_ros.sim.objects.shapes import (
    ALONG_X,
    Part,
    arc_rings,
    bar,
    box,
    ellipsoid,
    frustum,
    hull,
    lathe,
    polygon,
    prism,
    ring_sector,
    shell,
    sweep,
)

Rng = np.random.Generator


def _can(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.025, 0.033), rng.uniform(0.05, 0.1)
    body = frustum(r, r, -h / 2, h / 2)
    rim = 0.92 * r
    return [body, frustum(r, rim, h / 2, h / 2 + 0.006), frustum(rim, r, -h / 2 - 0.006, -h / 2)]


def _bottle(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.017, 0.03), rng.uniform(0.06, 0.09)
    neck, cap = 0.42 * r, 0.5 * r
    shoulder, top = h + rng.uniform(0.6, 1.0) * r, h + rng.uniform(0.6, 1.0) * r + 0.025
    body = [frustum(r, r, 0, h), frustum(r, neck, h, shoulder), frustum(neck, neck, shoulder, top, 16)]
    return [*body, frustum(cap, cap, top - 0.012, top + 0.003, 16)]


def _mug(rng: Rng) -> list[Part]:
    r, h, wall = rng.uniform(0.029, 0.036), rng.uniform(0.06, 0.085), 0.005
    t = np.linspace(0, 2 * np.pi, 13)
    side = [ring_sector([r - wall] * 2, [r] * 2, [0, h], a, b) for a, b in zip(t[:-1], t[1:], strict=True)]
    loop = sweep(arc_rings(0.36 * h, -1.7, 1.7, [0.005] * 6, 6))
    upright = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    return [*side, frustum(r - 0.001, r - 0.001, 0, 0.006), *[p.placed(upright, [r, 0, h / 2]) for p in loop]]


def _bowl(rng: Rng) -> list[Part]:
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


def _jar(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.024, 0.032), rng.uniform(0.05, 0.075)
    glass = lathe([0.9 * r, r, r, 0.8 * r, 0.8 * r], [0, 0.004, h, h + 0.006, h + 0.01])
    return [*glass, frustum(0.93 * r, 0.93 * r, h + 0.008, h + 0.022, 28)]


def _detergent_bottle(rng: Rng) -> list[Part]:
    oval = [rng.uniform(0.028, 0.036), rng.uniform(0.015, 0.02), 1.0]
    h, neck, cap = rng.uniform(0.075, 0.1), 0.011, 0.014
    stumps = lathe([0.92, 1.0, 0.9, 0.4], [0, 0.006, 0.65 * h, h], 28)
    pourer = frustum(cap, 0.8 * cap, h + 0.006, h + 0.026, 16)
    tip = frustum(0.005, 0.004, h + 0.02, h + 0.036, 10)
    return [*(hull(p.vertices * oval) for p in stumps), frustum(neck, neck, h - 0.004, h + 0.008, 16), pourer, tip]


def _tube(rng: Rng) -> list[Part]:
    r, length = rng.uniform(0.015, 0.021), rng.uniform(0.085, 0.125)
    wide = 0.5 * np.pi * r
    crimp = [[x, y, length] for x in (-wide, wide) for y in (-0.0012, 0.0012)]
    shoulder = np.column_stack([polygon(20, r), np.zeros(20)])
    seam = box([2 * wide, 0.0024, 0.01], [0, 0, length + 0.004])
    cap = lathe([0.009, 0.0095, 0.009], [-0.024, -0.01, -0.005], 12)
    return [hull(np.vstack([shoulder, crimp])), frustum(0.008, r, -0.006, 0, 20), seam, *cap]


def _gable_carton(rng: Rng) -> list[Part]:
    w, d, h = rng.uniform(0.048, 0.064), rng.uniform(0.045, 0.06), rng.uniform(0.06, 0.085)
    roof, fin = rng.uniform(0.35, 0.5) * d, rng.uniform(0.009, 0.013)
    eaves = [[x, y, h / 2] for x in (-w / 2, w / 2) for y in (-d / 2, d / 2)]
    ridge = [[x, y, h / 2 + roof] for x in (-w / 2, w / 2) for y in (-0.0012, 0.0012)]
    seam = box([w, 0.0024, fin + 0.002], [0, 0, h / 2 + roof + fin / 2])
    upright = Rotation.from_euler("x", -np.arctan2(roof, d / 2)).as_matrix()
    cap = frustum(0.011, 0.011, -0.002, 0.009, 16).placed(upright, [0, d / 4, h / 2 + roof / 2])
    return [box([w, d, h]), hull(eaves + ridge), seam, *([cap] if rng.random() < 0.6 else [])]


def _cup(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.027, 0.034), rng.uniform(0.06, 0.085)
    low, wall = rng.uniform(0.68, 0.8) * r, 0.004
    side = shell([low - wall, r - wall], [low, r], [0, h])
    rim = shell([r - wall] * 2, [r + 0.0015] * 2, [h - 0.003, h])
    return [*side, *rim, frustum(low - 0.0005, low, 0, 0.005)]


def _plate(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.06, 0.08), rng.uniform(0.012, 0.018)
    well = 0.6 * r
    rim = shell([well, r - 0.002], [well + 0.002, r], [0.001, h], 16)
    return [frustum(well, well + 0.003, 0, 0.005, 16), *rim]


def _ladle(rng: Rng) -> list[Part]:
    r, depth = rng.uniform(0.022, 0.028), rng.uniform(0.018, 0.024)
    length, w, t = rng.uniform(0.095, 0.125), rng.uniform(0.012, 0.016), rng.uniform(0.008, 0.011)
    scoop = shell([0.62 * r, r - 0.004], [0.66 * r + 0.002, r], [0.003, depth])
    # Where the handle's sections are, how wide, and at what height: it rises and then hangs.
    sections = [(r - 0.004, 0.8, depth - t), (r + 0.5 * length, 1.0, depth + 0.004), (r + length, 1.25, depth - 0.004)]
    rings = [
        np.array([[x, y * share * w / 2, z] for y in (-1, 1) for z in (low, low + t)]) for x, share, low in sections
    ]
    return [*scoop, frustum(0.5 * r, 0.66 * r + 0.001, 0, 0.005), *sweep(rings)]


def _soap_bar(rng: Rng) -> list[Part]:
    a, b, c = rng.uniform(0.038, 0.05), rng.uniform(0.024, 0.032), rng.uniform(0.012, 0.017)
    return [ellipsoid([a, b, c], corners=24, power=0.45), ellipsoid([0.75 * a, 0.72 * b, 1.08 * c], power=0.3)]


def _brush(rng: Rng) -> list[Part]:
    length, w, t = rng.uniform(0.06, 0.078), rng.uniform(0.028, 0.038), rng.uniform(0.011, 0.015)
    depth, grip = rng.uniform(0.016, 0.022), rng.uniform(0.055, 0.07)
    back = prism(polygon(14, 1.0) * [0.525 * length, 0.525 * w], 0, t)
    rows = []
    for x in np.linspace(-0.36, 0.36, 5) * length:
        half = 0.5 * w * np.sqrt(1 - (x / (0.525 * length)) ** 2) - 0.002
        high = [[x + sx * 0.0036, sy * half, 0.001] for sx in (-1, 1) for sy in (-1, 1)]
        rows.append(hull([*high, *([px + (px - x) * 0.3, 1.08 * py, -depth] for px, py, _ in high)]))
    far = 0.5 * length + grip
    stick, end = bar([0.4 * length, 0], [far, 0], 0.017, t), frustum(0.01, 0.01, -t / 2, t / 2, 14)
    return [back, *rows, stick.placed(offset=[0, 0, t / 2]), end.placed(offset=[far, 0, t / 2])]


def _toy_brick(rng: Rng) -> list[Part]:
    pitch, across, along = rng.uniform(0.015, 0.018), 2, int(rng.integers(3, 5))
    h = rng.uniform(1.15, 1.3) * pitch
    studs = [
        frustum(0.3 * pitch, 0.3 * pitch, h / 2, h / 2 + 0.28 * pitch, 14).placed(
            offset=[(i - (along - 1) / 2) * pitch, (j - 0.5) * pitch, 0]
        )
        for i in range(along)
        for j in range(across)
    ]
    return [box([along * pitch, across * pitch, h]), *studs]


def _scissors(rng: Rng) -> list[Part]:
    blade, shank, t = rng.uniform(0.06, 0.08), rng.uniform(0.03, 0.04), rng.uniform(0.007, 0.01)
    spread = rng.uniform(0.35, 0.5)
    parts = [frustum(0.006, 0.006, -0.6 * t, 0.6 * t, 12)]
    for s in (-1, 1):
        turn = Rotation.from_euler("z", s * spread / 2).as_matrix()
        steel = prism(np.array([[0, -0.007], [0, 0.007], [blade, -s * 0.0065], [blade, -s * 0.005]]), -t / 4, t / 4)
        eye = [-shank - 0.014, -s * 0.004, 0]
        loop = [p.placed(offset=eye) for p in shell([0.011] * 2, [0.018] * 2, [-t / 2, t / 2], 10)]
        parts += [p.placed(turn) for p in (steel, bar([0.004, 0], [-shank, 0], 0.011, t), *loop)]
    return parts


def _light_bulb(rng: Rng) -> list[Part]:
    r, base = rng.uniform(0.023, 0.029), rng.uniform(0.011, 0.0135)
    t = np.linspace(-0.5 * np.pi, 0.28 * np.pi, 7)
    glass = [*zip(r * np.cos(t), r * np.sin(t), strict=True), (base, r + 0.6 * r)]
    screw = []
    top = 1.6 * r
    for k in range(3):
        screw += [(base, top + 0.006 * k), (base + 0.0012, top + 0.006 * k + 0.002), (base, top + 0.006 * k + 0.0045)]
    outline = [*glass, *screw[1:], (0.4 * base, top + 0.024), (0.3 * base, top + 0.028)]
    return lathe([max(x, 0.0008) for x, _ in outline], [z for _, z in outline], 16)


def _torch(rng: Rng) -> list[Part]:
    r, grip, head = rng.uniform(0.011, 0.015), rng.uniform(0.06, 0.085), rng.uniform(0.018, 0.024)
    radii = [0.9 * r, r, r, 0.86 * r, 0.86 * r, head, head, 0.94 * head]
    z = np.cumsum([0, 0.003, grip, 0.002, 0.004, 0.018, 0.016, 0.003])
    switch = box([0.018, 0.008, 0.008], [0, 0, 0]).placed(ALONG_X, [r - 0.001, 0, 0.7 * grip])
    return [*lathe(radii, list(z), 16), switch]


HOUSEHOLD: dict[str, Callable[[Rng], list[Part]]] = {
    "can": _can,
    "bottle": _bottle,
    "mug": _mug,
    "bowl": _bowl,
    "jar": _jar,
    "detergent_bottle": _detergent_bottle,
    "tube": _tube,
    "gable_carton": _gable_carton,
    "cup": _cup,
    "plate": _plate,
    "ladle": _ladle,
    "soap_bar": _soap_bar,
    "brush": _brush,
    "toy_brick": _toy_brick,
    "scissors": _scissors,
    "light_bulb": _light_bulb,
    "torch": _torch,
}
