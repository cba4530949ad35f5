"""The oracle ranks by layer, and rehearses: it passes over a grasp that would topple a neighbour."""

from __future__ import annotations

import numpy as np

from gpnet_ros.pose import transform
from gpnet_ros.sim.hand.foresight import ranked, rehearsed
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.grasps import LabelledGrasp
from gpnet_ros.sim.objects.model import ObjectModel, make_object

BOX = make_object("box", 0)


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
