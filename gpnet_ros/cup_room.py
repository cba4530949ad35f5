"""Room for the suction tool in the height map: columns of lip, rod and mount, as `clearance` has those of the jaw."""

from __future__ import annotations

import numpy as np

from gpnet_ros.arrays import Doubles
from gpnet_ros.clearance import OUTLIERS
from gpnet_ros.height_map import HeightMap
from gpnet_ros.pose import Transform
from gpnet_ros.settings import CupShape


def needed_lift(
    heights: HeightMap, T_base_tcp: Transform, cup: CupShape, around: float = 0.0, into: float = 0.0
) -> float:
    """Height [m] by which the lip must rise for rod and mount to be free; 0 when they are, inf when unknown.

    The lip may be pressed as far as the bellows give; what carries it may touch nothing.

    Args:
        heights: measured surface.
        T_base_tcp: the middle of the lip, with a vertical approach.
        cup: geometry.
        around: added to both radii [m].
        into: how much higher the surface under the rod may be measured [m], where contact ends the descent.
    """
    z, xy = float(T_base_tcp[2, 3]), T_base_tcp[:2, 3]
    tops = (
        _top(heights, xy, max(cup.lip_radius, cup.rod_radius) + around) - cup.bellows - into,
        _top(heights, xy, cup.mount_radius + around) - cup.rod_length,
    )
    return max(max(tops) - z, 0.0)


def _top(heights: HeightMap, xy: Doubles, radius: float) -> float:
    """Robust top [m] of the map under a disc; inf where a cell is unknown."""
    found = heights.at(disc(xy, radius, heights.side))
    if not np.isfinite(found).all() or len(found) <= OUTLIERS:
        return float("inf")
    return float(np.partition(found, -OUTLIERS - 1)[-OUTLIERS - 1])


def disc(xy: Doubles, radius: float, side: float) -> Doubles:
    """Points (n, 2) in base [m] of a disc, rim included, at most `side` apart [m]."""
    steps = np.linspace(-radius, radius, 2 * int(np.ceil(radius / side)) + 1)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    return np.asarray(grid[np.hypot(grid[:, 0], grid[:, 1]) <= radius * (1 + 1e-9)] + xy, dtype=np.float64)
