"""Heaps: objects at rest on the table, dropped together or stacked on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.errors import BadInput
from gpnet_ros.pose import Transform, from_xyz_quat, to_xyz_quat, transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.contacts import (
    add_objects,
    add_table,
    get_pose,
    set_options,
    set_pose,
    support_forces,
    supports,
)
from gpnet_ros.sim.objects import FAMILIES, GRASPABLE, ObjectModel, make_object

#: Object seeds are drawn from this range; splits into seen and unseen shapes use parts of it.
OBJECT_SEEDS = (0, 1_000_000)
#: Greatest number of objects: more do not fit the workspace as one heap.
OBJECTS_MAX = 20

_CLEARANCE = 0.005  # between a new object and what is already there, before it falls [m]
_WALL_RADIUS = 0.13  # half width of the funnel of a column drop [m]
_SETTLE_TIME = 4.0  # per phase, at most [s]
_SLOW = (0.006, 0.08)  # at rest below this speed [m/s] and turning rate [rad/s] ...
_SLOW_STEPS = 25  # ... for this many steps (0.1 s)
_CALM_AFTER = 0.4  # from then on rolling is damped [s]
_TRIES = 8  # places tried for one object of a stack
_RESTARTS = 6  # heaps started anew before giving up


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
    rng, best = np.random.default_rng([1, seed]), None
    for _ in range(_RESTARTS):
        world = _World(_draw_objects(rng, n, families, object_seeds), centre)
        if not world.stack(rng):
            continue
        pairs = int(world.supports().sum())
        if best is None or pairs > best[0]:
            best = (pairs, world.heap())
        if pairs >= _pairs_wanted(n):
            break
    if best is None:
        raise BadInput(f"No heap of {n} objects came to rest for seed {seed}: choose another seed or fewer objects.")
    return best[1]


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
        world = _World(_draw_objects(rng, n, families, object_seeds), centre)
        if world.drop(rng):
            return world.heap()
    raise BadInput(f"No heap of {n} objects came to rest for seed {seed}: choose another seed or fewer objects.")


def _pairs_wanted(n: int) -> int:
    return 2 if n == 3 else max(0, n - 2)


def _draw_objects(
    rng: np.random.Generator, n: int, families: Sequence[str], object_seeds: tuple[int, int]
) -> tuple[ObjectModel, ...]:
    if not 1 <= n <= OBJECTS_MAX or not families:
        raise BadInput(f"A heap of {n} objects from {len(families)} families: n must be 1 to {OBJECTS_MAX}, families 1 or more.")
    names: list[str] = []
    while len(names) < n:
        names += list(rng.permutation(list(families)))
    return tuple(make_object(str(name), int(rng.integers(*object_seeds))) for name in names[:n])


class _World:
    """The physics in which one heap comes to rest. Objects that have not fallen yet hang aside."""

    def __init__(self, objects: tuple[ObjectModel, ...], centre: tuple[float, float]) -> None:
        self.objects, self.centre = objects, np.asarray(centre)
        spec = mujoco.MjSpec()
        set_options(spec, c.TIMESTEP_SETTLE)
        add_table(spec)
        self.names = add_objects(spec, objects)
        self.walls = [_add_wall(spec, self.centre, k) for k in range(4)]
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.bodies = np.array([self.model.body(name).id for name in self.names])
        self._set_walls(False)
        for index in range(len(objects)):
            self._hang(index)
        mujoco.mj_forward(self.model, self.data)

    def heap(self) -> Heap:
        return Heap(self.objects, np.array([get_pose(self.model, self.data, name) for name in self.names]))

    def supports(self) -> NDArray[np.bool_]:
        mujoco.mj_forward(self.model, self.data)
        return supports(support_forces(self.model, self.data, self.bodies), [o.mass for o in self.objects])

    def drop(self, rng: np.random.Generator) -> bool:
        """All objects in one column; False if they did not come to rest inside the workspace."""
        self._set_walls(True)
        z = 0.03
        for index, model in enumerate(self.objects):
            z += model.radius
            xy = self.centre + rng.uniform(-0.03, 0.03, 2)
            self._place(index, transform(Rotation.random(rng=rng).as_matrix(), [*xy, z]))
            z += model.radius
        if not self._settle():
            return False
        self._set_walls(False)
        return self._settle() and self._inside(len(self.objects))

    def stack(self, rng: np.random.Generator) -> bool:
        """One object after the other, each aimed at one that lies there already."""
        for index in range(len(self.objects)):
            before = self._state()
            for attempt in range(_TRIES):
                self._place(index, self._aim(index, rng))
                calm = self._settle() and self._inside(index + 1)
                enough = int(self.supports().sum()) >= min(index, _pairs_wanted(len(self.objects)) + 1)
                if calm and (enough or attempt == _TRIES - 1):
                    break
                self._restore(before)
            else:
                return False
        return True

    def _aim(self, index: int, rng: np.random.Generator) -> Transform:
        """A pose just above what lies there, over one of the objects."""
        R = Rotation.random(rng=rng).as_matrix()
        xy, top = self.centre + rng.uniform(-0.02, 0.02, 2), 0.0
        if index:
            target = self.data.qpos[self._at(int(rng.integers(index)))]
            xy = target[:2] + rng.uniform(-0.012, 0.012, 2)
            top = self._height(index, xy, self.objects[index].radius)
        low = float((self.objects[index].vertices @ R.T)[:, 2].min())
        return transform(R, [*xy, top - low + _CLEARANCE])

    def _height(self, count: int, xy: NDArray[np.float64], reach: float) -> float:
        """Highest point [m] of the first `count` objects within `reach` of the vertical at xy."""
        top = 0.0
        for index in range(count):
            T = get_pose(self.model, self.data, self.names[index])
            points = self.objects[index].vertices @ T[:3, :3].T + T[:3, 3]
            near = np.linalg.norm(points[:, :2] - xy, axis=1) < reach + 0.02
            top = max(top, float(points[near, 2].max(initial=0.0)))
        return top

    def _settle(self) -> bool:
        """Run until everything rests; False if it does not within `_SETTLE_TIME`."""
        calm, steps = 0, int(_SETTLE_TIME / c.TIMESTEP_SETTLE)
        for step in range(steps):
            mujoco.mj_step(self.model, self.data)
            if step * c.TIMESTEP_SETTLE > _CALM_AFTER and step % 10 == 0:
                self.data.qvel *= 0.985  # cylinders would roll for ever: air and felt stop them
            velocity = self.data.qvel.reshape(-1, 6)
            slow = (np.abs(velocity[:, :3]).max() < _SLOW[0]) and (np.abs(velocity[:, 3:]).max() < _SLOW[1])
            calm = calm + 1 if slow else 0
            if calm >= _SLOW_STEPS:
                return True
        return False

    def _inside(self, count: int) -> bool:
        at = np.array([self.data.qpos[self._at(i)] for i in range(count)])
        apart = np.abs(at[:, :2] - self.centre).max(axis=1)
        return bool((apart < c.WORKSPACE_RADIUS - 0.05).all() and (at[:, 2] > 0).all())

    def _at(self, index: int) -> slice:
        return slice(7 * index, 7 * index + 3)

    def _place(self, index: int, T: Transform) -> None:
        set_pose(self.model, self.data, self.names[index], T)
        self.data.xfrc_applied[self.bodies[index]] = 0.0

    def _hang(self, index: int) -> None:
        """Keep an object aside, weightless, until its turn."""
        set_pose(self.model, self.data, self.names[index], transform(np.eye(3), [5.0 + index, 0.0, 1.0]))
        self.data.xfrc_applied[self.bodies[index], 2] = self.objects[index].mass * c.GRAVITY

    def _set_walls(self, solid: bool) -> None:
        for wall in self.walls:
            geom = self.model.geom(wall)
            geom.contype, geom.conaffinity = int(solid), int(solid)

    def _state(self) -> NDArray[np.float64]:
        state = np.empty(mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_getState(self.model, self.data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
        return state

    def _restore(self, state: NDArray[np.float64]) -> None:
        mujoco.mj_setState(self.model, self.data, state, mujoco.mjtState.mjSTATE_INTEGRATION)


def _add_wall(spec: mujoco.MjSpec, centre: NDArray[np.float64], side: int) -> str:
    """One of four smooth walls of the funnel; it belongs to no collision until it is made solid."""
    direction = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])[side]
    geom = spec.worldbody.add_geom(name=f"wall_{side}", type=mujoco.mjtGeom.mjGEOM_BOX)
    thin, wide = 0.02, _WALL_RADIUS + 0.04
    geom.size = [thin, wide, 1.0] if side % 2 == 0 else [wide, thin, 1.0]
    geom.pos = [*(centre + direction * (_WALL_RADIUS + thin)), 1.0]
    geom.friction = [c.WALL_FRICTION, 0.0, 0.0]
    geom.priority = 1
    return geom.name
