"""Where the calibration board is, at the end of the chain that has no camera; how camera and flange see it."""

from __future__ import annotations

from dataclasses import dataclass

from gpnet_ros.board import Board
from gpnet_ros.hand_eye_solver import Mount
from gpnet_ros.pose import Transform, invert


@dataclass(frozen=True, eq=False)
class PlacedBoard:
    """A board that hangs at the flange (mount `fixed`) or lies in base (`flange`), at T_other_board (4, 4) [m]."""

    board: Board
    mount: Mount
    T_other_board: Transform

    def T_camera_board(self, T_base_camera: Transform, T_base_flange: Transform) -> Transform:
        """Where a camera that is there sees it, (4, 4) [m]."""
        T_base_board = T_base_flange @ self.T_other_board if self.mount == "fixed" else self.T_other_board
        return invert(T_base_camera) @ T_base_board

    def flange_for(self, T_parent_camera: Transform, T_camera_board: Transform) -> Transform:
        """Where the flange (4, 4) [m] is when the camera, held in base or in the flange, sees the board there."""
        G = T_parent_camera @ T_camera_board @ invert(self.T_other_board)
        return G if self.mount == "fixed" else invert(G)
