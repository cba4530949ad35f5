"""Which depth belongs to which colour: exact before near, each once, and stamps that come again pair again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpnet_ros.pairing import Pairing, StampPair, pair_stamps

stamps = st.lists(st.integers(0, 60), max_size=30)


def test_one_stamp_is_one_frame_whatever_else_is_near() -> None:
    assert pair_stamps([10, 20], [9, 10, 20, 21], 5) == [StampPair(0, 1, 0), StampPair(1, 2, 0)]


def test_without_one_stamp_the_nearest_within_the_tolerance_counts() -> None:
    assert pair_stamps([100, 200], [97, 103, 204], 4) == [StampPair(0, 0, 3), StampPair(1, 2, 4)]
    assert pair_stamps([100], [105], 4) == []
    assert pair_stamps([100], [101], 0) == []


def test_a_looped_recording_pairs_each_turn_with_itself() -> None:
    assert pair_stamps([1, 2, 1, 2], [1, 2, 1, 2], 0) == [StampPair(n, n, 0) for n in range(4)]


@given(stamps, stamps, st.integers(0, 10))
def test_each_image_is_in_one_pair_at_most_and_none_is_farther_apart(
    colors: list[int], depths: list[int], tolerance: int
) -> None:
    pairs = pair_stamps(colors, depths, tolerance)
    assert len({p.color for p in pairs}) == len({p.depth for p in pairs}) == len(pairs)
    assert [p.color for p in pairs] == sorted(p.color for p in pairs)
    for p in pairs:
        assert p.apart == abs(colors[p.color] - depths[p.depth]) <= tolerance
    for stamp in set(colors) & set(depths):  # one exposure is never left out
        exact = sum(1 for p in pairs if p.apart == 0 and colors[p.color] == stamp)
        assert exact == min(colors.count(stamp), depths.count(stamp))


def times(fps: float, count: int, jitter: list[int], offset: int = 0) -> list[int]:
    """Stamps [us] of a stream; jitter moves each a little, as the clock of a camera does."""
    return [offset + round(k * 1e6 / fps) + jitter[k % len(jitter)] for k in range(count)]


jitters = st.lists(st.integers(-2000, 2000), min_size=1, max_size=7)


def live(colors: list[int], depths: list[int], tolerance: int, turns: list[bool]) -> list[tuple[int, int]]:
    """Pairs of equal and of near stamps as `Pairing` gives them, fed in an order that `turns` mixes."""
    pairing, told, one, other = Pairing(tolerance), [], list(colors), list(depths)
    mixed = iter(turns * (len(one) + len(other)))
    while one or other:
        takes_color = bool(one) and (next(mixed, True) or not other)
        told += pairing.add(takes_color, (one if takes_color else other).pop(0))
    return sorted(told)


@given(
    colors=st.lists(st.integers(0, 400), unique=True, max_size=25).map(sorted),
    depths=st.lists(st.integers(0, 400), unique=True, max_size=25).map(sorted),
    tolerance=st.integers(0, 25),
    turns=st.lists(st.booleans(), min_size=1, max_size=9),
)
@example(colors=[125, 133, 137], depths=[129], tolerance=4, turns=[False])  # 125 is forgotten before its partner
def test_live_pairs_are_those_of_the_whole_recording_in_whatever_order_the_topics_come(
    colors: list[int], depths: list[int], tolerance: int, turns: list[bool]
) -> None:
    whole = [(colors[p.color], depths[p.depth]) for p in pair_stamps(colors, depths, tolerance) if p.apart]
    end = [10_000, 20_000]  # of both topics: what comes later than all can be no nearer
    assert live(colors + end, depths + end, tolerance, turns) == sorted(whole)


def test_an_exact_pair_that_comes_later_wins_over_a_nearer_one_that_is_there() -> None:
    pairing = Pairing(20)
    assert not pairing.add(False, 97) and not pairing.add(True, 100)
    assert not pairing.add(False, 100)  # now 100 has its own, and 97 nobody
    assert not pairing.add(True, 200) and not pairing.add(False, 200)


def test_the_nearer_that_comes_later_wins_too() -> None:
    pairing = Pairing(20)
    assert not pairing.add(False, 90) and not pairing.add(True, 100) and not pairing.add(False, 103)
    assert not pairing.add(True, 200)
    assert pairing.add(False, 190) == [(100, 103)]


def test_no_pair_is_given_away_twice() -> None:
    pairing, told = Pairing(20), []
    for k in range(200):
        told += pairing.add(True, k * 33) + pairing.add(False, k * 33 + 8)
    assert told == [(k * 33, k * 33 + 8) for k in range(199)]  # the last waits for what comes next


@given(jitters, jitters, st.integers(-9000, 9000))
def test_two_streams_with_jitter_lose_no_frame(one: list[int], other: list[int], offset: int) -> None:
    colors, depths = times(30, 40, one), times(30, 40, other, offset)
    pairs = pair_stamps(colors, depths, 20_000)
    assert [(p.color, p.depth) for p in pairs] == [(n, n) for n in range(40)]


@given(jitters, jitters)
def test_depth_at_half_the_rate_pairs_with_every_second_colour(one: list[int], other: list[int]) -> None:
    pairs = pair_stamps(times(30, 40, one), times(15, 20, other, 3000), 20_000)
    assert [(p.color, p.depth) for p in pairs] == [(2 * n, n) for n in range(20)]


@given(jitters, st.sets(st.integers(0, 39), max_size=30))
def test_colour_whose_depth_was_dropped_stays_alone(jitter: list[int], dropped: set[int]) -> None:
    colors = times(30, 40, jitter)
    depths = [stamp + 2000 for n, stamp in enumerate(colors) if n not in dropped]
    pairs = pair_stamps(colors, depths, 20_000)
    assert [p.color for p in pairs] == [n for n in range(40) if n not in dropped]
    assert all(p.apart == 2000 for p in pairs)


def test_streams_that_run_beside_each_other_for_ever_hold_no_memory() -> None:
    pairing = Pairing(20)
    for k in range(5000):
        pairing.add(True, k * 33)
    assert len(pairing._lone[True]) <= 60
    for k in range(5000):
        pairing.add(True, k * 33 + 10**6)
        pairing.add(False, k * 33 + 10**6 + 5)
    assert sum(len(found) for found in pairing._lone.values()) < 20


def test_message_filters_is_greedy_where_this_is_not() -> None:
    """Its synchroniser pairs a near image at once, though that of the very stamp is on its way."""
    theirs = pytest.importorskip("message_filters")
    stamp = pytest.importorskip("builtin_interfaces.msg").Time
    one, other = theirs.SimpleFilter(), theirs.SimpleFilter()
    told: list[tuple[int, int]] = []
    synchroniser = theirs.ApproximateTimeSynchronizer([one, other], 30, 0.02)
    synchroniser.registerCallback(lambda c, d: told.append((c.header.stamp.nanosec, d.header.stamp.nanosec)))
    for source, at in ((other, 97), (one, 100), (other, 100), (one, 200), (other, 205)):
        source.signalMessage(SimpleNamespace(header=SimpleNamespace(stamp=stamp(nanosec=at * 1_000_000))))
    assert told == [(100_000_000, 97_000_000), (200_000_000, 205_000_000)]
    assert live([100, 200, 300], [97, 100, 205, 300], 20, [False, True, False]) == [(200, 205)]
