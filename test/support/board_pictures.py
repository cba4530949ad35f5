"""Pictures of the board before a grey wall, and a camera that sees nothing else of a simulated cell."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.board import Board
from gpnet_ros.cell import HandEye
from gpnet_ros.errors import DeviceError
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import Transform
from gpnet_ros.sim.cell.arm import FLANGE
from gpnet_ros.sim.cell.scenery import body_pose
from gpnet_ros.sim.cell.shown_board import ShownBoard
from gpnet_ros.sim.cell.state import StateReader


def picture(camera: Intrinsics, T_camera_board: Transform, board: Board) -> NDArray[np.uint8]:
    """The board as the camera sees it at a pose (4, 4) [m], (H, W, 3)."""
    wall = np.full((camera.height, camera.width, 3), 120, np.uint8)
    far = np.full(wall.shape[:2], 3.0, np.float32)
    return ShownBoard(board, "flange", T_camera_board).lay(wall, far, camera, T_camera_board)[0]


class BoardCamera:
    """The simulated cell's camera without rendering: the board before a wall, where the arm has it at this instant."""

    def __init__(self, run_dir: Path, truth: HandEye, shown: ShownBoard, camera: Intrinsics) -> None:
        self._run_dir, self._truth, self._shown, self._camera = run_dir, truth, shown, camera
        self._reader: StateReader | None = None
        self._last = -np.inf

    def open(self) -> None:
        self._reader = StateReader(self._run_dir)

    def read(self, timeout: float | None = None) -> Frame:
        assert self._reader is not None
        end = time.monotonic() + (timeout or 30.0)
        while (state := self._reader.newest()) is None or state.time <= self._last:
            if time.monotonic() > end:
                raise DeviceError("The cell stands still.")
            time.sleep(0.002)
        self._last = state.time
        T_base_flange = body_pose(state.poses, FLANGE)
        T = self._shown.T_camera_board(self._truth.T_base_camera(T_base_flange), T_base_flange)
        return Frame(picture(self._camera, T, self._shown.board), None, self._camera, state.time)

    def close(self) -> None:
        self._reader = None
