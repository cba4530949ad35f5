"""The verdict on the argmax of Q*."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gpnet_ros.maps import WIDTH_SCALE, encode_angle
from gpnet_ros.network import score
from gpnet_ros.network.score import as_maps, score_summary, score_view

SIDE = 64


def _view(row: int, column: int, angle: float, *, priority: float = 1.0, width: float = 30.0) -> NDArray[np.float32]:
    """Maps (5, SIDE, SIDE) with one grasp; angle and width are known everywhere, as a network gives them."""
    planes = np.zeros((5, SIDE, SIDE), np.float32)
    planes[3] = width / WIDTH_SCALE
    area = (slice(max(row - 2, 0), row + 3), slice(max(column - 2, 0), column + 3))
    cos2, sin2 = encode_angle(angle)
    for plane, value in zip(planes, (0.9, cos2, sin2, width / WIDTH_SCALE, priority), strict=True):
        plane[area] = value
    return planes


@pytest.mark.parametrize(("row", "column"), [(30, 20), (0, 0), (63, 63), (0, 63), (2, 61)])
def test_the_truth_is_right_also_at_the_border(row: int, column: int) -> None:
    truth = _view(row, column, 0.4)
    verdict = score_view(as_maps(truth), truth)
    assert verdict.top and verdict.any and verdict.on_object
    assert verdict.width_error == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(
    ("turn", "right"), [(0.5, True), (-0.5, True), (0.55, False), (np.pi, True), (np.pi / 2, False)]
)
def test_angles_are_right_within_thirty_degrees_and_modulo_a_half_turn(turn: float, right: bool) -> None:
    for angle in (0.0, 1.5, -1.5):
        assert score_view(as_maps(_view(30, 20, angle + turn)), _view(30, 20, angle)).top == right


@pytest.mark.parametrize(("shift", "right"), [(4, True), (7, False)])
def test_a_grasp_near_a_true_one_is_right_and_one_beside_it_is_not(shift: int, right: bool) -> None:
    assert score_view(as_maps(_view(30, 20 + shift, 0.4)), _view(30, 20, 0.4)).top == right


def test_a_grasp_of_a_covered_object_is_a_grasp_but_not_of_the_top() -> None:
    truth = _view(30, 20, 0.4, priority=0.5)
    verdict = score_view(as_maps(truth), truth)
    assert (verdict.top, verdict.any, verdict.on_object) == (False, True, True)


def test_the_priority_decides_between_two_grasps() -> None:
    both = _view(15, 15, 0.2, priority=0.5) + _view(45, 45, 0.8)
    assert score_view(as_maps(both), both).top
    assert not score_view(as_maps(both), _view(15, 15, 0.2)).any
    assert score_view(as_maps(both[:4]), both).score > 0.5, "without a priority head it is one"


def test_the_summary_counts_shares_and_knows_of_nothing() -> None:
    truth, other = _view(30, 20, 0.4), _view(50, 50, 0.4)
    verdicts = [score_view(as_maps(truth), truth)] * 3 + [score_view(as_maps(other), truth)]
    assert score_summary(verdicts)["top1_top_level"] == 0.75 and score_summary(verdicts)["n"] == 4
    assert score_summary([]) == {"n": 0}
    assert score.GRASP_QUALITY_MIN > 0
