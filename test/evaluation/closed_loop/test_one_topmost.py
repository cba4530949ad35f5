"""Core rounds and rounds through the nodes judge a heap by the same topmost objects, also where these lie in a ring."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from support.truths import grip, truth_of

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.evaluation.run_folder.picks import judge_pick
from gpnet_ros.pick import Decision
from gpnet_ros.sim.cell import truth
from gpnet_ros.sim.clearing import rounds
from gpnet_ros.sim.hand.hand import PickOutcome
from gpnet_ros.sim.heap.frozen import frozen_heap
from gpnet_ros.sim.labels.relations import Relations

HEAP = frozen_heap(3, 0).heap
#: Objects 0 and 1 lie on each other, object 2 lies under 0.
SHARE = np.array([[0.0, 0.4, 0.5], [0.3, 0.0, 0.0], [0.0, 0.0, 0.0]])


def core_says(lifted: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a core round calls a pick topmost that brings these objects up."""
    outcome = PickOutcome("lifted", lifted[0], lifted, (), np.zeros(3), 0.0)
    hand = SimpleNamespace(heap=HEAP, remaining=(0, 1, 2), pick=lambda *_: outcome)
    choice = iter([Decision("grasp", T_base_tcp=np.eye(4), opening=0.05), Decision("nothing_left")])
    monkeypatch.setattr(rounds, "hand_of", lambda _cell, _heap: hand)
    monkeypatch.setattr(rounds, "true_decision", lambda *_: next(choice))
    return rounds.clear_heap(HEAP, 0, None, load_cell(), load_hand_eye()).picks[0].topmost


def ros_says(lifted: tuple[int, ...]) -> bool | None:
    """Whether the judge of a round through the nodes does."""
    top = set(lifted) <= set(truth.top_level(HEAP, [0, 1, 2]))
    return judge_pick(truth_of(["a", "b", "c"], [grip(*lifted, top=top)], in_tote=lifted), 0).topmost


@pytest.mark.parametrize(
    ("lifted", "right"), [((0,), True), ((1,), True), ((0, 1), True), ((2,), False), ((0, 2), False)]
)
def test_both_paths_take_a_ring_as_topmost_and_what_lies_under_it_not(
    lifted: tuple[int, ...], right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (rounds, truth):
        monkeypatch.setattr(module, "relations", lambda heap: Relations.of(SHARE, np.zeros((3, 3), dtype=bool)))
    assert core_says(lifted, monkeypatch) is ros_says(lifted) is right
