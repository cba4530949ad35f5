"""Cup grasps in the image: the best point of a free object, turned with the picture, and a reason for all others."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace

import numpy as np
import pytest
from support.cup_scenes import CAMERA, CELL, T_BASE_CAMERA, CupScene, Slab, cup_scene

from gpnet_ros import cup, cup_fit, fit, pick
from gpnet_ros.balance import mass_centre
from gpnet_ros.cup import CUP_REASONS, CupGrasp, CupSelect, cup_at, cup_candidates
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import Rejected
from gpnet_ros.pose import invert, lift

TOP = Slab()
#: Against the approach, in the camera frame.
UP = T_BASE_CAMERA[2, :3]


def best(scene: CupScene, settings: CupSelect | None = None, up: np.ndarray = UP) -> CupGrasp:
    found = next(c for c in candidates(scene, settings, up) if isinstance(c, CupGrasp))
    return found


def candidates(scene: CupScene, settings: CupSelect | None = None, up: np.ndarray = UP) -> list[CupGrasp | Rejected]:
    return list(cup_candidates(scene.detections, scene.frame, CELL.cup, settings, up))


def reasons(scene: CupScene, settings: CupSelect | None = None) -> list[str]:
    return [c.reason for c in candidates(scene, settings) if isinstance(c, Rejected)]


def seen(x: float, y: float, z: float) -> np.ndarray:
    """Pixel of a point in base."""
    point = invert(T_BASE_CAMERA) @ np.array([x, y, z, 1.0])
    return CAMERA.project(point[:3])


def test_reasons_stand_in_the_order_in_which_the_checks_run() -> None:
    steps = (
        cup._object_worth, cup.cup_candidates, cup.cup_at, fit.refused_place, cup_fit.cup_in_cell,
        cup_fit._refused_room, pick._planned,
    )  # fmt: skip
    named = [reason for step in steps for reason in re.findall(r'Rejected\([\w.]+, "(\w+)"', inspect.getsource(step))]
    assert set(named) == set(CUP_REASONS)
    last = [max(i for i, r in enumerate(named) if r == reason) for reason in CUP_REASONS if reason not in EARLY]
    assert last == sorted(last)


#: Reasons that an object gives before any of its points is looked at.
EARLY = ("occluded", "low_quality", "edge", "hole")


def test_where_all_is_equal_the_cup_comes_down_over_the_centre_of_mass() -> None:
    scene = cup_scene(TOP)
    found = best(scene)
    assert np.abs(np.array(found.pixel) - seen(*TOP.top)).max() <= 1.0
    assert found.arm < 0.002 and found.score == pytest.approx(1 / (1 + 2 * found.arm / CELL.cup.lip_radius), abs=0.01)
    aside = np.roll(scene.detections.mass, 12, axis=0)  # the twin: it follows the centre of mass
    assert np.abs(np.subtract(best(scene.changed(mass=aside)).pixel, found.pixel) - (0, 12)).max() <= 1.0


def test_a_better_surface_outweighs_a_little_distance_and_not_a_long_one() -> None:
    scene = cup_scene(Slab(size=(0.08, 0.24, 0.05)))
    v, u = np.mgrid[0:480, 0:640]
    centre = np.array(best(scene).pixel)
    along = np.array([np.sin(best(scene).angle), -np.cos(best(scene).angle)])  # the long side
    pixels = {}
    for distance, wins in ((15, True), (55, False)):
        spot = centre + distance * along
        heat = np.where(np.hypot(u - spot[0], v - spot[1]) < 3, 0.9, 0.1) * scene.detections.visible[0]
        pixels[distance] = np.array(best(scene.changed(suction=heat.astype(np.float32))).pixel)
        near = np.hypot(*(pixels[distance] - spot)) < 4
        assert near == wins


def test_the_lifted_point_projects_onto_its_pixel() -> None:
    for found in (c for c in candidates(cup_scene(replace(TOP, tilt=0.2, turn=0.5))) if isinstance(c, CupGrasp)):
        T = lift(found.pixel, found.angle, found.depth, CAMERA, T_BASE_CAMERA)
        assert np.allclose(CAMERA.project(T[:3, 3]), found.pixel, atol=1e-6)


def turned(scene: CupScene) -> CupScene:
    """The same scene, its picture turned by a quarter: (u, v) -> (v, W - 1 - u)."""
    c, d = CAMERA, scene.detections
    camera = Intrinsics(c.height, c.width, c.fy, c.fx, c.cy, c.width - 1 - c.cx)
    assert scene.frame.depth is not None
    frame = Frame(None, np.ascontiguousarray(np.rot90(scene.frame.depth)), camera, 1.0, "camera")
    u0, v0, u1, v1 = d.boxes.T
    boxes = np.stack([v0, c.width - u1, v1, c.width - u0], axis=1)
    masks = {name: np.rot90(getattr(d, name), axes=(1, 2)) for name in ("visible", "amodal")}
    heats = {name: np.rot90(getattr(d, name)) for name in ("mass", "suction")}
    return CupScene(frame, replace(d, boxes=boxes, **masks, **heats))


def test_turning_the_picture_turns_the_grasp() -> None:
    scene = cup_scene(replace(TOP, turn=0.4))
    found, other = best(scene), best(turned(scene), up=UP[[1, 0, 2]] * (1, -1, 1))
    u, v = found.pixel
    assert np.abs(np.array(other.pixel) - (v, CAMERA.width - 1 - u)).max() <= 1.0
    assert other.depth == pytest.approx(found.depth, abs=1e-3)
    assert np.cos(2 * (other.angle - (found.angle - np.pi / 2))) == pytest.approx(1.0, abs=1e-3)
    assert np.allclose(other.normal, found.normal[[1, 0, 2]] * (1, -1, 1), atol=2e-3)
    assert np.cos(2 * (other.angle - found.angle)) < 0, "the twin: it did turn"


def test_the_angle_is_across_the_long_side() -> None:
    scene = cup_scene(TOP)
    ends = seen(TOP.top[0], TOP.top[1] + 0.05, 0.05) - seen(TOP.top[0], TOP.top[1] - 0.05, 0.05)
    long_side = np.arctan2(ends[1], ends[0])
    assert abs(np.cos(best(scene).angle - long_side)) < 0.05


def test_an_occluded_object_waits_and_the_free_one_is_taken() -> None:
    low, high = Slab((0.62, 0.0, 0.03), (0.10, 0.12, 0.03)), Slab((0.66, 0.0, 0.07), (0.06, 0.06, 0.04))
    scene = cup_scene(low, high)
    found = candidates(scene, CupSelect(occluded_never=0.9))
    assert scene.detections.occluded.tolist() == [1.0, 0.0]
    assert isinstance(found[0], Rejected) and found[0].reason == "occluded"
    assert {c.index for c in found if isinstance(c, CupGrasp)} == {1}
    alone = scene.changed(occluded=np.array([0.0, 1.0]))  # the twin: told otherwise, it takes the other
    assert {c.index for c in candidates(alone, CupSelect(occluded_never=0.9)) if isinstance(c, CupGrasp)} == {0}


def test_an_object_that_may_be_occluded_comes_last_however_good_it_is() -> None:
    two = cup_scene(Slab((0.60, -0.06, 0.05), (0.08, 0.08, 0.05)), Slab((0.68, 0.06, 0.05), (0.08, 0.08, 0.05)))
    heat = np.where(two.detections.visible[0], 1.0, 0.2 * two.detections.visible[1]).astype(np.float32)
    for chance, first, objects in ((0.4, 0, {0, 1}), (0.7, 1, {0, 1}), (0.95, 1, {1})):
        settings = CupSelect(occluded_never=0.9, count=100)
        found = candidates(two.changed(suction=heat, occluded=np.array([chance, 0.0])), settings)
        order = [c.index for c in found if isinstance(c, CupGrasp)]
        assert order[0] == first and set(order) == objects, chance
        assert first == 0 or order == sorted(order, reverse=True), "all of the free one come before"
    alone = candidates(cup_scene(TOP).changed(occluded=np.array([0.7])))  # a doubt does not stall the cell
    assert {c.index for c in alone if isinstance(c, CupGrasp)} == {0}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_occlusion_that_is_no_number_is_not_free(bad: float) -> None:
    assert reasons(cup_scene(TOP).changed(occluded=np.array([bad]))) == ["occluded", "low_quality"]


def test_an_object_that_the_network_doubts_is_not_taken() -> None:
    doubted = cup_scene(TOP).changed(scores=np.array([0.1]))
    assert reasons(doubted) == ["low_quality", "low_quality"]
    assert "0.10" in candidates(doubted)[0].detail  # type: ignore[union-attr]
    assert best(doubted, CupSelect(object_min=0.05)).index == 0


def test_no_object_is_no_grasp() -> None:
    none = cup_scene(TOP)
    d = none.detections
    empty = none.changed(
        boxes=np.zeros((0, 4)), scores=np.zeros(0), visible=d.visible[:0], amodal=d.amodal[:0], occluded=np.zeros(0)
    )
    assert reasons(empty) == ["low_quality"] and len(candidates(empty)) == 1


@pytest.mark.parametrize("side", [0.012, 0.017])
def test_an_object_that_is_narrower_than_the_lip_offers_no_place(side: float) -> None:
    found = candidates(cup_scene(Slab(size=(side, side, 0.05))))
    assert not [c for c in found if isinstance(c, CupGrasp)]
    assert "edge" in reasons(cup_scene(Slab(size=(side, side, 0.05))))
    assert best(cup_scene(Slab(size=(0.03, 0.03, 0.05)))).index == 0


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_point_near_an_edge_is_refused(sign: int) -> None:
    scene = cup_scene(TOP)
    half, reach = TOP.size[1] / 2, CELL.cup.lip_radius + CupSelect().edge
    for inside, expected in ((reach + 0.003, CupGrasp), (reach - 0.004, Rejected), (0.001, Rejected)):
        u, v = seen(TOP.top[0], TOP.top[1] + sign * (half - inside), TOP.top[2])
        found = cup_at(scene.detections, 0, scene.frame, (float(u), float(v)), CELL.cup, up=UP)
        assert isinstance(found, expected), inside
        if isinstance(found, Rejected):
            assert found.reason in ("edge", "uneven", "hole")


def test_an_edge_of_the_mask_is_one_although_the_depth_goes_on() -> None:
    scene = cup_scene(TOP)
    u, v = best(scene).pixel
    mask = scene.detections.visible.copy()
    mask[:, :, int(u) + 3 :] = False
    found = cup_at(scene.changed(visible=mask).detections, 0, scene.frame, (u, v), CELL.cup, up=UP)
    assert isinstance(found, Rejected) and found.reason == "edge"
    assert isinstance(cup_at(scene.detections, 0, scene.frame, (u, v), CELL.cup, up=UP), CupGrasp)


@pytest.mark.parametrize("seed", range(4))
def test_nan_never_attracts_a_cup(seed: int) -> None:
    rng, scene = np.random.default_rng(seed), cup_scene(TOP)
    u, v = (int(x) for x in best(scene).pixel)
    assert scene.frame.depth is not None
    depth = scene.frame.depth.copy()
    rows, columns = np.mgrid[0:480, 0:640]
    holes = np.hypot(columns - u, rows - v) < 6  # where the cup would have gone
    for _ in range(5):
        du, dv = rng.uniform(-40, 40, 2)
        holes |= np.hypot(columns - u - du, rows - v - dv) < rng.uniform(2, 8)
    depth[holes] = np.nan
    heat = np.where(holes, np.float32(1), 0.5 * scene.detections.suction).astype(np.float32)
    radius = CELL.cup.lip_radius * CAMERA.fx / 0.8
    grasps = [c for c in candidates(scene.changed(depth, suction=heat)) if isinstance(c, CupGrasp)]
    assert grasps
    for grasp in grasps:
        lip = np.hypot(columns - grasp.pixel[0], rows - grasp.pixel[1]) <= radius - 1
        assert np.isfinite(depth[round(grasp.pixel[1]), round(grasp.pixel[0])])
        assert holes[lip].mean() <= 0.25
        assert np.isfinite([grasp.depth, *grasp.normal, grasp.score]).all()


def test_all_without_depth_is_a_hole() -> None:
    scene = cup_scene(TOP)
    assert scene.frame.depth is not None
    depth = np.where(scene.detections.visible[0], np.float32(np.nan), scene.frame.depth)
    assert reasons(scene.changed(depth)) == ["hole", "low_quality"]


def test_heat_that_is_no_number_draws_no_cup() -> None:
    scene = cup_scene(TOP)
    heat = np.where(scene.detections.suction > 0, np.float32(np.nan), np.float32(0))
    assert reasons(scene.changed(suction=heat)) == ["low_quality"]


def test_an_uneven_surface_is_refused() -> None:
    scene = cup_scene(TOP)
    u, v = best(scene).pixel
    assert scene.frame.depth is not None
    depth = scene.frame.depth.copy()
    depth[:, int(u) + 2 :] += 0.010
    found = cup_at(scene.detections, 0, replace(scene.frame, depth=depth), (u, v), CELL.cup, up=UP)
    assert isinstance(found, Rejected) and found.reason == "uneven" and "mm off a plane" in found.detail


def test_candidates_keep_to_the_region_and_to_their_distance() -> None:
    scene = cup_scene(TOP)
    region = np.zeros((480, 640), bool)
    u, v = best(scene).pixel
    region[:, : int(u) - 4] = True
    inside = CupScene(replace(scene.frame, region=region), scene.detections)
    assert all(c.pixel[0] < u - 4 for c in candidates(inside) if isinstance(c, CupGrasp))
    pixels = np.array([c.pixel for c in candidates(scene) if isinstance(c, CupGrasp)])
    apart = np.linalg.norm(pixels[:, None] - pixels[None], axis=-1)[np.triu_indices(len(pixels), 1)]
    assert len(pixels) > 3 and apart.min() * 0.8 / CAMERA.fx >= 0.9 * CupSelect().separation


def test_an_arm_of_half_the_lip_leaves_half_of_the_worth() -> None:
    scene = cup_scene(TOP)
    metre = CAMERA.fx / best(scene).depth
    u, v = seen(*TOP.top)
    beside = (float(u + CELL.cup.lip_radius / 2 * metre), float(v))
    found = cup_at(scene.detections, 0, scene.frame, beside, CELL.cup, up=UP)
    assert isinstance(found, CupGrasp)
    assert found.arm == pytest.approx(CELL.cup.lip_radius / 2, abs=5e-4)
    assert found.score == pytest.approx(found.suction / 2, abs=0.06)


def test_without_a_predicted_mass_the_middle_of_the_mask_counts() -> None:
    scene = cup_scene(TOP)
    none = scene.changed(mass=np.zeros((480, 640), np.float32)).detections
    rows, columns = np.nonzero(none.amodal[0])
    assert np.allclose(mass_centre(none, 0), (columns.mean(), rows.mean()))
    assert np.abs(mass_centre(scene.detections, 0) - seen(*TOP.middle)).max() <= 0.6
    unknown = np.where(scene.detections.mass > 0.5, scene.detections.mass, np.float32(np.nan))  # not looked at
    assert np.abs(mass_centre(scene.changed(mass=unknown).detections, 0) - seen(*TOP.middle)).max() <= 0.6
