"""Heaps: objects at rest on the table, dropped together or stacked on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.pose import from_xyz_quat, to_xyz_quat
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.objects import FAMILIES, GRASPABLE, ObjectModel, make_object
from gpnet_ros.sim.settle import SettlingWorld

#: Object seeds are drawn from this range; splits into seen and unseen shapes use parts of it.
OBJECT_SEEDS = (0, 1_000_000)
#: Greatest number of objects: more do not fit the workspace as one heap.
OBJECTS_MAX = 20

_RESTARTS = 8  # heaps started anew before giving up


@dataclass(frozen=True, eq=False)
class Heap:
    """Objects and where they lie.

    Attributes:
        objects: n models.
        T_base_object: (n, 4, 4), frames at the centres of mass.
    """

    objects: tuple[ObjectModel, ...]
    T_base_object: NDArray[np.float64]

    def __post_init__(self) -> None:
        poses = np.array(self.T_base_object, dtype=np.float64).reshape(-1, 4, 4)
        if len(poses) != len(self.objects) or not np.isfinite(poses).all():
            raise BadInput(
                f"A heap of {len(self.objects)} objects came with {len(poses)} poses: "
                "give one finite 4x4 pose per object."
            )
        poses.setflags(write=False)
        object.__setattr__(self, "T_base_object", poses)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and names: family, seed, position [m] and quaternion xyzw of each object."""
        entries = []
        for model, T in zip(self.objects, self.T_base_object, strict=True):
            position, quaternion = to_xyz_quat(T)
            entry = {"family": model.family, "seed": model.seed}
            entries.append({**entry, "position": position.tolist(), "quaternion": quaternion.tolist()})
        return {"objects": entries}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Heap:
        """The heap that `to_dict` wrote.

        Raises:
            BadInput: an entry lacks a field, names no family, or holds no usable pose.
        """
        try:
            entries = [(e["family"], int(e["seed"]), e["position"], e["quaternion"]) for e in stored["objects"]]
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"The stored heap cannot be read ({error!r}): each of its 'objects' needs "
                "family, seed, position and quaternion."
            ) from error
        objects = tuple(make_object(family, seed) for family, seed, _, _ in entries)
        poses = [from_xyz_quat(position, quaternion) for _, _, position, quaternion in entries]
        return cls(objects, np.array(poses).reshape(-1, 4, 4))


def stack_heap(
    seed: int,
    n: int,
    families: Sequence[str] = GRASPABLE,
    centre: tuple[float, float] = c.HEAP_CENTRE,
    object_seeds: tuple[int, int] = OBJECT_SEEDS,
) -> Heap:
    """A heap as hard as those of the paper's Table 3: about n - 1 objects rest on another one.

    Objects fall one after the other, each aimed at one that already lies there; a fall that adds no
    stacking pair or pushes something out of the workspace is taken back and tried at another place.

    Args:
        seed: the same seed gives the same heap on one machine.
        n: number of objects, 1 to `OBJECTS_MAX`.
        families: families to draw from, without repetition as long as there are enough.
        centre: of the heap on the table [m].
        object_seeds: range of object seeds, upper end excluded.

    Raises:
        BadInput: n or families out of range.
    """
    rng = np.random.default_rng([1, seed])
    for _ in range(_RESTARTS):
        world = SettlingWorld(_draw_objects(rng, n, families, object_seeds), centre)
        if world.stack(rng):
            return Heap(world.objects, world.poses())
    raise _no_rest(seed, n)


def drop_heap(
    seed: int,
    n: int,
    families: Sequence[str] = FAMILIES,
    centre: tuple[float, float] = c.HEAP_CENTRE,
    object_seeds: tuple[int, int] = OBJECT_SEEDS,
) -> Heap:
    """A heap of objects that fell in one column between walls, which then were taken away.

    Arguments and errors as `stack_heap`.
    """
    rng = np.random.default_rng([2, seed])
    for _ in range(_RESTARTS):
        world = SettlingWorld(_draw_objects(rng, n, families, object_seeds), centre)
        if world.drop(rng):
            return Heap(world.objects, world.poses())
    raise _no_rest(seed, n)


def _no_rest(seed: int, n: int) -> BadInput:
    return BadInput(f"No heap of {n} objects came to rest for seed {seed}: take another seed or fewer objects.")


def _draw_objects(
    rng: np.random.Generator, n: int, families: Sequence[str], object_seeds: tuple[int, int]
) -> tuple[ObjectModel, ...]:
    if not 1 <= n <= OBJECTS_MAX or not families:
        raise BadInput(
            f"A heap of {n} objects from {len(families)} families cannot be made: "
            f"n must be 1 to {OBJECTS_MAX} and families 1 or more."
        )
    names: list[str] = []
    while len(names) < n:
        names += list(rng.permutation(list(families)))
    return tuple(make_object(str(name), int(rng.integers(*object_seeds))) for name in names[:n])
