"""Rounds with the suction cup: the oracle clears, true detections do, and detections that lie do not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.cli import main
from gpnet_ros.detections import Detections
from gpnet_ros.evaluation.closed_loop.rows import read_rounds
from gpnet_ros.sim.clearing.clearable import clearable
from gpnet_ros.sim.clearing.look import Look
from gpnet_ros.sim.clearing.rounds import FAILURES_MAX, RoundOptions, clear_heap
from gpnet_ros.sim.clearing.true_cups import true_cups
from gpnet_ros.sim.heap.frozen import frozen_heap
from gpnet_ros.sim.heap.heap import Heap, stack_heap
from gpnet_ros.sim.objects.model import make_object

CELL, HAND_EYE = replace(load_cell(), tool="suction"), load_hand_eye()
TRUE = RoundOptions(objects=lambda _frame, truth: truth())


def test_the_oracle_and_a_perfect_network_clear_what_lies_on_each_other() -> None:
    heap = stack_heap(3, 2, ("box", "flat_box"))
    for options in (RoundOptions(), TRUE):
        done = clear_heap(heap, 3, None, CELL, HAND_EYE, options)
        assert done.all_right, done.faults
        assert len(done.picks) == 2
        assert all(pick.decision.plan is not None for pick in done.picks)


def test_detections_that_show_a_cup_the_edge_of_everything_clear_nothing() -> None:
    def lying(_frame: object, truth: object) -> Detections:
        told: Detections = truth()  # type: ignore[operator]
        # The heat says the edge of each mask; masks are grown, so that nothing else warns of it.
        grown = np.array([np.roll(mask, 14, axis=1) | mask for mask in told.visible])
        heat = np.any([g & ~mask for g, mask in zip(grown, told.visible, strict=True)], axis=0).astype(np.float32)
        return replace(told, visible=grown, suction=heat)

    done = clear_heap(stack_heap(3, 1, ("box",)), 3, None, CELL, HAND_EYE, RoundOptions(objects=lying))
    assert not done.removed
    assert sum(not pick.ok for pick in done.picks) >= FAILURES_MAX


def test_a_heap_can_be_cleared_if_the_oracle_clears_it_and_a_ring_cannot() -> None:
    def lone(family: str) -> Heap:
        one = make_object(family, 0)
        return Heap((one,), np.array([np.eye(4)]) + np.outer([0.65, 0, one.extent[2] / 2, 0], [0, 0, 0, 1]))

    assert clearable(lone("flat_box"), 0)
    assert not clearable(lone("ring"), 0)


def test_true_places_are_flat_whole_and_apart_and_a_ring_has_no_good_one() -> None:
    heap = frozen_heap(5, 0, "suction").heap
    T = HAND_EYE.T_base_camera()
    places = true_cups(Look(heap, 1, T).depth(heap), heap, T, CELL)
    assert len({place.object for place in places}) >= 2
    for one in places:
        assert one.T_base_tcp[2, 2] == pytest.approx(-1.0)
        assert one.surface - CELL.cup.press - 1e-9 <= one.T_base_tcp[2, 3] < one.surface + 1e-9
        for other in places:
            apart = np.linalg.norm((one.T_base_tcp - other.T_base_tcp)[:2, 3])
            assert one is other or one.object != other.object or apart > 0.007
    ring = make_object("ring", 0)
    lone = Heap((ring,), np.array([np.eye(4)]) + np.outer([0.65, 0, ring.extent[2] / 2, 0], [0, 0, 0, 1]))
    poor = true_cups(Look(lone, 1, T).depth(lone), lone, T, CELL)
    assert max((place.score for place in poor), default=0.0) < 0.25 < max(place.score for place in places)


def test_the_command_plays_frozen_heaps_for_the_cup_and_tells_who_played(tmp_path: Path, capsys) -> None:
    log = tmp_path / "cup.jsonl"
    words = ["bench", "clearing", "--gripper", "suction", "--heaps", "frozen", "--rounds", "1", "--workers", "1"]
    assert main([*words, "--model", "truth", "--log", str(log), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (answer["gripper"], answer["rounds"], answer["objects"]) == ("suction", 1, 5)
    (row,) = read_rounds(log)
    assert (row.heap, row.by.gripper, row.by.model, row.by.scene_model) == ("cup5-000", "suction", None, "truth")
    assert answer["objects_removed"] == len(row.removed) > 0
    first = next(pick for pick in row.picks if pick.ok)
    assert 0.0 < first.details["suction"] <= 1.0 and first.details["removed"] == [first.details["target"]]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--priority", "height"], "--priority height"),
        (["--path", "ros", "--model", "truth"], "--path core"),
        (["--heaps", "frozen", "--objects", "4"], "choose 5"),
        (["--model", "gpnet"], "grasp network"),
    ],
)
def test_what_a_cup_cannot_do_is_refused(words: list[str], names: str, capsys) -> None:
    assert main(["bench", "clearing", "--gripper", "suction", "--rounds", "1", *words]) == 2
    assert names in capsys.readouterr().err
