"""Figures and bars of exposures that went through the nodes, from what is noted of them by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gpnet_ros import cli
from gpnet_ros.evaluation.ros_speed import (
    Machine,
    StreamSpeed,
    late_start,
    stream_speed,
    stream_table,
    write_fast_model,
)
from gpnet_ros.network.detector import Detector

RATE, NET = 30.0, 0.010


def record(count: int = 300, lost: int = 0, unanswered: int = 0, extra: float = 0.008) -> Any:
    """Exposures of 10 s; of them so many are lost, and not answered; extra [s] is what answers take beside the net."""
    stamps = [100.0 + k / RATE for k in range(count)]
    came = stamps[lost:]
    steps = {"taken": 0.2, "framed": 0.3, "answered": 0.8}
    answers = [
        {
            "stamp": s, "grid": 0.0, "normalise": 0.0, "net": NET, "published": s + extra + NET,
            **{name: s + share * extra + (NET if name == "answered" else 0.0) for name, share in steps.items()},
            "cpu_taken": s, "cpu_framed": s + 0.001, "cpu_answered": s + 0.012, "cpu_published": s + 0.013,
        }
        for s in came[unanswered:]
    ]  # fmt: skip
    return SimpleNamespace(
        begin=100.0,
        end=110.0,
        camera={"sent": [{"stamp": s, "sent": s + 0.001, "cpu": 0.001} for s in stamps]},
        inference={"complete": [[s, s + 0.1 * extra] for s in came], "answers": answers},
        arrived=[(a["stamp"], a["published"]) for a in answers],
        cpu={"camera": 0.5, "inference": 5.0},
    )


def speed(**how: Any) -> StreamSpeed:
    return stream_speed("gpnet", RATE, record(**how))


def test_what_was_noted_gives_shares_rates_and_times() -> None:
    found = speed()
    assert (found.sent, found.reached, found.answered, found.arrived) == (300, 1.0, 30.0, 30.0)
    assert found.network.p50 == pytest.approx(10.0)
    assert found.extra.p50 == pytest.approx(8.0, abs=0.01)
    assert found.answered_min == pytest.approx(28.5)
    assert found.stages["messages to frame"].cpu == pytest.approx(1.0, abs=0.01)
    assert found.cpu == {"camera": 0.05, "inference": 0.5}
    spans = [found.stages[name].p50 for name in ("camera to network", "wait for the network", "messages to frame")]
    spans += [found.stages["frame to maps"].p50, found.stages["maps to messages"].p50]
    assert sum(spans) == pytest.approx(found.extra.p50 + found.network.p50, abs=0.1)
    assert not found.missed()
    assert "100.0% reach" in stream_table(found)


@pytest.mark.parametrize(
    ("how", "word", "allowed"),
    [
        ({"lost": 4}, "reach the network", {"lost": 3}),
        ({"unanswered": 16}, "answers a second", {"unanswered": 15}),
        ({"extra": 0.0151}, "beside the network", {"extra": 0.015}),
    ],
)
def test_each_bar_is_missed_by_a_little_too_much(how: dict[str, Any], word: str, allowed: dict[str, Any]) -> None:
    assert [word in told for told in speed(**how).missed()] == [True]
    assert not speed(**allowed).missed()


def test_where_nothing_is_answered_every_figure_is_there_and_bars_are_missed() -> None:
    found = speed(unanswered=300)
    assert found.answered == 0.0 and found.missed()
    assert stream_table(found)


def test_what_lies_outside_the_time_does_not_count() -> None:
    noted = record(count=330)  # the last 30 are of after it
    noted.camera["sent"].append({"stamp": 99.9, "sent": 99.95, "cpu": 0.0})
    found = stream_speed("gpnet", RATE, noted)
    assert (found.sent, found.reached, found.answered) == (300, 1.0, 30.0)


def test_a_slow_network_need_not_answer_every_exposure() -> None:
    found = replace(speed(), answered=9.6, network=replace(speed().network, p50=100.0))
    assert not found.missed()
    assert replace(found, answered=9.4).missed()


def test_a_machine_that_does_other_work_is_told() -> None:
    assert Machine(2, 0.1, 0.1).is_idle and "NOT IDLE" not in str(Machine(2, 0.1, 0.1))
    assert not Machine(2, 0.1, 0.5).is_idle and "NOT IDLE" in str(Machine(2, 0.1, 0.5))


def test_a_start_is_late_after_thirty_seconds() -> None:
    assert not late_start(30.0)
    assert "30.1 s" in late_start(30.1)[0]


def test_the_fast_model_is_a_model(tmp_path: Path) -> None:
    assert Detector(write_fast_model(tmp_path / "fast"), "cpu").card.channels == "rgbd"


@pytest.mark.parametrize("words", [["--seconds", "1"], ["--rate", "0"], ["--seconds", "nan"], ["--seed", "-1"]])
def test_what_cannot_be_measured_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "ros", *words]) == 2
    assert "allowed" in capsys.readouterr().err
