"""Lost messages are counted by stamps that came alone and by what the middleware says, and told once per window."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gpnet_ros.nodes import losses
from gpnet_ros.nodes.losses import WINDOW, Losses

COLOR, DEPTH, MAP = "color", "depth", "map"


class Stream:
    """Thirty exposures a second by a clock of its own [s], of which a test drops some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rate: float = 30.0) -> None:
        self.now, self.rate, self.told = 100.0, rate, list[tuple[str, str]]()
        monkeypatch.setattr(losses, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.losses = Losses((COLOR, DEPTH), lambda *words: self.told.append(words), lambda: "Do this.")

    def play(self, seconds: float, *lost: str, every: int = 2, apart: int = 0) -> None:
        """Drop the topics of every n-th exposure; stamps of depth are `apart` nanoseconds later."""
        for k in range(round(seconds * self.rate)):
            self.now += 1 / self.rate
            stamp = divmod(round(self.now * 1e9), 10**9)
            for topic in (COLOR, DEPTH):
                if topic not in lost or k % every:
                    self.losses.note(topic, stamp if topic == COLOR else (stamp[0], stamp[1] + apart))


def test_who_loses_nothing_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(monkeypatch)
    stream.play(5 * WINDOW)
    assert stream.told == []


def test_the_share_of_a_topic_that_comes_alone_is_told_once_per_window(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(monkeypatch)
    stream.play(3.05 * WINDOW, DEPTH, every=2)
    assert [topic for topic, _ in stream.told] == [DEPTH] * 3
    assert "150 of 300" in stream.told[0][1] or "(50%)" in stream.told[0][1]
    assert stream.told[0][1].endswith("Do this.")


@pytest.mark.parametrize(("every", "told"), [(20, 0), (5, 1)])
def test_a_few_lost_ones_are_no_fault(monkeypatch: pytest.MonkeyPatch, every: int, told: int) -> None:
    stream = Stream(monkeypatch)
    stream.play(1.05 * WINDOW, COLOR, every=every)
    assert len(stream.told) == told


def test_what_the_middleware_says_counts_for_topics_without_a_partner(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(monkeypatch)
    for k in range(10):
        stream.losses.note(MAP, (k, 0))
    stream.losses.note_lost(MAP, 10)
    stream.play(1.05 * WINDOW)
    assert [topic for topic, _ in stream.told] == [MAP]
    assert "10 of 20" in stream.told[0][1]


def test_stamps_that_never_agree_are_another_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(monkeypatch)
    stream.play(2.05 * WINDOW, apart=7)
    assert stream.told == []


def test_a_slow_stream_that_loses_nothing_and_a_silence_are_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(monkeypatch, rate=1.0)
    stream.play(4 * WINDOW)
    stream.play(0.5 * WINDOW, DEPTH, every=1)
    stream.now += 10 * WINDOW
    stream.play(1.0)
    assert stream.told == []
