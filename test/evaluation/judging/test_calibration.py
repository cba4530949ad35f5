"""Calibration: an honest score lies on the diagonal, a boastful one does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.judging.calibration import Reliability, reliability, save_reliability


def drawn(n: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    scores = rng.random(n)
    return scores, rng.random(n) < scores


def test_a_score_that_is_a_probability_has_no_error_and_a_halved_one_has() -> None:
    scores, came = drawn()
    assert reliability(scores.tolist(), came.tolist()).error < 0.01
    assert reliability((scores / 2).tolist(), came.tolist()).error == pytest.approx(0.25, abs=0.01)


def test_every_picture_is_in_one_bin_and_empty_bins_are_left_out() -> None:
    curve = reliability([0.0, 0.05, 0.1, 0.999, 1.0], [False, True, True, True, True])
    assert [(each.edge, each.n) for each in curve.bins] == [(0.0, 2), (0.1, 1), (0.9, 2)]
    assert curve.bins[0].rate == 0.5 and curve.bins[0].score == pytest.approx(0.025)
    by_hand = (2 * abs(0.025 - 0.5) + abs(0.1 - 1) + 2 * abs(0.9995 - 1)) / 5
    assert curve.error == pytest.approx(by_hand, abs=1e-4)


def test_of_nothing_there_is_no_error() -> None:
    assert reliability([], []) == Reliability((), None)


@pytest.mark.parametrize(("scores", "came"), [([0.5], []), ([1.2], [True]), ([float("nan")], [True])])
def test_scores_that_cannot_be_are_refused(scores: list[float], came: list[bool]) -> None:
    with pytest.raises(BadInput):
        reliability(scores, came)


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    scores, came = drawn(300)
    save_reliability(tmp_path / "curve.png", {"a": reliability(scores.tolist(), came.tolist())}, "Q*", "lift")
    assert (tmp_path / "curve.png").stat().st_size > 5000
