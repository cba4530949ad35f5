"""Machine parts and fittings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gpnet_ros.sim.objects.shapes import (
    ALONG_X,
    ALONG_Y,
    Part,
    arc_rings,
    box,
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


def _u_bracket(rng: Rng) -> list[Part]:
    span, leg = rng.uniform(0.06, 0.11), rng.uniform(0.04, 0.065)
    w, depth = rng.uniform(0.012, 0.018), rng.uniform(0.02, 0.035)
    legs = [box([w, leg, depth], [s * (span - w) / 2, leg / 2, 0]) for s in (-1, 1)]
    return [box([span, w, depth], [0, w / 2, 0]), *legs]


def _spool(rng: Rng) -> list[Part]:
    r, rim, h = rng.uniform(0.011, 0.018), rng.uniform(0.024, 0.032), rng.uniform(0.045, 0.08)
    t = rng.uniform(0.005, 0.009)
    flanges = [frustum(rim, rim, s * h / 2 - t / 2, s * h / 2 + t / 2) for s in (-1, 1)]
    return [frustum(r, r, -h / 2, h / 2, 16), *flanges]


def _stepped_shaft(rng: Rng) -> list[Part]:
    radii = rng.uniform(0.009, 0.024, 3)
    stops = np.cumsum([0.0, *rng.uniform(0.025, 0.05, 3)])
    return [frustum(r, r, a, b, 20) for r, a, b in zip(radii, stops[:-1], stops[1:], strict=True)] + [
        frustum(0.007, 0.007, 0, stops[-1], 12)
    ]


def _hex_nut(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.024, 0.036), rng.uniform(0.018, 0.03)
    bore = 0.5 * r
    t = np.pi / 3 * np.arange(7)
    return [ring_sector([bore] * 2, [r] * 2, [-h / 2, h / 2], a, b) for a, b in zip(t[:-1], t[1:], strict=True)]


def _pipe(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.016, 0.028), rng.uniform(0.05, 0.11)
    wall = rng.uniform(0.003, 0.005)
    return shell([r - wall] * 2, [r] * 2, [-h / 2, h / 2], 14)


def _pipe_elbow(rng: Rng) -> list[Part]:
    bend, r = rng.uniform(0.028, 0.038), rng.uniform(0.012, 0.017)
    body = sweep(arc_rings(bend, 0, np.pi / 2, [r] * 5, 12))
    collar = shell([0.75 * r] * 2, [1.25 * r] * 2, [-0.016, 0.002], 10)
    first, last = [p.placed(ALONG_Y, [bend, 0, 0]) for p in collar], [p.placed(ALONG_X, [0, bend, 0]) for p in collar]
    return [*body, *first, *last]


def _pipe_tee(rng: Rng) -> list[Part]:
    r, half, stub = rng.uniform(0.012, 0.017), rng.uniform(0.03, 0.042), rng.uniform(0.028, 0.04)
    pipe = frustum(r, r, 0.012 - half, half - 0.012, 16).placed(ALONG_X)
    branch = frustum(r, r, 0, stub - 0.012, 16).placed(ALONG_Y)
    collar = shell([0.8 * r] * 2, [1.25 * r] * 2, [0.0, 0.016], 8)
    ends = [p.placed(ALONG_X, [x, 0, 0]) for x in (-half, half - 0.016) for p in collar]
    return [pipe, branch, *ends, *[p.placed(ALONG_Y, [0, stub - 0.016, 0]) for p in collar]]


def _flange(rng: Rng) -> list[Part]:
    rim, t = rng.uniform(0.028, 0.035), rng.uniform(0.006, 0.009)
    hub, bore, h = rng.uniform(0.5, 0.62) * rim, rng.uniform(0.3, 0.4) * rim, rng.uniform(0.03, 0.045)
    return [*shell([bore] * 2, [rim] * 2, [0, t], 14), *shell([bore] * 2, [hub] * 2, [0, h], 14)]


def _bolt(rng: Rng) -> list[Part]:
    r, length = rng.uniform(0.0075, 0.011), rng.uniform(0.05, 0.08)
    key, h = rng.uniform(1.9, 2.2) * r, rng.uniform(1.2, 1.5) * r
    plain = 0.35 * length
    turns, ridges = 7, []
    pitch = (length - plain) / turns
    for k in range(turns):
        low = h + plain + k * pitch
        ring = [(0.85 * r, low), (r, low + 0.5 * pitch), (0.85 * r, low + pitch)]
        ridges.append(hull([[*p, z] for radius, z in ring for p in polygon(14, radius)]))
    head = hull([[*p, z] for f, z in ((0.9, 0.0), (1.0, 0.002), (1.0, h)) for p in polygon(6, f * key)])
    return [head, frustum(r, r, h, h + plain, 14), *ridges]


def _beam(rng: Rng) -> list[Part]:
    """A length of I section, its flanges of two widths."""
    length, t = rng.uniform(0.06, 0.12), rng.uniform(0.006, 0.008)
    w, h = rng.uniform(0.03, 0.042), rng.uniform(0.03, 0.045)
    flanges = [
        box([length, w * share, t], [0, 0, s * (h - t) / 2]) for s, share in ((-1, 1.0), (1, rng.uniform(0.75, 1.0)))
    ]
    return [*flanges, box([length, t, h])]


def _angle_bracket(rng: Rng) -> list[Part]:
    a, b = rng.uniform(0.045, 0.065, 2)
    w, t = rng.uniform(0.03, 0.042), rng.uniform(0.005, 0.007)
    rib = rng.uniform(0.55, 0.75)
    web = hull([[x, y, z] for x, z in ((t / 2, t / 2), (rib * a, t / 2), (t / 2, rib * b)) for y in (-t / 2, t / 2)])
    bosses = [frustum(0.007, 0.006, 0, t + 0.003, 12).placed(offset=[0.8 * a, s * 0.3 * w, 0]) for s in (-1, 1)]
    return [box([a, w, t], [a / 2, 0, t / 2]), box([t, w, b], [t / 2, 0, b / 2]), web, *bosses]


def _gear(rng: Rng) -> list[Part]:
    r, t, teeth = rng.uniform(0.022, 0.03), rng.uniform(0.012, 0.018), int(rng.integers(11, 15))
    tooth, half = rng.uniform(0.18, 0.22) * r, np.pi / teeth
    cogs = []
    for k in range(teeth):
        at = 2 * half * k
        corners = [(0.88 * r, -0.55), (0.88 * r, 0.55), (r + tooth, 0.28), (r + tooth, -0.28)]
        outline = [[q * np.cos(at + f * half), q * np.sin(at + f * half)] for q, f in corners]
        cogs.append(prism(outline, -t / 2, t / 2))
    bore, hub = 0.25 * r, 0.48 * r
    web = shell([bore] * 2, [0.98 * r] * 2, [-t / 2, t / 2], 9)
    return [*cogs, *web, *shell([bore] * 2, [hub] * 2, [t / 2 - 0.001, t / 2 + 0.01], 8)]


def _motor(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.02, 0.027), rng.uniform(0.045, 0.065)
    can = lathe([0.85 * r, r, r, 0.85 * r], [0, 0.004, h - 0.004, h], 24)
    shaft = [frustum(0.4 * r, 0.4 * r, h, h + 0.004, 16), frustum(0.0035, 0.0035, h, h + rng.uniform(0.014, 0.022), 12)]
    foot = box([1.5 * r, 0.005, 0.6 * h], [0, -r, 0.45 * h])
    plug = box([0.8 * r, 0.014, 0.35 * h], [0, 0.93 * r, 0.3 * h])
    return [*can, *shaft, foot, plug]


PARTS: dict[str, Callable[[Rng], list[Part]]] = {
    "u_bracket": _u_bracket,
    "spool": _spool,
    "stepped_shaft": _stepped_shaft,
    "hex_nut": _hex_nut,
    "pipe": _pipe,
    "pipe_elbow": _pipe_elbow,
    "pipe_tee": _pipe_tee,
    "flange": _flange,
    "bolt": _bolt,
    "beam": _beam,
    "angle_bracket": _angle_bracket,
    "gear": _gear,
    "motor": _motor,
}
