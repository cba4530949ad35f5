"""Objects from a user's own meshes: a folder of obj, stl and ply files, each a family of its own.

The surface of the file is what the eye and the labels see; physics collides with convex parts of it, made by CoACD
(Wei, Liu, Ling and Su, "Approximate convex decomposition for 3D meshes with collision-aware concavity and tree
search", ACM Transactions on Graphics 41(4), 2022).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.file_sum import file_sha256
from gpnet_ros.sim.objects.mesh_files import ENDINGS, FILE_MAX, Solid, read_solid
from gpnet_ros.sim.objects.model import ObjectModel, build_object, make_object, object_rng
from gpnet_ros.sim.objects.shapes import Part, hull, volume_moments

#: Families of user's meshes are this and the name of the file.
PREFIX = "user:"
#: Metres per unit that a file may be in.
UNITS: dict[str, float] = {"m": 1.0, "mm": 1e-3, "cm": 1e-2, "inch": 0.0254}
#: Longest side of a part that a gripper of this size has to do with [m].
SIZE_RANGE = (0.005, 0.4)
#: Mass of a user's part [kg]: from a small plastic part to a hand-sized metal one.
USER_MASS_RANGE = (0.002, 1.0)
#: Decomposed meshes are kept in this folder beside them.
MESH_CACHE = ".gpnet_cache"

_CONVEX = 0.97  # share of its hull that a mesh fills to be taken as convex
_CONCAVITY, _PARTS_MAX, _CORNERS_MAX = 0.06, 24, 48  # CoACD's threshold, and the price that physics pays
_COVERED_MIN = 0.9  # share of a mesh's volume that its parts must have
_RECIPE = f"1 {_CONVEX} {_CONCAVITY} {_PARTS_MAX} {_CORNERS_MAX}"  # another recipe finds nothing in the cache
_FILES_MAX = 1000


@dataclass(frozen=True, eq=False)
class Shape:
    """A user's mesh: closed surface and convex parts [m]."""

    surface: Solid
    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class UserMeshes:
    """The meshes of a folder.

    Attributes:
        shapes: family ("user:" and the name of the file) to its shape, sorted by name.
        unit: of the files, a key of `UNITS`.
        sha256: of names and contents of the files and of the unit.
    """

    shapes: Mapping[str, Shape]
    unit: str
    sha256: str

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the families, sorted."""
        return tuple(self.shapes)

    def make(self, family: str, seed: int) -> ObjectModel:
        """`make_object` for these families and the built-in ones; the seed draws mass, friction and texture.

        Raises:
            BadInput: no such family, or a negative seed.
        """
        if not family.startswith(PREFIX):
            return make_object(family, seed)
        if family not in self.shapes:
            raise BadInput(f"The folder of meshes has no '{family[len(PREFIX) :]}': it holds {_names(self.shapes)}.")
        if seed < 0:
            raise BadInput(f"Object seed {seed} is negative: it must be 0 or greater.")
        shape = self.shapes[family]
        return build_object(family, seed, shape.parts, shape.surface, object_rng(family, seed), USER_MASS_RANGE)


@lru_cache(maxsize=4)
def load_user_meshes(folder: str | Path, unit: str | None = None) -> UserMeshes:
    """The meshes of a folder, not of its subfolders; the first time takes up to some 20 s per mesh.

    Args:
        folder: with obj, stl and ply files; decomposed shapes are kept in `MESH_CACHE` inside it, where it is writable.
        unit: of the files, a key of `UNITS`; None finds out, and takes metres where they are plausible.

    Raises:
        BadInput: no such folder, no mesh in it, a mesh that is no solid, or sizes that leave the unit open.
    """
    if unit is not None and unit not in UNITS:
        raise BadInput(f"Meshes cannot be in the unit '{unit}': choose one of {', '.join(UNITS)}.")
    paths = _mesh_files(Path(folder))
    contents = {path: file_sha256(path) for path in paths}
    shapes = {path: _prepared(path, Path(folder) / MESH_CACHE, contents[path]) for path in paths}
    sizes = {path: float(np.ptp(shape.surface[0], axis=0).max()) for path, shape in shapes.items()}
    found = _checked_unit(sizes, unit)
    scaled = {PREFIX + path.name: _scaled(shape, UNITS[found]) for path, shape in shapes.items()}
    listing = "".join(f"{path.name}\0{contents[path]}\n" for path in paths) + found
    return UserMeshes(scaled, found, hashlib.sha256(listing.encode()).hexdigest())


def _mesh_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder: give the folder that holds your meshes.")
    inside = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    paths = [path for path in inside if path.suffix.lower() in ENDINGS]
    if not 1 <= len(paths) <= _FILES_MAX:
        raise BadInput(
            f"{folder} holds {len(paths)} meshes: it must hold 1 to {_FILES_MAX} files {', '.join(ENDINGS)}."
        )
    large = next((path for path in paths if path.stat().st_size > FILE_MAX), None)
    if large is not None:
        raise BadInput(f"{large} has more than {FILE_MAX} bytes: simplify it in a mesh editor.")
    return paths


def _checked_unit(sizes: Mapping[Path, float], asked: str | None) -> str:
    """The unit in which every mesh is a part of plausible size.

    Args:
        sizes: longest side of each, in the unit of the files.
        asked: what the user says; None finds out.
    """
    low, high = SIZE_RANGE
    bounds = f"parts are {low * 1e3:g} mm to {high * 1e3:g} mm long"

    def odd(unit: str) -> Path | None:
        return next((path for path, size in sizes.items() if not low <= size * UNITS[unit] <= high), None)

    if asked is not None:
        if (path := odd(asked)) is not None:
            raise BadInput(
                f"{path} is {sizes[path]:g} {asked} long, but {bounds}: scale it or say another --mesh-unit."
            )
        return asked
    fits = [unit for unit in UNITS if odd(unit) is None]
    if fits and (fits[0] == "m" or len(fits) == 1):
        return fits[0]
    path = odd("m") or next(iter(sizes))
    if not fits:
        raise BadInput(f"{path} is {sizes[path]:g} units long and no unit suits all meshes ({bounds}): scale it.")
    raise BadInput(
        f"{path} is {sizes[path]:g} units long, which can be {' or '.join(fits)}: "
        f"say which by --mesh-unit {fits[0]} (or {', '.join(fits[1:])})."
    )


def _scaled(shape: Shape, factor: float) -> Shape:
    vertices, faces = shape.surface
    parts = tuple(Part(part.vertices * factor, part.faces.copy()) for part in shape.parts)
    return Shape((vertices * factor, faces), parts)


def _prepared(path: Path, cache: Path, sha256: str) -> Shape:
    """The shape of a file, in its unit, from the cache or made now."""
    kept = cache / f"{hashlib.sha256(f'{_RECIPE} {sha256}'.encode()).hexdigest()}.npz"
    shape = _from_cache(kept)
    if shape is None:
        surface = read_solid(path)
        shape = Shape(surface, _convex_parts(path, *surface))
        _to_cache(kept, shape)
    return shape


def _convex_parts(path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> tuple[Part, ...]:
    """Convex parts that cover a solid."""
    whole = hull(vertices)
    if _volume(vertices, faces) > _CONVEX * _volume(whole.vertices, whole.faces):
        return (whole,)
    import coacd  # its library takes a second to load, and most runs find everything in the cache

    coacd.set_log_level("error")
    size, low = np.ptp(vertices, axis=0).max(), vertices.min(axis=0)
    found = coacd.run_coacd(
        coacd.Mesh((vertices - low) / size, faces), threshold=_CONCAVITY, max_convex_hull=_PARTS_MAX,
        preprocess_mode="off", resolution=1000, mcts_nodes=10, mcts_iterations=60, mcts_max_depth=2,
        decimate=True, max_ch_vertex=_CORNERS_MAX, seed=0,
    )  # fmt: skip
    parts = tuple(hull(np.asarray(p, dtype=np.float64) * size + low) for p, _ in found if _is_thick(np.asarray(p)))
    if sum(_volume(part.vertices, part.faces) for part in parts) < _COVERED_MIN * _volume(vertices, faces):
        raise BadInput(f"{path} cannot be cut into convex parts: simplify it or repair it in a mesh editor.")
    return parts


def _volume(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> float:
    return volume_moments(vertices, faces)[0]


def _is_thick(points: NDArray[np.float64]) -> bool:
    """Whether points (n, 3) of a part of unit size span a volume."""
    return len(points) >= 4 and bool(np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[2] > 1e-4)


def _from_cache(kept: Path) -> Shape | None:
    """What was kept; None where there is nothing, or nothing that can be read."""
    try:
        with np.load(kept, allow_pickle=False) as stored:
            ends = stored["ends"]
            parts = tuple(hull(points) for points in np.split(stored["corners"], ends[:-1]))
            return Shape((stored["vertices"], stored["faces"]), parts)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _to_cache(kept: Path, shape: Shape) -> None:
    """Keep a shape; a folder that cannot be written to keeps nothing, and costs the work again."""
    (vertices, faces), corners = shape.surface, [part.vertices for part in shape.parts]
    ends = np.cumsum([len(c) for c in corners])
    try:
        kept.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, suffix=".tmp", delete=False) as file:
            np.savez_compressed(file, vertices=vertices, faces=faces, corners=np.vstack(corners), ends=ends)
        os.replace(file.name, kept)
    except OSError:
        return


def _names(shapes: Mapping[str, Shape]) -> str:
    names = [family[len(PREFIX) :] for family in shapes]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
