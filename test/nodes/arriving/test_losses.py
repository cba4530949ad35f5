"""Lost messages are counted by stamps that came alone and by what the middleware says, and told once per window."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gpnet_ros.nodes.arriving import losses
from gpnet_ros.nodes.arriving.losses import WINDOW, Losses, Lost

COLOR, DEPTH, MAP = "color", "depth", "map"


class Stream:
    """Thirty exposures a second by a clock of its own [s], of which a test drops some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rate: float = 30.0) -> None:
        self.now, self.rate, self.told = 100.0, rate, list[dict[str, Lost]]()
        monkeypatch.setattr(losses, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.losses = Losses((COLOR, DEPTH), self.told.append)

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
    assert [set(told) for told in stream.told] == [{DEPTH}] * 3
    assert stream.told[0][DEPTH].share == pytest.approx(0.5, abs=0.01)
    assert "messages of /d (50%)" in stream.told[0][DEPTH].describe("/d")
    assert stream.losses.is_losing(DEPTH) and not stream.losses.is_losing(COLOR)
    stream.play(2.05 * WINDOW)
    assert not stream.losses.is_losing(DEPTH)


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
    assert stream.losses.is_losing(MAP)
    stream.play(1.05 * WINDOW)
    assert stream.told == [{MAP: Lost(10, 20)}]


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


def test_small_losses_are_counted_too_though_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(monkeypatch)
    stream.play(2.5 * WINDOW, DEPTH, every=25)
    assert stream.told == []
    assert stream.losses.shares[COLOR] == 0.0
    assert stream.losses.shares[DEPTH] == pytest.approx(0.04, abs=0.01)
    stream.now += 5 * WINDOW  # nothing came: there is nothing to judge
    stream.play(1 / stream.rate)
    assert stream.losses.shares == {}
