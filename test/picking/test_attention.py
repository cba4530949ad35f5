"""Which frames count by the clock of a bag, which stands still between two of its messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.scenes import CELL, sight

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.devices.fake import FakeArm
from gpnet_ros.picking.attention import Attention, Sight

#: A time of which seconds and nanoseconds, added as floats, differ from all nanoseconds by a rounding.
SEC, NANOSEC = 1_600_000_000, 123_456_789


class OneFrame:
    """Eyes that see one frame for ever."""

    def __init__(self, stamp: float, depth_lead: float) -> None:
        self.stamp, self.depth_lead = stamp, depth_lead

    def newest(self, timeout: float) -> Sight | None:
        return replace(sight(self.stamp), depth_lead=self.depth_lead)

    def why_none(self) -> str:
        return "There is always one."


def attention(stamp: float, now: Callable[[], float], depth_lead: float = 0.0) -> Attention:
    arm = FakeArm(CELL, auto_resume=True)
    arm.connect()
    return Attention(OneFrame(stamp, depth_lead), arm, CELL, load_hand_eye(), False, 0.3, now)


@pytest.mark.parametrize("later", [0, 1, 10**9])
def test_a_frame_of_the_very_time_that_the_clock_shows_counts(later: int) -> None:
    clock = [(SEC * 10**9 + NANOSEC + later) * 1e-9]
    watching = attention(SEC + NANOSEC * 1e-9, lambda: clock[0])
    watching.from_now()
    clock[0] = (SEC * 10**9 + NANOSEC) * 1e-9  # the bag begins anew
    assert watching.look(0.1, lambda: False, pytest.fail) is not None, watching.reason


def test_a_frame_of_before_does_not_count() -> None:
    shown = SEC + NANOSEC * 1e-9
    watching = attention(shown - 0.001, lambda: shown)
    watching.from_now()
    assert watching.look(0.1, lambda: False, pytest.fail) is None
    assert "before the view was free" in watching.reason


def test_a_frame_is_as_old_as_its_depth() -> None:
    shown = SEC + NANOSEC * 1e-9
    for depth_lead, counts in ((0.009, True), (0.011, False)):
        watching = attention(shown + 0.01, lambda: shown, depth_lead)
        watching.from_now()
        assert (watching.look(0.1, lambda: False, pytest.fail) is not None) == counts


class LoopedBag:
    """Eyes and clock of a bag of one frame that is played again and again: each turn takes `turn` seconds."""

    def __init__(self, turn: float) -> None:
        self.turn, self.played = turn, 0.6 * turn

    def now(self) -> float:
        return SEC + self.played % self.turn

    def newest(self, timeout: float) -> Sight | None:
        before = self.played
        self.played += min(timeout, 0.1)
        if before // self.turn == self.played // self.turn:
            return None
        self.played += 0.03  # the network's time: the clock has gone on when the frame comes
        return sight(SEC)

    def why_none(self) -> str:
        return "None came."


@pytest.mark.parametrize("turn", [0.5, 1.3])
def test_a_bag_of_one_frame_is_seen_again_at_each_turn(turn: float, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = LoopedBag(turn)
    monkeypatch.setattr("gpnet_ros.picking.attention.time.monotonic", lambda: bag.played)
    arm = FakeArm(CELL, auto_resume=True)
    arm.connect()
    watching = Attention(bag, arm, CELL, load_hand_eye(), False, 0.3, bag.now)
    for _ in range(3):
        watching.from_now()
        watching.note_view()
        assert watching.look(5.0 * turn, lambda: False, pytest.fail) is not None, watching.reason


def test_a_clock_that_is_set_back_lets_no_frame_of_before_count() -> None:
    """What was exposed before the task began is old, also by a clock that a time server sets back meanwhile."""
    clock, stamp = [float(SEC)], SEC - 0.5
    watching = attention(stamp, lambda: clock[0])
    watching.from_now()
    clock[0] -= 0.2
    assert watching.look(0.1, lambda: False, pytest.fail) is None
    assert "before the view was free" in watching.reason
