"""Holes: what a stereo camera leaves out as every one does is explained, whatever is wider, or larger, is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.boxes import D435

from gpnet_ros.frame import Intrinsics
from gpnet_ros.holes import GROWTH, HOLE_AREA, HOLE_WIDTH, STEREO_BASE, STRIP, unexplained_holes

TABLE = 0.85
#: Size of a pixel on the table [m].
PIXEL = TABLE / D435.fx


def table() -> NDArray[np.float32]:
    return np.full((480, 640), TABLE, np.float32)


def px(size: float) -> int:
    return round(size / PIXEL)


def cut(depth: NDArray[np.float32], width: float, height: float, left: int = 300, top: int = 200) -> None:
    """A hole of width and height [m] whose upper left pixel is given."""
    depth[top : top + px(height), left : left + px(width)] = np.nan


@pytest.mark.parametrize(
    ("width", "height", "unknown"),
    [
        (HOLE_WIDTH - 0.003, HOLE_WIDTH - 0.003, False),
        (HOLE_WIDTH + 0.003, HOLE_WIDTH + 0.003, True),
        (STRIP + 0.003, 0.5 * HOLE_AREA / (STRIP + 0.003), False),
        (STRIP + 0.003, 1.3 * HOLE_AREA / (STRIP + 0.003), True),  # a pen
        (STRIP - 0.004, 0.2, False),
        (0.04, 0.10, True),
        (0.3, 0.3, True),
    ],
)
def test_a_hole_is_unknown_from_its_width_or_area_on(width: float, height: float, unknown: bool) -> None:
    depth = table()
    cut(depth, width, height)
    found = unexplained_holes(depth, D435)
    assert found.any() == unknown
    assert not (found & ~cv2.dilate(np.isnan(depth).astype(np.uint8), np.ones((3, 3))).astype(bool)).any()
    if unknown:
        assert found.sum() > 0.9 * np.isnan(depth).sum()


def test_the_line_is_one_of_metres_whatever_the_camera() -> None:
    for scale, z in ((1.0, 0.5), (1.5, 0.85), (1.5, 0.5)):
        model = Intrinsics(960, 720, 615.0 * scale, 615.0 * scale, 480.0, 360.0)
        for width, unknown in ((HOLE_WIDTH - 0.003, False), (HOLE_WIDTH + 0.003, True)):
            depth = np.full((720, 960), z, np.float32)
            n = round(width * model.fx / z)
            depth[300 : 300 + n, 400 : 400 + n] = np.nan
            assert unexplained_holes(depth, model).any() == unknown, (scale, z, width)


def test_speckles_of_any_number_are_explained() -> None:
    depth = table()
    depth[::12, ::12] = np.nan
    for v, u in np.random.default_rng(1).integers(20, 440, (60, 2)):
        depth[v : v + 5, u : u + 5] = np.nan
    assert np.isnan(depth).sum() > 3000
    assert not unexplained_holes(depth, D435).any()


def beside(jump: float, gap: float, side: str = "left") -> NDArray[np.float32]:
    """A block that stands `jump` higher [m], and a hole of width gap [m] along one side of it, 100 mm long."""
    depth = table()
    depth[160:260, 320:400] = TABLE - jump
    left = {"left": 320 - px(gap), "right": 400}[side]
    cut(depth, gap, 0.10, left, 170)
    return depth


def test_the_band_along_an_edge_that_was_seen_is_explained_by_it() -> None:
    for side in ("left", "right"):
        assert not unexplained_holes(beside(0.08, 0.017, side), D435).any()
        assert unexplained_holes(beside(0.0, 0.017, side), D435).any(), "no edge, no explanation"
        assert unexplained_holes(beside(0.08, 0.040, side), D435).any(), "an object without depth beside one with"


@pytest.mark.parametrize("slope", [(0.0019, 0.0), (-0.0019, 0.0), (0.0013, 0.0013), (0.0, -0.0019)])
def test_a_table_seen_aslant_is_no_edge(slope: tuple[float, float]) -> None:
    rows, columns = (np.arange(n, dtype=np.float32) - n / 2 for n in (480, 640))
    lean = slope[0] * rows[:, None] + slope[1] * columns  # of the inverse depth [1/m]: by 45 degrees, 0.85 m away
    dish = table()
    cut(dish, 0.05, 0.05)
    for depth in (dish, beside(0.08, 0.017), beside(0.0, 0.017), beside(0.08, 0.040)):
        aslant = (1.0 / (1.0 / depth + lean)).astype(np.float32)
        assert (unexplained_holes(aslant, D435).any()) == unexplained_holes(depth, D435).any()
        coarse, half = aslant[::2, ::2], Intrinsics(320, 240, D435.fx / 2, D435.fy / 2, D435.cx / 2, D435.cy / 2)
        assert unexplained_holes(coarse, half).any() == unexplained_holes(depth[::2, ::2], half).any()


def test_a_wall_that_fills_most_of_the_picture_makes_no_edge_of_the_table() -> None:
    depth = table()
    wall = 1 / TABLE + 0.0065 * (384 - np.arange(384))  # the inverse depth of one that comes near the camera [1/m]
    depth[:, :384] = (1 / wall).astype(np.float32)
    assert not unexplained_holes(depth, D435).any()
    cut(depth, 0.035, 0.035, 500, 200)
    assert unexplained_holes(depth, D435)[200 : 200 + px(0.035), 500 : 500 + px(0.035)].all()


def test_the_stereo_shadow_lies_on_one_side_and_is_as_wide_as_the_step_makes_it() -> None:
    jump = 0.30
    shadow = STEREO_BASE * (1 / (TABLE - jump) - 1 / TABLE) * D435.fx * PIXEL
    assert shadow > HOLE_WIDTH
    assert not unexplained_holes(beside(jump, shadow, "left"), D435).any()
    assert unexplained_holes(beside(jump, shadow, "right"), D435).any()
    assert unexplained_holes(beside(jump, 2.5 * shadow, "left"), D435).any()


def test_around_an_unexplained_hole_no_edge_is_believed() -> None:
    depth = beside(0.08, 0.05)
    found = unexplained_holes(depth, D435)
    row = found[200, 320 - px(0.05) : 320]
    assert row.all(), "up to the edge of what was seen"
    far = beside(0.08, 0.012)
    cut(far, 0.04, 0.04, 320 - px(0.012) - px(0.04), 170)
    band = unexplained_holes(far, D435)[170 + px(0.04) + px(GROWTH) + 3 : 170 + px(0.10), 320 - px(0.012) : 320]
    assert band.size and not band.any(), "what is farther along the band belongs to the edge again"


def test_a_hole_at_the_border_counts_as_if_it_went_on() -> None:
    depth, inner = table(), table()
    depth[:, : px(HOLE_WIDTH) - 3] = np.nan
    cut(inner, HOLE_WIDTH - 0.004, HOLE_WIDTH - 0.004)
    assert unexplained_holes(depth, D435).any()
    assert not unexplained_holes(inner, D435).any()


@pytest.mark.parametrize("share", [0.02, 0.1, 0.15])
def test_single_readings_within_a_hole_are_noise_and_explain_nothing(share: float) -> None:
    rng = np.random.default_rng(2)
    depth = table()
    cut(depth, 0.05, 0.10)
    scattered = np.isnan(depth) & (rng.random(depth.shape) < share)
    depth[scattered] = rng.uniform(0.4, 1.5, int(scattered.sum()))
    found = unexplained_holes(depth, D435)
    inner = np.s_[200 + 4 : 200 + px(0.10) - 4, 300 + 4 : 300 + px(0.05) - 4]
    assert found[inner].mean() > 0.9
    assert not unexplained_holes(np.where(np.isnan(depth), np.float32(TABLE), depth), D435).any()


def test_all_or_nothing_seen() -> None:
    assert not unexplained_holes(table(), D435).any()
    assert unexplained_holes(np.full_like(table(), np.nan), D435).all()
    assert unexplained_holes(np.zeros_like(table()), D435).all()
