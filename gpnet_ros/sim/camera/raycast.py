"""Exact depth, ids and normals of a scene of triangle meshes, by Embree ray casting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform
from gpnet_ros.sim.camera.vectors import dot
from gpnet_ros.sim.looks.texture import Texture

#: Faces that meet at less than this angle are shaded as one smooth surface.
CREASE_ANGLE = np.deg2rad(38.0)

#: Rays and points that are worked on at once: arrays of this length stay in the processor's cache.
CHUNK = 1 << 15

#: Secondary rays start this far off the surface [m]: Embree computes in float32.
RAY_OFFSET = 2e-4


@dataclass(frozen=True, eq=False)
class Mesh:
    """A rigid triangle mesh and its looks.

    Attributes:
        vertices: (n, 3) [m] in the frame of the mesh.
        faces: (m, 3) vertex indices, counter-clockwise seen from outside.
        id: 0 for everything that is not to be picked (table, tote, robot), 1..n for objects.
        texture: None takes the table texture of the style it is rendered with.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.integer]
    id: int = 0
    texture: Texture | None = None

    def __post_init__(self) -> None:
        v, f = np.asarray(self.vertices), np.asarray(self.faces)
        if v.ndim != 2 or v.shape[1] != 3 or f.ndim != 2 or f.shape[1] != 3 or len(f) == 0:
            raise BadInput(f"Mesh of vertices {v.shape} and faces {f.shape} is not usable: (n, 3) and (m, 3).")
        if not np.isfinite(v).all() or f.min() < 0 or f.max() >= len(v):
            raise BadInput("Mesh has vertices that are not finite or faces that point past its vertices.")


@dataclass(frozen=True, eq=False)
class Hits:
    """Surfaces that one ray per pixel met; all arrays are (H, W, ...).

    Attributes:
        z: float32 depth along the optical axis [m], NaN where nothing was hit.
        mesh: int32 index of the mesh, -1 on a miss.
        id: int32 id of the mesh, 0 on a miss.
        normals: (H, W, 3) float32 unit shading normals in base, facing the camera.
        points: (H, W, 3) float32 in base [m]; on a miss, 1 m in front of the camera's plane.
        local: (H, W, 3) float32 in the frame of the mesh that was hit [m]; undefined on a miss.
        side: int8 side of the mesh's box that the face looks to: 0 +x, 1 -x, 2 +y, 3 -y, 4 +z, 5 -z.
    """

    z: NDArray[np.float32]
    mesh: NDArray[np.int32]
    id: NDArray[np.int32]
    normals: NDArray[np.float32]
    points: NDArray[np.float32]
    local: NDArray[np.float32]
    side: NDArray[np.int8]

    def part(self, rows: Any) -> Hits:
        """The hits at an index of all arrays' first axes."""
        return Hits(*(getattr(self, f.name)[rows] for f in fields(Hits)))

    def flat(self) -> Hits:
        """Hits as flat arrays, (H * W, ...)."""
        arrays = (getattr(self, f.name) for f in fields(Hits))
        return Hits(*(np.ascontiguousarray(a.reshape(-1, *a.shape[self.mesh.ndim :])) for a in arrays))


class RayScene:
    """Meshes that can be put anywhere and looked at from anywhere."""

    def __init__(self, meshes: Sequence[Mesh]) -> None:
        if not meshes:
            raise BadInput("A scene needs at least one mesh; none was given.")
        self.meshes = tuple(meshes)
        self.ids = np.array([m.id for m in meshes], dtype=np.int32)
        counts = [len(m.faces) for m in meshes]
        self._face_mesh = np.repeat(np.arange(len(meshes), dtype=np.int32), counts)
        self._face_id = np.repeat(self.ids, counts)
        #: (n, 2, 3) lowest and highest corner of each mesh in its frame [m].
        self.bounds = np.array([[m.vertices.min(axis=0), m.vertices.max(axis=0)] for m in meshes], dtype=np.float32)
        self._triangles = [np.asarray(m.vertices, dtype=np.float64)[m.faces] for m in meshes]
        corners = np.concatenate([corner_normals(m) for m in meshes]).astype(np.float32)
        self._corner_normals = np.ascontiguousarray(corners.transpose(1, 2, 0))  # (3 corners, 3, faces)
        normals = np.concatenate([_face_normals(t) for t in self._triangles])
        axis = np.abs(normals).argmax(axis=1)
        self._face_side = (2 * axis + (normals[np.arange(len(axis)), axis] < 0)).astype(np.int8)

    def place(self, T_base_mesh: Sequence[Transform]) -> PlacedScene:
        """The scene with every mesh at its pose.

        Args:
            T_base_mesh: one transform per mesh, in the order of the meshes.

        Raises:
            BadInput: another number of poses than meshes, or a pose that is not finite.
        """
        poses = np.asarray(T_base_mesh, dtype=np.float64)
        if poses.shape != (len(self.meshes), 4, 4) or not np.isfinite(poses).all():
            raise BadInput(
                f"Poses of shape {poses.shape} do not fit {len(self.meshes)} meshes: one finite 4x4 "
                "transform per mesh is needed, in the order of the meshes."
            )
        return PlacedScene(self, poses)

    def cast(self, T_base_mesh: Sequence[Transform], intrinsics: Intrinsics, T_base_camera: Transform) -> Hits:
        """One ray per pixel centre; see `Hits`."""
        return self.place(T_base_mesh).cast(intrinsics, T_base_camera)


class PlacedScene:
    """A scene whose meshes stand still, with its ray-casting structure built."""

    def __init__(self, scene: RayScene, T_base_mesh: NDArray[np.float64]) -> None:
        self.scene = scene
        self._poses = T_base_mesh
        # Frames that are the base frame, such as the table's, need no turning of what their pixels show.
        self._moved = np.flatnonzero((T_base_mesh != np.eye(4)).any(axis=(1, 2)))
        placed = [t @ T[:3, :3].T + T[:3, 3] for t, T in zip(scene._triangles, T_base_mesh, strict=True)]
        #: (n, 2, 3) lowest and highest corner of each mesh in base [m].
        self.boxes = np.array([[t.min(axis=(0, 1)), t.max(axis=(0, 1))] for t in placed])
        self._embree = EmbreeScene()
        TriangleMesh(self._embree, np.ascontiguousarray(np.concatenate(placed), dtype=np.float32))

    def cast(self, intrinsics: Intrinsics, T_base_camera: Transform) -> Hits:
        """One ray per pixel centre; see `Hits`."""
        hits = self.trace(pixel_rays(intrinsics), T_base_camera)
        shape = (intrinsics.height, intrinsics.width)
        flat = [getattr(hits, field.name) for field in fields(Hits)]
        return Hits(*(array.reshape(shape + array.shape[1:]) for array in flat))

    def depth(self, intrinsics: Intrinsics, T_base_camera: Transform) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Depth (H, W) [m], NaN on a miss, and ids (H, W): the fast way when no picture is needed."""
        rays = pixel_rays(intrinsics)
        z, prim, _, _ = self._first_hits(rays, T_base_camera)
        ids = np.where(prim >= 0, self.scene._face_id[prim], 0).astype(np.int32)
        shape = (intrinsics.height, intrinsics.width)
        return z.reshape(shape), ids.reshape(shape)

    def trace(self, rays: NDArray[np.float32], T_base_camera: Transform) -> Hits:
        """Hits of rays (n, 3) through the camera centre, in the camera frame with z = 1.

        Returns:
            Hits whose arrays are flat, (n, ...).
        """
        n = len(rays)
        hits = Hits(
            z=np.empty(n, dtype=np.float32),
            mesh=np.empty(n, dtype=np.int32),
            id=np.empty(n, dtype=np.int32),
            normals=np.empty((n, 3), dtype=np.float32),
            points=np.empty((n, 3), dtype=np.float32),
            local=np.empty((n, 3), dtype=np.float32),
            side=np.empty(n, dtype=np.int8),
        )
        for k in range(0, n, CHUNK):
            self._trace(rays[k : k + CHUNK], T_base_camera, hits.part(slice(k, k + CHUNK)))
        return hits

    def _trace(self, rays: NDArray[np.float32], T_base_camera: Transform, hits: Hits) -> None:
        """As `trace`, all at once, into `hits`."""
        scene = self.scene
        hits.z[:], prim, (u, v), directions = self._first_hits(rays, T_base_camera)
        hits.mesh[:] = np.where(prim >= 0, scene._face_mesh[prim], -1)
        hits.id[:] = np.where(prim >= 0, scene._face_id[prim], 0)
        hits.side[:] = scene._face_side[prim]
        towards = np.ascontiguousarray(directions.T)
        points = T_base_camera[:3, 3, None].astype(np.float32) + towards * np.where(prim >= 0, hits.z, np.float32(1.0))
        first, second, third = np.take(scene._corner_normals, prim, axis=2)
        normals = first * (1 - u - v)
        normals += second * u
        normals += third * v
        local = points.copy()
        for k in self._moved:
            rows = np.flatnonzero(hits.mesh == k)
            R, t = self._poses[k, :3, :3].astype(np.float32), self._poses[k, :3, 3].astype(np.float32)
            normals[:, rows] = R @ normals[:, rows]
            local[:, rows] = R.T @ (points[:, rows] - t[:, None])
        turn = np.where(dot(normals, towards) > 0, np.float32(-1.0), np.float32(1.0))
        normals *= turn / np.maximum(np.sqrt(dot(normals, normals)), np.float32(1e-9))
        hits.points[:], hits.normals[:], hits.local[:] = points.T, normals.T, local.T

    def blocked(
        self, origins: NDArray[np.float32], directions: NDArray[np.float32], reach: NDArray[np.float32] | float
    ) -> NDArray[np.bool_]:
        """Whether something lies on the rays (n, 3) within `reach` lengths of their directions."""
        dists = reach if isinstance(reach, float) else np.array(reach, dtype=np.float32)  # embree writes into these
        answer = self._embree.run(
            np.ascontiguousarray(origins, dtype=np.float32),
            np.ascontiguousarray(directions, dtype=np.float32),
            dists=dists,
            query="OCCLUDED",
        )
        return answer >= 0

    def _first_hits(self, rays: NDArray[np.float32], T_base_camera: Transform) -> tuple:
        """Depth, face (-1 on a miss), barycentric (u, v) and directions in base of camera rays."""
        directions = np.ascontiguousarray(rays @ T_base_camera[:3, :3].T.astype(np.float32))
        origins = np.empty_like(directions)
        origins[:] = T_base_camera[:3, 3]
        hit = self._embree.run(origins, directions, output=1)
        prim = np.where(hit["geomID"] >= 0, hit["primID"], -1)
        # The rays have z = 1 in the camera frame, so the distance along them is the depth.
        z = np.where(prim >= 0, hit["tfar"], np.float32(np.nan)).astype(np.float32)
        return z, prim, (hit["u"], hit["v"]), directions


def pixel_rays(intrinsics: Intrinsics) -> NDArray[np.float32]:
    """Rays (H * W, 3) through the pixel centres in the camera frame, with z = 1."""
    rays = np.ones((intrinsics.height, intrinsics.width, 3), dtype=np.float32)
    rays[..., 0] = (np.arange(intrinsics.width) - intrinsics.cx) / intrinsics.fx
    rays[..., 1] = ((np.arange(intrinsics.height) - intrinsics.cy) / intrinsics.fy)[:, None]
    return rays.reshape(-1, 3)


def corner_normals(mesh: Mesh) -> NDArray[np.float64]:
    """Shading normals (m, 3, 3) of the corners of every face, in the frame of the mesh.

    A corner takes the area-weighted mean of the faces around its vertex that meet its own face
    at less than `CREASE_ANGLE`: round things look round, edges stay sharp.
    """
    triangles = np.asarray(mesh.vertices, dtype=np.float64)[mesh.faces]
    area_normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    units = _face_normals(triangles)
    # Corners at the same place belong together even where vertices are doubled.
    keys = np.round(triangles.reshape(-1, 3) * 1e6).astype(np.int64)
    _, vertex = np.unique(keys, axis=0, return_inverse=True)
    vertex = vertex.ravel()
    order = np.argsort(vertex, kind="stable")
    degree = np.bincount(vertex)
    start = np.concatenate([[0], np.cumsum(degree)[:-1]])
    per_corner = degree[vertex]
    mine = np.repeat(np.arange(len(vertex)), per_corner)
    step = np.arange(len(mine)) - np.repeat(np.cumsum(per_corner) - per_corner, per_corner)
    other = order[start[vertex[mine]] + step] // 3
    smooth = np.einsum("nj,nj->n", units[mine // 3], units[other]) > np.cos(CREASE_ANGLE)
    mine, other = mine[smooth], other[smooth]
    total = np.stack([np.bincount(mine, area_normals[other, k], len(vertex)) for k in range(3)], axis=1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    flat = np.repeat(units, 3, axis=0)
    return np.where(length > 1e-15, total / np.maximum(length, 1e-15), flat).reshape(-1, 3, 3)


def _face_normals(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit normals (m, 3) of triangles (m, 3, 3); z for degenerate ones."""
    n = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    length = np.linalg.norm(n, axis=1, keepdims=True)
    return np.where(length > 1e-18, n / np.maximum(length, 1e-18), [0.0, 0.0, 1.0])
