"""The two bags of test/data/recordings: what comes of them now is what came of them before."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.evaluation.replay_testing.comparison import deviations
from gpnet_ros.evaluation.replay_testing.expectation import expectation_file, read_expectation
from gpnet_ros.evaluation.replay_testing.judged_bag import BagJudge, judge_bag

RECORDINGS = Path(__file__).parents[2] / "data" / "recordings"


@pytest.mark.parametrize(("name", "frames"), [("simulated_cell", 5), ("real_d435", 8)])
def test_a_recording_gives_what_is_expected(name: str, frames: int) -> None:
    expected = read_expectation(expectation_file(RECORDINGS / name))
    judge = BagJudge(expected.how, RECORDINGS)
    found = [one.answer for one in judge_bag(judge, RECORDINGS / name)]
    assert len(found) == len(expected.frames) == frames
    wrong = [
        f"frame {then.number}: {said}"
        for then, now in zip(expected.frames, found, strict=True)
        for said in deviations(then, now, expected.tolerance)
    ]
    again = f"; if that is meant: pytest --bag test/data/recordings/{name} --bag-update"
    assert not wrong, "\n".join(wrong) + again


@pytest.mark.parametrize("name", ["simulated_cell", "real_d435"])
def test_a_recording_is_small(name: str) -> None:
    with Bag(RECORDINGS / name) as bag:
        assert bag.size < 5e6
