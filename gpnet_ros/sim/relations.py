"""Who rests on whom, who lies under whom, and which objects may be taken first."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from gpnet_ros.sim import constants as c
from gpnet_ros.sim.contacts import (
    add_objects,
    add_table,
    set_options,
    set_pose,
    support_forces,
    supports,
)
from gpnet_ros.sim.heap import Heap
from gpnet_ros.sim.objects import ObjectModel

#: i is covered by j if j is above more than this share of what i shows to a camera overhead.
COVERED_SHARE = 0.03
_SAMPLES = 400  # rays per object
_LIFT_OFF = 2e-4  # start of a ray above its surface [m]; embree works in float32


@dataclass(frozen=True, eq=False)
class Relations:
    """Relations between the n objects of a heap.

    Attributes:
        supports: (n, n), [i, j] = i rests on j.
        covered_by: (n, n), [i, j] = j lies above part of i.
        top_level: (n,), the object supports nobody and is not covered.
    """

    supports: NDArray[np.bool_]
    covered_by: NDArray[np.bool_]
    top_level: NDArray[np.bool_]


def relations(heap: Heap) -> Relations:
    """Relations of a heap at rest: supports from contact forces, cover from upward rays.

    Of the ways to call an object "on top" that were compared by picking it and watching the others,
    this one is about as good as lifting each object in simulation and far cheaper.
    """
    rests, covered = contact_supports(heap), cover(heap)
    free = np.asarray(~(rests.any(axis=0) | covered.any(axis=1)))
    return Relations(rests, covered, free)


def contact_supports(heap: Heap) -> NDArray[np.bool_]:
    """[i, j] = i rests on j, (n, n), from the contact forces of the heap as it lies."""
    spec = mujoco.MjSpec()
    set_options(spec, c.TIMESTEP_SETTLE)
    add_table(spec)
    names = add_objects(spec, heap.objects)
    model = spec.compile()
    data = mujoco.MjData(model)
    for name, T in zip(names, heap.T_base_object, strict=True):
        set_pose(model, data, name, T)
    mujoco.mj_forward(model, data)
    bodies = [model.body(name).id for name in names]
    return supports(support_forces(model, data, bodies), [o.mass for o in heap.objects])


def cover(heap: Heap) -> NDArray[np.bool_]:
    """[i, j] = j lies above more than `COVERED_SHARE` of the upward surface of i, (n, n)."""
    n = len(heap.objects)
    scene, count = rtcore_scene.EmbreeScene(), np.zeros((n, n))
    for model, T in zip(heap.objects, heap.T_base_object, strict=True):
        corners = (model.vertices @ T[:3, :3].T + T[:3, 3])[model.faces]
        TriangleMesh(scene, np.ascontiguousarray(corners, dtype=np.float32))
    up = np.tile(np.array([0.0, 0.0, 1.0], dtype=np.float32), (_SAMPLES, 1))
    for i, (model, T) in enumerate(zip(heap.objects, heap.T_base_object, strict=True)):
        points = _upward_points(model, T[:3, :3], np.random.default_rng(i)) + T[:3, 3]
        points[:, 2] += _LIFT_OFF
        hit = scene.run(np.ascontiguousarray(points, dtype=np.float32), up, output=1)["geomID"]
        for j in set(hit[hit >= 0]) - {i}:
            count[i, j] = (hit == j).sum()
    return count > COVERED_SHARE * _SAMPLES


def _upward_points(model: ObjectModel, rotation: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Points (m, 3) on the faces that look up, even in the plan view, relative to the origin [m]."""
    corners = (model.vertices @ rotation.T)[model.faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    weight = np.clip(area, 0.0, None)
    chosen = corners[rng.choice(len(corners), _SAMPLES, p=weight / weight.sum())]
    u, v = rng.random((2, _SAMPLES, 1))
    root = np.sqrt(u)
    return (1 - root) * chosen[:, 0] + root * (1 - v) * chosen[:, 1] + root * v * chosen[:, 2]
