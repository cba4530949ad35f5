"""Camera models of messages: whole pictures with a lens that is known; else one sentence with the remedy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gpnet_ros.camera_info import camera_of, lens_of, require_aligned
from gpnet_ros.errors import FrameRefused

D405 = (-0.0555, 0.0659, 5.7e-05, 0.00144, -0.0213)
KINECT = (0.546, -2.601, 0.00085, -0.00037, 1.468, 0.4245, -2.430, 1.400)


def info(**changed: Any) -> Any:
    """A CameraInfo as realsense2_camera sends it."""
    k = np.array([600.0, 0, 320, 0, 601, 240, 0, 0, 1])
    p = np.array([580.0, 0, 322, 0, 0, 581, 242, 0, 0, 0, 1, 0])
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
    whole = {"height": 480, "width": 640, "distortion_model": "plumb_bob", "d": np.zeros(5), "k": k, "p": p}
    return SimpleNamespace(**{**whole, "binning_x": 0, "binning_y": 0, "roi": roi, **changed})


def region(x: int, y: int, width: int, height: int) -> Any:
    return SimpleNamespace(x_offset=x, y_offset=y, width=width, height=height, do_rectify=False)


@pytest.mark.parametrize("changed", [{}, {"d": []}, {"d": [], "distortion_model": ""}, {"distortion_model": "other"}])
def test_without_distortion_a_camera_is_straight_whatever_its_model_is_called(changed: dict[str, Any]) -> None:
    lens = lens_of(info(**changed))
    assert lens.is_straight and lens.camera == camera_of(info())
    assert (lens.camera.fx, lens.camera.fy, lens.camera.cx, lens.camera.cy) == (600.0, 601.0, 320.0, 240.0)


@pytest.mark.parametrize(
    ("model", "d"),
    [
        ("plumb_bob", D405),
        ("plumb_bob", (*D405, 0.0, 0.0, 0.0)),  # as Orbbec sends it
        ("rational_polynomial", KINECT),
        ("equidistant", (0.1, -0.02, 0.003, -0.001)),
        ("fisheye", (0.1, -0.02, 0.003, -0.001)),
    ],
)
def test_lenses_that_are_known_are_taken_and_no_map_has_one(model: str, d: tuple[float, ...]) -> None:
    lens = lens_of(info(distortion_model=model, d=d))
    assert not lens.is_straight and lens.coefficients == d
    with pytest.raises(FrameRefused, match="distortion"):
        camera_of(info(distortion_model=model, d=d))


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"d": D405, "distortion_model": "thin_prism_fisheye"}, "'thin_prism_fisheye', allowed"),
        ({"d": D405, "distortion_model": ""}, "image_proc"),
        ({"d": (0.1, 0.2, 0.3)}, "3 coefficients"),
        ({"d": D405, "distortion_model": "equidistant"}, "5 coefficients"),
        ({"d": (0.1, float("nan"), 0, 0, 0)}, "nan"),
        ({"binning_x": 2, "binning_y": 2}, "binning 2x2"),
        ({"roi": region(10, 0, 320, 240)}, r"\(10, 0, 320, 240\)"),
        ({"roi": region(0, 0, 320, 240)}, "whole pictures"),
        ({"k": np.zeros(9)}, "must be positive"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(changed: dict[str, Any], word: str) -> None:
    with pytest.raises(FrameRefused, match=word) as refusal:
        lens_of(info(**changed))
    assert "\n" not in str(refusal.value)


def test_a_region_of_the_whole_picture_is_the_whole() -> None:
    assert lens_of(info(roi=region(0, 0, 640, 480), binning_x=1, binning_y=1)) == lens_of(info())


@pytest.mark.parametrize(
    "topic", ["/c/rgb/image_rect_color", "/c/rgb/image_rect", "/c/rgb/image_rect_color/compressed"]
)
def test_what_image_proc_has_made_straight_is_not_made_straight_again(topic: str) -> None:
    lens = lens_of(info(d=D405), topic)
    assert lens.is_straight
    assert (lens.camera.fx, lens.camera.fy, lens.camera.cx, lens.camera.cy) == (580.0, 581.0, 322.0, 242.0)
    assert not lens_of(info(d=D405), "/camera/camera/color/image_rect_raw").is_straight  # of a D405


def test_depth_in_its_own_view_is_refused_with_the_remedy() -> None:
    require_aligned("camera_color_optical_frame", "camera_color_optical_frame")
    require_aligned("", "camera_depth_optical_frame")
    with pytest.raises(FrameRefused, match=r"align_depth\.enable:=true enable_sync:=true"):
        require_aligned("camera_color_optical_frame", "camera_depth_optical_frame")
