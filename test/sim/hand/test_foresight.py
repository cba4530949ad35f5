"""Whose turn it is, and that the oracle rehearses: it passes over a grasp that would topple a neighbour."""

from __future__ import annotations

import numpy as np

from gpnet_ros.pose import transform
from gpnet_ros.sim.hand.foresight import ranked, rehearsed, turns
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.grasps import LabelledGrasp
from gpnet_ros.sim.objects.model import ObjectModel, make_object

BOX = make_object("box", 0)


def before(n: int, *pairs: tuple[int, int]) -> np.ndarray:
    """(i, j): j is taken before i."""
    matrix = np.zeros((n, n), dtype=bool)
    for i, j in pairs:
        matrix[i, j] = True
    return matrix


def test_turns_follow_a_stack() -> None:
    assert turns(before(4, (0, 1), (1, 2), (0, 3))).tolist() == [2, 1, 0, 0]
    assert turns(before(3)).tolist() == [0, 0, 0]
    assert turns(np.zeros((0, 0), dtype=bool)).tolist() == []


def test_a_ring_waits_as_one_and_then_is_free_as_one() -> None:
    assert turns(before(3, (0, 1), (1, 0), (2, 0))).tolist() == [0, 0, 1]
    # 3 lies on the ring of 0 and 1, below which lies 2: nothing of the ring comes first.
    assert turns(before(4, (0, 1), (1, 0), (2, 0), (1, 3))).tolist() == [1, 1, 2, 0]


def test_turns_do_not_depend_on_names() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        matrix = rng.random((6, 6)) < 0.2
        np.fill_diagonal(matrix, False)
        order = rng.permutation(6)
        assert (turns(matrix[np.ix_(order, order)]) == turns(matrix)[order]).all()
        assert (turns(matrix) == 0).any()


def grasp(index: int, x: float, y: float, z: float, opening: float, score: float) -> LabelledGrasp:
    """Opens along base y."""
    T = transform(np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]]), [x, y, z])
    return LabelledGrasp(T, opening, score, index, z + 0.02)


def lying(model: ObjectModel, x: float, y: float, below: float = 0.0) -> np.ndarray:
    return transform(np.eye(3), [x, y, below + model.extent[2] / 2 - 2e-5])


def test_rank_is_by_turn_and_then_by_score() -> None:
    grasps = [grasp(k, 0.65, 0.0, 0.02, 0.05, score) for k, score in ((0, 0.9), (1, 0.2), (1, 0.6))]
    found = ranked(grasps, np.array([1, 0]))
    assert [(g.object, g.score) for g in found] == [(1, 0.6), (1, 0.2), (0, 0.9)]


def test_rehearsal_passes_over_what_misses_and_what_topples() -> None:
    heap = Heap((BOX, BOX), np.array([lying(BOX, 0.65, 0.0), lying(BOX, 0.65, 0.0, below=BOX.extent[2] - 2e-5)]))
    opening, upper = BOX.extent[1] + 0.02, BOX.extent[2] + 0.03
    astray = grasp(1, 0.65, BOX.extent[1] / 2, upper, 0.06, 0.9)  # a finger on the box
    good = grasp(1, 0.65, 0.0, upper, opening, 0.3)
    turn = np.array([1, 0])
    assert rehearsed(heap, [astray, good], turn) is good
    assert rehearsed(heap, [astray, good], turn, rehearsals=0) is astray
    lower = grasp(0, 0.65, 0.0, 0.02, opening, 1.0)
    assert rehearsed(heap, [lower, good], turn) is good
    assert rehearsed(heap, [astray], turn) is astray
    assert rehearsed(heap, [], turn) is None


def test_rehearsal_leaves_the_heap_as_it_was() -> None:
    heap = Heap((BOX, BOX), np.array([lying(BOX, 0.65, 0.0), lying(BOX, 0.65, 0.13)]))
    poses = heap.T_base_object.copy()
    assert rehearsed(heap, [grasp(0, 0.65, 0.0, 0.02, BOX.extent[1] + 0.02, 0.5)], np.zeros(2, int)) is not None
    assert (heap.T_base_object == poses).all()
