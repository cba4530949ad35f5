"""The board in pictures of the simulated cell: where it is in truth, before and behind what stands there."""

from __future__ import annotations

import numpy as np
import pytest
from support.board_views import BOARD, CAMERA, board_poses

from gpnet_ros.board import find_board
from gpnet_ros.errors import BoardNotSeen
from gpnet_ros.hand_eye_solver import BoardView, camera_pose_of_board
from gpnet_ros.pose import Transform, distance, transform
from gpnet_ros.sim.cell.shown_board import ShownBoard

POSES = board_poses(4, np.random.default_rng(4))
WALL = np.full((CAMERA.height, CAMERA.width, 3), 120, np.uint8)


def laid(T: Transform, depth: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    far = np.full(WALL.shape[:2], depth, np.float32)
    return ShownBoard(BOARD, "flange", T).lay(WALL, far, CAMERA, T)


@pytest.mark.parametrize("T", POSES)
def test_it_is_seen_where_it_is_in_colour_and_depth(T: Transform) -> None:
    color, depth = laid(T)
    corners = find_board(color, BOARD)
    expected = CAMERA.project(corners.points @ T[:3, :3].T + T[:3, 3])
    assert np.sqrt(np.mean((corners.pixels - expected) ** 2)) < 0.15
    away, turned = distance(camera_pose_of_board(BoardView("1", corners.points, corners.pixels, T), CAMERA), T)
    assert away < 0.002 and turned < np.deg2rad(0.5)
    u, v = np.round(CAMERA.project(T[:3, :3] @ BOARD.centre + T[:3, 3])).astype(int)
    assert depth[v, u] == pytest.approx((T[:3, :3] @ BOARD.centre + T[:3, 3])[2], abs=0.002)


def test_what_stands_before_it_hides_it_and_its_back_is_bare() -> None:
    with pytest.raises(BoardNotSeen):
        find_board(laid(POSES[0], depth=0.2)[0], BOARD)
    back = POSES[0] @ transform(np.diag([1.0, -1.0, -1.0]), (0.0, BOARD.size[1], 0.0))
    color, depth = laid(back)
    assert (depth < 1.0).any()
    with pytest.raises(BoardNotSeen):
        find_board(color, BOARD)
    behind = POSES[0].copy()
    behind[2, 3] = -0.5
    assert (laid(behind)[0] == WALL).all()
