"""When frames of a bag are due: by their stamps and the rate, from an offset, and anew when stamps jump back."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bag_files import BagPlan, small_frames, write_bag

from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.frames import BagFrames
from gpnet_ros.errors import BagRefused
from gpnet_ros.nodes.bags import playback
from gpnet_ros.nodes.bags.playback import CLOCK_PERIOD, Playback

START, PERIOD = 1000.0, 0.25


class Life:
    """Wall time that passes only while somebody waits [s], and what was shown and told until then."""

    def __init__(self, stop_after: float = 1e9) -> None:
        self.now, self.stop_after = 50.0, stop_after
        self.shown: list[tuple[float, float]] = []
        self.told: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now - 50.0 >= self.stop_after


def played(monkeypatch: pytest.MonkeyPatch, path: Path, life: Life, **how: float) -> bool:
    monkeypatch.setattr(playback, "time", life)
    with Bag(path) as bag:
        return Playback(BagFrames(bag), **how).play(
            lambda frame: life.shown.append((life.now - 50.0, frame.stamp * 1e-9)),
            lambda time: life.told.append(time * 1e-9),
            life.wait,
        )


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_bag(tmp_path / "bag", small_frames(4), BagPlan(start=START, period=PERIOD))


@pytest.mark.parametrize("rate", [1.0, 4.0, 0.5])
def test_frames_are_due_by_their_stamps(monkeypatch: pytest.MonkeyPatch, bag: Path, rate: float) -> None:
    life = Life()
    assert played(monkeypatch, bag, life, rate=rate)
    for n, (wall, stamp) in enumerate(life.shown):
        assert stamp == pytest.approx(START + n * PERIOD, abs=1e-6)
        assert wall == pytest.approx(n * PERIOD / rate, abs=1e-6)
    assert life.now - 50.0 == pytest.approx(4 * PERIOD / rate, abs=1e-6)  # the last frame lasts as long as the others


def test_time_is_told_between_frames_never_goes_back_and_ends_after_the_last(
    monkeypatch: pytest.MonkeyPatch, bag: Path
) -> None:
    life = Life()
    played(monkeypatch, bag, life)
    assert life.told == sorted(life.told)
    assert life.told[0] == pytest.approx(START)
    assert START + 3 * PERIOD < life.told[-1] <= START + 4 * PERIOD + 1e-6
    assert len(life.told) >= 4 * PERIOD / CLOCK_PERIOD


def test_an_offset_leaves_out_the_beginning_and_one_that_is_too_great_is_refused(
    monkeypatch: pytest.MonkeyPatch, bag: Path
) -> None:
    life = Life()
    played(monkeypatch, bag, life, start_offset=0.4)
    assert [stamp for _, stamp in life.shown] == pytest.approx([START + 0.5, START + 0.75])
    with pytest.raises(BagRefused, match=r"0\.75 s"):
        played(monkeypatch, bag, Life(), start_offset=2.0)


def test_it_stops_in_the_middle_when_told(monkeypatch: pytest.MonkeyPatch, bag: Path) -> None:
    life = Life(stop_after=0.3)
    assert not played(monkeypatch, bag, life)
    assert len(life.shown) == 2


def test_stamps_that_jump_back_begin_anew_without_a_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from rosbags.rosbag2 import Reader, Writer
    from support.bag_files import TYPES

    once = write_bag(tmp_path / "once", small_frames(3), BagPlan(start=START, period=PERIOD))
    with Writer(tmp_path / "twice", version=9) as writer, Reader(once) as reader:
        known = {c.id: writer.add_connection(c.topic, c.msgtype, typestore=TYPES) for c in reader.connections}
        messages = list(reader.messages())
        for turn in range(2):  # recorded on, while the stamps begin again
            for connection, time, raw in messages:
                writer.write(known[connection.id], time + turn * 10**9, raw)
    life = Life()
    assert played(monkeypatch, tmp_path / "twice", life)
    assert [round(stamp - START, 6) for _, stamp in life.shown] == [0.0, 0.25, 0.5] * 2
    assert life.shown[3][0] == life.shown[2][0]
