"""Candidates: best first, borders allowed, holes and padding refused with a reason."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace

import numpy as np
import pytest

from gpnet_ros import fit, grasp, pick
from gpnet_ros.errors import NoDepth
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import REASONS, Grasp, Rejected, SelectSettings, candidates, outside_region, surface_depth
from gpnet_ros.maps import Grid, Maps, encode_angle, encode_width

CAMERA = Intrinsics(640, 480, 615.0, 615.0, 320.0, 240.0)
GRID = Grid.whole_frame(640, 480)


def scene(peaks: list[tuple[float, float, float]], depth: np.ndarray | None = None) -> tuple[Maps, Frame]:
    """Maps with peaks (u, v, height) given in image pixels, over a flat table 0.8 m away."""
    rows, columns = np.mgrid[0 : GRID.height, 0 : GRID.width]
    quality = np.zeros((GRID.height, GRID.width), np.float32)
    for u, v, height in peaks:
        c, r = GRID.to_grid((u, v))
        quality = np.maximum(quality, height * np.exp(-((columns - c) ** 2 + (rows - r) ** 2) / 32)).astype(np.float32)
    cos2, sin2 = (np.full_like(quality, x) for x in encode_angle(0.5))
    width = np.full_like(quality, encode_width(0.04, 0.8, CAMERA.fx * GRID.scale))
    z = np.full((480, 640), 0.8, np.float32) if depth is None else depth
    return Maps(quality, cos2, sin2, width, np.ones_like(quality), GRID), Frame(None, z, CAMERA)


def test_best_comes_first_and_each_peak_once() -> None:
    found = [c for c in candidates(*scene([(100, 100, 0.6), (400, 300, 0.9), (500, 90, 0.4)])) if isinstance(c, Grasp)]
    assert [round(c.pixel[0], -1) for c in found[:3]] == [400, 100, 500]
    assert all(a.score >= b.score for a, b in zip(found, found[1:], strict=False))
    best = found[0]
    assert np.hypot(best.pixel[0] - 400, best.pixel[1] - 300) < 2.0
    assert best.angle == pytest.approx(0.5, abs=1e-4)
    assert best.width == pytest.approx(0.04, rel=1e-3)
    assert best.depth == pytest.approx(0.8)


@pytest.mark.parametrize(("u", "v"), [(2, 2), (637, 477), (320, 1)])
def test_a_grasp_at_the_border_is_found(u: float, v: float) -> None:
    first = next(candidates(*scene([(u, v, 0.9)])))
    assert isinstance(first, Grasp)
    assert np.hypot(first.pixel[0] - u, first.pixel[1] - v) < 3.0


def test_padding_is_never_a_grasp() -> None:
    maps, frame = scene([(645, 200, 0.9)])
    for c in candidates(maps, frame):
        assert c.pixel[0] <= 639.5


def test_nothing_above_the_threshold_is_said_with_the_figure() -> None:
    found = list(candidates(*scene([(100, 100, 0.1)]), SelectSettings(quality_min=0.15)))
    assert len(found) == 1
    assert isinstance(found[0], Rejected)
    assert found[0].reason == "low_quality"
    assert "0.15" in found[0].detail
    assert found[0].reason in REASONS


def test_reasons_stand_in_the_order_in_which_the_checks_run() -> None:
    steps = (grasp.candidates, grasp._decode, fit.refused_place, fit.fit_jaw, pick._planned)
    named = [re.findall(r'Rejected\([\w.]+, "(\w+)"', inspect.getsource(step)) for step in steps]
    assert tuple(reason for found in named for reason in dict.fromkeys(found)) == REASONS


def test_a_hole_is_rejected_and_the_next_candidate_comes() -> None:
    depth = np.full((480, 640), 0.8, np.float32)
    depth[290:311, 390:411] = np.nan
    found = list(candidates(*scene([(400, 300, 0.9), (100, 100, 0.6)], depth)))
    holes = [c for c in found if isinstance(c, Rejected) and c.reason == "hole"]
    assert holes
    assert np.hypot(holes[0].pixel[0] - 400, holes[0].pixel[1] - 300) < 3
    grasps = [c for c in found if isinstance(c, Grasp) and c.score > 0.4]
    assert np.hypot(grasps[-1].pixel[0] - 100, grasps[-1].pixel[1] - 100) < 12


def test_one_bad_pixel_does_not_move_the_depth() -> None:
    depth = np.full((480, 640), 0.8, np.float32)
    depth[240, 320] = 2.5
    depth[240, 321] = np.nan
    frame = Frame(None, depth, CAMERA)
    assert surface_depth(frame, (320, 240)) == pytest.approx(0.8)


def test_no_depth_is_an_error_not_a_number() -> None:
    with pytest.raises(NoDepth, match="0 of 25"):
        surface_depth(Frame(None, np.full((480, 640), np.nan, np.float32), CAMERA), (320, 240))
    color_only = Frame(np.zeros((480, 640, 3), np.uint8), None)
    with pytest.raises(NoDepth, match="no depth"):
        surface_depth(color_only, (320, 240))
    first = next(candidates(scene([(100, 100, 0.6)])[0], color_only))
    assert isinstance(first, Grasp)
    assert first.depth is None
    assert first.width is None


def test_with_a_region_only_grasps_inside_come_and_stronger_ones_outside_are_told() -> None:
    maps, frame = scene([(100, 100, 0.6), (400, 300, 0.9), (500, 90, 0.4), (300, 200, 0.3)])
    region = np.zeros((480, 640), bool)
    region[:, :200] = True
    region[:, 280:310] = True
    inside = replace(frame, region=region)
    found = [c for c in candidates(maps, inside) if isinstance(c, Grasp)]
    assert [round(c.pixel[0], -1) for c in found[:2]] == [100, 300]
    assert all(region[round(c.pixel[1]), round(c.pixel[0])] for c in candidates(maps, inside))
    told = outside_region(maps, inside)
    assert {each.reason for each in told} == {"outside"}
    assert np.hypot(told[0].pixel[0] - 400, told[0].pixel[1] - 300) < 3.0
    assert all(each.pixel[0] > 350 for each in told)  # what is weaker than the best inside would not have come before
    assert outside_region(maps, frame) == []
    assert outside_region(maps, replace(frame, region=np.ones_like(region))) == []


def test_a_region_that_cuts_a_peak_gives_the_best_place_inside_it() -> None:
    maps, frame = scene([(400, 300, 0.9)])
    region = np.zeros((480, 640), bool)
    region[:, :390] = True
    best = next(candidates(maps, replace(frame, region=region)))
    assert isinstance(best, Grasp)
    assert 380 < best.pixel[0] < 390


def test_count_bounds_the_work() -> None:
    peaks = [(float(u), 100.0, 0.9) for u in range(50, 600, 60)]
    assert len(list(candidates(*scene(peaks), SelectSettings(count=3)))) == 3
