"""Soft shadows and ambient occlusion: what share of the lights and of the surroundings reaches a surface.

Most of a picture is table, and most rays from it meet nothing. A ray that leaves a flat surface upwards can only meet
what rises above that surface; so rays that pass beside the box around all of that are not cast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.sim.camera.raycast import CHUNK, RAY_OFFSET, Hits, PlacedScene
from gpnet_ros.sim.camera.vectors import dot
from gpnet_ros.sim.looks.style import Light, Style

#: Surroundings nearer than this darken a corner [m].
AO_REACH = 0.20

#: Turn between neighbours of a spiral that covers a sphere evenly (Vogel 1979) [rad].
_GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))

_UPRIGHT = 0.9995  # a normal whose z is at least this sends no ray of the surroundings down
_ROUNDING = 1e-3  # by which boxes are grown, against the rounding of float32 [m]


def visibility(placed: PlacedScene, hits: Hits, style: Style, rays: int, rng: np.random.Generator) -> Floats:
    """Share of every light, and at last of the surroundings, that reaches flat hits: (n, lights + 1)."""
    parts = [
        _visibility(placed, hits.part(slice(k, k + CHUNK)), style, rays, rng)
        for k in range(0, max(len(hits.mesh), 1), CHUNK)
    ]
    return np.concatenate(parts)


def _visibility(placed: PlacedScene, hits: Hits, style: Style, rays: int, rng: np.random.Generator) -> Floats:
    """As `visibility`, all at once."""
    seen = np.ones((len(hits.mesh), len(style.lights) + 1), dtype=np.float32)
    solid = np.flatnonzero(hits.mesh >= 0)
    if len(solid) == 0:
        return seen
    normals = np.ascontiguousarray(hits.normals[solid].T)
    origins = hits.points[solid].T + np.float32(RAY_OFFSET) * normals
    risen = Risen.above(placed, int(np.bincount(hits.mesh[solid]).argmax()))  # mostly the table
    for k, light in enumerate(style.lights):
        centre = np.array(light.position, dtype=np.float32)[:, None]
        lit = np.flatnonzero(dot(normals, centre - origins) > 0)
        near = np.flatnonzero(~risen.misses_light(origins[:, lit], light))
        free = np.full(len(lit), rays, dtype=np.float32)
        free[near] = 0.0
        start = origins[:, lit[near]]
        for jitter in _on_sphere(rng, len(lit), rays, near):
            free[near] += ~placed.blocked(start.T, (centre - start + jitter * np.float32(light.radius)).T, 1.0)
        seen[solid[lit], k] = free / rays
    seen[solid, -1] = _open_sky(placed, origins, normals, risen, rays, rng)
    return seen


def _open_sky(
    placed: PlacedScene, origins: Floats, normals: Floats, risen: Risen, rays: int, rng: np.random.Generator
) -> Floats:
    """Share (n,) of the surroundings of points that is open, by `rays` rays from each of `origins` (3, n) [m]."""
    free = np.full(origins.shape[1], rays, dtype=np.float32)
    near = np.flatnonzero(~risen.out_of_reach(origins, normals, AO_REACH))
    start, up = origins[:, near], normals[:, near]
    for tip in _on_sphere(rng, origins.shape[1], rays, near):
        # A point on the unit sphere around the tip of the normal is distributed by the cosine.
        direction = up + np.float32(0.999) * tip
        direction /= np.sqrt(dot(direction, direction))
        cast = np.flatnonzero(~risen.misses(start, direction, AO_REACH))
        free[near[cast]] -= placed.blocked(start[:, cast].T, direction[:, cast].T, AO_REACH)
    return np.asarray(free / rays, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Risen:
    """What rises above a level surface: it alone can be met by rays that begin above that surface and go up.

    Attributes:
        level: height between the surface and where rays from it begin, in base [m].
        low, high: (3,) corners of the box around all that is higher than the surface, in base [m].
    """

    level: float
    low: Floats
    high: Floats

    @classmethod
    def above(cls, placed: PlacedScene, mesh: int) -> Risen:
        """What rises above the top of a mesh."""
        top = placed.boxes[:, 1, 2]
        higher = placed.boxes[top > top[mesh]]
        low = higher[:, 0].min(axis=0, initial=np.inf) - _ROUNDING
        high = higher[:, 1].max(axis=0, initial=-np.inf) + _ROUNDING
        return cls(float(top[mesh]) + RAY_OFFSET / 2, low.astype(np.float32), high.astype(np.float32))

    def misses(self, origins: Floats, directions: Floats, reach: float) -> NDArray[np.bool_]:
        """Rays (n,) that begin above the surface, go up, and pass beside the box within `reach` directions (3, n)."""
        up = (origins[2] > np.float32(self.level)) & (directions[2] > 0)
        last = np.clip((self.high[2] - origins[2]) / np.maximum(directions[2], np.float32(1e-9)), 0.0, reach)
        ends = [origins[k] + last * directions[k] for k in (0, 1)]
        return up & self._beside(origins, ends, ends)

    def misses_light(self, origins: Floats, light: Light) -> NDArray[np.bool_]:
        """Points (n,), from `origins` (3, n) [m], from which every ray to a light goes up and passes beside the box."""
        r = np.float32(light.radius)
        x, y, z = (np.float32(v) for v in light.position)
        up = (origins[2] > np.float32(self.level)) & (z - r > origins[2])
        last = np.clip((self.high[2] - origins[2]) / np.maximum(z - r - origins[2], np.float32(1e-9)), 0.0, 1.0)
        first, second = ([origins[k] + last * (c + s * r - origins[k]) for k, c in ((0, x), (1, y))] for s in (-1, 1))
        return up & self._beside(origins, first, second)

    def out_of_reach(self, origins: Floats, normals: Floats, reach: float) -> NDArray[np.bool_]:
        """Points (n,) from whose level surface (`origins`, `normals` (3, n)) the box is farther than `reach` [m]."""
        beside = [np.maximum(self.low[k] - origins[k], origins[k] - self.high[k]) for k in (0, 1)]
        x, y = (np.maximum(b, np.float32(0.0)) for b in beside)
        flat = (origins[2] > np.float32(self.level)) & (normals[2] > _UPRIGHT)
        return np.asarray(flat & (x * x + y * y > reach * reach))

    def _beside(self, origins: Floats, least: Sequence[Floats], most: Sequence[Floats]) -> NDArray[np.bool_]:
        """Whether all (n,) between origins (3, n) and ends, whose x and y are within `least` and `most`, is beside."""
        missed = np.zeros(origins.shape[1], dtype=np.bool_)
        for k in (0, 1):
            missed |= (np.maximum(origins[k], most[k]) < self.low[k]) | (
                np.minimum(origins[k], least[k]) > self.high[k]
            )
        return missed


def _on_sphere(rng: np.random.Generator, n: int, rays: int, kept: NDArray[np.intp]) -> Iterator[Floats]:
    """`rays` times points (3, k) on the unit sphere for k of n rows; those of one row are spread evenly over it.

    What a row gets does not depend on which others are kept.
    """
    height = rng.random(n, dtype=np.float32)[kept]
    turn = rng.random(n, dtype=np.float32)[kept] * np.float32(2 * np.pi)
    for k in range(rays):
        z = (height + k) * np.float32(2.0 / rays) - 1.0
        r = np.sqrt(1.0 - z * z)
        angle = turn + np.float32(k * _GOLDEN_ANGLE)
        yield np.stack([r * np.cos(angle), r * np.sin(angle), z])
