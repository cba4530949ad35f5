"""Drift: how often it is told where there is none, and how soon where there is; both for any law of the figures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gpnet_ros.drift import ALARM_SPAN, FALSE_ALARMS, SLACK, THRESHOLD, Drift, RankCusum
from gpnet_ros.errors import BadInput

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]
#: Laws of a figure [m]: of usual errors, of rare large ones, skewed, of a few values only, nearly always the same.
LAWS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(-0.025, 0.004, n),
    "heavy": lambda rng, n: 0.002 * rng.standard_t(1.5, n),
    "skewed": lambda rng, n: rng.exponential(0.003, n),
    "tenths": lambda rng, n: np.round(rng.normal(0.0, 0.001, n), 3),
    "rare": lambda rng, n: np.where(rng.random(n) < 0.06, rng.uniform(0.0, 0.005, n), 0.0),
    "failures": lambda rng, n: (rng.random(n) < 0.1).astype(float),
}


def first_alarm(values: NDArray[np.float64]) -> int | None:
    test = RankCusum()
    for number, value in enumerate(values, 1):
        test.note(float(value))
        if test.alarm:
            return number
    return None


def test_the_stated_rate_of_false_alarms_holds_for_the_ranks_of_any_series() -> None:
    """Ranks among those before are independent and uniform for every continuous law: this is all of them."""
    rng, series = np.random.default_rng(1), 6000
    sums, alarms = np.zeros(series), np.zeros(series, dtype=bool)
    for n in range(1, ALARM_SPAN + 1):
        score = np.sqrt(12.0) * ((rng.integers(1, n + 1, series) - 0.5) / n - 0.5)
        sums = np.maximum(sums + score - SLACK, 0.0)
        alarms |= sums > THRESHOLD
    tests = 5  # width and contact both ways, failures upwards
    assert tests * alarms.mean() <= FALSE_ALARMS
    assert alarms.any(), "a threshold that is never reached says nothing"


@pytest.mark.parametrize("law", LAWS)
def test_figures_that_do_not_drift_hardly_ever_alarm_whatever_their_law(law: str) -> None:
    alarms = [first_alarm(LAWS[law](np.random.default_rng(seed), 400)) for seed in range(60)]
    assert sum(alarm is not None for alarm in alarms) <= 4  # at 1 % each expected 0.6; five or more: once in 3,000


@pytest.mark.parametrize("law", ["normal", "skewed"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_sudden_shift_by_a_deviation_is_told_within_80_picks(law: str, sign: float) -> None:
    for seed in range(20):
        values = LAWS[law](np.random.default_rng(seed), 280)
        values[200:] += sign * {"normal": 0.004, "skewed": 0.003}[law]
        alarm = first_alarm(values)
        assert alarm is not None and alarm > 200, seed


def test_a_slow_shift_of_five_millimetres_in_500_picks_is_told_before_its_end() -> None:
    told = [first_alarm(LAWS["normal"](np.random.default_rng(s), 500) + np.linspace(0, 0.005, 500)) for s in range(20)]
    assert sum(alarm is not None for alarm in told) >= 19


def test_what_was_so_from_the_beginning_is_no_drift() -> None:
    assert first_alarm(LAWS["normal"](np.random.default_rng(3), 400) + 0.05) is None


def test_failures_that_become_frequent_are_told_and_rare_ones_not() -> None:
    for later, is_told in ((0.5, True), (0.1, False)):
        rng, drift = np.random.default_rng(5), Drift()
        told = [drift.note({"failed": float(rng.random() < (0.1 if k < 200 else later))}) for k in range(300)]
        assert any(told) is is_told
        assert sum(map(bool, told)) <= 1, "it is told once"


def test_fewer_failures_are_no_alarm() -> None:
    drift = Drift()
    for k in range(400):
        drift.note({"failed": float(k < 200 and k % 2)})
    assert not drift.sentence


def test_the_sentence_says_what_where_and_what_to_do() -> None:
    rng, drift = np.random.default_rng(7), Drift()
    told = [drift.note({"width_m": rng.normal(-0.02, 0.001) + 0.003 * (k >= 100), "other": 1.0}) for k in range(160)]
    assert sum(map(bool, told)) == 1
    sentence = drift.sentence
    assert "The jaws close" in sentence and "mm less than was foreseen" in sentence and "`gpnet check`" in sentence
    assert 95 <= drift.tests["width_m"].began <= 106
    assert drift.tests["width_m"].shift == pytest.approx(0.003, abs=5e-4)
    assert not drift.tests["contact_m"].values


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    test = RankCusum()
    with pytest.raises(BadInput, match="finite"):
        test.note(value)
    assert not test.values
