"""Hand tools."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gpnet_ros.sim.objects.shapes import (
    ALONG_X,
    ALONG_Y,
    Part,
    arc_rings,
    bar,
    box,
    frustum,
    hull,
    lathe,
    polygon,
    prism,
    sweep,
)

Rng = np.random.Generator


def _hammer(rng: Rng) -> list[Part]:
    length, head = rng.uniform(0.11, 0.15), rng.uniform(0.055, 0.08)
    r, w = rng.uniform(0.008, 0.012), rng.uniform(0.02, 0.028)
    handle = frustum(r, 0.85 * r, 0, length, 12)
    face = frustum(0.6 * w, 0.6 * w, head / 2 - 0.012, head / 2 + 0.006, 16).placed(ALONG_X, [0, 0, length])
    return [handle, box([head, w, w], [0, 0, length]), face]


def _screwdriver(rng: Rng) -> list[Part]:
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


def _wrench(rng: Rng) -> list[Part]:
    length, w, h = rng.uniform(0.085, 0.12), rng.uniform(0.012, 0.018), rng.uniform(0.008, 0.013)
    jaw = rng.uniform(0.012, 0.018)
    handle = box([length, w, h])
    arms = [box([0.026, 0.009, h], [length / 2 + 0.012, s * (jaw / 2 + 0.0045), 0]) for s in (-1, 1)]
    back = box([0.012, jaw + 0.018, h], [length / 2, 0, 0])
    return [handle, *arms, back, frustum(w, w, -h / 2, h / 2, 12).placed(offset=[-length / 2, 0, 0])]


def _pliers(rng: Rng) -> list[Part]:
    t, w = rng.uniform(0.014, 0.018), rng.uniform(0.012, 0.015)
    jaw, grip, spread = rng.uniform(0.035, 0.048), rng.uniform(0.075, 0.095), rng.uniform(0.016, 0.022)
    joint, soft = frustum(0.012, 0.012, -0.55 * t, 0.55 * t, 16), frustum(w / 2, w / 2, -0.425 * t, 0.425 * t, 12)
    half = [prism([[0, 0.001], [0, 0.011], [0.4 * jaw, 0.0105], [jaw, 0.005], [jaw, 0.0008]], -t / 2, t / 2)]
    path = np.array([[-0.004, -0.004], [-0.018, -0.9 * spread], [-0.5 * grip, -spread], [-grip, -0.8 * spread]])
    half += [bar(a, b, w, 0.85 * t) for a, b in zip(path[:-1], path[1:], strict=True)]
    half += [soft.placed(offset=[*end, 0]) for end in path[1:]]
    return [joint, *half, *(hull(p.vertices * [1, -1, 1]) for p in half)]


def _clamp(rng: Rng) -> list[Part]:
    reach, span = rng.uniform(0.045, 0.06), rng.uniform(0.05, 0.07)
    w, t = rng.uniform(0.012, 0.016), rng.uniform(0.015, 0.02)
    jaws = [box([reach, w, t], [reach / 2, s * (span + w) / 2, 0]) for s in (-1, 1)]
    outside, tail = -(span / 2 + w), rng.uniform(0.018, 0.026)
    turned = [frustum(0.0045, 0.0045, outside - tail, 0.15 * span, 12)]
    turned += [frustum(0.0085, 0.0085, z, z + 0.006, 14) for z in (0.15 * span, span / 2 - 0.005)]
    turned.append(frustum(0.0075, 0.0075, outside - 0.004, 0.004 - span / 2, 14))
    handle = frustum(0.003, 0.003, -0.02, 0.02, 10).placed(ALONG_X, [reach - 0.012, outside - tail + 0.004, 0])
    back = box([w, span + 2 * w, t])
    return [back, *jaws, *(p.placed(ALONG_Y, [reach - 0.012, 0, 0]) for p in turned), handle]


def _dumbbell(rng: Rng) -> list[Part]:
    r, w = rng.uniform(0.021, 0.029), rng.uniform(0.02, 0.028)
    half, rod = rng.uniform(0.022, 0.03), rng.uniform(0.009, 0.012)
    head = [prism(polygon(6, r), half, half + 0.75 * w), frustum(r, 0.8 * r, half + 0.75 * w, half + w, 6)]
    grip = lathe([rod, 1.15 * rod, rod], [-half, 0, half], 14)
    return [*head, *(hull(p.vertices * [1, 1, -1]) for p in head), *grip]


def _padlock(rng: Rng) -> list[Part]:
    w, h, t = rng.uniform(0.038, 0.05), rng.uniform(0.03, 0.04), rng.uniform(0.018, 0.024)
    corner = np.array([[w / 2, h / 2 - 0.004], [w / 2 - 0.004, h / 2]])
    body = prism(np.vstack([corner * signs for signs in ([1, 1], [-1, 1], [1, -1], [-1, -1])]), -t / 2, t / 2)
    r, leg = rng.uniform(0.0035, 0.005), rng.uniform(0.01, 0.016)
    bend, top = w / 2 - 0.004 - r, h / 2 + leg
    arch = [p.placed(offset=[0, top, 0]) for p in sweep(arc_rings(bend, 0, np.pi, [r] * 8, 8))]
    straight = frustum(r, r, h / 2 - 0.002, top + 0.001, 8)
    return [body, *arch, *(straight.placed(ALONG_Y, [x, 0, 0]) for x in (-bend, bend))]


TOOLS: dict[str, Callable[[Rng], list[Part]]] = {
    "hammer": _hammer,
    "screwdriver": _screwdriver,
    "wrench": _wrench,
    "pliers": _pliers,
    "clamp": _clamp,
    "dumbbell": _dumbbell,
    "padlock": _padlock,
}
