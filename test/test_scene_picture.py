"""A picture of a world: what is nearer hides what is farther, whatever the order, and things are where they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import look_at, transform
from gpnet_ros.scene_picture import ScenePicture

CAMERA = Intrinsics(200, 160, 200.0, 200.0, 100.0, 80.0)
ABOVE = look_at((0.0, 0.0, 1.0), (0.0, 0.0, 0.0))  # from one metre above, straight down
RED, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)
SQUARE = 0.1 * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float64)


def picture() -> ScenePicture:
    return ScenePicture(CAMERA, ABOVE)


def is_red(image: np.ndarray) -> np.ndarray:
    return (image[..., 0] > 100) & (image[..., 1:] < 60).all(axis=-1)


def is_blue(image: np.ndarray) -> np.ndarray:
    return (image[..., 2] > 100) & (image[..., :2] < 60).all(axis=-1)


def low_red(p: ScenePicture) -> None:
    p.face(SQUARE, RED)


def high_blue(p: ScenePicture) -> None:
    p.face(0.3 * SQUARE + (0, 0, 0.2), BLUE)


@pytest.mark.parametrize("order", [(low_red, high_blue), (high_blue, low_red)])
def test_the_nearer_hides_the_farther_in_any_order(order: tuple[Callable[[ScenePicture], None], ...]) -> None:
    p = picture()
    for draw in order:
        draw(p)
    assert is_blue(p.image)[80, 100]
    assert is_red(p.image)[80, 100 - 15]


def test_a_face_covers_its_projection_and_no_more() -> None:
    p = picture()
    p.face(SQUARE, RED)
    v, u = np.nonzero(is_red(p.image))
    assert (u.min(), u.max()) == pytest.approx((80, 120), abs=1)
    assert (v.min(), v.max()) == pytest.approx((60, 100), abs=1)


def test_two_faces_that_cut_each_other_show_each_its_nearer_half() -> None:
    p = picture()
    p.face(SQUARE @ np.diag([1.0, 1.0, 1.0]) + np.array([0, 0, 1.0]) * SQUARE[:, :1], RED)
    p.face(SQUARE - np.array([0, 0, 1.0]) * SQUARE[:, :1], BLUE)
    right = CAMERA.project(np.linalg.inv(ABOVE)[:3, :3] @ np.array([0.05, 0, 0.0]) + (0, 0, 1.0))
    left = CAMERA.project(np.linalg.inv(ABOVE)[:3, :3] @ np.array([-0.05, 0, 0.0]) + (0, 0, 1.0))
    assert is_red(p.image)[tuple(np.rint(right[::-1]).astype(int))]
    assert is_blue(p.image)[tuple(np.rint(left[::-1]).astype(int))]


def test_dots_lie_on_their_pixels_and_before_a_face_below_them() -> None:
    p = picture()
    p.face(SQUARE, RED)
    p.dots([[0.0, 0.0, 0.1], [0.0, 0.0, -0.1]], np.array([[0, 0, 255], [0, 255, 0]], np.uint8), 0.002)
    assert is_blue(p.image)[80, 100]


def test_what_shines_through_is_mixed_with_what_is_behind() -> None:
    p = picture()
    p.face(SQUARE, RED)
    p.face(0.5 * SQUARE + (0, 0, 0.1), (0.0, 0.0, 1.0, 0.5))
    mixed = p.image[80, 100]
    assert mixed[0] > 60
    assert mixed[2] > 60


def test_a_box_and_a_capsule_are_as_large_as_they_are() -> None:
    p = picture()
    p.box(transform(np.eye(3), (0, 0, -0.05)), (0.2, 0.1, 0.1), RED)
    assert is_red(p.image).sum() == pytest.approx(40 * 20, rel=0.1)
    p = picture()
    p.capsule((-0.1, 0, 0), (0.1, 0, 0), 0.02, RED)
    seen = (p.image[..., 0] > p.image[..., 1].astype(int) + 60).sum()
    body = 40 * 8 + np.pi * 16
    assert 0.9 * body < seen < 1.5 * body  # its dark edge lies around it


def test_what_is_behind_the_camera_or_beside_the_picture_leaves_no_trace() -> None:
    p = picture()
    empty = p.image
    p.face(SQUARE + (0, 0, 2.0), RED)
    p.face(SQUARE + (5.0, 0, 0), RED)
    p.capsule((0, 0, 0.5), (0, 0, 1.5), 0.02, RED)
    p.line([[0, 0, 2.0], [0, 0, 3.0]], RED)
    p.dots([[0, 0, 2.0], [9.0, 0, 0]], np.zeros((2, 3), np.uint8), 0.01)
    p.dots(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), 0.01)
    p.label((0, 0, 2.0), "behind", RED)
    np.testing.assert_array_equal(p.image, empty)
    p.line([[-0.1, 0, 0], [0.1, 0, 0]], RED)
    p.label((0, 0, 0), "here", BLUE)
    assert (p.image != empty).any()
