"""Convex parts, the bodies made of them, and what they weigh.

An object is a list of exact convex parts. Physics collides with the parts, the eye and the labels
see their union, so the two agree exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import manifold3d
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull

from gpnet_ros.arrays import Doubles

#: Turns what stands along z so that it lies along x, or along y.
ALONG_X = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
ALONG_Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


#: Growth of parts before they are united, relative; half a nanometre for a wall.
_OVERLAP = 1e-7
#: The union loses edges shorter than this [m], and pieces below this share of the volume: both are traces of rounding.
_DETAIL, _SPECK = 1e-5, 1e-4


@dataclass(frozen=True, eq=False)
class Part:
    """A convex polyhedron.

    Attributes:
        vertices: (n, 3) [m].
        faces: (m, 3) int32, counter-clockwise seen from outside.
    """

    vertices: Doubles
    faces: NDArray[np.int32]

    def __post_init__(self) -> None:
        self.vertices.setflags(write=False)
        self.faces.setflags(write=False)

    def placed(self, rotation: ArrayLike | None = None, offset: ArrayLike = (0.0, 0.0, 0.0)) -> Part:
        """The same part rotated by a 3x3 matrix, then moved by `offset` [m]."""
        turned = self.vertices if rotation is None else self.vertices @ np.asarray(rotation).T
        return Part(turned + np.asarray(offset, dtype=np.float64), self.faces)


def hull(points: ArrayLike) -> Part:
    """Convex hull of points (n, 3) [m]."""
    p = np.asarray(points, dtype=np.float64)
    found = ConvexHull(p)
    # qhull gives each facet's outward normal but not the order of its corners.
    a, b, c = (p[found.simplices[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", _cross(b - a, c - a), found.equations[:, :3]) < 0
    faces = found.simplices.copy()
    faces[inward] = faces[inward][:, ::-1]
    index = np.full(len(p), -1)
    index[found.vertices] = np.arange(len(found.vertices))
    return Part(p[found.vertices], index[faces].astype(np.int32))


def _cross(a: Doubles, b: Doubles) -> Doubles:
    """Vector products (n, 3), as `np.cross` gives them: that looks at its arguments for longer than it multiplies."""
    (x, y, z), (u, v, w) = a.T, b.T
    return np.column_stack([y * w - z * v, z * u - x * w, x * v - y * u])


def box(size: ArrayLike, offset: ArrayLike = (0.0, 0.0, 0.0)) -> Part:
    """Box of full edge lengths `size` [m], centred at `offset`."""
    corners = np.stack(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5]), axis=-1).reshape(-1, 3)
    return hull(corners * np.asarray(size) + np.asarray(offset))


def polygon(corners: int, radius: float, phase: float = 0.0) -> Doubles:
    """Corners (n, 2) of a regular polygon with circumradius `radius` [m]."""
    t = phase + 2 * np.pi * np.arange(corners) / corners
    return radius * np.column_stack([np.cos(t), np.sin(t)])


def prism(outline: ArrayLike, z_low: float, z_high: float) -> Part:
    """Convex outline (n, 2) [m] extruded along z."""
    xy = np.asarray(outline, dtype=np.float64)
    layers = [np.column_stack([xy, np.full(len(xy), z)]) for z in (z_low, z_high)]
    return hull(np.vstack(layers))


def frustum(r_low: float, r_high: float, z_low: float, z_high: float, corners: int = 24) -> Part:
    """Cylinder or cone stump along z [m]."""
    low = np.column_stack([polygon(corners, r_low), np.full(corners, z_low)])
    high = np.column_stack([polygon(corners, r_high), np.full(corners, z_high)])
    return hull(np.vstack([low, high]))


def ring_sector(inner: Sequence[float], outer: Sequence[float], z: Sequence[float], start: float, stop: float) -> Part:
    """One convex piece of a hollow wall between two angles.

    Args:
        inner, outer: radius of the two wall faces at each height [m].
        z: heights [m], as many as radii.
        start, stop: angles about z [rad], less than pi apart.
    """
    points = [
        (r * np.cos(t), r * np.sin(t), height)
        for t in (start, stop)
        for wall in (inner, outer)
        for r, height in zip(wall, z, strict=True)
    ]
    return hull(points)


def shell(inner: Sequence[float], outer: Sequence[float], z: Sequence[float], sectors: int = 12) -> list[Part]:
    """A hollow wall all around z, as that many pieces; radii and heights [m] as `ring_sector` takes them."""
    t = np.linspace(0.0, 2.0 * np.pi, sectors + 1)
    return [ring_sector(inner, outer, z, a, b) for a, b in zip(t[:-1], t[1:], strict=True)]


def lathe(radii: Sequence[float], z: Sequence[float], corners: int = 20) -> list[Part]:
    """A solid of revolution about z whose outline need not be convex: one stump between neighbouring heights [m]."""
    ends = zip(radii[:-1], radii[1:], z[:-1], z[1:], strict=True)
    return [frustum(r_low, r_high, low, high, corners) for r_low, r_high, low, high in ends]


def ellipsoid(radii: ArrayLike, offset: ArrayLike = (0.0, 0.0, 0.0), corners: int = 14, power: float = 1.0) -> Part:
    """Faceted ellipsoid of half axes `radii` (3,) [m]; a power below 1 makes it boxier (a superquadric)."""
    u, v = np.meshgrid(
        np.linspace(-np.pi, np.pi, corners + 1)[:-1], np.linspace(-np.pi / 2, np.pi / 2, corners // 2 + 1)
    )
    unit = np.stack([np.cos(v) * np.cos(u), np.cos(v) * np.sin(u), np.sin(v)], axis=-1).reshape(-1, 3)
    points = np.sign(unit) * np.abs(unit) ** power * np.asarray(radii)
    return hull(np.unique(points.round(7), axis=0) + np.asarray(offset))


def bar(start: ArrayLike, end: ArrayLike, width: float, height: float) -> Part:
    """A bar in the xy plane between two points (2,) [m], centred on z = 0."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    across = np.array([a[1] - b[1], b[0] - a[0]]) / np.linalg.norm(b - a) * width / 2
    return prism(np.array([a + across, a - across, b - across, b + across]), -height / 2, height / 2)


def sweep(rings: Sequence[Doubles]) -> list[Part]:
    """Parts between neighbouring rings (n, 3) of a bent or tapered rod."""
    return [hull(np.vstack([a, b])) for a, b in zip(rings[:-1], rings[1:], strict=True)]


def arc_rings(bend: float, start: float, stop: float, radii: Sequence[float], corners: int = 10) -> list[Doubles]:
    """Rings (n, 3) of a rod whose axis is a circle of radius `bend` [m] in the xy plane.

    Args:
        start, stop: angles of the first and last ring [rad].
        radii: radius of the rod at each ring, evenly spaced in angle [m].
    """
    rings = []
    for t, r in zip(np.linspace(start, stop, len(radii)), radii, strict=True):
        section = polygon(corners, r, phase=np.pi / corners)
        radial = bend + section[:, 0]
        rings.append(np.column_stack([radial * np.cos(t), radial * np.sin(t), section[:, 1]]))
    return rings


def union(parts: Sequence[Part]) -> tuple[Doubles, NDArray[np.int32]]:
    """Vertices (n, 3) and faces (m, 3) of the closed outer surface of overlapping or touching parts."""
    solids = [manifold3d.Manifold.hull_points(np.ascontiguousarray(_grown(p.vertices))) for p in parts]
    whole = manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add)
    pieces = whole.simplify(_DETAIL).decompose() if len(solids) > 1 else [whole]
    largest = max(piece.volume() for piece in pieces)
    real = [piece for piece in pieces if piece.volume() > _SPECK * largest]
    mesh = manifold3d.Manifold.compose(real).to_mesh64()
    return np.array(mesh.vert_properties[:, :3]), np.array(mesh.tri_verts, dtype=np.int32)


def _grown(vertices: Doubles) -> Doubles:
    """Vertices moved outwards by a hair: parts that share a face would else keep it as an inner wall."""
    centre = vertices.mean(axis=0)
    return centre + (vertices - centre) * (1.0 + _OVERLAP)


def volume_moments(vertices: Doubles, faces: NDArray[np.int32]) -> tuple[float, Doubles, Doubles]:
    """Volume [m^3], centroid (3,) [m] and second moments (3, 3) about it [m^5] of a closed mesh.

    Sum over the signed tetrahedra between the origin and each face; see Mirtich, "Fast and accurate
    computation of polyhedral mass properties", Journal of Graphics Tools 1(2), 1996.
    """
    corners = vertices[faces]
    signed = np.linalg.det(corners) / 6.0
    volume = float(signed.sum())
    total = corners.sum(axis=1)
    centroid = (signed[:, None] * total).sum(axis=0) / (4.0 * volume)
    # Integral of x x^T over a tetrahedron (0, a, b, c): V/20 (aa^T + bb^T + cc^T + ss^T), s = a+b+c.
    outer = np.einsum("f,fki,fkj->ij", signed, corners, corners)
    outer += np.einsum("f,fi,fj->ij", signed, total, total)
    return volume, centroid, outer / 20.0 - volume * np.outer(centroid, centroid)
