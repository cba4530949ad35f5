"""Heaps: objects at rest on the table or in a bin, dropped together or stacked on each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.pose import from_xyz_quat, to_xyz_quat
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.heap.bin import Bin
from gpnet_ros.sim.heap.settle import SettlingWorld
from gpnet_ros.sim.objects.model import BENCHMARK, FAMILIES, ObjectModel, make_object
from gpnet_ros.sim.scenes.recipe import OBJECTS_MAX

#: Object seeds are drawn from this range; splits into seen and unseen shapes use parts of it.
_OBJECT_SEEDS = (0, 1_000_000)
_RESTARTS = 8  # heaps started anew before giving up


@dataclass(frozen=True, eq=False)
class Heap:
    """Objects and where they lie.

    Attributes:
        objects: n models.
        T_base_object: (n, 4, 4), frames at the centres of mass.
        bin: in which they lie; None on the bare table.
    """

    objects: tuple[ObjectModel, ...]
    T_base_object: NDArray[np.float64]
    bin: Bin | None = None

    def __post_init__(self) -> None:
        poses = np.array(self.T_base_object, dtype=np.float64).reshape(-1, 4, 4)
        if len(poses) != len(self.objects) or not np.isfinite(poses).all():
            raise BadInput(
                f"A heap of {len(self.objects)} objects came with {len(poses)} poses: "
                "give one finite 4x4 pose per object."
            )
        poses.setflags(write=False)
        object.__setattr__(self, "T_base_object", poses)

    def take(self, left: Sequence[int] | NDArray[np.integer]) -> Heap:
        """Heap of only the objects with the indices `left` (k,), where they are."""
        return Heap(tuple(self.objects[int(i)] for i in left), self.T_base_object[np.asarray(left, int)], self.bin)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and names: family, seed, position [m] and quaternion xyzw of each object, and the bin."""
        entries = []
        for model, T in zip(self.objects, self.T_base_object, strict=True):
            position, quaternion = to_xyz_quat(T)
            entry = {"family": model.family, "seed": model.seed}
            entries.append({**entry, "position": position.tolist(), "quaternion": quaternion.tolist()})
        return {"objects": entries} if self.bin is None else {"objects": entries, "bin": self.bin.to_dict()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], make: Callable[[str, int], ObjectModel] = make_object) -> Heap:
        """The heap that `to_dict` wrote.

        Args:
            stored: what it wrote.
            make: object of a family and a seed; objects from a user's meshes need their maker.

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
        objects = tuple(make(family, seed) for family, seed, _, _ in entries)
        poses = [from_xyz_quat(position, quaternion) for _, _, position, quaternion in entries]
        bin = stored.get("bin")
        return cls(objects, np.array(poses).reshape(-1, 4, 4), None if bin is None else Bin.from_dict(bin))


def settle_heap(
    rng: np.random.Generator,
    objects: Sequence[ObjectModel],
    way: Literal["drop", "stack"],
    centre: tuple[float, float] = c.HEAP_CENTRE,
    bin: Bin | None = None,
) -> Heap | None:
    """One attempt to pile objects up about `centre` [m]; None if they did not come to rest in workspace or bin."""
    world = SettlingWorld(tuple(objects), centre, bin)
    rests = world.drop(rng) if way == "drop" else world.stack(rng)
    return Heap(world.objects, world.poses(), bin) if rests else None


def rest_again(heap: Heap) -> Heap | None:
    """The heap after it came to rest once more, e.g. when objects were taken; None if it did not."""
    world = SettlingWorld(heap.objects, c.HEAP_CENTRE, heap.bin)
    return Heap(heap.objects, world.poses(), heap.bin) if world.lie(heap.T_base_object) else None


def stack_heap(
    seed: int,
    n: int,
    families: Sequence[str] = BENCHMARK,
    centre: tuple[float, float] = c.HEAP_CENTRE,
    object_seeds: tuple[int, int] = _OBJECT_SEEDS,
    make: Callable[[str, int], ObjectModel] = make_object,
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
        make: object of a family and a seed; objects from a user's meshes need their maker.

    Raises:
        BadInput: n or families out of range.
    """
    return _first_at_rest([1, seed], "stack", n, families, centre, object_seeds, make)


def drop_heap(
    seed: int,
    n: int,
    families: Sequence[str] = FAMILIES,
    centre: tuple[float, float] = c.HEAP_CENTRE,
    object_seeds: tuple[int, int] = _OBJECT_SEEDS,
    make: Callable[[str, int], ObjectModel] = make_object,
) -> Heap:
    """A heap of objects that fell in one column between walls, which then were taken away.

    Arguments and errors as `stack_heap`.
    """
    return _first_at_rest([2, seed], "drop", n, families, centre, object_seeds, make)


def _first_at_rest(
    seed: list[int],
    way: Literal["drop", "stack"],
    n: int,
    families: Sequence[str],
    centre: tuple[float, float],
    object_seeds: tuple[int, int],
    make: Callable[[str, int], ObjectModel],
) -> Heap:
    rng = np.random.default_rng(seed)
    for _ in range(_RESTARTS):
        heap = settle_heap(rng, draw_objects(rng, n, families, object_seeds, make), way, centre)
        if heap is not None:
            return heap
    raise BadInput(f"No heap of {n} objects came to rest for seed {seed[1]}: take another seed or fewer objects.")


def draw_objects(
    rng: np.random.Generator,
    n: int,
    families: Sequence[str],
    object_seeds: tuple[int, int],
    make: Callable[[str, int], ObjectModel] = make_object,
) -> tuple[ObjectModel, ...]:
    """Objects at random, each from `make`; other arguments and errors as `stack_heap`."""
    if not 1 <= n <= OBJECTS_MAX or not families:
        raise BadInput(
            f"A heap of {n} objects from {len(families)} families cannot be made: "
            f"n must be 1 to {OBJECTS_MAX} and families 1 or more."
        )
    names: list[str] = []
    while len(names) < n:
        names += list(rng.permutation(list(families)))
    return tuple(make(str(name), int(rng.integers(*object_seeds))) for name in names[:n])
