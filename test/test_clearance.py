"""Clearance: the height map sees what stands on the table, and the jaw fits exactly where there is room."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.cell import Cell, load_cell, load_hand_eye
from gpnet_ros.clearance import HeightMap, finger_clearance, height_map, needed_raise, surface_height, tip_height
from gpnet_ros.errors import FrameRefused, NoClearance, NoDepth
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import Transform, transform

D435 = Intrinsics(640, 480, 615.0, 615.0, 320.3, 240.3)
CELL = load_cell()
T_CAMERA = load_hand_eye().T_base_camera()
BoxBounds = tuple[tuple[float, float, float], tuple[float, float, float]]


def see(boxes: list[BoxBounds], noise: float = 0.0, holes: float = 0.0, seed: int = 0) -> Frame:
    """Depth of axis-aligned boxes on the table, by the slab test, as an independent ray caster."""
    rows, columns = np.mgrid[0 : D435.height, 0 : D435.width]
    rays = D435.deproject(np.stack([columns, rows], axis=-1), np.ones(rows.shape)) @ T_CAMERA[:3, :3].T
    eye = T_CAMERA[:3, 3]
    depth = -eye[2] / rays[..., 2]
    for low, high in boxes:
        near, far = (np.array(low) - eye) / rays, (np.array(high) - eye) / rays
        enter, leave = np.minimum(near, far).max(axis=-1), np.maximum(near, far).min(axis=-1)
        depth = np.where((enter <= leave) & (enter < depth), enter, depth)
    rng = np.random.default_rng(seed)
    depth = depth + rng.normal(0.0, noise, depth.shape)
    depth[rng.random(depth.shape) < holes] = np.nan
    return Frame(None, depth.astype(np.float32), D435)


def box(x: float, y: float, size: tuple[float, float, float], z: float = 0.0) -> BoxBounds:
    return (x - size[0] / 2, y - size[1] / 2, z), (x + size[0] / 2, y + size[1] / 2, z + size[2])


def down(x: float, y: float, z: float, yaw: float = 0.0) -> Transform:
    c, s = np.cos(yaw), np.sin(yaw)
    return transform([[c, s, 0], [s, -c, 0], [0, 0, -1]], (x, y, z))


def flat(height: float = 0.0, shape: tuple[int, int] = (260, 260)) -> HeightMap:
    return HeightMap((0.39, -0.26), 0.002, np.full(shape, height, np.float32))


def test_height_map_measures_boxes_and_table() -> None:
    heights = height_map(see([box(0.65, 0.05, (0.06, 0.04, 0.08))]), T_CAMERA, CELL)
    assert surface_height(heights, (0.65, 0.05)) == pytest.approx(0.08, abs=1e-3)
    assert surface_height(heights, (0.60, -0.10)) == pytest.approx(0.0, abs=1e-3)
    assert heights.top == pytest.approx(0.08, abs=2e-3)


def test_height_map_is_where_the_box_is() -> None:
    heights = height_map(see([box(0.70, -0.08, (0.05, 0.03, 0.05))]), T_CAMERA, CELL)
    rows, columns = np.nonzero(heights.z > 0.045)
    centre = np.array(heights.origin) + heights.side * np.array([columns.mean(), rows.mean()])
    np.testing.assert_allclose(centre, (0.70, -0.08), atol=2e-3)


def test_a_shadow_is_not_as_high_as_what_casts_it() -> None:
    # The camera stands at larger x, so the shadow lies on the side of smaller x.
    heights = height_map(see([box(0.55, 0.0, (0.04, 0.10, 0.10))]), T_CAMERA, CELL)
    shadow = heights.at(np.stack([np.full(20, 0.53 - 0.012), np.linspace(-0.04, 0.04, 20)], axis=-1))
    assert np.isfinite(shadow).all()
    assert (shadow < 0.075).all()


def test_a_hole_on_an_object_is_filled_at_its_height() -> None:
    frame = see([box(0.65, 0.0, (0.08, 0.08, 0.06))])
    assert frame.depth is not None
    depth = frame.depth.copy()
    u, v = D435.project(np.linalg.inv(T_CAMERA)[:3] @ [0.65, 0.0, 0.06, 1.0]).round().astype(int)
    depth[v - 6 : v + 7, u - 6 : u + 7] = np.nan
    heights = height_map(Frame(None, depth, D435), T_CAMERA, CELL)
    assert heights.at((0.65, 0.0)) == pytest.approx(0.06, abs=2e-3)


def test_a_large_hole_stays_unknown_and_refuses_the_grasp() -> None:
    frame = see([])
    assert frame.depth is not None
    depth = frame.depth.copy()
    u, v = D435.project(np.linalg.inv(T_CAMERA)[:3] @ [0.65, 0.0, 0.0, 1.0]).round().astype(int)
    depth[v - 80 : v + 80, u - 80 : u + 80] = np.nan
    heights = height_map(Frame(None, depth, D435), T_CAMERA, CELL)
    assert np.isnan(heights.at((0.65, 0.0)))
    with pytest.raises(NoClearance, match="not known"):
        finger_clearance(heights, down(0.65, 0.0, 0.004), 0.04, CELL.gripper)
    with pytest.raises(NoDepth):
        surface_height(heights, (0.65, 0.0))


@pytest.mark.parametrize("yaw", np.linspace(-np.pi, np.pi, 9))
def test_a_lone_box_gets_the_largest_margin(yaw: float) -> None:
    heights = height_map(see([box(0.65, 0.0, (0.03, 0.03, 0.05))], noise=0.001), T_CAMERA, CELL)
    width = 0.03 * (abs(np.cos(yaw)) + abs(np.sin(yaw)))
    found = finger_clearance(heights, down(0.65, 0.0, 0.025, yaw), width, CELL.gripper)
    assert found.raised == 0.0
    assert found.margin == 0.010
    assert found.opening == pytest.approx(width + 0.020)


@pytest.mark.parametrize(("gap", "margin"), [(0.030, 0.010), (0.0215, 0.006), (0.0175, 0.003)])
def test_the_margin_shrinks_with_the_gap_to_the_neighbour(gap: float, margin: float) -> None:
    # Fingers are 12 mm thick: margin + 12 mm must fit into the gap on both sides.
    row = [box(0.65, y, (0.05, 0.03, 0.06)) for y in (0.0, 0.03 + gap, -0.03 - gap)]
    heights = height_map(see(row), T_CAMERA, CELL)
    found = finger_clearance(heights, down(0.65, 0.0, 0.035, np.pi / 2), 0.03, CELL.gripper)
    assert (found.margin, found.raised) == (margin, 0.0)


def test_no_gap_no_grasp() -> None:
    row = [box(0.65, y, (0.05, 0.03, 0.06)) for y in (0.0, 0.032, -0.032)]
    heights = height_map(see(row), T_CAMERA, CELL)
    with pytest.raises(NoClearance, match="too high"):
        finger_clearance(heights, down(0.65, 0.0, 0.035, np.pi / 2), 0.03, CELL.gripper)


def test_low_neighbours_raise_the_tips() -> None:
    row = [
        box(0.65, 0.0, (0.05, 0.03, 0.06)),
        box(0.65, 0.05, (0.05, 0.06, 0.04)),
        box(0.65, -0.05, (0.05, 0.06, 0.04)),
    ]
    heights = height_map(see(row), T_CAMERA, CELL)
    grasp = down(0.65, 0.0, 0.035, np.pi / 2)
    found = finger_clearance(heights, grasp, 0.03, CELL.gripper)
    assert 0.005 < found.raised < 0.009  # above the neighbours, whose tops are no noise
    assert found.T_base_tcp[2, 3] == pytest.approx(0.035 + found.raised)
    assert grasp[2, 3] == 0.035
    with pytest.raises(NoClearance):
        finger_clearance(heights, grasp, 0.03, CELL.gripper, raise_max=0.002)


def test_of_two_openings_that_fit_the_freer_one_is_taken() -> None:
    # A sliver too small to forbid anything stands where the wide jaw's finger would come down, beside the narrow one's.
    z = np.zeros((260, 260), np.float32)
    heights = HeightMap((0.39, -0.26), 0.002, z)
    row, column = heights.cells((0.65, 0.015 + 0.010 + 0.0115))
    z[row, column] = 0.03
    heights = HeightMap(heights.origin, heights.side, z)
    grasp = down(0.65, 0.0, 0.01, np.pi / 2)
    found = finger_clearance(heights, grasp, 0.03, CELL.gripper, margins=(0.010, 0.006))
    assert (found.margin, found.raised) == (0.006, 0.0)
    assert finger_clearance(flat(), grasp, 0.03, CELL.gripper, margins=(0.010, 0.006)).margin == 0.010


def test_a_tall_neighbour_meets_the_palm_only() -> None:
    # 45 mm beside the grasp along the pad's width: fingers are free there, the palm (40 mm half) nearly.
    beside = [box(0.65, 0.0, (0.03, 0.03, 0.03)), box(0.65 - 0.045, 0.0, (0.03, 0.03, 0.12))]
    heights = height_map(see(beside), T_CAMERA, CELL)
    with pytest.raises(NoClearance):
        finger_clearance(heights, down(0.65, 0.0, 0.005, np.pi / 2), 0.03, CELL.gripper)
    low = [beside[0], box(0.65 - 0.045, 0.0, (0.03, 0.03, 0.05))]
    heights = height_map(see(low), T_CAMERA, CELL)
    assert finger_clearance(heights, down(0.65, 0.0, 0.005, np.pi / 2), 0.03, CELL.gripper).raised == 0.0


@pytest.mark.parametrize("width", [0.0795, 0.2, float("nan"), float("inf")])
def test_too_wide_is_refused(width: float) -> None:
    with pytest.raises(NoClearance, match="stroke"):
        finger_clearance(flat(), down(0.65, 0.0, 0.01), width, CELL.gripper)


def test_wide_objects_take_what_the_stroke_leaves() -> None:
    found = finger_clearance(flat(), down(0.65, 0.0, 0.01), 0.078, CELL.gripper)
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


def test_a_frame_without_depth_or_model_is_refused() -> None:
    color = np.zeros((480, 640, 3), np.uint8)
    with pytest.raises(FrameRefused):
        height_map(Frame(color, None, D435), T_CAMERA, Cell())
    with pytest.raises(FrameRefused):
        height_map(Frame(None, np.ones((480, 640), np.float32)), T_CAMERA, Cell())


def test_an_empty_map_has_no_top() -> None:
    with pytest.raises(NoDepth):
        _ = flat(float("nan")).top
    assert np.isnan(flat().at((9.0, 9.0)))
