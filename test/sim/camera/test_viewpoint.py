"""Cameras of scenes: within their ranges, and the heap is in the picture."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.pose import look_at
from gpnet_ros.sim.camera.viewpoint import HEIGHT_RANGE, random_camera, seen_share
from gpnet_ros.sim.heap.bin import Bin
from gpnet_ros.sim.heap.heap import Heap, drop_heap


@pytest.fixture(scope="module")
def heap() -> Heap:
    return drop_heap(1, 4)


def test_cameras_keep_to_their_ranges_and_see_the_heap(heap: Heap) -> None:
    rng, tilts, focals = np.random.default_rng(0), [], []
    middle = heap.T_base_object[:, :3, 3].mean(axis=0)
    for _ in range(300):
        camera, T = random_camera(rng, heap, (480, 480))
        assert HEIGHT_RANGE[0] - 1e-9 <= T[2, 3] <= HEIGHT_RANGE[1] + 1e-9
        assert np.linalg.norm(T[:3, 3] - middle) < HEIGHT_RANGE[1] + 0.1
        tilts.append(np.degrees(np.arccos(-T[2, 2])))
        focals.append(camera.fx)
        assert seen_share(heap, camera, T) >= 0.9
        assert np.abs(camera.project(T[:3, :3].T @ (middle - T[:3, 3])) - 239.5).max() < 75
    assert max(tilts) < 50
    assert 0.1 < np.mean(np.array(tilts) > 20) < 0.3
    assert 615 * 0.85 <= min(focals) < 560
    assert 670 < max(focals) <= 615 * 1.15


def test_cameras_go_up_where_a_heap_is_wide(heap: Heap) -> None:
    T = np.tile(np.eye(4), (2, 1, 1))
    T[:, :3, 3] = [[0.65, -0.14, 0.05], [0.65, 0.14, 0.05]]
    wide, rng = Heap(heap.objects[:2], T), np.random.default_rng(0)
    assert min(seen_share(wide, *random_camera(rng, wide, (480, 480))) for _ in range(100)) >= 0.9


def test_nobody_looks_into_a_bin_from_the_side(heap: Heap) -> None:
    rng = np.random.default_rng(0)
    inside = Heap(heap.objects, heap.T_base_object, Bin((0.4, 0.3, 0.1)))
    tilts = [np.degrees(np.arccos(-random_camera(rng, inside, (480, 480))[1][2, 2])) for _ in range(100)]
    assert 20 < max(tilts) < 30


def test_the_focal_length_scales_with_the_picture(heap: Heap) -> None:
    small, large = (random_camera(np.random.default_rng(5), heap, (side, side))[0] for side in (96, 480))
    assert large.fx == pytest.approx(5 * small.fx)


def test_a_heap_beside_the_picture_is_not_seen(heap: Heap) -> None:
    camera, _ = random_camera(np.random.default_rng(0), heap, (480, 480))
    away = look_at([0.65, 1.0, 0.8], [0.65, 1.0, 0.0])
    assert seen_share(heap, camera, away) == 0.0
