"""Relations of arrangements whose truth is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.pose import transform
from gpnet_ros.sim.heap.bin import Bin
from gpnet_ros.sim.heap.heap import Heap, drop_heap, stack_heap
from gpnet_ros.sim.labels.relations import Relations, relations
from gpnet_ros.sim.labels.removal import removal_parents
from gpnet_ros.sim.objects.model import make_object

BOX = make_object("box", 0)
#: As deep as a resting contact of the cell's contact settings [m].
SINK = 2e-5


def at(x: float, y: float, z: float) -> np.ndarray:
    return transform(np.eye(3), [x, y, z])


def test_a_box_on_a_box():
    h = BOX.extent[2]
    heap = Heap((BOX, BOX), np.array([at(0.65, 0, h / 2 - SINK), at(0.65, 0, 1.5 * h - 2 * SINK)]))
    found = relations(heap)
    assert found.supports.tolist() == [[False, False], [True, False]]
    assert found.covered_by.tolist() == [[False, True], [False, False]]
    assert found.top_level.tolist() == [False, True]


def test_boxes_side_by_side_have_nothing_to_do_with_each_other():
    heap = Heap((BOX, BOX), np.array([at(0.6, 0, BOX.extent[2] / 2 - SINK), at(0.75, 0, BOX.extent[2] / 2 - SINK)]))
    found = relations(heap)
    assert not found.supports.any() and not found.covered_by.any()
    assert found.top_level.all()


def test_what_lies_under_a_bridge_is_covered_though_it_carries_nothing():
    pier, nut = make_object("flat_box", 0), make_object("hex_nut", 0)
    deck = max((make_object("flat_box", seed) for seed in range(10)), key=lambda o: o.extent[0])
    tall, thin = pier.extent[0], pier.extent[2]
    gap = deck.extent[0] / 2 - thin / 2
    assert nut.extent[0] < 2 * gap - thin and nut.extent[2] < tall
    upright = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    poses = [transform(upright, [0.65 + s * gap, 0, tall / 2 - SINK]) for s in (-1, 1)]
    poses += [at(0.65, 0, tall + deck.extent[2] / 2 - 2 * SINK), at(0.65, 0, nut.extent[2] / 2 - SINK)]
    found = relations(Heap((pier, pier, deck, nut), np.array(poses)))
    assert found.supports[2, :2].all() and found.supports.sum() == 2
    assert found.covered_by[3, 2] and not found.supports[:, 3].any()
    assert found.top_level.tolist() == [False, False, True, False]


def test_an_empty_heap_has_empty_relations():
    found = relations(Heap((), np.zeros((0, 4, 4))))
    assert found.supports.shape == found.covered_by.shape == (0, 0)
    assert found.top_level.shape == (0,)


@pytest.mark.parametrize("seed", [0, 1])
def test_relations_follow_the_objects_when_they_are_renamed(seed):
    heap = stack_heap(seed, 4)
    order = np.array([2, 0, 3, 1])
    shuffled = Heap(tuple(heap.objects[i] for i in order), heap.T_base_object[order])
    a, b = relations(heap), relations(shuffled)
    assert np.array_equal(a.supports[np.ix_(order, order)], b.supports)
    assert np.array_equal(a.top_level[order], b.top_level)
    assert not np.diag(a.supports).any() and not np.diag(a.covered_by).any()


def test_the_share_of_the_weight_is_what_presses():
    h = BOX.extent[2]
    heap = Heap((BOX, BOX), np.array([at(0.65, 0, h / 2 - SINK), at(0.65, 0, 1.5 * h - 2 * SINK)]))
    share = relations(heap).share
    assert share[1, 0] == pytest.approx(1.0, abs=0.5)
    assert share[0, 1] == share[0, 0] == share[1, 1] == 0.0
    for seed in range(3):
        found = relations(drop_heap(seed, 4))
        assert np.array_equal(found.supports, found.share > 0.1)
        assert (found.share >= 0).all()


def test_a_touch_is_no_support():
    found = Relations.of(np.array([[0.0, 0.05], [0.9, 0.0]]), np.zeros((2, 2), dtype=bool))
    assert found.supports.tolist() == [[False, False], [True, False]]
    assert found.share.tolist() == [[0.0, 0.0], [0.9, 0.0]]
    assert found.top_level.tolist() == [False, True]


def test_objects_that_lie_on_each_other_are_both_topmost_until_one_lies_on_them():
    ring = np.array([[0.0, 0.4, 0.0], [0.3, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert Relations.of(ring, np.zeros((3, 3), dtype=bool)).layer.tolist() == [0, 0, 0]
    covered = np.array([[False, False, True], [False] * 3, [False] * 3])
    found = Relations.of(ring, covered)
    assert found.layer.tolist() == [1, 1, 0]
    assert found.top_level.tolist() == [False, False, True]


def test_walls_of_a_bin_carry_what_leans_on_them():
    plate = max((make_object("flat_box", seed) for seed in range(12)), key=lambda o: o.extent.max())
    long, thin = plate.extent.max(), plate.extent.min()
    assert int(np.argmax(plate.extent)) == 0 and int(np.argmin(plate.extent)) == 2
    lean = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    bin = Bin((thin + 0.002, 0.3, 0.15))
    heap = Heap((plate,), transform(lean, [0.65, 0, bin.floor + long / 2 - SINK])[None], bin)
    assert relations(heap).top_level.tolist() == [True]


def test_parents_move_when_their_support_goes_and_supports_do_not_when_the_load_goes():
    h = BOX.extent[2]
    poses = [at(0.65, 0, h / 2 - SINK), at(0.65, 0, 1.5 * h - 2 * SINK), at(0.85, 0, h / 2 - SINK)]
    assert removal_parents(Heap((BOX,) * 3, np.array(poses))).tolist() == [
        [False, False, False],
        [True, False, False],
        [False, False, False],
    ]


def test_a_second_pier_of_a_bridge_is_a_parent_only_if_the_deck_falls_without_it():
    pier = make_object("flat_box", 0)
    deck = max((make_object("flat_box", seed) for seed in range(10)), key=lambda o: o.extent[0])
    tall, thin = pier.extent[0], pier.extent[2]
    upright = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    gap = deck.extent[0] / 2 - thin / 2
    poses = [transform(upright, [0.65 + s * gap, 0, tall / 2 - SINK]) for s in (-1, 0, 1)]
    poses.append(at(0.65, 0, tall + deck.extent[2] / 2 - 2 * SINK))
    ends = removal_parents(Heap((pier, pier, deck), np.array([poses[0], poses[2], poses[3]])))
    assert ends[2].tolist() == [True, True, False]
    three = removal_parents(Heap((pier, pier, pier, deck), np.array(poses)))
    assert not three[3].any()
