"""Mesh files of users (obj, stl, ply) as closed solids: read, welded, repaired, simplified, or refused in one sentence.

A file is foreign data: its size is bounded before it is read, nothing that it refers to (materials, textures) is
opened, and whatever its parser raises becomes one sentence that names the file.
"""

from __future__ import annotations

import io
from pathlib import Path

import manifold3d
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gpnet_ros.errors import BadInput

Solid = tuple[NDArray[np.float64], NDArray[np.int32]]

#: Kinds of files that are read, by their ending.
ENDINGS = (".obj", ".ply", ".stl")
#: Largest file [bytes] and most faces that are read, and most faces that are kept after simplification.
FILE_MAX, FACES_READ_MAX, FACES_MAX = 128 * 2**20, 1_000_000, 20_000

_WELD = 1e-6  # vertices closer than this share of the size are one
_PATCH_MAX = 0.25  # share of the surface that may be patched over holes
_SOLID_MIN = 1e-4  # least volume, as a share of the bounding box: below it is a sheet, not a solid
_COARSER = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)  # tolerances of simplification that are tried, as a share of the size


def read_solid(path: Path) -> Solid:
    """Closed outer surface of a mesh file: vertices (n, 3) in the unit of the file, faces (m, 3) outward.

    Raises:
        BadInput: the file cannot be read, is too large, or is no solid and cannot be made one.
    """
    vertices, faces = _weld(path, *_read(path))
    solid = _manifold(vertices, faces)
    if solid is None:
        solid = _repaired(path, vertices, faces)
    box = np.ptp(vertices, axis=0)
    if abs(solid.volume()) < _SOLID_MIN * float(np.prod(np.maximum(box, 1e-3 * box.max()))):
        raise BadInput(
            f"{path} encloses no volume, it is a sheet and no solid: give it a thickness in your CAD program."
        )
    mesh = _simplified(path, solid, float(box.max())).to_mesh64()
    corners, triangles = np.array(mesh.vert_properties[:, :3]), np.array(mesh.tri_verts, dtype=np.int32)
    return corners, triangles if solid.volume() > 0 else triangles[:, ::-1].copy()


def _read(path: Path) -> Solid:
    """What the file says, unchecked but for sizes and numbers."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise BadInput(f"{path} is no mesh file: allowed are {', '.join(ENDINGS)}.")
    if not path.is_file():
        raise BadInput(f"{path} is no file: give the path of a mesh.")
    size = path.stat().st_size
    if not 0 < size <= FILE_MAX:
        raise BadInput(
            f"{path} has {size} bytes: a mesh file must have 1 to {FILE_MAX} bytes; simplify or export it again."
        )
    data = path.read_bytes()
    try:
        # From memory and without a resolver: materials and textures that the file names are not opened.
        mesh = trimesh.load_mesh(io.BytesIO(data), file_type=ending[1:], process=False, skip_materials=True)
        vertices = np.array(mesh.vertices, dtype=np.float64).reshape(-1, 3)
        faces = np.array(mesh.faces, dtype=np.int64).reshape(-1, 3)
    except Exception as error:  # a foreign parser: broken files make it raise anything
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise BadInput(f"{path} cannot be read as {ending[1:]} ({reason}): export it again.") from error
    _check_numbers(path, vertices, faces)
    return vertices, faces.astype(np.int32)


def _check_numbers(path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> None:
    if len(faces) < 4 or len(vertices) < 4:
        raise BadInput(f"{path} holds {len(faces)} faces, which bound no solid: export the whole part as a mesh.")
    if len(faces) > FACES_READ_MAX:
        raise BadInput(f"{path} has {len(faces)} faces: allowed are {FACES_READ_MAX}; simplify it in a mesh editor.")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise BadInput(f"{path} has faces that name vertices it does not hold: export it again.")
    if not np.isfinite(vertices).all() or np.abs(vertices).max() > 1e9:
        raise BadInput(f"{path} has coordinates that are not finite or absurdly large: export it again.")
    if not np.ptp(vertices, axis=0).max() > 0:
        raise BadInput(f"{path} has all its vertices in one point: export it again.")


def _weld(path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> Solid:
    """Vertices in one place become one; faces without area and doubled faces go."""
    step = _WELD * float(np.ptp(vertices, axis=0).max())
    grid = np.round((vertices - vertices.min(axis=0)) / step).astype(np.int64)
    _, first, index = np.unique(grid, axis=0, return_index=True, return_inverse=True)
    welded = index.reshape(-1)[faces]
    a, b, c = welded.T
    welded = welded[(a != b) & (b != c) & (c != a)]
    _, kept = np.unique(np.sort(welded, axis=1), axis=0, return_index=True)
    if len(kept) < 4:
        raise BadInput(f"{path} has {len(kept)} faces with an area, which bound no solid: export the whole part.")
    return vertices[first], welded[np.sort(kept)].astype(np.int32)


def _manifold(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> manifold3d.Manifold | None:
    """The solid; None where the surface is not closed and orientable."""
    if not _is_closed(faces):  # manifold3d may crash on what it refuses
        return None
    mesh = manifold3d.Mesh64(np.ascontiguousarray(vertices), np.ascontiguousarray(faces, dtype=np.uint64))
    solid = manifold3d.Manifold(mesh)
    return None if solid.status() != manifold3d.Error.NoError or solid.is_empty() else solid


def _is_closed(faces: NDArray[np.integer]) -> bool:
    """Whether each edge has exactly two faces, which agree on what is outside."""
    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    forth, back = (np.sort(edges[:, k] << 32 | edges[:, 1 - k]) for k in (0, 1))
    return len(faces) >= 4 and bool((forth[1:] != forth[:-1]).all()) and np.array_equal(forth, back)


def _repaired(path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> manifold3d.Manifold:
    """Union of the connected pieces, each with its windings agreed and its holes patched."""
    ends = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(vertices),) * 2)
    label = connected_components(graph, directed=False)[1][faces[:, 0]]
    solids = []
    for k in np.unique(label):
        piece = faces[label == k]
        used, local = np.unique(piece, return_inverse=True)
        closed = _patched(path, vertices[used], _agreed(vertices[used], local.reshape(-1, 3)))
        solid = _manifold(*closed)
        if solid is None:
            raise BadInput(
                f"{path} is not closed, and its holes or crossing faces could not be repaired: "
                "make it watertight in your CAD program or a mesh editor."
            )
        solids.append(solid if solid.volume() > 0 else _manifold(closed[0], closed[1][:, ::-1]))
    return manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add)


def _agreed(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Faces turned so that neighbours agree on what is outside."""
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    trimesh.repair.fix_winding(mesh)
    return np.array(mesh.faces)


def _patched(path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> Solid:
    """Each hole is closed by a fan about the middle of its rim."""
    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forth = {(int(a), int(b)) for a, b in edges}
    rim = {b: a for a, b in forth if (b, a) not in forth}  # runs against the faces, as the patch must
    points, fans = [vertices], [faces]
    while rim:
        loop = [next(iter(rim))]
        while loop[-1] in rim:
            loop.append(rim.pop(loop[-1]))
        ring = np.array(loop[:-1])
        middle = sum(len(p) for p in points)
        points.append(vertices[ring].mean(axis=0)[None])
        fans.append(np.column_stack([ring, np.roll(ring, -1), np.full(len(ring), middle)]))
    whole, patches = np.vstack(points), np.vstack([np.empty((0, 3), np.int64), *fans[1:]])
    if _area(whole, patches) > _PATCH_MAX * _area(vertices, faces):
        raise BadInput(
            f"{path} is an open surface and no solid: close it, or give it a thickness, in your CAD program."
        )
    return whole, np.vstack(fans).astype(np.int32)


def _area(vertices: NDArray[np.float64], faces: NDArray[np.integer]) -> float:
    t = vertices[faces]
    return float(np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum() / 2)


def _simplified(path: Path, solid: manifold3d.Manifold, size: float) -> manifold3d.Manifold:
    """The solid with at most `FACES_MAX` faces."""
    coarse = solid
    for share in _COARSER:
        if coarse.num_tri() <= FACES_MAX:
            return coarse
        coarse = solid.simplify(share * size)
    if coarse.num_tri() <= FACES_MAX:
        return coarse
    raise BadInput(
        f"{path} has {solid.num_tri()} faces and cannot be brought down to {FACES_MAX} without changing its shape: "
        "simplify it in a mesh editor."
    )
