"""Whole masks of objects that are hidden on purpose."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.data.masks import visible_boxes
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import look_at, transform
from gpnet_ros.sim.camera.raycast import Mesh, RayScene
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.amodal import amodal
from gpnet_ros.sim.objects.model import make_object

CAMERA = Intrinsics(160, 120, 150.0, 150.0, 79.5, 59.5)
EYE = look_at([0.65, 0.0, 0.8], [0.65, 0.0, 0.0])
BOX = make_object("box", 0)


def at(x: float, y: float, z: float) -> np.ndarray:
    return transform(np.eye(3), [x, y, z])


def seen(heap: Heap) -> np.ndarray:
    rays = RayScene([Mesh(o.vertices, o.faces, k + 1) for k, o in enumerate(heap.objects)])
    return rays.place(heap.T_base_object).depth(CAMERA, EYE)[1]


def test_a_lone_object_is_all_there() -> None:
    heap = Heap((BOX,), at(0.65, 0, 0.05)[None])
    ids = seen(heap)
    found = amodal(heap, ids, CAMERA, EYE)
    assert np.array_equal(found.masks[0], ids == 1)
    assert found.occlusion.tolist() == [0.0]
    v, u = np.nonzero(ids == 1)
    assert found.boxes[0].tolist() == [u.min(), v.min(), u.max() + 1, v.max() + 1]
    assert np.array_equal(found.boxes, visible_boxes(ids, [1]))
    assert found.center_of_mass[0] == pytest.approx([79.5, 59.5])


def test_a_hidden_object_is_whole_in_its_mask() -> None:
    alone = Heap((BOX,), at(0.66, 0.01, 0.05)[None])
    heap = Heap((BOX, BOX), np.array([at(0.66, 0.01, 0.05), at(0.65, 0, 0.3)]))
    found = amodal(heap, seen(heap), CAMERA, EYE)
    assert np.array_equal(found.masks[0], seen(alone) == 1)
    assert found.occlusion[0] > 0.5 and found.occlusion[1] == 0.0
    ids = seen(heap)
    assert found.occlusion[0] == pytest.approx(1 - (ids == 1).sum() / found.masks[0].sum())
    assert all((found.masks[k] | ~(ids == k + 1)).all() for k in range(2))


def test_the_visible_mask_is_part_of_the_whole_one_whatever_rays_say() -> None:
    heap = Heap((BOX,), at(0.65, 0, 0.05)[None])
    ids = seen(heap)
    ids[3, 5] = 1  # as if another ray had just met an edge
    assert amodal(heap, ids, CAMERA, EYE).masks[0, 3, 5]


def test_what_is_out_of_the_picture_has_no_box() -> None:
    heap = Heap((BOX, BOX), np.array([at(0.65, 0, 0.05), at(3.0, 0, 0.05)]))
    ids = seen(heap)
    found = amodal(heap, ids, CAMERA, EYE)
    assert not found.masks[1].any() and np.isnan(found.boxes[1]).all()  # no number stands for absence
    assert np.isnan(found.occlusion[1])
    assert np.isnan(visible_boxes(ids, [1, 2])[1]).all()


def test_an_object_cut_by_the_border_ends_there() -> None:
    heap = Heap((BOX,), at(0.65, 0.42, 0.05)[None])
    ids = seen(heap)
    found = amodal(heap, ids, CAMERA, EYE)
    assert 0 < found.masks[0].sum() < seen(Heap((BOX,), at(0.65, 0, 0.05)[None])).sum()
    assert found.boxes[0, 2] == 160 or found.boxes[0, 0] == 0
    assert np.array_equal(found.masks[0], ids == 1)
