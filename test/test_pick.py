"""Deciding: an exact grasp for a given pixel, a reason for everything else, and the memory of failures."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.errors import FrameRefused
from gpnet_ros.fit import Memory
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.height_map import height_map
from gpnet_ros.maps import Grid, Maps, encode_angle, encode_width
from gpnet_ros.motion import Move
from gpnet_ros.pick import Decision, decide, something_left
from gpnet_ros.pose import image_angles, invert, transform
from gpnet_ros.sim.camera.d435 import D435_640x480
from gpnet_ros.sim.camera.render import View
from gpnet_ros.sim.clearing.look import Look
from gpnet_ros.sim.clearing.true_grasps import perfect_maps
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.objects.model import make_object

CELL, HAND_EYE = load_cell(), load_hand_eye()
T_BASE_CAMERA = HAND_EYE.T_base_camera()
HOME = np.array(CELL.home)


@lru_cache
def lone(family: str = "box", seed: int = 3, noise: bool = False) -> tuple[Heap, View, Frame]:
    """One object on the table, seen by the cell's camera."""
    model = make_object(family, seed)
    low = model.vertices[:, 2].min()
    heap = Heap((model,), transform(np.eye(3), (0.66, 0.02, -low))[None])
    look = Look(heap, 1, T_BASE_CAMERA, noise)
    view = look.view(heap, [0])
    return heap, view, look.frame(view)


def maps_at(frame: Frame, pixel: tuple[float, float], angle: float, width: float) -> Maps:
    """Maps that name one grasp at a camera pixel."""
    assert frame.depth is not None
    square = CELL.workspace
    grid = Grid.workspace(D435_640x480, T_BASE_CAMERA, square.centre, square.side)
    column, row = np.round(grid.to_grid(pixel)).astype(int)
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    bump = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18).astype(np.float32)
    cos2, sin2 = (np.full_like(bump, x) for x in encode_angle(angle))
    z = float(frame.depth[round(pixel[1]), round(pixel[0])])
    label = encode_width(width, z, D435_640x480.fx * grid.scale)
    return Maps(bump, cos2, sin2, np.full_like(bump, label), np.ones_like(bump), grid)


def centre_pixel(view: View) -> tuple[float, float]:
    v, u = np.nonzero(view.ids == 1)
    return float(np.median(u)), float(np.median(v))


def across(heap: Heap, view: View) -> float:
    """Image angle of the object's thinner horizontal side."""
    thin = 0 if np.ptp(heap.objects[0].vertices[:, 0]) < np.ptp(heap.objects[0].vertices[:, 1]) else 1
    T_camera_base = invert(T_BASE_CAMERA)
    point = T_camera_base @ np.append(heap.T_base_object[0, :3, 3], 1.0)
    return float(image_angles(point[:3], T_camera_base[:3, thin], D435_640x480))


def decide_lone(noise: bool = False, **changes: object) -> tuple[Decision, View, Frame]:
    heap, view, frame = lone(noise=noise)
    width = float(np.sort(np.ptp(heap.objects[0].vertices[:, :2], axis=0))[0]) + 0.012
    maps = maps_at(frame, centre_pixel(view), across(heap, view), width)
    return decide(frame, maps, T_BASE_CAMERA, CELL, HOME, **changes), view, frame  # type: ignore[arg-type]


def test_the_tcp_meets_the_object_point_under_the_pixel_within_a_millimetre() -> None:
    decision, view, _ = decide_lone()
    assert decision.status == "grasp", decision.rejected
    assert decision.grasp and decision.T_base_grasp is not None and decision.T_base_tcp is not None
    u, v = decision.grasp.pixel
    ray = D435_640x480.deproject((u, v), float(view.depth[round(v), round(u)]))
    point = T_BASE_CAMERA[:3, :3] @ ray + T_BASE_CAMERA[:3, 3]
    assert np.linalg.norm(decision.T_base_grasp[:3, 3] - point) < 1e-3
    assert np.linalg.norm(decision.T_base_tcp[:2, 3] - point[:2]) < 1e-3
    assert decision.T_base_tcp[2, 3] == pytest.approx(max(point[2] - 0.025, 0.004), abs=1e-3)
    assert decision.insertion > 0


def test_the_plan_closes_the_jaws_exactly_there() -> None:
    decision, _, _ = decide_lone()
    assert decision.plan is not None and decision.T_base_tcp is not None
    (descend,) = [s for s in decision.plan.steps if isinstance(s, Move) and s.kind == "descend"]
    assert descend.T_base_tcp is not None
    assert np.allclose(descend.T_base_tcp[:3, 3], decision.T_base_tcp[:3, 3])
    assert abs(descend.T_base_tcp[:3, 0] @ decision.T_base_tcp[:3, 0]) == pytest.approx(1.0)


def test_the_grasp_projects_onto_its_pixel() -> None:
    decision, _, _ = decide_lone(noise=True)
    assert decision.grasp and decision.T_base_grasp is not None
    seen = D435_640x480.project((invert(T_BASE_CAMERA) @ decision.T_base_grasp)[:3, 3])
    assert np.allclose(seen, decision.grasp.pixel, atol=1e-6)


def test_a_grasp_that_failed_is_not_repeated_until_the_heap_changes() -> None:
    first, _, _ = decide_lone()
    assert first.T_base_tcp is not None
    memory = Memory()
    memory.remember(first.T_base_tcp @ np.diag([-1.0, -1.0, 1.0, 1.0]))  # yaw + 180 degrees is the same grasp
    second, _, _ = decide_lone(memory=memory)
    assert "failed_before" in [r.reason for r in second.rejected]
    assert second.T_base_tcp is None or not memory.knows(second.T_base_tcp)
    memory.forget()
    third, _, _ = decide_lone(memory=memory)
    assert third.T_base_tcp is not None
    assert np.allclose(third.T_base_tcp, first.T_base_tcp)


def test_an_empty_table_is_a_result_and_an_object_is_seen() -> None:
    empty = Heap((), np.zeros((0, 4, 4)))
    for seed in range(3):
        look = Look(empty, seed, T_BASE_CAMERA)
        assert not something_left(height_map(look.frame(look.view(empty, [])), T_BASE_CAMERA, CELL), CELL)
    for family in ("box", "screwdriver", "hex_nut"):
        _, _, frame = lone(family, 5, True)
        assert something_left(height_map(frame, T_BASE_CAMERA, CELL), CELL)


def test_nothing_left_needs_no_maps_to_be_believed() -> None:
    empty = Heap((), np.zeros((0, 4, 4)))
    look = Look(empty, 4, T_BASE_CAMERA)
    frame = look.frame(look.view(empty, []))
    decision = decide(frame, maps_at(frame, (330.0, 250.0), 0.3, 0.04), T_BASE_CAMERA, CELL, HOME)
    assert decision.status == "nothing_left"
    assert decision.plan is None


def test_a_grasp_on_the_table_beside_the_object_is_refused() -> None:
    _, _, frame = lone()
    decision = decide(frame, maps_at(frame, (240.0, 300.0), 0.0, 0.04), T_BASE_CAMERA, CELL, HOME)
    assert decision.status == "nothing_graspable"
    assert decision.rejected[0].reason == "outside"
    assert "table" in decision.rejected[0].detail


def test_too_wide_and_too_doubtful_grasps_are_refused_with_the_figure() -> None:
    heap, view, frame = lone()
    maps = maps_at(frame, centre_pixel(view), across(heap, view), 0.150)
    wide = decide(frame, maps, T_BASE_CAMERA, CELL, HOME)
    assert wide.status == "nothing_graspable"
    assert "width" in {r.reason for r in wide.rejected}
    maps = maps_at(frame, centre_pixel(view), across(heap, view), 0.120)  # room for the open jaw is measured
    assert decide(frame, maps, T_BASE_CAMERA, CELL, HOME).opening == CELL.gripper.stroke
    faint = replace(maps, quality=0.05 * maps.quality)
    doubtful = decide(frame, faint, T_BASE_CAMERA, CELL, HOME, select=SelectSettings(quality_min=0.3))
    assert [r.reason for r in doubtful.rejected] == ["low_quality"]


def test_the_wrong_way_across_finds_no_room() -> None:
    heap, view, frame = lone("screwdriver", 5)
    long_side = int(np.argmax(np.ptp(heap.objects[0].vertices[:, :2], axis=0)))
    T_camera_base = invert(T_BASE_CAMERA)
    point = T_camera_base @ np.append(heap.T_base_object[0, :3, 3], 1.0)
    along = float(image_angles(point[:3], T_camera_base[:3, long_side], D435_640x480))
    decision = decide(frame, maps_at(frame, centre_pixel(view), along, 0.05), T_BASE_CAMERA, CELL, HOME)
    assert decision.status == "nothing_graspable"
    assert {"clearance"} <= {r.reason for r in decision.rejected}


def test_a_frame_without_depth_or_camera_model_is_refused() -> None:
    _, view, frame = lone()
    maps = maps_at(frame, centre_pixel(view), 0.0, 0.04)
    for bad in (Frame(frame.color, None, D435_640x480), Frame(frame.color, frame.depth, None)):
        with pytest.raises(FrameRefused):
            decide(bad, maps, T_BASE_CAMERA, CELL, HOME)


def test_hover_stays_above_and_never_grips() -> None:
    decision, _, _ = decide_lone(hover=True)
    assert decision.plan is not None and decision.T_base_tcp is not None
    assert all(isinstance(step, Move) for step in decision.plan.steps)
    targets = [s.T_base_tcp[2, 3] for s in decision.plan.steps if isinstance(s, Move) and s.T_base_tcp is not None]
    assert min(targets) >= decision.T_base_tcp[2, 3] + 0.15


def test_the_gripper_alone_needs_no_plan() -> None:
    heap, view, frame = lone()
    maps = perfect_maps(view, heap, maps_at(frame, centre_pixel(view), 0, 0.04).grid, T_BASE_CAMERA, CELL)
    decision = decide(frame, maps, T_BASE_CAMERA, CELL, None, select=SelectSettings(quality_min=0.01))
    assert decision.status == "grasp"
    assert decision.plan is None
