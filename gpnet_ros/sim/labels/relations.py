"""Who rests on whom, who lies under whom, and which objects may be taken first."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from gpnet_ros.sim import constants as c
from gpnet_ros.sim.heap.contacts import (
    SUPPORT_SHARE,
    set_pose,
    support_forces,
    world_of,
)
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.objects.model import ObjectModel
from gpnet_ros.topmost import layers

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
        share: (n, n), [i, j] = upward force of j on i as a share of the weight of i; 0 where i does not rest on j.
    """

    supports: NDArray[np.bool_]
    covered_by: NDArray[np.bool_]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, share: NDArray[np.float64], covered_by: NDArray[np.bool_]) -> Relations:
        """Relations from shares of the weight (n, n) and cover (n, n)."""
        rests = share > SUPPORT_SHARE
        return cls(rests, covered_by, np.where(rests, share, 0.0))

    @property
    def before(self) -> NDArray[np.bool_]:
        """(n, n), [i, j] = j lies on i or leans on it: j is taken before i."""
        return np.asarray(self.supports.T | self.covered_by)

    @property
    def layer(self) -> NDArray[np.int64]:
        """(n,) 0 for objects that may be taken now, 1 for those after them, and so on; see `topmost.layers`."""
        return layers(self.before)

    @property
    def top_level(self) -> NDArray[np.bool_]:
        """(n,) whether the object is topmost: its layer is 0."""
        return self.layer == 0


def relations(heap: Heap) -> Relations:
    """Relations of a heap at rest: supports from contact forces, cover from upward rays.

    Of the ways to call an object "on top" that were compared by picking it and watching the others,
    this one is about as good as lifting each object in simulation and far cheaper.
    """
    return Relations.of(weight_shares(heap), cover(heap))


def weight_shares(heap: Heap) -> NDArray[np.float64]:
    """[i, j] = upward contact force of j on i over the weight of i, (n, n), of the heap as it lies."""
    spec, names = world_of(heap.objects, heap.bin, c.TIMESTEP_SETTLE)
    model = spec.compile()
    data = mujoco.MjData(model)
    for name, T in zip(names, heap.T_base_object, strict=True):
        set_pose(model, data, name, T)
    mujoco.mj_forward(model, data)
    forces = support_forces(model, data, [model.body(name).id for name in names])
    weights = np.array([o.mass for o in heap.objects]) * c.GRAVITY
    return np.clip(forces / weights[:, None], 0.0, None)


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
