"""When a bellows cup seals, and what tears it off: the physics of vacuum, apart from any engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.settings import setting, validate
from gpnet_ros.sim.labels.suction import seal_quality


@dataclass(frozen=True)
class VacuumSettings:
    """What vacuum, bellows and lip of the simulated cup do; its shape is that of the cell's settings.

    Makers' tables give lifting forces of 9 to 12 N for bellows cups of 20 mm at -60 kPa, which is half to two thirds
    of pressure times area of the lip: the lip is drawn in and rolls off its edge before.
    """

    vacuum: float = setting(60e3, "Below the air's pressure; what ejectors are set to.", unit="Pa", low=1e3, high=95e3)
    force_share: float = setting(0.6, "Of pressure times area of the lip that a sealed cup bears.", low=0.05, high=1.0)
    friction: float = setting(0.5, "Of rubber on dry plastic or wood, makers' figure for design.", low=0.05, high=2.0)
    quality_min: float = setting(0.15, "Smallest `seal_quality` that keeps the vacuum.", low=0.0, high=1.0)
    evacuation: float = setting(0.1, "Lip on the surface until the vacuum switch tells.", unit="s", low=0.0, high=2.0)
    stiffness: float = setting(500.0, "Of the bellows along its axis, soft silicone.", unit="N/m", low=50.0, high=1e4)
    overload: float = setting(0.02, "How long a load beyond the limit is borne.", unit="s", low=0.0, high=1.0)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True, eq=False)
class UnderLip:
    """What rays along the approach meet under a lip, in the frame of the lip: z along the approach.

    Attributes:
        points: (k, 3), first those under the rim [m]; z is how far the lip still is away.
        bodies: (k,) which object each is on; -1 for none.
    """

    points: Doubles
    bodies: NDArray[np.int_]


def lip_pattern(radius: float) -> Doubles:
    """Places (k, 2) under a lip of a radius [m], from its middle: the rim first, then evenly over the disc."""
    rings = [(1.0, 24), (0.8, 16), (0.6, 12), (0.4, 8), (0.2, 4), (0.0, 1)]
    turns = [np.arange(count) * 2 * np.pi / count for _, count in rings]
    return np.concatenate(
        [share * radius * np.column_stack([np.cos(t), np.sin(t)]) for (share, _), t in zip(rings, turns, strict=True)]
    )


def seal_of(under: UnderLip, stroke: float, settings: VacuumSettings) -> tuple[int, float] | None:
    """The object on which a lip seals, and the quality of the seal in (0, 1]; None where air leaks in.

    All of the lip must lie on one object, the bellows must reach down to it all around, and the surface must be as
    flat and level as the labels of suction ask.

    Args:
        under: surface under the lip.
        stroke: of the bellows [m].
        settings: of the vacuum.
    """
    body = int(under.bodies[0])
    if body < 0 or (under.bodies != body).any():
        return None
    gap = under.points[:, 2]
    if gap.max() - min(gap.min(), 0.0) > stroke:
        return None
    apart = under.points - under.points.mean(axis=0)
    quality = float(seal_quality((apart.T @ apart / len(apart))[None], np.array([0.0, 0.0, -1.0]))[0])
    return (body, quality) if quality >= settings.quality_min else None


def bearing(radius: float, quality: float, settings: VacuumSettings) -> float:
    """Force [N] along its axis that a cup of a lip's radius [m] bears with a seal of a quality in [0, 1]."""
    return float(settings.vacuum * settings.force_share * np.pi * radius**2 * quality)


def load_share(force: Doubles, moment: Doubles, radius: float, quality: float, settings: VacuumSettings) -> float:
    """How much of what a sealed cup bears an object asks of it; from 1 on the lip comes off.

    A rim that presses with F all around is lifted at one side by a moment of F r / 2, so that moments count like
    forces of 2 M / r. What is left of the force presses rubber on the object: it slides off from friction times that.
    An arm that presses the lip on its object presses as the vacuum does, and takes load off.

    Args:
        force: (3,) with which the object pulls at the lip, in its frame: z along the approach, away from the tool [N].
        moment: (3,) about the middle of the lip, likewise [Nm].
        radius: of the lip [m].
        quality: of the seal, see `seal_of`: what leaks bears less.
        settings: of the vacuum.
    """
    peel = float(force[2]) + 2.0 * float(np.hypot(moment[0], moment[1])) / radius
    slide = float(np.hypot(force[0], force[1])) / settings.friction
    return max(0.0, float((peel + slide) / bearing(radius, quality, settings)))
