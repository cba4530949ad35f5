"""Which objects are topmost: the laws of `layers`, whatever the relations."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.topmost import layers


def waits(n: int, *pairs: tuple[int, int]) -> np.ndarray:
    """(i, j): j is taken before i."""
    before = np.zeros((n, n), dtype=bool)
    for i, j in pairs:
        before[i, j] = True
    return before


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (waits(0), []),
        (waits(3), [0, 0, 0]),
        (waits(4, (0, 1), (1, 2), (0, 3)), [2, 1, 0, 0]),  # a chain, and one more on its lowest
        (waits(4, (0, 1), (0, 2), (3, 2), (2, 1)), [2, 0, 1, 2]),  # the longest way counts
        (waits(2, (0, 1), (1, 0)), [0, 0]),  # a ring alone is topmost
        (waits(3, (0, 1), (1, 2), (2, 0)), [0, 0, 0]),
        (waits(3, (0, 1), (1, 0), (2, 0)), [0, 0, 1]),  # one under a ring
        (waits(4, (0, 1), (1, 0), (2, 0), (1, 3)), [1, 1, 2, 0]),  # one on the ring, one under it
        (waits(4, (0, 1), (1, 0), (2, 3), (3, 2)), [0, 0, 0, 0]),
        (waits(4, (0, 1), (1, 0), (2, 3), (3, 2), (0, 2)), [1, 1, 0, 0]),  # a ring on a ring
        (waits(2, (0, 0), (0, 1)), [1, 0]),  # nothing waits for itself
    ],
)
def test_layers_count_what_must_go_first_and_a_ring_waits_as_one(before: np.ndarray, expected: list[int]) -> None:
    assert layers(before).tolist() == expected


def heaps() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((n, n)) < share for n in (1, 2, 4, 6, 9) for share in (0.0, 0.1, 0.2, 0.4, 1.0) for _ in "abcd"]


def test_names_of_objects_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    for before in heaps():
        order = rng.permutation(len(before))
        assert np.array_equal(layers(before[np.ix_(order, order)]), layers(before)[order])


def test_every_heap_has_a_topmost_object_and_no_layer_is_empty() -> None:
    for before in heaps():
        found = layers(before)
        assert np.array_equal(np.unique(found), np.arange(found.max() + 1))


def test_nothing_is_taken_before_what_lies_on_it_but_in_a_ring() -> None:
    for before in heaps():
        found, n = layers(before), len(before)
        reaches = np.linalg.matrix_power(np.eye(n) + before, n) > 0
        ring = reaches & reaches.T
        later = found[:, None] > found[None, :]
        assert later[before & ~ring].all()
        assert not later[ring].any()


def test_without_rings_topmost_is_what_nothing_lies_on() -> None:
    for before in heaps():
        chain = np.triu(before, 1)
        assert np.array_equal(layers(chain) == 0, ~chain.any(axis=1))


def test_layer_1_is_topmost_when_layer_0_is_gone() -> None:
    for before in heaps():
        found = layers(before)
        left = found > 0
        assert np.array_equal(layers(before[np.ix_(left, left)]), found[left] - 1)
