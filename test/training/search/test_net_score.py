"""NetScore, fronts and rank correlations: values worked out by hand, and that worse is worse."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torchvision")

from gpnet_ros.training.search.score import front, net_score, spearman


def test_net_score_by_hand() -> None:
    assert net_score(1.0, 1.0, 1.0) == pytest.approx(80.0)
    assert net_score(0.1, 4.0, 25.0) == pytest.approx(20 * math.log10(100 / 10))
    assert math.isfinite(net_score(0.0, 1.0, 1.0))


def test_a_better_or_cheaper_net_scores_higher() -> None:
    base = net_score(0.5, 10.0, 200.0)
    assert net_score(0.51, 10.0, 200.0) > base
    assert net_score(0.5, 9.9, 200.0) > base and net_score(0.5, 10.0, 199.0) > base
    assert net_score(0.49, 10.0, 200.0) < base
    assert net_score(0.25, 5.0, 100.0) < base  # half of everything is worth less: accuracy counts twice


def test_the_front_is_what_nothing_beats() -> None:
    costs, shares = [3.0, 1.0, 2.0, 2.0, 4.0], [0.5, 0.2, 0.4, 0.3, 0.5]
    assert front(costs, shares) == [1, 2, 0]
    assert front(costs, [-s for s in shares]) == [1]


def test_rank_correlation() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 400]) == pytest.approx(1.0)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    assert spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(0.8)
    assert spearman([1, 1, 2, 2], [1, 1, 2, 2]) == pytest.approx(1.0)
    assert math.isnan(spearman([1, 1], [1, 2])) and math.isnan(spearman([1.0], [2.0]))
