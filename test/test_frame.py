"""Frames: what is refused, with the reason, and what a camera model does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame, Intrinsics, depth_from_raw

CAMERA = Intrinsics(640, 480, 615.0, 614.0, 321.5, 239.0)


def flat(depth: float = 0.8, holes: float = 0.0) -> Frame:
    z = np.full((480, 640), depth, np.float32)
    z[:, : int(640 * holes)] = np.nan
    return Frame(None, z, CAMERA)


@given(u=st.floats(0, 639), v=st.floats(0, 479), z=st.floats(0.15, 3.0))
def test_projecting_a_deprojected_pixel_returns_it(u: float, v: float, z: float) -> None:
    assert np.allclose(CAMERA.project(CAMERA.deproject((u, v), z)), (u, v), atol=1e-9)


def test_millimetres_and_metres_give_the_same_depth() -> None:
    mm = np.array([[0, 800], [1234, 65535]], np.uint16)
    metres = np.array([[0.0, 0.8], [1.234, 65.535]], np.float64)
    a, b = depth_from_raw(mm, 0.001), depth_from_raw(metres, 1.0)
    assert np.array_equal(a, b, equal_nan=True)
    assert np.isnan(a[0, 0])
    assert a.dtype == np.float32


@pytest.mark.parametrize("raw", [np.nan, np.inf, -np.inf, -1.0, 0.0])
def test_no_reading_is_nan(raw: float) -> None:
    assert np.isnan(depth_from_raw(np.array([[raw]]), 1.0)).all()


@pytest.mark.parametrize("unit", [0.0, -0.001, np.nan, np.inf])
def test_impossible_unit_is_refused(unit: float) -> None:
    with pytest.raises(FrameRefused, match="unit"):
        depth_from_raw(np.ones((2, 2)), unit)


@pytest.mark.parametrize("depth", [0.16, 0.8, 2.9])
def test_plausible_depth_passes(depth: float) -> None:
    flat(depth).check()


@pytest.mark.parametrize("depth", [0.0008, 0.14, 3.1, 800.0])
def test_swapped_unit_is_refused_with_the_figure(depth: float) -> None:
    with pytest.raises(FrameRefused, match=r"median depth is .* 0\.15 to 3"):
        flat(depth).check()


def test_where_a_region_counts_holes_and_depth_beside_it_do_not() -> None:
    frame = flat(holes=0.9)
    right, left = np.zeros((480, 640), bool), np.zeros((480, 640), bool)
    right[:, 600:], left[:, :64] = True, True
    with pytest.raises(FrameRefused, match="10% of the depth pixels are valid"):
        frame.check()
    replace(frame, region=right).check()
    with pytest.raises(FrameRefused, match="0% of the depth pixels that count"):
        replace(frame, region=left).check()
    z = np.full((480, 640), 5.0, np.float32)
    z[right] = 0.8
    Frame(None, z, CAMERA, region=right).check()
    with pytest.raises(FrameRefused, match="median"):
        Frame(None, z, CAMERA, region=left).check()


@pytest.mark.parametrize(
    "region", [np.ones((480, 639), bool), np.ones((480, 640), np.uint8), np.zeros((480, 640), bool)]
)
def test_a_region_that_is_none_of_this_frame_is_refused(region: np.ndarray) -> None:
    with pytest.raises(FrameRefused, match="region"):
        replace(flat(), region=region)


def test_gray_is_told_from_colour() -> None:
    gray = np.full((4, 6, 3), 90, np.uint8)
    assert Frame(gray, None).is_gray
    gray[3, 5, 1] += 1
    assert not Frame(gray, None).is_gray
    assert not flat().is_gray


def test_share_of_holes_decides() -> None:
    flat(holes=0.6).check(valid_share_min=0.3)
    with pytest.raises(FrameRefused, match="30%"):
        flat(holes=0.75).check(valid_share_min=0.3)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_frame_of_zeros_or_nan_is_refused(value: float) -> None:
    raw = np.full((480, 640), value, np.float32)
    with pytest.raises(FrameRefused):
        Frame(None, depth_from_raw(raw, 1.0), CAMERA).check()


def test_sizes_must_agree() -> None:
    color = np.zeros((480, 640, 3), np.uint8)
    with pytest.raises(FrameRefused, match="640x480"):
        Frame(color, np.ones((240, 320), np.float32))
    with pytest.raises(FrameRefused, match="camera model is for 640x480"):
        Frame(np.zeros((720, 1280, 3), np.uint8), None, CAMERA)
    with pytest.raises(FrameRefused, match="both are missing"):
        Frame(None, None)
    with pytest.raises(FrameRefused, match="float32"):
        Frame(None, np.ones((480, 640)))
    with pytest.raises(FrameRefused, match="uint8"):
        Frame(color.astype(np.float32), None)


def test_a_frame_cannot_be_changed_from_outside() -> None:
    z = np.full((480, 640), 0.8, np.float32)
    frame = Frame(None, z, CAMERA)
    z[:] = 5.0
    assert frame.depth is not None
    assert frame.depth.max() < 1.0
    with pytest.raises(ValueError, match="read-only"):
        frame.depth[0, 0] = 1.0


@pytest.mark.parametrize("bad", [(0, 480, 600, 600, 0, 0), (640, 480, -1, 600, 0, 0), (640, 480, np.nan, 600, 0, 0)])
def test_impossible_camera_model_is_refused(bad: tuple) -> None:
    with pytest.raises(FrameRefused, match="Camera model"):
        Intrinsics(*bad)
