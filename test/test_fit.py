"""Fits: the likeliest of the next few comes first, none is lost, and a turned-about grasp is the same one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from support.boxes import D435, T_CAMERA, box, see

from gpnet_ros.cell import load_cell
from gpnet_ros.clearance import Clearance
from gpnet_ros.fit import Fit, Memory, likeliest_first
from gpnet_ros.grasp import Grasp, Rejected, SelectSettings
from gpnet_ros.maps import Grid, Maps, encode_angle, encode_width
from gpnet_ros.pick import decide
from gpnet_ros.pose import Transform, image_angles, invert, transform

CELL = load_cell()


def fit(name: float, score: float, priority: float = 1.0, crowding: float = 0.0) -> Fit:
    grasp = Grasp((name, 0.0), 0.0, 20.0, 0.04, 0.8, score, score, priority)
    return Fit(grasp, Clearance(np.eye(4), 0.05, 0.004, 0.0, crowding))


def names(found: Iterable[Fit | Rejected]) -> list[float]:
    return [each.grasp.pixel[0] if isinstance(each, Fit) else each.pixel[0] for each in found]


def test_the_likeliest_of_the_next_few_comes_first_and_none_is_lost() -> None:
    lost = Rejected((9.0, 0.0), "hole", "")
    row = [fit(0, 0.9, crowding=0.2), lost, fit(1, 0.8, priority=0.4), fit(2, 0.7), fit(3, 0.6), fit(4, 0.5)]
    assert names(likeliest_first(row, 1)) == [0, 9, 1, 2, 3, 4]
    assert names(likeliest_first(row, 3)) == [9, 2, 3, 4, 1, 0]
    assert names(likeliest_first(row, 100)) == [9, 2, 3, 4, 1, 0]
    assert names(likeliest_first([], 3)) == []


def test_no_more_are_looked_at_than_are_compared() -> None:
    row = iter([fit(k, 0.9) for k in range(9)])
    next(likeliest_first(row, 4))
    assert names(row) == [4, 5, 6, 7, 8]


def test_whose_turn_it_is_counts_three_times_beside_the_score() -> None:
    assert fit(0, 0.8, priority=0.9).chance < fit(1, 0.62).chance  # twice: 0.65
    assert fit(0, 0.8, priority=0.9).chance > fit(1, 0.55).chance  # four times: 0.52


@pytest.mark.parametrize("worse", [{"score": 0.79}, {"priority": 0.9}, {"crowding": 0.01}])
def test_score_priority_and_room_each_tell_two_fits_apart(worse: dict[str, float]) -> None:
    assert fit(0, **{"score": 0.8, **worse}).chance < fit(1, 0.8).chance


def test_of_two_grasps_with_room_the_one_that_lies_free_is_taken() -> None:
    # Two equal boxes; beside the one that Q* prefers, just out of the fingers' way, stands a third.
    boxes = [box(x, y, (0.03, 0.03, 0.06)) for x, y in ((0.60, 0.0), (0.72, 0.0), (0.60, 0.050))]
    frame = see(boxes)
    T_camera_base = invert(T_CAMERA)
    points = [(T_camera_base @ [x, 0.0, 0.06, 1.0])[:3] for x in (0.60, 0.72)]
    grid = Grid.workspace(D435, T_CAMERA, CELL.workspace.centre, CELL.workspace.side)
    quality = np.zeros((grid.height, grid.width), np.float32)
    for point, value in zip(points, (1.0, 0.95), strict=True):
        column, row = np.round(grid.to_grid(D435.project(point))).astype(int)
        quality[row - 3 : row + 4, column - 3 : column + 4] = value
    along_y = float(image_angles(points[0], T_camera_base[:3, 1], D435))
    cos2, sin2 = (np.full_like(quality, x) for x in encode_angle(along_y))
    width = np.full_like(quality, encode_width(0.03, points[0][2], D435.fx * grid.scale))
    maps = Maps(quality, cos2, sin2, width, np.ones_like(quality), grid)
    taken = {}
    for compare in (1, 8):
        found = decide(frame, maps, T_CAMERA, CELL, None, select=SelectSettings(compare=compare))
        assert found.T_base_grasp is not None
        taken[compare] = float(found.T_base_grasp[0, 3])
    assert taken == pytest.approx({1: 0.60, 8: 0.72}, abs=0.01)


def yawed(degrees: float, x: float = 0.6) -> Transform:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return transform(np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]]), (x, 0.0, 0.1))


@pytest.mark.parametrize(
    ("again", "known"),
    [(yawed(0), True), (yawed(180), True), (yawed(15), True), (yawed(30), False), (yawed(90), False)],
)
def test_memory_knows_a_grasp_by_its_place_and_its_angle(again: Transform, known: bool) -> None:
    memory = Memory()
    memory.remember(yawed(0))
    assert memory.knows(again) is known
    assert not memory.knows(yawed(0, x=0.6 + 1.1 * memory.radius))
    memory.forget()
    assert not memory.knows(again)
