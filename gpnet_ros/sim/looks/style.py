"""Looks of a scene: what may differ between two photographs of the same heap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpnet_ros.sim.looks import grounds
from gpnet_ros.sim.looks.decals import Decal
from gpnet_ros.sim.looks.materials import material, shifted
from gpnet_ros.sim.looks.patterns import Color
from gpnet_ros.sim.looks.texture import Texture

#: Colours of plastic bins: the greys and blues of logistics, now and then a signal colour.
_BIN_COLORS: tuple[Color, ...] = (
    (0.13, 0.26, 0.47), (0.10, 0.20, 0.38), (0.47, 0.49, 0.51), (0.62, 0.64, 0.65), (0.30, 0.31, 0.33),
    (0.12, 0.12, 0.13), (0.62, 0.14, 0.13), (0.16, 0.36, 0.26), (0.80, 0.78, 0.72), (0.85, 0.62, 0.14),
)  # fmt: skip


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
_OAK = Texture(
    "wood", 7, (0.80, 0.66, 0.48), (0.58, 0.41, 0.25), tile=1.3, gloss=0.18, origin=(0.65, 0.0, 0.0), detail="fibre"
)
_CONCRETE = Texture("mottled", 3, (0.42, 0.42, 0.41), (0.5, 0.5, 0.49), tile=2.0, gloss=0.05)


@dataclass(frozen=True)
class Style:
    """Lights, table and camera look of one photograph.

    Attributes:
        lights: one to three.
        ambient: radiance of the surroundings, in the unit of the lights' irradiance.
        sky, ground: linear colour of what is above and below.
        table: texture of every mesh that brings none.
        decals: what lies flat on it.
        floor: texture of the floor beside the table, where no mesh is.
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
    decals: tuple[Decal, ...] = ()
    floor: Texture = _CONCRETE
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
        table=grounds.random_table(int(rng.integers(1 << 31))),
        decals=grounds.random_decals(seed),
        floor=grounds.random_floor(seed),
        exposure=float(np.clip(rng.normal(0.0, 0.3), -0.8, 0.35)),
        white_balance=(float(1 + warmth), 1.0, float(1 - warmth + rng.normal(0, 0.02))),
        gamma=float(rng.uniform(0.85, 1.2)),
        vignette=float(rng.uniform(0.0, 0.35)),
        blur=float(rng.uniform(0.3, 0.9)),
        shot_noise=float(rng.uniform(0.004, 0.03)),
        read_noise=float(rng.uniform(0.001, 0.007)),
        seed=seed,
    )


def random_bin(seed: int) -> Texture:
    """Inside and outside of a bin: mostly plastic, else cardboard, wood or sheet metal."""
    rng = np.random.default_rng([seed, 3])
    draw = rng.random()
    if draw < 0.6:
        color = shifted(_BIN_COLORS[rng.integers(len(_BIN_COLORS))], rng.normal(0, 0.02, 3))
        light = shifted(color, 0.3)
        return Texture("scuffed", seed, color, light, 0.35, float(rng.uniform(0.15, 0.5)), detail="grain")
    if draw < 0.8:
        board = shifted((0.68, 0.54, 0.38), rng.normal(0, 0.03, 3))
        return Texture("cardboard", seed, board, shifted(board, -0.25), 0.3, 0.03, detail="grain")
    if draw < 0.92:
        color, accent = grounds.WOODS[rng.integers(len(grounds.WOODS))]
        return Texture("wood", seed, color, accent, 0.9, float(rng.uniform(0.03, 0.2)), detail="fibre")
    color = shifted((0.62, 0.63, 0.65), rng.normal(0, 0.04))
    return Texture("brushed", seed, color, color, 0.5, float(rng.uniform(0.3, 0.5)), 0.75)


def random_object(seed: int, family: str | None = None) -> Texture:
    """Surface of a household or workshop thing, mostly one that suits its family."""
    return material(np.random.default_rng([seed, 2]), seed, family)


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
