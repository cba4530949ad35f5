"""Which depth belongs to which colour: exact before near, each once, and stamps that come again pair again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gpnet_ros.data.bags.pairing import StampPair, pair_stamps

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
