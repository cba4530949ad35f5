"""Rates, ages and medians of the last seconds, on a clock that is set by hand."""

from __future__ import annotations

import math

from support.hand_clock import HandClock

from gpnet_ros.nodes.health.meters import SPAN, Meter, Stopwatch


def test_a_steady_stream_has_its_rate_soon_and_after_long() -> None:
    clock = HandClock()
    meter = Meter(now=clock)
    for k in range(1, 3001):
        clock.now += 1 / 30
        meter.note()
        if k > 60:
            assert abs(meter.rate - 30) < 1.0
    assert meter.count == 3000


def test_a_stream_that_stopped_has_the_rate_zero_after_the_span_and_not_before() -> None:
    clock = HandClock()
    meter = Meter(now=clock)
    for _ in range(100):
        clock.now += 0.1
        meter.note()
    clock.now += SPAN / 2
    assert 4.0 < meter.rate < 6.0
    clock.now += SPAN / 2 + 0.2
    assert meter.rate == 0.0
    assert abs(meter.age - SPAN - 0.2) < 1e-6


def test_a_stream_that_begins_again_after_a_silence_has_its_rate_at_once() -> None:
    clock = HandClock()
    meter = Meter(now=clock)
    meter.note()
    clock.now += 1000.0
    for _ in range(60):
        clock.now += 1 / 30
        meter.note()
    assert meter.rate > 25


def test_one_event_is_no_flood() -> None:
    clock = HandClock()
    meter = Meter(now=clock)
    assert (meter.rate, meter.age, meter.count) == (0.0, math.inf, 0)
    meter.note()
    assert meter.rate == 1.0


def test_medians_are_of_the_span_only_and_of_what_had_a_value() -> None:
    clock = HandClock()
    meter = Meter(now=clock)
    assert math.isnan(meter.median)
    for value in (1.0, 2.0, 300.0, math.nan):
        meter.note(value)
    assert meter.median == 2.0
    clock.now += SPAN + 1
    meter.note(7.0)
    assert meter.median == 7.0


def test_stages_share_a_time_without_rest() -> None:
    clock = HandClock()
    watch = Stopwatch(now=clock)
    for _ in range(5):
        watch.begin()
        for stage, seconds in (("read", 0.02), ("publish", 0.005)):
            clock.now += seconds
            watch.lap(stage)
    assert watch.medians() == {"p50 read [ms]": "20.0", "p50 publish [ms]": "5.0"}
    clock.now += SPAN + 1
    assert watch.medians() == {}
