"""Clearance: the jaw fits exactly where there is room, and knows how much there is."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from support.boxes import CELL, D435, T_CAMERA, box, down, flat, see

from gpnet_ros.clearance import crowding, finger_clearance, needed_raise, tip_height
from gpnet_ros.errors import NoClearance
from gpnet_ros.frame import Frame
from gpnet_ros.height_map import HeightMap, height_map

jaw = partial(finger_clearance, margins=(0.010, 0.006, 0.003))


def test_a_large_hole_stays_unknown_and_refuses_the_grasp() -> None:
    frame = see([])
    assert frame.depth is not None
    depth = frame.depth.copy()
    u, v = D435.project(np.linalg.inv(T_CAMERA)[:3] @ [0.65, 0.0, 0.0, 1.0]).round().astype(int)
    depth[v - 80 : v + 80, u - 80 : u + 80] = np.nan
    heights = height_map(Frame(None, depth, D435), T_CAMERA, CELL)
    assert np.isnan(heights.at((0.65, 0.0)))
    with pytest.raises(NoClearance, match="not known"):
        jaw(heights, down(0.65, 0.0, 0.004), 0.04, CELL.gripper)


@pytest.mark.parametrize("yaw", np.linspace(-np.pi, np.pi, 9))
def test_a_lone_box_gets_the_largest_margin(yaw: float) -> None:
    heights = height_map(see([box(0.65, 0.0, (0.03, 0.03, 0.05))], noise=0.001), T_CAMERA, CELL)
    width = 0.03 * (abs(np.cos(yaw)) + abs(np.sin(yaw)))
    found = jaw(heights, down(0.65, 0.0, 0.025, yaw), width, CELL.gripper)
    assert found.raised == 0.0
    assert found.margin == 0.010
    assert found.opening == pytest.approx(width + 0.020)


@pytest.mark.parametrize(("gap", "margin"), [(0.030, 0.010), (0.0215, 0.006), (0.0175, 0.003)])
def test_the_margin_shrinks_with_the_gap_to_the_neighbour(gap: float, margin: float) -> None:
    # Fingers are 12 mm thick: margin + 12 mm must fit into the gap on both sides.
    row = [box(0.65, y, (0.05, 0.03, 0.06)) for y in (0.0, 0.03 + gap, -0.03 - gap)]
    heights = height_map(see(row), T_CAMERA, CELL)
    found = jaw(heights, down(0.65, 0.0, 0.035, np.pi / 2), 0.03, CELL.gripper)
    assert (found.margin, found.raised) == (margin, 0.0)


def test_no_gap_no_grasp() -> None:
    row = [box(0.65, y, (0.05, 0.03, 0.06)) for y in (0.0, 0.032, -0.032)]
    heights = height_map(see(row), T_CAMERA, CELL)
    with pytest.raises(NoClearance, match="too high"):
        jaw(heights, down(0.65, 0.0, 0.035, np.pi / 2), 0.03, CELL.gripper)


def test_low_neighbours_raise_the_tips() -> None:
    row = [
        box(0.65, 0.0, (0.05, 0.03, 0.06)),
        box(0.65, 0.05, (0.05, 0.06, 0.04)),
        box(0.65, -0.05, (0.05, 0.06, 0.04)),
    ]
    heights = height_map(see(row), T_CAMERA, CELL)
    grasp = down(0.65, 0.0, 0.035, np.pi / 2)
    found = jaw(heights, grasp, 0.03, CELL.gripper)
    assert 0.005 < found.raised < 0.009  # above the neighbours, whose tops are no noise
    assert found.T_base_tcp[2, 3] == pytest.approx(0.035 + found.raised)
    assert grasp[2, 3] == 0.035
    with pytest.raises(NoClearance):
        jaw(heights, grasp, 0.03, CELL.gripper, raise_max=0.002)


def test_of_two_openings_that_fit_the_freer_one_is_taken() -> None:
    # A sliver too small to forbid anything stands where the wide jaw's finger would come down, beside the narrow one's.
    z = np.zeros((260, 260), np.float32)
    heights = HeightMap((0.39, -0.26), 0.002, z)
    row, column = heights.cells((0.65, 0.015 + 0.010 + 0.0115))
    z[row, column] = 0.03
    heights = HeightMap(heights.origin, heights.side, z)
    grasp = down(0.65, 0.0, 0.01, np.pi / 2)
    found = jaw(heights, grasp, 0.03, CELL.gripper, margins=(0.010, 0.006))
    assert (found.margin, found.raised) == (0.006, 0.0)
    assert jaw(flat(), grasp, 0.03, CELL.gripper, margins=(0.010, 0.006)).margin == 0.010


def test_a_tall_neighbour_meets_the_palm_only() -> None:
    # 45 mm beside the grasp along the pad's width: fingers are free there, the palm (40 mm half) nearly.
    beside = [box(0.65, 0.0, (0.03, 0.03, 0.03)), box(0.65 - 0.045, 0.0, (0.03, 0.03, 0.12))]
    heights = height_map(see(beside), T_CAMERA, CELL)
    with pytest.raises(NoClearance):
        jaw(heights, down(0.65, 0.0, 0.005, np.pi / 2), 0.03, CELL.gripper)
    low = [beside[0], box(0.65 - 0.045, 0.0, (0.03, 0.03, 0.05))]
    heights = height_map(see(low), T_CAMERA, CELL)
    assert jaw(heights, down(0.65, 0.0, 0.005, np.pi / 2), 0.03, CELL.gripper).raised == 0.0


@pytest.mark.parametrize("width", [0.0795, 0.2, float("nan"), float("inf")])
def test_too_wide_is_refused(width: float) -> None:
    with pytest.raises(NoClearance, match="stroke"):
        jaw(flat(), down(0.65, 0.0, 0.01), width, CELL.gripper)


def test_wide_objects_take_what_the_stroke_leaves() -> None:
    found = jaw(flat(), down(0.65, 0.0, 0.01), 0.078, CELL.gripper)
    assert found.margin == 0.003
    assert found.opening <= CELL.gripper.stroke


def test_needed_raise_is_the_height_above_the_tips() -> None:
    for height in (0.0, 0.02, 0.05):
        needed = needed_raise(flat(height), down(0.65, 0.0, 0.01), 0.05, CELL.gripper, touch=0.0)
        assert needed == pytest.approx(max(height - 0.01, 0.0), abs=1e-6)


def test_half_a_turn_is_the_same_grasp() -> None:
    row = [box(0.65, 0.0, (0.05, 0.03, 0.06)), box(0.65, 0.05, (0.05, 0.06, 0.04))]
    heights = height_map(see(row), T_CAMERA, CELL)
    one, other = (
        needed_raise(heights, down(0.65, 0.0, 0.03, np.pi / 2 + turn), 0.04, CELL.gripper) for turn in (0.0, np.pi)
    )
    assert one == pytest.approx(other, abs=1e-6)
    assert one > 0


def test_noise_and_holes_do_not_block_the_table() -> None:
    heights = height_map(see([], noise=0.0015, holes=0.05), T_CAMERA, CELL)
    blocked = 0
    for x in np.linspace(0.52, 0.78, 6):
        for y in np.linspace(-0.14, 0.14, 6):
            blocked += needed_raise(heights, down(x, y, 0.004, x + y), 0.05, CELL.gripper) > 0
    assert blocked == 0


def test_tip_height_reaches_down_but_not_into_the_table() -> None:
    assert tip_height(0.10, CELL) == pytest.approx(0.075)
    assert tip_height(0.01, CELL) == pytest.approx(0.004)


def test_a_place_is_more_crowded_the_nearer_and_the_higher_a_neighbour_stands() -> None:
    def crowd(gap: float, height: float) -> float:
        boxes = [box(0.65, 0.0, (0.03, 0.03, 0.05)), box(0.65, 0.064 + gap, (0.06, 0.06, height))]
        heights = height_map(see(boxes), T_CAMERA, CELL)
        found = jaw(heights, down(0.65, 0.0, 0.025, np.pi / 2), 0.03, CELL.gripper, margins=(0.006,))
        return found.crowding

    apart = [crowd(gap, 0.05) for gap in (0.002, 0.004, 0.006, 0.03)]
    assert sorted(apart, reverse=True) == apart
    assert apart[0] > 0.02
    assert apart[-1] == 0.0
    assert crowd(0.002, 0.024) < crowd(0.002, 0.05)


@pytest.mark.parametrize("turn", [0.0, 0.4, 2.0])
def test_crowding_is_a_share_and_the_same_after_half_a_turn(turn: float) -> None:
    z = np.random.default_rng(3).uniform(0.0, 0.05, (260, 260)).astype(np.float32)
    heights = HeightMap((0.39, -0.26), 0.002, z)
    one, other = (crowding(heights, down(0.65, 0.0, 0.02, turn + half), 0.05, CELL.gripper) for half in (0.0, np.pi))
    assert 0.2 < one < 0.9
    assert other == pytest.approx(one, abs=0.05)
    assert crowding(flat(), down(0.65, 0.0, 0.02, turn), 0.05, CELL.gripper) == 0.0
    assert crowding(flat(0.05), down(0.65, 0.0, 0.02, turn), 0.05, CELL.gripper) == 1.0
    assert crowding(flat(float("nan")), down(0.65, 0.0, 0.02, turn), 0.05, CELL.gripper) == 0.0


@pytest.mark.parametrize(("below", "raised"), [(0.0, 0.003), (0.001, 0.002), (0.0035, 0.0), (0.02, 0.0)])
def test_tips_keep_a_distance_from_what_stands_just_below_them(below: float, raised: float) -> None:
    found = jaw(flat(0.03), down(0.65, 0.0, 0.03 + below), 0.03, CELL.gripper)
    assert found.raised == pytest.approx(raised, abs=1e-6)
    assert found.T_base_tcp[2, 3] == pytest.approx(0.03 + below + raised, abs=1e-6)


def test_tips_that_were_raised_already_are_spared_only_so_far() -> None:
    found = jaw(flat(0.03), down(0.65, 0.0, 0.03 - 0.0055), 0.03, CELL.gripper)
    assert found.raised == pytest.approx(0.0065, abs=1e-6)
    low = jaw(flat(0.03), down(0.65, 0.0, 0.03 - 0.0025), 0.03, CELL.gripper)
    assert low.raised == pytest.approx(0.0055, abs=1e-6)
