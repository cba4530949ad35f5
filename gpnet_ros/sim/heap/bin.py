"""An open bin with flat walls, in which a heap may lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.arrays import Doubles
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import Transform, transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.camera.meshes import bin_mesh
from gpnet_ros.sim.camera.raycast import Mesh
from gpnet_ros.sim.looks.texture import Texture

#: Clear length, width and height of random bins [m]: small load carriers of EN 13199 (a quarter of a 600 x 400 tray
#: and up) and shoe boxes.
INNER_RANGE = ((0.28, 0.42), (0.22, 0.34), (0.08, 0.16))
_WALL_RANGE = (0.003, 0.008)  # [m]


@dataclass(frozen=True)
class Bin:
    """A bin that stands on the table.

    Attributes:
        inner: clear length, width and height [m].
        wall: thickness of walls and floor [m].
        centre: of the bin in base, on the table [m].
        yaw: of its length from base x towards base y [rad].
    """

    inner: tuple[float, float, float]
    wall: float = 0.004
    centre: tuple[float, float] = c.HEAP_CENTRE
    yaw: float = 0.0

    def __post_init__(self) -> None:
        numbers = np.array([*self.inner, self.wall, *self.centre, self.yaw])
        if not np.isfinite(numbers).all() or min(*self.inner, self.wall) <= 0:
            raise BadInput(f"Bin {self} cannot stand: inner sizes and wall must be positive and all numbers finite.")

    @property
    def floor(self) -> float:
        """Height in base on which things stand [m]."""
        return self.wall

    @cached_property
    def T_base_bin(self) -> Transform:
        """Pose (4, 4) of the frame on the table under the middle of the bin, x along its length, z up."""
        T = transform(Rotation.from_euler("z", self.yaw).as_matrix(), [*self.centre, 0.0])
        T.setflags(write=False)  # asked for in every look at a heap that settles
        return T

    def boxes(self) -> tuple[tuple[Doubles, Doubles], ...]:
        """Full size and centre (3,) in the bin's frame [m] of floor and walls."""
        (x, y, h), w = self.inner, self.wall
        found = [(np.array([x + 2 * w, y + 2 * w, w]), np.array([0.0, 0.0, w / 2]))]
        for s in (-1, 1):
            found.append((np.array([w, y + 2 * w, h]), np.array([s * (x + w) / 2, 0.0, w + h / 2])))
            found.append((np.array([x + 2 * w, w, h]), np.array([0.0, s * (y + w) / 2, w + h / 2])))
        return tuple(found)

    def mesh(self, texture: Texture | None = None) -> Mesh:
        """Closed surface in the bin's frame, id 0."""
        return bin_mesh(self.inner, self.wall, texture)

    def obstacle(self) -> tuple[Doubles, NDArray[np.integer]]:
        """Vertices (n, 3) in base [m] and faces (m, 3): what fingers must not come down on."""
        mesh, T = self.mesh(), self.T_base_bin
        return mesh.vertices @ T[:3, :3].T + T[:3, 3], mesh.faces

    def holds(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) whether each of the points (n, 3) in base [m] is between the walls, at any height above the floor."""
        local = (points - self.T_base_bin[:3, 3]) @ self.T_base_bin[:3, :3]
        x, y = np.abs(local[:, :2]).T
        return (x < self.inner[0] / 2) & (y < self.inner[1] / 2) & (local[:, 2] > 0.0)

    def to_dict(self) -> dict[str, Any]:
        """The attributes as plain numbers."""
        return {**asdict(self), "inner": list(self.inner), "centre": list(self.centre)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Bin:
        """The bin that `to_dict` wrote.

        Raises:
            BadInput: a field is missing or no number.
        """
        try:
            x, y, h = (float(v) for v in stored["inner"])
            u, v = (float(v) for v in stored["centre"])
            return cls((x, y, h), float(stored["wall"]), (u, v), float(stored["yaw"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"The stored bin cannot be read ({error!r}): it needs inner (3), wall, centre (2) and yaw."
            ) from error


def random_bin_size(rng: np.random.Generator) -> Bin:
    """Bin of random size, turned at random, about the centre of the workspace."""
    low, high = np.transpose(INNER_RANGE)
    x, y, h = (float(v) for v in rng.uniform(low, high))
    u, v = (float(v) for v in np.asarray(c.HEAP_CENTRE) + rng.uniform(-0.02, 0.02, 2))
    return Bin((x, y, h), float(rng.uniform(*_WALL_RANGE)), (u, v), float(rng.uniform(-np.pi, np.pi)))
