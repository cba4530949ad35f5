"""The physics world of a heap, and how far its objects go when nobody touches them."""

from __future__ import annotations

import mujoco
import numpy as np

from gpnet_ros.sim import constants as c
from gpnet_ros.sim.heap.contacts import add_objects, add_table, get_pose, set_options, set_pose
from gpnet_ros.sim.heap.heap import Heap


def world(heap: Heap, timestep: float = c.TIMESTEP_GRASP) -> tuple[mujoco.MjModel, mujoco.MjData, list[str]]:
    spec = mujoco.MjSpec()
    set_options(spec, timestep)
    add_table(spec)
    names = add_objects(spec, heap.objects)
    model = spec.compile()
    data = mujoco.MjData(model)
    for name, T in zip(names, heap.T_base_object, strict=True):
        set_pose(model, data, name, T)
    mujoco.mj_forward(model, data)
    return model, data, names


def drift(heap: Heap, seconds: float) -> float:
    """Greatest way that an object of the heap goes when nobody touches it [m]."""
    model, data, names = world(heap)
    mujoco.mj_step(model, data, int(seconds / c.TIMESTEP_GRASP))
    after = np.array([get_pose(model, data, name)[:3, 3] for name in names])
    return float(np.linalg.norm(after - heap.T_base_object[:, :3, 3], axis=1).max())
