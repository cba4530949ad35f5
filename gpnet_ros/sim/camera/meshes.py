"""Closed meshes of the simple shapes that table, tote, arm and gripper are drawn with."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.sim.camera.raycast import Mesh
from gpnet_ros.sim.looks.texture import Texture

_BOX_FACES = np.array(
    [
        [0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4],
        [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7],
    ]
)  # fmt: skip


def box_mesh(size: ArrayLike, id: int = 0, texture: Texture | None = None, centre: ArrayLike = (0, 0, 0)) -> Mesh:
    """Box of the full `size` (3,) [m] about `centre`, along the axes of its frame."""
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    unit = np.concatenate([np.column_stack([signs, np.full(4, s)]) for s in (-1, 1)])
    return Mesh(unit * np.asarray(size) / 2.0 + np.asarray(centre), _BOX_FACES, id, texture)


def cylinder_mesh(radius: float, length: float, id: int = 0, texture: Texture | None = None, sides: int = 40) -> Mesh:
    """Cylinder about z, from -length/2 to length/2 [m]."""
    profile = np.array([[0.0, -length / 2], [radius, -length / 2], [radius, length / 2], [0.0, length / 2]])
    return revolve_mesh(profile, id, texture, sides)


def capsule_mesh(start: ArrayLike, end: ArrayLike, radius: float, sides: int = 28) -> Mesh:
    """Capsule around the segment from `start` to `end` (3,) [m], as collision checks know it."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    length = float(np.linalg.norm(b - a))
    turn = np.linspace(0.0, np.pi / 2, 9)
    cap = np.column_stack([radius * np.cos(turn), radius * np.sin(turn)])
    lower = np.column_stack([cap[::-1, 0], -cap[::-1, 1]])
    upper = np.column_stack([cap[:, 0], length + cap[:, 1]])
    upright = revolve_mesh(np.concatenate([lower, upper]), sides=sides)
    z = (b - a) / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])
    x = np.cross(z, [0.0, 0.0, 1.0] if abs(z[2]) < 0.9 else [1.0, 0.0, 0.0])
    x /= np.linalg.norm(x)
    return Mesh(upright.vertices @ np.column_stack([x, np.cross(z, x), z]).T + a, upright.faces)


def revolve_mesh(profile: ArrayLike, id: int = 0, texture: Texture | None = None, sides: int = 40) -> Mesh:
    """Solid of revolution about z.

    Args:
        profile: (k, 2) radius and height [m] from the lower pole upwards; both ends on the axis.
        id, texture: see `Mesh`.
        sides: facets around the axis.
    """
    p = np.asarray(profile, dtype=np.float64)
    angle = np.arange(sides) * 2 * np.pi / sides
    rings = np.stack(
        [p[:, None, 0] * np.cos(angle), p[:, None, 0] * np.sin(angle), np.tile(p[:, None, 1], sides)], axis=-1
    )
    ring, side = np.meshgrid(np.arange(len(p) - 1), np.arange(sides), indexing="ij")
    a, b = (ring * sides + side).ravel(), (ring * sides + (side + 1) % sides).ravel()
    faces = np.concatenate([np.stack([a, b, b + sides], -1), np.stack([a, b + sides, a + sides], -1)])
    vertices = rings.reshape(-1, 3)
    return Mesh(vertices, _without_slivers(vertices, faces), id, texture)


def table_mesh(size: ArrayLike = (1.8, 2.4), centre: ArrayLike = (0.3, -0.1)) -> Mesh:
    """Table of a size [m], 4 cm thick, whose top is z = 0 of its frame; it looks as the style's table."""
    w, d = np.asarray(size, dtype=np.float64)
    x, y = np.asarray(centre, dtype=np.float64)
    return box_mesh((w, d, 0.04), centre=(x, y, -0.02))


def bin_mesh(inner: ArrayLike = (0.4, 0.3, 0.15), wall: float = 0.004, texture: Texture | None = None) -> Mesh:
    """Open box standing on z = 0 of its frame, centred on its origin.

    Args:
        inner: clear length (x), width (y) and height [m].
        wall: thickness of walls and floor [m].
        texture: looks, see `style.random_bin`; None takes the style's table.
    """
    x, y, h = np.asarray(inner, dtype=np.float64)
    parts = [box_mesh((x + 2 * wall, y + 2 * wall, wall), centre=(0, 0, wall / 2))]
    for s in (-1, 1):
        parts.append(box_mesh((wall, y + 2 * wall, h), centre=(s * (x + wall) / 2, 0, wall + h / 2)))
        # Between the other two, so that no two faces lie in one place.
        parts.append(box_mesh((x, wall, h), centre=(0, s * (y + wall) / 2, wall + h / 2)))
    return join_meshes(parts, 0, texture)


def join_meshes(parts: list[Mesh], id: int = 0, texture: Texture | None = None) -> Mesh:
    """One mesh of several that share a frame and move together."""
    offsets = np.cumsum([0] + [len(p.vertices) for p in parts[:-1]])
    faces = np.concatenate([np.asarray(p.faces) + k for p, k in zip(parts, offsets, strict=True)])
    return Mesh(np.concatenate([p.vertices for p in parts]), faces, id, texture)


def _without_slivers(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Faces without those that have no area, such as half of the quads at a pole."""
    t = vertices[faces]
    area = np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1)
    return faces[area > 1e-14]
