"""Tests of looking again."""

import pytest

from gpnet_ros.look_again import LOOKS, look_again


@pytest.mark.parametrize("blind", range(LOOKS + 2))
@pytest.mark.parametrize("found", ["grasp", "nothing_left", "not_seen"])
def test_the_first_look_in_which_something_is_found_counts(blind: int, found: str) -> None:
    taken: list[int] = []

    def look(number: int) -> tuple[int, str]:
        taken.append(number)
        return number, "nothing_graspable" if number < blind else found

    last = min(blind, LOOKS - 1)
    assert look_again(look, lambda seen: seen[1]) == (last, found if blind < LOOKS else "nothing_graspable")
    assert taken == list(range(last + 1)), "in order, each once, and none in vain"


def test_where_all_exposures_are_the_same_one_is_enough() -> None:
    taken: list[int] = []
    assert look_again(lambda number: taken.append(number) or "nothing_graspable", str, 1) == "nothing_graspable"
    assert taken == [0]
