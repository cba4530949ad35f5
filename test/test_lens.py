"""A lens that bends: made straight once, so that a lifted grasp lies where the picture that was taken shows it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.lens import Lens, straight_frame

CAMERA = Intrinsics(640, 480, 480.0, 484.0, 322.0, 232.0)
SHAPE = (CAMERA.height, CAMERA.width)
LENSES = {
    "D405": Lens(CAMERA, "plumb_bob", (-0.0555, 0.0659, 5.7e-05, 0.00144, -0.0213)),
    "Azure Kinect": Lens(
        CAMERA, "rational_polynomial", (0.546, -2.601, 0.00085, -0.00037, 1.468, 0.4245, -2.430, 1.400)
    ),
    "fisheye": Lens(CAMERA, "equidistant", (0.1, -0.02, 0.003, -0.001)),
}
lenses = pytest.mark.parametrize("lens", LENSES.values(), ids=list(LENSES))


def taken(lens: Lens, points: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The picture that the lens takes of a plane at 0.5 m with a small patch at 0.45 m around each point."""
    color = np.full((*SHAPE, 3), 90, np.uint8)
    depth = np.full(SHAPE, 0.5, np.float32)
    for u, v in np.round(lens.project(points)).astype(int):
        color[v - 4 : v + 5, u - 4 : u + 5] = (250, 20, 20)
        depth[v - 4 : v + 5, u - 4 : u + 5] = 0.45
    return color, depth


@lenses
def test_a_lifted_pixel_projects_onto_the_pixel_of_the_picture_that_was_taken(lens: Lens) -> None:
    x, y = np.meshgrid([-0.22, -0.1, 0.0, 0.12, 0.21], [-0.15, 0.02, 0.14])
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, 0.45)], axis=-1)
    color, depth = taken(lens, points)
    frame = straight_frame(color, depth, lens, 1.0, "c")
    assert frame.intrinsics == CAMERA and frame.color is not None and frame.depth is not None
    for point, shown in zip(points, lens.project(points), strict=True):
        u, v = np.round(CAMERA.project(point)).astype(int)
        assert frame.color[v, u, 0] > 200 and frame.depth[v, u] == np.float32(0.45)
        lifted = CAMERA.deproject((u, v), frame.depth[v, u])
        assert np.abs(lens.project(lifted)[0] - shown).max() < 1.5  # half a pixel of rounding, bent
        assert np.abs(lifted - point).max() < 0.001


@lenses
def test_without_it_the_grasp_lies_beside(lens: Lens) -> None:
    """The failing twin: taken for a pinhole's, the same picture puts the corner millimetres away."""
    point = np.array([[0.22, 0.15, 0.45]])
    u, v = lens.project(point)[0]
    assert np.abs(CAMERA.deproject((u, v), 0.45) - point[0]).max() > 0.002


@lenses
def test_depth_is_never_mixed(lens: Lens) -> None:
    rng = np.random.default_rng(5)
    depth = rng.choice(np.array([0.4, 0.9, np.nan], np.float32), SHAPE)
    _, seen = lens.straight(None, depth)
    assert seen is not None
    assert set(np.unique(seen[np.isfinite(seen)])) <= {np.float32(0.4), np.float32(0.9)}


def test_what_the_lens_does_not_show_is_black_and_unknown() -> None:
    lens = Lens(CAMERA, "plumb_bob", (0.3, 0.0, 0.0, 0.0, 0.0))  # the straight corners lie outside
    color, depth = lens.straight(np.full((*SHAPE, 3), 200, np.uint8), np.full(SHAPE, 0.5, np.float32))
    assert color is not None and depth is not None
    assert np.isnan(depth[0, 0]) and not color[0, 0].any()
    assert depth[240, 320] == np.float32(0.5) and (color[240, 320] == 200).all()


def test_where_the_formula_turns_back_the_middle_is_not_seen_again() -> None:
    lens = Lens(CAMERA, "plumb_bob", (-0.9, 0.0, 0.0, 0.0, 0.0))  # turns at a radius of 0.61
    _, depth = lens.straight(None, np.full(SHAPE, 0.5, np.float32))
    assert depth is not None
    v, u = np.mgrid[0:480, 0:640]
    radius = np.hypot((u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy)
    assert np.isnan(depth[radius > 0.63]).all() and np.isfinite(depth[radius < 0.58]).all()


def test_a_straight_lens_changes_nothing() -> None:
    color, depth = taken(Lens(CAMERA), np.array([[0.0, 0.0, 0.45]]))
    frame = straight_frame(color, depth, Lens(CAMERA, "plumb_bob", (0.0,) * 5), 2.0, "c")
    np.testing.assert_array_equal(frame.color, color)
    np.testing.assert_array_equal(frame.depth, depth)
    assert straight_frame(color, depth, None, 2.0, "c").intrinsics is None
    np.testing.assert_allclose(Lens(CAMERA).project([[0.1, 0.1, 0.5]]), [CAMERA.project([0.1, 0.1, 0.5])])


def test_a_fisheye_without_coefficients_is_none_of_a_pinhole() -> None:
    """Its radius is the angle itself, not the tangent."""
    fisheye = Lens(CAMERA, "equidistant", (0.0,) * 4)
    assert not fisheye.is_straight
    u, _ = fisheye.project([[0.5, 0.0, 0.5]])[0]
    assert u == pytest.approx(CAMERA.cx + CAMERA.fx * np.pi / 4)


def test_pictures_of_another_size_are_refused() -> None:
    lens = LENSES["D405"]
    with pytest.raises(FrameRefused, match="differ in size"):
        straight_frame(np.zeros((*SHAPE, 3), np.uint8), np.ones((60, 80), np.float32), lens, 0.0, "c")
    with pytest.raises(FrameRefused, match="camera model is for 640x480"):
        straight_frame(None, np.ones((60, 80), np.float32), lens, 0.0, "c")
    assert isinstance(straight_frame(None, np.ones(SHAPE, np.float32), lens, 0.0, "c"), Frame)
