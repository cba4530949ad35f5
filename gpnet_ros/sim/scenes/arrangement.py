"""What lies where in a scene, and from where it is seen: all of it but the pictures, in plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, from_xyz_quat, to_xyz_quat
from gpnet_ros.sim.camera.viewpoint import random_camera
from gpnet_ros.sim.heap.bin import random_bin_size
from gpnet_ros.sim.heap.heap import Heap, draw_objects, rest_again, settle_heap
from gpnet_ros.sim.labels.relations import Relations, relations
from gpnet_ros.sim.labels.removal import removal_parents
from gpnet_ros.sim.objects.model import ObjectModel, make_object
from gpnet_ros.sim.objects.splits import OBJECT_SEEDS, families
from gpnet_ros.sim.scenes.recipe import OBJECTS_MAX, SceneRecipe

_STACK_SHARE = 0.5  # of the scenes on the table and in bins; stacks teach what lies on what, fallen heaps variety
_CLEARED_SHARE = 0.35  # of the scenes on the table: objects were taken off the top before the picture
_TAKEN_MAX = 4  # objects taken so
_MESH_SHARE = 0.75  # of the objects where the user has own meshes; the others are distractors
_TRIES = 30  # heaps begun for one scene ...
_TRIES_FULL, _TRIES_RANGE = 4, 12  # ... with all objects; with no fewer than were asked for at least


@dataclass(frozen=True, eq=False)
class Shot:
    """One camera on a scene.

    Attributes:
        intrinsics: camera model.
        T_base_camera: hand-eye.
        style: seed of lights and of the camera's look.
    """

    intrinsics: Intrinsics
    T_base_camera: Transform
    style: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers: camera model [px], position [m] and quaternion xyzw in base, seed."""
        position, quaternion = to_xyz_quat(self.T_base_camera)
        pose = {"position": position.tolist(), "quaternion": quaternion.tolist()}
        return {"camera": asdict(self.intrinsics), **pose, "style": self.style}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Shot:
        """The shot that `to_dict` wrote."""
        return cls(
            Intrinsics(**stored["camera"]),
            from_xyz_quat(stored["position"], stored["quaternion"]),
            int(stored["style"]),
        )


@dataclass(frozen=True, eq=False)
class Arrangement:
    """A scene before anybody looked.

    Attributes:
        name: unique within a data set.
        seed: of the scene.
        heap: what lies there.
        relations: between its n objects.
        parents: (n, n), [i, j] = i moves when j is removed, as REGRAD has it; None if nobody looked.
        look: seed of how table, bin and objects look.
        shots: the cameras.
    """

    name: str
    seed: int
    heap: Heap
    relations: Relations
    parents: NDArray[np.bool_] | None
    look: int
    shots: tuple[Shot, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and names; ids count from 1."""
        share = self.relations.share
        about: dict[str, Any] = {
            "name": self.name,
            "seed": self.seed,
            "look": self.look,
            **self.heap.to_dict(),
            "supports": [[*pair, float(share[pair[0] - 1, pair[1] - 1])] for pair in _pairs(self.relations.supports)],
            "covered_by": _pairs(self.relations.covered_by),
        }
        if self.parents is not None:
            about["parents"] = _pairs(self.parents)
        return {**about, "views": [{"name": f"view_{k}", **shot.to_dict()} for k, shot in enumerate(self.shots)]}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], make: Callable[[str, int], ObjectModel] = make_object) -> Arrangement:
        """The arrangement that `to_dict` wrote.

        Raises:
            BadInput: a field is missing or of another kind.
        """
        heap = Heap.from_dict(stored, make)
        n = len(heap.objects)
        try:
            share = np.zeros((n, n))
            for i, j, weight in stored["supports"]:
                share[int(i) - 1, int(j) - 1] = float(weight)
            covered = _matrix(stored["covered_by"], n)
            parents = _matrix(stored["parents"], n) if "parents" in stored else None
            shots = tuple(Shot.from_dict(shot) for shot in stored["views"])
            name, seed, look = str(stored["name"]), int(stored["seed"]), int(stored["look"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadInput(
                f"The stored scene cannot be read ({error!r}): use one that gpnet generate wrote."
            ) from error
        return cls(name, seed, heap, Relations.of(share, covered), parents, look, shots)


def _pairs(matrix: NDArray[np.bool_]) -> list[list[int]]:
    """Ids [i, j], counted from 1, of what is true in a matrix (n, n)."""
    return [[int(i) + 1, int(j) + 1] for i, j in np.argwhere(matrix)]


def _matrix(pairs: list[list[int]], n: int) -> NDArray[np.bool_]:
    matrix = np.zeros((n, n), dtype=bool)
    for i, j in pairs:
        if not 1 <= min(i, j) <= max(i, j) <= n:
            raise ValueError(f"pair {[i, j]} of {n} objects")
        matrix[int(i) - 1, int(j) - 1] = True
    return matrix


def arrange(seed: int, recipe: SceneRecipe, pool: Sequence[str] | None = None) -> Arrangement:
    """Pile up a heap and place cameras; the same arguments give the same on one machine.

    A heap that does not come to rest is begun anew with other objects, with fewer ones after some tries.

    Args:
        seed: of the scene.
        recipe: what to make.
        pool: families to draw from, instead of all of the recipe's split.

    Raises:
        BadInput: a negative seed, or meshes of the user that never come to rest.
    """
    if seed < 0:
        raise BadInput(f"Scene seed {seed} is negative: it must be 0 or greater.")
    heap = _heap(np.random.default_rng([5, seed]), seed, recipe, families(recipe.split) if pool is None else pool)
    look = int(np.random.default_rng([6, seed]).integers(2**31))
    shots = []
    for view in range(recipe.views):
        rng = np.random.default_rng([7, seed, view])
        intrinsics, T_base_camera = random_camera(rng, heap, recipe.size)
        shots.append(Shot(intrinsics, T_base_camera, int(rng.integers(2**31))))
    parents = removal_parents(heap) if recipe.parents else None
    return Arrangement(scene_name(seed), seed, heap, relations(heap), parents, look, tuple(shots))


def scene_name(seed: int) -> str:
    """Name of the scene of a seed: names sort like the seeds."""
    return f"{seed:012d}"


def _heap(rng: np.random.Generator, seed: int, recipe: SceneRecipe, pool: Sequence[str]) -> Heap:
    low, high = (1, 1) if recipe.profile == "single" else recipe.objects
    n = int(rng.integers(low, high + 1))
    way: Literal["drop", "stack"] = "drop"
    taken = 0
    if recipe.profile == "stack" or (recipe.profile != "single" and rng.random() < _STACK_SHARE):
        way = "stack"
    if recipe.profile == "table" and rng.random() < _CLEARED_SHARE:
        taken = min(int(rng.integers(1, _TAKEN_MAX + 1)), OBJECTS_MAX - n)
    for trial in range(_TRIES):
        left = max(n - max(trial - _TRIES_FULL, 0), low if trial < _TRIES_RANGE else 1)
        bin = random_bin_size(rng) if recipe.profile == "bin" else None
        heap = settle_heap(rng, _objects(rng, left + taken, recipe, pool), way, bin=bin)
        if heap is not None and taken:
            heap = _cleared(heap, left, rng)
        if heap is not None:
            return heap
    raise BadInput(
        f"No object came to rest for scene seed {seed}: take another seed, or meshes that have a side to lie on."
    )


def _objects(rng: np.random.Generator, n: int, recipe: SceneRecipe, pool: Sequence[str]) -> tuple[ObjectModel, ...]:
    """Objects of the families in `pool`; `_MESH_SHARE` of them the user's, if there is a folder of meshes."""
    seeds = OBJECT_SEEDS[recipe.split]
    if recipe.meshes is None:
        return draw_objects(rng, n, pool, seeds)
    from gpnet_ros.sim.objects.user_meshes import load_user_meshes  # its libraries load slowly

    own = load_user_meshes(recipe.meshes, recipe.mesh_unit)
    count = int(rng.binomial(n, _MESH_SHARE))
    objects = draw_objects(rng, count, own.families, seeds, own.make) if count else ()
    if count < n:
        objects += draw_objects(rng, n - count, pool, seeds)
    return tuple(objects[k] for k in rng.permutation(n))


def _cleared(heap: Heap, count: int, rng: np.random.Generator) -> Heap | None:
    """The `count` objects that are left after picks off the top, at rest; None if they do not stay there."""
    before, left = relations(heap).before, np.arange(len(heap.objects))
    while len(left) > count:
        # Not `topmost.layers`: that would make other heaps of seeds whose scenes trained the shipped models.
        free = np.flatnonzero(~before[np.ix_(left, left)].any(axis=1))
        left = np.delete(left, rng.choice(free) if len(free) else rng.integers(len(left)))
    return rest_again(heap.take(left))
