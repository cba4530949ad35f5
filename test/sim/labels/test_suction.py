"""Suction quality of shapes for which the right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import look_at, transform
from gpnet_ros.sim.camera.raycast import Mesh, RayScene
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.suction import suction_quality
from gpnet_ros.sim.objects.model import ObjectModel, make_object

CAMERA = Intrinsics(320, 240, 300.0, 300.0, 159.5, 119.5)
EYE = look_at([0.65, 0.0, 0.6], [0.65, 0.0, 0.0])


def quality(model: ObjectModel, tilt: float = 0.0, T_base_camera: np.ndarray = EYE) -> tuple[np.ndarray, np.ndarray]:
    """Quality and ids of one object, turned about base x by `tilt` [rad]."""
    c, s = np.cos(tilt), np.sin(tilt)
    heap = Heap((model,), transform([[1, 0, 0], [0, c, -s], [0, s, c]], [0.65, 0.0, 0.1])[None])
    depth, ids = RayScene([Mesh(model.vertices, model.faces, 1)]).place(heap.T_base_object).depth(CAMERA, T_base_camera)
    return suction_quality(depth, ids, heap, CAMERA, T_base_camera), ids


@pytest.fixture(scope="module")
def slab() -> ObjectModel:
    return max((make_object("flat_box", seed) for seed in range(12)), key=lambda o: sorted(o.extent)[1])


def upright(model: ObjectModel) -> float:
    """Tilt about x that turns the largest face of a box up."""
    return np.pi / 2 if int(np.argmin(model.extent)) == 1 else 0.0


def test_a_flat_level_face_is_best_over_its_middle_and_useless_at_its_edge(slab: ObjectModel) -> None:
    q, ids = quality(slab, upright(slab))
    assert q[ids == 0].max() == 0.0
    v, u = np.nonzero(ids)
    middle = q[round(v.mean()), round(u.mean())]
    assert middle > 0.95
    assert q.max() == pytest.approx(middle, abs=0.02)
    assert q[v.min() : v.min() + 2].max() == 0.0
    assert (q[ids > 0] > 0).mean() > 0.3


def test_a_steep_face_is_worse_and_a_steeper_one_useless(slab: ObjectModel) -> None:
    level, steep = upright(slab), np.deg2rad(30)
    best = [quality(slab, level + turn)[0].max() for turn in (0.0, steep)]
    assert 0.3 < best[1] < 0.7 * best[0]
    q, ids = quality(slab, level + np.deg2rad(60))
    assert q[ids > 0].mean() < 0.02


def test_what_counts_is_the_surface_and_not_the_view(slab: ObjectModel) -> None:
    aslant = look_at([0.65, -0.25, 0.6], [0.65, 0.0, 0.1])
    straight, tilted = quality(slab, upright(slab))[0].max(), quality(slab, upright(slab), aslant)[0].max()
    assert tilted == pytest.approx(straight, abs=0.05)


def test_a_ring_of_round_section_holds_no_cup() -> None:
    q, ids = quality(make_object("ring", 0))
    assert (ids > 0).any() and q.max() < 0.2
