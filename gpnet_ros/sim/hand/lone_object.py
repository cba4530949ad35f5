"""Can a vertical jaw take an object at all? One lone object, dropped, looked at, and taken by its best true grasp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import look_at
from gpnet_ros.sim.camera.raycast import Mesh, PlacedScene, RayScene
from gpnet_ros.sim.hand.hand import Hand
from gpnet_ros.sim.heap.heap import Heap, drop_heap
from gpnet_ros.sim.labels.exact import ExactView, Solids
from gpnet_ros.sim.labels.grasps import LabelledGrasp, grasp_labels
from gpnet_ros.sim.objects.model import ObjectModel, make_object

#: Overhead camera of the trial: 1.5 mm per pixel on the table, as fine as the network's grid.
_SIDE, _HEIGHT = 128, 0.85
_FOCAL = _HEIGHT / 0.0015


@dataclass(frozen=True, eq=False)
class FamilyTrial:
    """Outcome of dropping one object and taking it by its best label.

    Attributes:
        family, seed: of the drop.
        grasp: the best label; None where the truth knows no grasp for this pose.
        status: of the pick, see `hand.PickOutcome`; "no grasp" without one.
    """

    family: str
    seed: int
    grasp: LabelledGrasp | None
    status: str

    @property
    def lifted(self) -> bool:
        """Whether the object came up and was carried away."""
        return self.status == "lifted"


def try_family(family: str, seed: int, make: Callable[[str, int], ObjectModel] = make_object) -> FamilyTrial:
    """Drop an object of a family and execute its best label; the same arguments give the same trial on one machine.

    Args:
        family: of the object.
        seed: of object and drop.
        make: object of a family and a seed; objects from a user's meshes need their maker.

    Raises:
        BadInput: no such family, or nothing came to rest for this seed.
    """
    heap = drop_heap(seed, 1, (family,), make=make)
    grasp = best_grasp(heap)
    if grasp is None:
        return FamilyTrial(family, seed, None, "no grasp")
    return FamilyTrial(family, seed, grasp, Hand(heap).pick(grasp.T_base_tcp, grasp.opening).status)


def best_grasp(heap: Heap) -> LabelledGrasp | None:
    """The best true grasp of a lone object, seen from straight above; None if there is none."""
    model, T_base_object = heap.objects[0], heap.T_base_object[0]
    x, y = T_base_object[:2, 3]
    intrinsics = Intrinsics(_SIDE, _SIDE, _FOCAL, _FOCAL, (_SIDE - 1) / 2, (_SIDE - 1) / 2)
    T_base_camera = look_at(np.array([x, y, _HEIGHT]), np.array([x, y, 0.0]), (0.0, -1.0, 0.0))
    scene = RayScene([Mesh(model.vertices, model.faces, 1, None)])
    depth, ids = PlacedScene(scene, T_base_object[None]).depth(intrinsics, T_base_camera)
    labels = grasp_labels(Solids.of(heap), ExactView(depth, ids, intrinsics, T_base_camera))
    return labels.grasps[0] if labels.grasps else None
