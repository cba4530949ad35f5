"""REGRAD's parents: who moves when another one is taken away."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.sim import constants as c
from gpnet_ros.sim.heap.contacts import quaternion_wxyz, set_pose, world_of
from gpnet_ros.sim.heap.heap import Heap

#: An object that goes farther than this has moved [m]: gangma2610/REGRAD, relation_generate.py, sum of squares > 5e-6.
MOVED = float(np.sqrt(5e-6))
_TIME = 0.5  # in which something that lost its support has moved [s]
_LOOK_EVERY = 10  # steps


def removal_parents(heap: Heap) -> NDArray[np.bool_]:
    """[i, j] = i moves when j is removed and all others are held, (n, n): "j is a parent of i" in REGRAD.

    Only pairs that touch are tried, for no other removal can be felt.
    """
    n = len(heap.objects)
    found = np.zeros((n, n), dtype=bool)
    for i in range(n):
        model, data, bodies = _only_free(heap, i)
        start = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_getState(model, data, start, mujoco.mjtState.mjSTATE_INTEGRATION)
        touched = np.unique(model.geom_bodyid[data.contact.geom])
        for j in np.flatnonzero(np.isin(bodies, touched)):
            if j != i:
                mujoco.mj_setState(model, data, start, mujoco.mjtState.mjSTATE_INTEGRATION)
                found[i, j] = _moves_without(model, data, bodies[j])
    return found


def _only_free(heap: Heap, i: int) -> tuple[mujoco.MjModel, mujoco.MjData, NDArray[np.int64]]:
    """A world in which all objects but i are part of the furniture, and the body ids of all."""
    spec, names = world_of(heap.objects, heap.bin, c.TIMESTEP_SETTLE)
    for j, name in enumerate(names):
        if j != i:
            body = spec.body(name)
            spec.delete(body.joints[0])
            body.pos, body.quat = heap.T_base_object[j, :3, 3], quaternion_wxyz(heap.T_base_object[j])
    model = spec.compile()
    data = mujoco.MjData(model)
    set_pose(model, data, names[i], heap.T_base_object[i])
    mujoco.mj_forward(model, data)
    return model, data, np.array([model.body(name).id for name in names], dtype=np.int64)


def _moves_without(model: mujoco.MjModel, data: mujoco.MjData, gone: int) -> bool:
    """Whether the one free body moves when the body `gone` collides with nothing."""
    geoms = np.flatnonzero(model.geom_bodyid == gone)
    kept = model.geom_contype[geoms].copy(), model.geom_conaffinity[geoms].copy()
    model.geom_contype[geoms] = model.geom_conaffinity[geoms] = 0
    before, moved = data.qpos[:3].copy(), False
    for _ in range(int(_TIME / c.TIMESTEP_SETTLE / _LOOK_EVERY)):
        mujoco.mj_step(model, data, _LOOK_EVERY)
        moved = float(np.linalg.norm(data.qpos[:3] - before)) > MOVED
        if moved:
            break
    model.geom_contype[geoms], model.geom_conaffinity[geoms] = kept
    return moved
