"""Where a camera sees the board, and where the flange is for that: one the inverse of the other, in both mounts."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.board import Board
from gpnet_ros.hand_eye_solver import Mount
from gpnet_ros.placed_board import PlacedBoard
from gpnet_ros.pose import from_rotvec


@pytest.mark.parametrize("mount", ["fixed", "flange"])
def test_the_flange_that_sees_the_board_so_is_the_one_from_which_it_is_seen_so(mount: Mount) -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        Y, X, T_base_flange = (from_rotvec(rng.uniform(-1.0, 1.0, 6)) for _ in range(3))
        placed = PlacedBoard(Board(), mount, Y)
        seen = placed.T_camera_board(X if mount == "fixed" else T_base_flange @ X, T_base_flange)
        assert np.allclose(placed.flange_for(X, seen), T_base_flange)
        other = PlacedBoard(Board(), "flange" if mount == "fixed" else "fixed", Y)
        assert not np.allclose(other.flange_for(X, seen), T_base_flange, atol=1e-3)
