"""The physics in which a heap comes to rest."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.pose import Transform, transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.heap.bin import Bin
from gpnet_ros.sim.heap.contacts import (
    add_bin,
    add_objects,
    add_table,
    get_pose,
    set_options,
    set_pose,
    support_forces,
    supports,
)
from gpnet_ros.sim.objects.model import ObjectModel

_GAP = 0.004  # step in which a new object is let down until it touches [m]
_WALL_RADIUS = 0.13  # half width of the funnel of a column drop [m]
_ROOM_RADIUS = 0.15  # an object whose centre is farther from the heap's centre along x or y rolled away [m]
_SETTLE_TIME = 2.5  # per phase, at most [s]
_SLOW = (0.006, 0.08)  # at rest below this speed [m/s] and turning rate [rad/s] ...
_LOOK_EVERY, _LOOKS_CALM = 5, 5  # ... looked at every 5 steps, 5 times in a row (0.1 s)
_CALM_AFTER = 0.4  # from then on rolling is damped [s] ...
_CALM_FACTOR = 0.97  # ... by this factor every 20 ms: felt and dents that rigid bodies lack
_PROOF_TIME = 0.5  # without damping, a finished heap must stand still this long [s] ...
_PROOF_DRIFT = 0.003  # ... within this [m]
_TRIES = 8  # places tried for one object of a stack
_STACK_MAX = 7  # objects of a stack that must make pairs; to find such places for more takes seconds
_BIN_GAP = 0.003  # the funnel over a bin stands this far inside of its walls [m], so that nothing rests on a rim


class SettlingWorld:
    """The physics in which one heap comes to rest. Objects that have not fallen yet hang aside."""

    def __init__(self, objects: tuple[ObjectModel, ...], centre: tuple[float, float], bin: Bin | None = None) -> None:
        self.objects, self.bin = objects, bin
        self.centre = np.asarray(centre if bin is None else bin.centre)
        spec = mujoco.MjSpec()
        set_options(spec, c.TIMESTEP_SETTLE)
        add_table(spec)
        self.names = add_objects(spec, objects)
        half, yaw = np.full(2, _WALL_RADIUS), 0.0
        if bin is not None:
            add_bin(spec, bin)
            half, yaw = np.array(bin.inner[:2]) / 2 - _BIN_GAP, bin.yaw
        self.walls = [_add_wall(spec, self.centre, half, yaw, k) for k in range(4)]
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.bodies = np.array([self.model.body(name).id for name in self.names])
        self._set_walls(False)
        for index in range(len(objects)):
            self._hang(index)
        mujoco.mj_forward(self.model, self.data)

    def poses(self) -> NDArray[np.float64]:
        """T_base_object of all objects, (n, 4, 4)."""
        return np.array([get_pose(self.model, self.data, name) for name in self.names])

    def supports(self) -> NDArray[np.bool_]:
        """[i, j] = i rests on j, (n, n)."""
        mujoco.mj_forward(self.model, self.data)
        return supports(support_forces(self.model, self.data, self.bodies), [o.mass for o in self.objects])

    def drop(self, rng: np.random.Generator) -> bool:
        """Drop all objects in one column; False if they did not come to rest inside the workspace."""
        self._set_walls(True)
        z, spread = 0.02, np.full(2, 0.03)
        R_bin = np.eye(2)
        if self.bin is not None:  # somewhere between a heap in the middle and one layer all over the floor
            z, R_bin = z + self.bin.floor, self.bin.T_base_bin[:2, :2]
            spread = np.maximum(0.03, rng.uniform(0.0, 0.6) * (np.array(self.bin.inner[:2]) / 2 - 0.03))
        for index, model in enumerate(self.objects):
            R = Rotation.random(rng=rng).as_matrix()
            height = (model.vertices @ R.T)[:, 2]
            xy = self.centre + R_bin @ rng.uniform(-spread, spread)
            self._place(index, transform(R, [*xy, z - height.min()]))
            z += float(np.ptp(height)) + _GAP
        if not self._settle(len(self.objects)):
            return False
        self._set_walls(False)
        return self._settle(len(self.objects)) and self._stands()

    def lie(self, T_base_object: NDArray[np.float64]) -> bool:
        """Put all objects (n, 4, 4) where they lay before some others were taken; False if they do not stay there."""
        for index, T in enumerate(T_base_object):
            self._place(index, T)
        return self._settle(len(self.objects)) and self._stands()

    def stack(self, rng: np.random.Generator) -> bool:
        """One object after the other, each aimed at one that lies there already.

        Table 3 of the paper has 2, 3, 4, 5, 6 (+-1) pairs for 3 to 7 objects; with at most `spare`
        less than a pair for every object but the first, the mean comes out there. Objects after the
        `_STACK_MAX`-th lie wherever they come to rest.
        """
        spare = 0 if len(self.objects) <= 4 else int(rng.integers(2))
        for index in range(len(self.objects)):
            before, top = self._state(), self._top(index)
            for _ in range(_TRIES):
                self._place(index, self._aim(index, top, rng))
                wanted = min(index, _STACK_MAX - 1) - spare
                if self._settle(index + 1) and int(self.supports().sum()) >= wanted:
                    break
                self._restore(before)
            else:
                return False
        return self._stands()

    def _aim(self, index: int, top: float, rng: np.random.Generator) -> Transform:
        """A pose that just does not touch what lies there up to `top` [m], above one of the objects."""
        model = self.objects[index]
        # A shortest edge that points up, give or take, stays where it is put more often than not.
        flat = np.roll(np.eye(3), int(np.argmin(model.extent)) - 2, axis=1).T
        turn = Rotation.from_euler("zxz", rng.uniform([0, 0, 0], [2 * np.pi, 0.5, 2 * np.pi]))
        R = Rotation.random(rng=rng).as_matrix() if rng.random() < 0.25 else turn.as_matrix() @ flat
        xy = self.centre + rng.uniform(-0.02, 0.02, 2)
        if index:
            xy = self.data.qpos[self._at(int(rng.integers(index)))][:2] + rng.uniform(-0.015, 0.015, 2)
        low = float((model.vertices @ R.T)[:, 2].min())
        z = top - low + 2 * _GAP
        set_pose(self.model, self.data, self.names[index], transform(R, [*xy, z]))
        while z > _GAP - low and not self._touches(index, z - _GAP):
            z -= _GAP
        return transform(R, [*xy, z])

    def _top(self, count: int) -> float:
        """Height of the highest point of the first `count` objects [m]."""
        poses = [get_pose(self.model, self.data, name) for name in self.names[:count]]
        tops = [(o.vertices @ T[2, :3]).max() + T[2, 3] for o, T in zip(self.objects, poses, strict=False)]
        return float(max(tops, default=0.0))

    def _touches(self, index: int, z: float) -> bool:
        """Whether the object would touch anything if it were at the height z [m], where it is and as it is turned."""
        self.data.qpos[self._at(index)][2] = z
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_collision(self.model, self.data)
        owners = self.model.geom_bodyid[self.data.contact.geom]
        return bool((owners == self.bodies[index]).any())

    def _settle(self, count: int) -> bool:
        """Run until the first `count` objects rest; False if they roll away or do not come to rest."""
        calm, qvel = 0, self.data.qvel
        velocity = qvel.reshape(-1, 6)
        for look in range(int(_SETTLE_TIME / c.TIMESTEP_SETTLE / _LOOK_EVERY)):
            mujoco.mj_step(self.model, self.data, _LOOK_EVERY)
            if look * _LOOK_EVERY * c.TIMESTEP_SETTLE > _CALM_AFTER:
                qvel *= _CALM_FACTOR
            speed = np.abs(velocity)
            slow = speed[:, :3].max() < _SLOW[0] and speed[:, 3:].max() < _SLOW[1]
            calm = calm + 1 if slow else 0
            if calm >= _LOOKS_CALM:
                return self._inside(count)
            if not self._inside(count):
                return False
        return False

    def _stands(self) -> bool:
        """Whether the heap stays where it is without any damping."""
        before = self.data.qpos.copy()
        mujoco.mj_step(self.model, self.data, int(_PROOF_TIME / c.TIMESTEP_SETTLE))
        drift = np.abs(self.data.qpos - before).reshape(-1, 7)[:, :3].max()
        return bool(drift < _PROOF_DRIFT)

    def _inside(self, count: int) -> bool:
        at = self.data.qpos.reshape(-1, 7)[:count, :3]
        if self.bin is not None:
            return bool(self.bin.holds(at).all())
        return bool((np.abs(at[:, :2] - self.centre) < _ROOM_RADIUS).all() and (at[:, 2] > 0).all())

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


def _add_wall(
    spec: mujoco.MjSpec, centre: NDArray[np.float64], half: NDArray[np.float64], yaw: float, side: int
) -> str:
    """One of four smooth walls of the funnel; it belongs to no collision until it is made solid.

    Args:
        spec: to add it to.
        centre: of the funnel [m].
        half: half of its clear length and width [m].
        yaw: of its length [rad].
        side: 0 to 3.
    """
    axis, sign = divmod(side, 2)
    thin, wide = 0.02, float(half.max()) + 0.04
    along = np.eye(2)[axis] * (1 - 2 * sign) * (half[axis] + thin)
    turn = Rotation.from_euler("z", yaw)
    geom = spec.worldbody.add_geom(name=f"wall_{side}", type=mujoco.mjtGeom.mjGEOM_BOX)
    geom.size = [thin, wide, 1.0] if axis == 0 else [wide, thin, 1.0]
    geom.pos = [*(centre + turn.as_matrix()[:2, :2] @ along), 1.0]
    geom.quat = turn.as_quat(canonical=True)[[3, 0, 1, 2]].tolist()
    geom.friction = [c.WALL_FRICTION, 0.0, 0.0]
    geom.priority = 1
    return geom.name
