"""Looks of a scene: what may differ between two photographs of the same heap."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from gpnet_ros.sim.texture import Color, Texture

#: Table tops: kind, range of gloss, metallic, and pairs of colour and accent (sRGB).
_TABLES: tuple[tuple[str, tuple[float, float], float, tuple[tuple[Color, Color], ...]], ...] = (
    ("wood", (0.05, 0.5), 0.0, (
        ((0.80, 0.66, 0.48), (0.58, 0.41, 0.25)), ((0.56, 0.38, 0.24), (0.33, 0.20, 0.12)),
        ((0.36, 0.20, 0.14), (0.20, 0.10, 0.08)), ((0.87, 0.80, 0.68), (0.74, 0.63, 0.48)),
        ((0.55, 0.50, 0.45), (0.38, 0.34, 0.30)),
    )),
    ("cloth", (0.0, 0.02), 0.0, (
        ((0.20, 0.42, 0.62), (0.85, 0.86, 0.84)), ((0.86, 0.85, 0.80), (0.60, 0.22, 0.20)),
        ((0.24, 0.28, 0.24), (0.50, 0.52, 0.46)), ((0.55, 0.20, 0.22), (0.85, 0.80, 0.70)),
        ((0.34, 0.34, 0.37), (0.52, 0.52, 0.55)), ((0.73, 0.65, 0.52), (0.50, 0.40, 0.30)),
        ((0.22, 0.47, 0.40), (0.78, 0.80, 0.70)),
    )),
    ("plain", (0.15, 0.6), 0.0, (
        ((0.84, 0.84, 0.82), (0.9, 0.9, 0.9)), ((0.30, 0.32, 0.34), (0.9, 0.9, 0.9)),
        ((0.13, 0.13, 0.14), (0.9, 0.9, 0.9)), ((0.60, 0.63, 0.62), (0.9, 0.9, 0.9)),
        ((0.22, 0.42, 0.32), (0.9, 0.9, 0.9)),
    )),
    ("speckled", (0.1, 0.5), 0.0, (
        ((0.72, 0.71, 0.68), (0.35, 0.34, 0.33)), ((0.28, 0.29, 0.30), (0.66, 0.66, 0.64)),
    )),
    ("mottled", (0.02, 0.25), 0.0, (
        ((0.50, 0.49, 0.47), (0.66, 0.65, 0.62)), ((0.38, 0.36, 0.34), (0.50, 0.48, 0.46)),
    )),
    ("brushed", (0.35, 0.55), 0.85, (((0.70, 0.71, 0.72), (0.8, 0.8, 0.8)),)),
)  # fmt: skip


#: Hues that things are mostly made in: reds, orange, yellows, greens, blues.
_HUES = (0.0, 0.02, 0.06, 0.1, 0.14, 0.22, 0.34, 0.42, 0.5, 0.56, 0.6, 0.64, 0.97)


@dataclass(frozen=True)
class Light:
    """A spherical area light.

    Attributes:
        position: centre in base [m].
        radius: [m]; a larger one throws softer shadows.
        power: irradiance at 1 m, in arbitrary units (the camera exposes by itself).
        color: linear colour.
    """

    position: tuple[float, float, float]
    radius: float = 0.15
    power: float = 6.0
    color: Color = (1.0, 1.0, 1.0)


_LAMP = Light((0.1, -1.3, 1.9), 0.28, 9.0, (1.0, 0.96, 0.9))
_WINDOW = Light((1.7, 1.1, 1.7), 0.35, 3.0, (0.88, 0.94, 1.0))
_OAK = Texture("wood", 7, (0.80, 0.66, 0.48), (0.58, 0.41, 0.25), tile=1.4, gloss=0.22)


@dataclass(frozen=True)
class Style:
    """Lights, table and camera look of one photograph.

    Attributes:
        lights: one to three.
        ambient: radiance of the surroundings, in the unit of the lights' irradiance.
        sky, ground: linear colour of what is above and below.
        table: texture of every mesh that brings none.
        exposure: what the automatic exposure is off by [stops].
        white_balance: gains of R, G, B.
        gamma: 1 is the sRGB curve; larger is more contrast.
        vignette: loss of light in the corners, in [0, 1].
        blur: radius of the lens blur [px at 640 px width].
        shot_noise, read_noise: deviation of the noise at full scale and at black, linear.
        seed: of shadow jitter and sensor noise.
    """

    lights: tuple[Light, ...] = (_LAMP, _WINDOW)
    ambient: float = 0.25
    sky: Color = (0.96, 0.98, 1.0)
    ground: Color = (0.62, 0.58, 0.54)
    table: Texture = _OAK
    exposure: float = 0.0
    white_balance: Color = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    vignette: float = 0.12
    blur: float = 0.45
    shot_noise: float = 0.012
    read_noise: float = 0.0025
    seed: int = 0


def random_style(seed: int) -> Style:
    """Another table, other lights, another camera; the same seed is the same look."""
    rng = np.random.default_rng([seed, 4711])
    warmth = rng.normal(0.0, 0.06)
    return Style(
        lights=tuple(_random_light(rng, k) for k in range(int(rng.integers(1, 4)))),
        ambient=float(rng.uniform(0.1, 0.6)),
        sky=_tinted(rng, 0.96),
        ground=_tinted(rng, float(rng.uniform(0.35, 0.7))),
        table=random_table(int(rng.integers(1 << 31))),
        exposure=float(np.clip(rng.normal(0.0, 0.3), -0.8, 0.5)),
        white_balance=(float(1 + warmth), 1.0, float(1 - warmth + rng.normal(0, 0.02))),
        gamma=float(rng.uniform(0.85, 1.2)),
        vignette=float(rng.uniform(0.0, 0.35)),
        blur=float(rng.uniform(0.3, 0.9)),
        shot_noise=float(rng.uniform(0.004, 0.03)),
        read_noise=float(rng.uniform(0.001, 0.007)),
        seed=seed,
    )


def random_table(seed: int) -> Texture:
    """Table top of wood, cloth, plastic, stone or metal."""
    rng = np.random.default_rng([seed, 1])
    weights = np.array([0.34, 0.26, 0.18, 0.08, 0.08, 0.06])
    kind, gloss, metallic, colors = _TABLES[rng.choice(len(_TABLES), p=weights)]
    color, accent = colors[rng.integers(len(colors))]
    shift = rng.normal(0.0, 0.012, 3) + rng.normal(0.0, 0.05)
    color, accent = (_shifted(c, shift) for c in (color, accent))
    tile = float(rng.uniform(1.0, 1.6))
    return Texture(kind, seed, color, accent, tile, float(rng.uniform(*gloss)), metallic)


def random_bin(seed: int) -> Texture:
    """Inside and outside of a bin: plastic, cardboard or wood."""
    rng = np.random.default_rng([seed, 3])
    kind = str(rng.choice(("plain", "cardboard", "wood"), p=(0.6, 0.2, 0.2)))
    blue, grey = (0.14, 0.28, 0.52), (0.5, 0.52, 0.54)
    color = _shifted((blue, grey)[int(rng.integers(2))], rng.normal(0, 0.03, 3))
    return Texture(kind, seed, color, (0.52, 0.36, 0.22), gloss=0.2)


def random_object(seed: int, family: str | None = None) -> Texture:
    """Surface of a household or workshop thing: mostly plastics and packaging, matt to glossy."""
    rng = np.random.default_rng([seed, 2])
    kinds = ("plain", "package", "banded", "speckled", "wood", "cardboard", "brushed", "mottled")
    kind = str(rng.choice(kinds, p=[0.34, 0.24, 0.14, 0.05, 0.06, 0.05, 0.06, 0.06]))
    color, accent = _random_color(rng), _random_color(rng)
    gloss, metallic, tile = float(rng.uniform(0.05, 0.85) ** 1.3), 0.0, float(rng.uniform(0.14, 0.24))
    if kind == "wood":
        color, accent, gloss = (0.78, 0.62, 0.42), (0.52, 0.36, 0.22), 0.1
    elif kind == "cardboard":
        color, gloss = _shifted((0.68, 0.54, 0.38), rng.normal(0, 0.03, 3)), 0.03
    elif kind == "mottled":
        accent = _shifted(color, rng.normal(0, 0.04, 3) + rng.choice([-0.12, 0.12]))
    elif kind == "brushed":
        color, metallic, gloss = _shifted((0.68, 0.68, 0.69), rng.normal(0, 0.04, 3)), 0.9, 0.6
    return Texture(kind, seed, color, accent, tile, gloss, metallic)


def _random_color(rng: np.random.Generator) -> Color:
    """Colour as things have it: greys, blacks and whites are as common as strong colours."""
    draw = rng.random()
    if draw < 0.16:
        value = float(rng.choice([rng.uniform(0.08, 0.25), rng.uniform(0.4, 0.7), rng.uniform(0.82, 0.95)]))
        return _shifted((value, value, value), rng.normal(0, 0.012, 3))
    saturation = rng.uniform(0.5, 0.88) if draw < 0.65 else rng.uniform(0.12, 0.5)
    hue = rng.random() if rng.random() < 0.15 else rng.choice(_HUES) + rng.normal(0, 0.015)
    return colorsys.hsv_to_rgb(float(hue % 1.0), float(saturation), float(rng.uniform(0.3, 0.92)))


def _random_light(rng: np.random.Generator, k: int) -> Light:
    """Lamp or window beside or above the table; the first is the strongest."""
    turn, reach, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.7), rng.uniform(1.3, 2.3)
    position = (float(0.65 + reach * np.cos(turn)), float(reach * np.sin(turn)), float(height))
    power = rng.uniform(4.0, 9.0) * (1.0 if k == 0 else rng.uniform(0.15, 0.7))
    return Light(position, float(rng.uniform(0.03, 0.4)), float(power), _tinted(rng, 0.95))


def _tinted(rng: np.random.Generator, level: float) -> Color:
    """White, a little warm or cool."""
    t = float(rng.normal(0.0, 0.05))
    return (level * (1 + t), level, level * (1 - t))


def _shifted(color: Color, shift: np.ndarray) -> Color:
    r, g, b = np.clip(np.asarray(color) + shift, 0.03, 0.96)
    return (float(r), float(g), float(b))
