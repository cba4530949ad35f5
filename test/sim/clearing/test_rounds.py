"""The closed loop on the core path: the oracle clears, a blind policy does not, and the counts add up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.cli import main
from gpnet_ros.detections import Detections
from gpnet_ros.evaluation.closed_loop.core import Perception
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Rejected
from gpnet_ros.look_again import LOOKS
from gpnet_ros.maps import Grid, Maps
from gpnet_ros.pick import Decision, DecisionStatus
from gpnet_ros.pose import Transform
from gpnet_ros.sim.clearing import rounds
from gpnet_ros.sim.clearing.injected import Errors
from gpnet_ros.sim.clearing.look import Look
from gpnet_ros.sim.clearing.rounds import FAILURES_MAX, CoreRound, Ended, RoundOptions, clear_heap, strayed
from gpnet_ros.sim.heap.heap import Heap, stack_heap

CELL, HAND_EYE = load_cell(), load_hand_eye()


def blind(frame: Frame, T_base_camera: Transform) -> Maps:
    """Says that everything everywhere is a grasp of 40 mm at no angle."""
    assert frame.intrinsics is not None
    square = CELL.workspace
    grid = Grid.workspace(frame.intrinsics, T_base_camera, square.centre, square.side)
    ones = np.ones((grid.height, grid.width), np.float32)
    return Maps(ones, ones, 0 * ones, 0.25 * ones, ones, grid)


def test_the_oracle_takes_the_top_first_and_the_blind_gives_up() -> None:
    heap = stack_heap(2, 3)
    seeing = clear_heap(heap, 2, None, CELL, HAND_EYE)
    assert len(seeing.removed) >= 2
    assert seeing.picks[0].ok
    assert seeing.picks[0].topmost
    assert len(set(seeing.removed)) == len(seeing.removed)
    groping = clear_heap(heap, 2, blind, CELL, HAND_EYE)
    assert not groping.cleared
    assert len(groping.removed) < len(seeing.removed)
    assert sum(not p.ok for p in groping.picks) >= FAILURES_MAX


def test_a_single_object_needs_one_pick() -> None:
    result = clear_heap(stack_heap(5, 1, ("box",)), 5, None, CELL, HAND_EYE)
    assert result.all_right
    assert len(result.picks) == 1


@pytest.mark.parametrize(
    ("removed", "ended", "strayed", "faults"),
    [
        ((0, 1, 2), "nothing_left", 0, ()),
        ((0, 1), "nothing_left", 0, ("overlooked",)),
        ((0,), "nothing_left", 1, ("pushed_out", "overlooked")),
        ((0, 1), "not_seen", 0, ("overlooked",)),
        ((0,), "max_picks", 0, ()),
    ],
)
def test_objects_that_are_left_are_pushed_out_or_overlooked(
    removed: tuple[int, ...], ended: Ended, strayed: int, faults: tuple[str, ...]
) -> None:
    assert CoreRound(3, (), removed, ended, strayed).faults == faults


@pytest.mark.parametrize(
    ("looks", "ended"),
    [(("not_seen",) * FAILURES_MAX, "not_seen"), (("not_seen", "not_seen", "nothing_left"), "nothing_left")],
)
def test_a_round_ends_when_parts_of_the_table_stay_unseen(
    looks: tuple[DecisionStatus, ...], ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap, said = stack_heap(5, 1, ("box",)), iter(looks)
    monkeypatch.setattr(rounds, "decide", lambda *_, **__: Decision(next(said)))
    done = clear_heap(heap, 5, blind, CELL, HAND_EYE)
    assert (done.ended, done.picks, done.faults) == (ended, (), ("overlooked",))
    assert next(said, None) is None


CROWDED = Decision("nothing_graspable", (Rejected((0.0, 0.0), "clearance", "for the test"),))
EMPTY = Decision("nothing_left")


@pytest.mark.parametrize(
    ("decisions", "faults"),
    [
        ([CROWDED] * (LOOKS - 1) + [EMPTY], 0),
        ([CROWDED] * LOOKS + [EMPTY], 1),
        ([CROWDED] * (LOOKS + 1) + [EMPTY], 1),
    ],
)
def test_a_heap_with_nothing_graspable_is_looked_at_again_before_a_pick_counts_as_failed(
    decisions: list[Decision], faults: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap, said = stack_heap(5, 1, ("box",)), iter(decisions)
    monkeypatch.setattr(rounds, "decide", lambda *_, **__: next(said))
    done = clear_heap(heap, 5, blind, CELL, HAND_EYE)
    assert done.faults == ("nothing_graspable",) * faults + ("overlooked",)
    assert next(said, None) is None


def test_the_oracle_sees_the_same_each_time_and_looks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heap, said = stack_heap(5, 1, ("box",)), iter([CROWDED, EMPTY])
    monkeypatch.setattr(rounds, "true_decision", lambda *_, **__: next(said))
    assert clear_heap(heap, 5, None, CELL, HAND_EYE).faults == ("nothing_graspable", "overlooked")


def test_only_what_lies_outside_of_the_square_has_strayed() -> None:
    heap = stack_heap(5, 1, ("box",))
    assert strayed(heap, CELL) == 0 == strayed(heap.take([]), CELL)
    T = heap.T_base_object.copy()
    T[0, 1, 3] = CELL.workspace.centre[1] + CELL.workspace.side / 2 + 0.01
    assert strayed(Heap(heap.objects, T), CELL) == 1


def test_errors_that_nobody_knows_of_are_felt() -> None:
    heap = stack_heap(5, 1, ("box",))
    perceive = Perception("gpnet", "learned")
    exact = clear_heap(heap, 5, perceive, CELL, HAND_EYE)
    assert exact.cleared and exact.picks[0].target == 0 and exact.picks[0].target_topmost
    far = clear_heap(heap, 5, perceive, CELL, HAND_EYE, RoundOptions(errors=Errors(tcp=0.05)))
    assert not far.picks[0].ok and far.picks[0].fault in far.faults


@pytest.mark.parametrize("asked", [True, False])
def test_the_second_network_is_asked_of_what_is_left(asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    heap, told = stack_heap(2, 3), []

    def look_only(*_: object, detections: Detections | None = None, **__: object) -> Decision:
        told.append(detections)
        return Decision("nothing_left")

    monkeypatch.setattr(rounds, "decide", look_only)
    options = RoundOptions(objects=(lambda frame, truth: truth()) if asked else None)
    clear_heap(heap, 2, blind, CELL, HAND_EYE, options)
    clear_heap(heap.take([0]), 2, blind, CELL, HAND_EYE, options)
    if not asked:
        assert told == [None, None]
        return
    assert [len(each.scores) for each in told] == [3, 1]
    assert not told[0].free.all() and told[0].free.any() and told[1].free.all()


def test_bench_prints_counts_that_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--rounds", "1", "--objects", "2", "--seed", "4", "--priority", "oracle", "--workers", "1", "--json"]
    assert main(["bench", "clearing", *options]) == 0
    answer = json.loads(capsys.readouterr().out.strip().split("\n")[-1])
    assert answer["rounds"] == 1
    assert answer["objects"] == 2
    assert 0 <= answer["objects_removed"] <= 2
    assert answer["picks_topmost"] <= answer["picks_ok"] <= answer["picks"]
    assert answer["rounds_all_right"] <= answer["rounds_cleared"] <= 1
    assert answer["rounds_cleared"] == int(answer["objects_removed"] == 2)
    assert answer["picks_per_hour"] is None
    assert answer["time_ms"]["round"] > 0
    wanted = {"rounds", "rounds_cleared", "rounds_all_right", "objects", "objects_removed", "picks", "picks_ok"}
    assert wanted | {"picks_topmost", "refusals", "picks_per_hour", "time_ms"} <= set(answer)


def test_priorities_change_only_p() -> None:
    heap = stack_heap(5, 1, ("box",))
    T = HAND_EYE.T_base_camera()
    look = Look(heap, 5, T)
    look_frame = look.frame(look.view(heap, [0]))
    learned, none, height = (Perception("gpnet", p)(look_frame, T) for p in ("learned", "none", "height"))
    assert np.array_equal(learned.quality, none.quality)
    assert np.array_equal(learned.quality, height.quality)
    assert (none.priority == 1).all()
    assert height.priority.max() > 0.9 > height.priority.mean()


@pytest.mark.slow
def test_the_network_clears_most_of_some_heaps() -> None:
    perceive = Perception("gpnet", "learned")
    rounds = [clear_heap(stack_heap(seed, 4), seed, perceive, CELL, HAND_EYE) for seed in range(40, 46)]
    assert sum(len(r.removed) for r in rounds) >= 0.7 * 24  # 18 with the first weights


@pytest.mark.slow
def test_the_oracle_is_all_right_on_nearly_every_heap() -> None:
    rounds = [clear_heap(stack_heap(seed, 4), seed, None, CELL, HAND_EYE) for seed in range(60, 68)]
    assert sum(r.all_right for r in rounds) >= 7
    assert all(p.maps is None for r in rounds for p in r.picks)
