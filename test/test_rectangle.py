"""Rectangles: corners, edge order, the half turn of an opening axis, and what is no rectangle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpnet_ros.errors import BadInput
from gpnet_ros.pose import wrap_half_turn
from gpnet_ros.rectangle import Rectangles

sizes = st.floats(0.5, 500.0)
places = st.floats(-1000.0, 1000.0)
angles = st.floats(-20.0, 20.0)


def one(u: float, v: float, angle: float, opening: float, jaw: float) -> Rectangles:
    return Rectangles(np.array([[u, v]]), np.array([angle]), np.array([opening]), np.array([jaw]))


@given(places, places, angles, sizes, sizes)
def test_corners_and_back(u: float, v: float, angle: float, opening: float, jaw: float) -> None:
    there = one(u, v, angle, opening, jaw)
    for first in range(4):  # annotators begin at any corner, and may go round the other way
        for step in (1, -1):
            order = [(first + step * k) % 4 for k in range(4)]
            along = 0 if (order[0] + order[1]) % 4 == 1 else 1
            back = Rectangles.from_corners(there.corners()[:, order], opening_edge=along)
            assert np.allclose(back.center, there.center, atol=1e-9)
            assert np.allclose([back.opening, back.jaw], [there.opening, there.jaw], atol=1e-8)
            assert abs(wrap_half_turn(back.angle - there.angle)[0]) < 1e-8
            assert -np.pi / 2 <= back.angle[0] < np.pi / 2


def test_opening_edge_decides_which_side_is_the_opening() -> None:
    corners = [[[0, 0], [10, 0], [10, 4], [0, 4]]]
    cornell, ocid = Rectangles.from_corners(corners, 0), Rectangles.from_corners(corners, 1)
    assert (cornell.opening[0], cornell.jaw[0], cornell.angle[0]) == (10, 4, 0)
    assert (ocid.opening[0], ocid.jaw[0]) == (4, 10)
    assert abs(ocid.angle[0]) == pytest.approx(np.pi / 2)


def test_angle_grows_from_right_to_down_in_the_image() -> None:
    down_right = Rectangles.from_corners([[[0, 0], [10, 10], [8, 12], [-2, 2]]])
    assert down_right.angle[0] == pytest.approx(np.pi / 4)
    up_right = Rectangles.from_corners([[[0, 0], [10, -10], [12, -8], [2, 2]]])
    assert up_right.angle[0] == pytest.approx(-np.pi / 4)


@given(angles, st.integers(-3, 3))
def test_half_turns_do_not_change_a_rectangle(angle: float, turns: int) -> None:
    a, b = one(0, 0, angle, 30, 10), one(0, 0, angle + turns * np.pi, 30, 10)
    assert -np.pi / 2 <= b.angle[0] < np.pi / 2
    assert abs(wrap_half_turn(a.angle - b.angle)[0]) < 1e-9


@given(places, places, angles, sizes, sizes, angles, st.floats(0.1, 5.0), st.booleans())
def test_mapping_moves_the_corners(
    u: float, v: float, angle: float, opening: float, jaw: float, turn: float, scale: float, mirror: bool
) -> None:
    there = one(u, v, angle, opening, jaw)
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    matrix = np.array([[c, -s, 12.0], [s, c, -7.0]]) @ np.diag([-1.0 if mirror else 1.0, 1.0, 1.0])
    moved = there.moved(matrix)
    expected = there.corners()[0] @ matrix[:, :2].T + matrix[:, 2]
    got = moved.corners()[0]
    apart = np.linalg.norm(expected[:, None] - got[None], axis=2).min(axis=1)
    assert apart.max() < 1e-6  # the same four points, in whatever order


def test_take_keeps_scores_and_objects_together() -> None:
    three = Rectangles(np.eye(3)[:, :2], np.zeros(3), np.full(3, 9), np.full(3, 3), np.arange(3.0), np.array([7, 8, 9]))
    some = three.take(np.array([2, 0]))
    assert some.score is not None
    assert some.object_id is not None
    assert some.score.tolist() == [2, 0]
    assert some.object_id.tolist() == [9, 7]
    assert len(three.take(np.zeros(3, dtype=bool))) == 0


def test_none_is_empty_and_has_no_corner() -> None:
    assert len(Rectangles.none()) == 0
    assert Rectangles.none().corners().shape == (0, 4, 2)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"angle": np.array([np.nan])}, "angle"),
        ({"center": np.array([[1.0, np.inf]])}, "center"),
        ({"opening": np.array([0.0])}, "area"),
        ({"jaw": np.array([-1.0])}, "area"),
        ({"jaw": np.array([1.0, 2.0])}, "lengths"),
        ({"score": np.array([1.0, 2.0])}, "lengths"),
        ({"object_id": np.array([], dtype=np.int64)}, "lengths"),
    ],
)
def test_what_is_no_rectangle_is_refused(changes: dict[str, np.ndarray], word: str) -> None:
    parts = {"center": np.zeros((1, 2)), "angle": np.zeros(1), "opening": np.ones(1), "jaw": np.ones(1)} | changes
    with pytest.raises(BadInput, match=word):
        Rectangles(**parts)


def test_corners_that_enclose_nothing_are_refused() -> None:
    with pytest.raises(BadInput, match="area"):
        Rectangles.from_corners([[[0, 0], [10, 0], [10, 0], [0, 0]]])
    with pytest.raises(BadInput, match="finite"):
        Rectangles.from_corners(np.array([[[0, 0], [10, np.nan], [10, 5], [0, 5]]]))
