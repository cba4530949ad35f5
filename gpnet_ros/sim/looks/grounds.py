"""What heaps lie on: tables, belts, what else is on them, and the floor beside them."""

from __future__ import annotations

import numpy as np

from gpnet_ros.sim import constants as c
from gpnet_ros.sim.looks.decals import Decal
from gpnet_ros.sim.looks.materials import shifted
from gpnet_ros.sim.looks.patterns import Color, Rng
from gpnet_ros.sim.looks.texture import Texture

Pairs = tuple[tuple[Color, Color], ...]

#: Colour of early and of late wood (sRGB): oak, walnut, wenge, maple, weathered.
WOODS: Pairs = (
    ((0.80, 0.66, 0.48), (0.58, 0.41, 0.25)), ((0.56, 0.38, 0.24), (0.36, 0.23, 0.14)),
    ((0.38, 0.25, 0.18), (0.24, 0.15, 0.11)), ((0.87, 0.80, 0.68), (0.74, 0.63, 0.48)),
    ((0.55, 0.50, 0.45), (0.38, 0.34, 0.30)),
)  # fmt: skip

#: Table tops: share, kind, range of gloss, metallic, detail, and pairs of colour and accent (sRGB).
_TABLES: tuple[tuple[float, str, tuple[float, float], float, str, Pairs], ...] = (
    (0.17, "wood", (0.05, 0.4), 0.0, "fibre", WOODS),
    (0.11, "butcher_block", (0.05, 0.35), 0.0, "fibre", WOODS[:4]),
    (0.04, "strand_board", (0.02, 0.1), 0.0, "grain", (((0.80, 0.66, 0.44), (0.58, 0.40, 0.22)),)),
    (0.18, "cloth", (0.0, 0.02), 0.0, "weave", (
        ((0.20, 0.36, 0.52), (0.85, 0.86, 0.84)), ((0.86, 0.85, 0.80), (0.55, 0.20, 0.19)),
        ((0.24, 0.28, 0.24), (0.50, 0.52, 0.46)), ((0.48, 0.18, 0.20), (0.85, 0.80, 0.70)),
        ((0.34, 0.34, 0.37), (0.52, 0.52, 0.55)), ((0.73, 0.65, 0.52), (0.50, 0.40, 0.30)),
        ((0.24, 0.42, 0.37), (0.78, 0.80, 0.70)), ((0.88, 0.87, 0.83), (0.30, 0.42, 0.58)),
    )),
    (0.20, "scuffed", (0.1, 0.4), 0.0, "grain", (
        ((0.84, 0.84, 0.82), (0.6, 0.6, 0.6)), ((0.30, 0.32, 0.34), (0.6, 0.6, 0.6)),
        ((0.13, 0.13, 0.14), (0.45, 0.45, 0.45)), ((0.60, 0.63, 0.62), (0.8, 0.8, 0.8)),
        ((0.24, 0.38, 0.31), (0.6, 0.6, 0.6)), ((0.24, 0.36, 0.50), (0.6, 0.65, 0.7)),
        ((0.72, 0.68, 0.60), (0.5, 0.47, 0.4)),
    )),
    (0.07, "speckled", (0.1, 0.4), 0.0, "", (
        ((0.72, 0.71, 0.68), (0.45, 0.43, 0.41)), ((0.28, 0.29, 0.30), (0.50, 0.50, 0.48)),
        ((0.80, 0.78, 0.74), (0.56, 0.42, 0.34)),
    )),
    (0.07, "mottled", (0.02, 0.2), 0.0, "grain", (
        ((0.50, 0.49, 0.47), (0.62, 0.61, 0.58)), ((0.38, 0.36, 0.34), (0.48, 0.46, 0.44)),
    )),
    (0.07, "brushed", (0.25, 0.45), 0.8, "", (((0.66, 0.67, 0.68), (0.7, 0.7, 0.7)),)),
    (0.09, "belt", (0.05, 0.2), 0.0, "grain", (
        ((0.10, 0.10, 0.11), (0.45, 0.43, 0.40)), ((0.12, 0.26, 0.22), (0.5, 0.55, 0.5)),
        ((0.16, 0.26, 0.38), (0.55, 0.6, 0.62)), ((0.82, 0.82, 0.80), (0.5, 0.48, 0.44)),
    )),
)  # fmt: skip


def random_table(seed: int) -> Texture:
    """Table top of wood, cloth, plastic, stone, metal, or a conveyor belt."""
    rng = np.random.default_rng([seed, 1])
    shares = np.array([row[0] for row in _TABLES])
    _, kind, gloss, metallic, detail, colors = _TABLES[rng.choice(len(_TABLES), p=shares / shares.sum())]
    color, accent = colors[rng.integers(len(colors))]
    shift = rng.normal(0.0, 0.012, 3) + rng.normal(0.0, 0.05)
    x, y = rng.uniform(-0.2, 0.2, 2) + c.HEAP_CENTRE
    return Texture(
        kind,
        seed,
        shifted(color, shift),
        shifted(accent, shift),
        float(rng.uniform(0.9, 1.4)),
        float(rng.uniform(*gloss)),
        metallic,
        origin=(float(x), float(y), 0.0),
        detail=detail,
    )


def random_floor(seed: int) -> Texture:
    """Concrete, lino, tiles of stone or parquet, seen beyond the table's edge."""
    rng = np.random.default_rng([seed, 5])
    kind = str(rng.choice(["mottled", "mottled", "speckled", "wood", "scuffed"]))
    color: Color = (0.45, 0.30, 0.19) if kind == "wood" else shifted((0.45, 0.44, 0.42), rng.normal(0, 0.09))
    accent = shifted(color, rng.choice([-0.1, 0.08]))
    return Texture(kind, seed, color, accent, 2.0, float(rng.uniform(0.02, 0.15)))


def random_decals(seed: int) -> tuple[Decal, ...]:
    """Decals that lie flat on the table: often none, sometimes the traces of work."""
    rng = np.random.default_rng([seed, 6])
    found: list[Decal] = []
    if rng.random() < 0.12:
        turn = float(rng.normal(0, 0.15) + rng.choice([0, np.pi / 2]))
        found.append(Decal("cutting_mat", _seed(rng), _near(rng, 0.0, 0.08), turn))
    if rng.random() < 0.15:
        # Lanes of tape beside the heap, as they mark a work place.
        turn, away = float(rng.uniform(0, np.pi)), rng.uniform(0.18, 0.3)
        side = np.array([-np.sin(turn), np.cos(turn)]) * away * rng.choice([-1, 1])
        x, y = side + c.HEAP_CENTRE
        found.append(Decal("tape", _seed(rng), (float(x), float(y)), turn))
    while len(found) < 5 and rng.random() < 0.45:
        kind = str(rng.choice(["ruler", "tape", "paper", "marker", "stain", "scribble"], p=_DECAL_SHARES))
        near, far = (0.0, 0.3) if kind in ("stain", "scribble") else (0.16, 0.36)
        found.append(Decal(kind, _seed(rng), _near(rng, near, far), float(rng.uniform(-np.pi, np.pi))))
    return tuple(found)


_DECAL_SHARES = (0.12, 0.12, 0.2, 0.1, 0.26, 0.2)


def _near(rng: Rng, near: float, far: float) -> tuple[float, float]:
    """A place between two distances [m] from the heap's centre."""
    turn, away = rng.uniform(0, 2 * np.pi), rng.uniform(near, far)
    return float(c.HEAP_CENTRE[0] + away * np.cos(turn)), float(c.HEAP_CENTRE[1] + away * np.sin(turn))


def _seed(rng: Rng) -> int:
    return int(rng.integers(2**31))
