"""Training scenes: a heap, a camera, a look, and everything that is true about the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.maps import NETWORK_SIDE
from gpnet_ros.pose import Transform, invert, look_at
from gpnet_ros.settings import GripperGeometry, Workspace
from gpnet_ros.sim.heap import Heap, drop_heap, stack_heap
from gpnet_ros.sim.labels import GraspLabels, grasp_labels
from gpnet_ros.sim.meshes import table_mesh
from gpnet_ros.sim.objects import FAMILIES, ObjectModel
from gpnet_ros.sim.raycast import Mesh, RayScene
from gpnet_ros.sim.relations import Relations, relations
from gpnet_ros.sim.render import View, render
from gpnet_ros.sim.style import random_object, random_style

Kind = Literal["mixed", "stack", "drop"]

#: Side of the picture [px]: the network's grid and a border that rotation and shift can draw on.
SIDE = 288
#: Numbers of objects, and how often; the benchmark has 3 to 7, and every heap is cleared down to one.
_COUNTS = {1: 0.05, 2: 0.1, 3: 0.16, 4: 0.18, 5: 0.18, 6: 0.15, 7: 0.13, 8: 0.05}
_STACK_SHARE = 0.7  # of mixed scenes; stacks teach priority, dropped heaps and distractors variety
_STACK_MAX = 7  # objects; larger stacks take seconds to build
_CLEARED_SHARE = 0.4  # of the views, from which objects were taken off the top
_FREE_CAMERA_SHARE = 0.25  # of the views, from anywhere and at another scale
_TRIES = 5


@dataclass(frozen=True, eq=False)
class Scene:
    """A rendered heap with its labels, on the network's grid enlarged to `SIDE`.

    Attributes:
        heap: what lies there.
        relations: between its n objects.
        layer: (n,) int, 0 for top-level, 1 for what becomes top-level when layer 0 is gone, and so on.
        intrinsics, T_base_camera: camera of view and labels.
        view: colour, exact depth, ids.
        labels: dense grasps.
    """

    heap: Heap
    relations: Relations
    layer: NDArray[np.int32]
    intrinsics: Intrinsics
    T_base_camera: Transform
    view: View
    labels: GraspLabels


def make_scene(seed: int, kind: Kind = "mixed", view: int = 0) -> Scene:
    """One view of one heap; the same arguments give the same scene on one machine.

    Args:
        seed: of the heap.
        kind: how heaps are made.
        view: 0, 1, ...: another camera, another look, and sometimes fewer objects of the same heap.

    Raises:
        BadInput: an unknown kind or a negative seed.
    """
    if kind not in ("mixed", "stack", "drop") or seed < 0:
        raise BadInput(f"Scene of kind {kind!r}, seed {seed}, cannot be made: mixed, stack, drop; seed 0 or more.")
    rng = np.random.default_rng([3, seed, view])
    heap = _cleared(_heap(seed, kind), rng)
    related = relations(heap)
    intrinsics, T_base_camera = random_camera(rng)
    style = random_style(int(rng.integers(2**31)))
    scene = heap_meshes(heap.objects, rng)
    poses = [np.eye(4), *heap.T_base_object]
    picture = render(scene, poses, intrinsics, T_base_camera, style, "high")
    labels = grasp_labels(
        [(o.vertices, o.faces) for o in heap.objects],
        heap.T_base_object,
        picture.depth,
        picture.ids,
        intrinsics,
        T_base_camera,
        GripperGeometry(),
    )
    return Scene(heap, related, layers(related), intrinsics, T_base_camera, picture, labels)


def heap_meshes(objects: Sequence[ObjectModel], rng: np.random.Generator) -> RayScene:
    """Table and objects for the renderer, in this order, each object with a random surface and id 1..n."""
    meshes = [table_mesh()]
    for index, model in enumerate(objects):
        meshes.append(Mesh(model.vertices, model.faces, index + 1, random_object(int(rng.integers(2**31)))))
    return RayScene(meshes)


def layers(related: Relations) -> NDArray[np.int32]:
    """Layer (n,) of each object: 0 for those that may be taken now, 1 for those after them, ...

    Objects that lie on each other in a ring have no order; they share the layer after the last free one.
    """
    before = related.supports.T | related.covered_by  # [i, j]: j must go before i
    layer = np.full(len(before), -1, dtype=np.int32)
    for k in range(len(before)):
        left = layer < 0
        free = left & ~(before & left[None, :]).any(axis=1)
        layer[free if free.any() else left] = k
        if (layer >= 0).all():
            break
    return layer


def random_camera(rng: np.random.Generator) -> tuple[Intrinsics, Transform]:
    """Camera of a training picture: near the mount of the cell, or, now and then, anywhere above the heap.

    Returns:
        Model of the network's grid enlarged to `SIDE` about the workspace's centre, and T_base_camera.
    """
    workspace = Workspace()
    free = rng.random() < _FREE_CAMERA_SHARE
    target = np.array([*workspace.centre, workspace.table_z]) + [*rng.uniform(-0.03, 0.03, 2), 0.0]
    # The cell's camera stands 0.85 m high with 13 degrees of tilt, on the far side of the heap.
    height = rng.uniform(0.5, 1.0) if free else rng.uniform(0.75, 0.95)
    tilt = rng.uniform(0.0, 0.5) if free else np.deg2rad(rng.uniform(5.0, 20.0))
    azimuth = rng.uniform(-np.pi, np.pi) if free else rng.normal(0.0, 0.05)
    roll = rng.normal(0.0, 0.03)
    away = height * np.tan(tilt)
    eye = target + [away * np.cos(azimuth), away * np.sin(azimuth), height]
    right = (-np.sin(azimuth + roll), np.cos(azimuth + roll), 0.0)
    T_base_camera = look_at(eye, target, right)
    # The cell's grid has side / 224 per pixel; without a cell the whole frame is seen, up to 3 mm per pixel.
    per_pixel = workspace.side / NETWORK_SIDE
    if free:
        per_pixel = float(np.exp(rng.uniform(np.log(0.0010), np.log(0.0030))))
    centre = (invert(T_base_camera) @ np.array([*workspace.centre, workspace.table_z, 1.0]))[:3]
    focal = float(centre[2] / per_pixel)
    cx, cy = (SIDE - 1) / 2 - focal * centre[:2] / centre[2]
    return Intrinsics(SIDE, SIDE, focal, focal, float(cx), float(cy)), T_base_camera


@lru_cache(maxsize=4)
def _heap(seed: int, kind: Kind) -> Heap:
    """The heap of a seed; a stack takes up to seconds, and its views come one after the other."""
    rng = np.random.default_rng([4, seed])
    n = int(rng.choice(list(_COUNTS), p=list(_COUNTS.values())))
    stacked = kind == "stack" or (kind == "mixed" and rng.random() < _STACK_SHARE)
    for _ in range(_TRIES):
        trial = int(rng.integers(2**31))
        try:
            return stack_heap(trial, min(n, _STACK_MAX)) if stacked else drop_heap(trial, n, FAMILIES)
        except BadInput:  # did not come to rest; rolling things sometimes do not
            n = max(n - 1, 1)
    raise BadInput(f"No heap of kind {kind} came to rest for seed {seed}: take another seed.")


def _cleared(heap: Heap, rng: np.random.Generator) -> Heap:
    """The heap, or what is left of it after some picks off the top.

    A top-level object supports nobody, so what is left lies still without settling again.
    """
    if len(heap.objects) < 2 or rng.random() > _CLEARED_SHARE:
        return heap
    for _ in range(int(rng.integers(1, len(heap.objects)))):
        top = np.flatnonzero(relations(heap).top_level)
        if len(top) == 0:
            break
        left = np.delete(np.arange(len(heap.objects)), rng.choice(top))
        heap = Heap(tuple(heap.objects[i] for i in left), heap.T_base_object[left])
    return heap
