"""A grasp that is executed in its heap: what came up, and whether it was its turn."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.cell import Cell
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import transform
from gpnet_ros.sim.hand.lift import Lift, try_lift
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.relations import relations
from gpnet_ros.sim.objects.model import make_object

BOX = make_object("box", 0)


def beside() -> Heap:
    """Two boxes that do not touch."""
    poses = [transform(np.eye(3), (0.65, y, BOX.extent[2] / 2 - 2e-5)) for y in (0.0, 0.13)]
    return Heap((BOX, BOX), np.array(poses))


def taken(heap: Heap, before: np.ndarray, y: float, away: float = 0.0) -> Lift:
    """A grasp across the short side of the box at y, moved `away` along the opening [m]."""
    across = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])
    return try_lift(heap, before, transform(across, (0.65, y + away, 0.02)), BOX.extent[1] + 0.02, Cell())


def test_a_free_box_comes_up_and_the_heap_stays_as_it_was() -> None:
    heap = beside()
    poses = heap.T_base_object.copy()
    came = taken(heap, relations(heap).before, 0.13)
    assert (came.status, came.removed) == ("lifted", (2,))
    assert came.top and came.clean and came.any and not came.disturbed
    assert (heap.T_base_object == poses).all()


def test_what_must_wait_does_not_count_though_it_comes_up() -> None:
    waits = np.array([[False, True], [False, False]])
    came = taken(beside(), waits, 0.0)
    assert came.any and not came.top and not came.clean
    assert taken(beside(), waits, 0.13).top


def test_of_a_ring_each_may_come_up() -> None:
    ring = np.array([[False, True], [True, False]])
    assert taken(beside(), ring, 0.0).top


def test_air_brings_nothing_up() -> None:
    came = taken(beside(), np.zeros((2, 2), dtype=bool), 0.0, away=-0.2)
    assert (came.status, came.removed, came.top, came.any) == ("missed", (), False, False)


def test_an_opening_beyond_the_stroke_is_refused() -> None:
    with pytest.raises(BadInput, match=r"0\.2"):
        try_lift(beside(), np.zeros((2, 2), dtype=bool), np.eye(4), 0.2, Cell())
