"""Pictures of the board before a grey wall, by exact homography."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.board import Board, black_cells
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform

#: Pixels of the drawn board per metre, and the finer grid on which pictures are made.
_PER_METRE, _FINER = 3000.0, 3


def picture(camera: Intrinsics, T_camera_board: Transform, board: Board, border: float = 0.015) -> NDArray[np.uint8]:
    """The board with a white border [m] as the camera (H, W) sees it at a pose (4, 4) [m], (H, W, 3)."""
    s = _PER_METRE
    w, h = (round((side + 2 * border) * s) for side in board.size)
    drawn = np.full((h, w), 235, np.uint8)
    for x, y, dx, dy in (black_cells(board) + [border, border, 0.0, 0.0]) * s:
        drawn[round(y) : round(y + dy), round(x) : round(x + dx)] = 20
    # pixel (u, v) of the drawing lies at ((u + 0.5) / s - border) in the board's frame
    to_board = np.array([[1 / s, 0.0, 0.5 / s - border], [0.0, 1 / s, 0.5 / s - border], [0.0, 0.0, 1.0]])
    finer = np.array([[_FINER, 0.0, (_FINER - 1) / 2], [0.0, _FINER, (_FINER - 1) / 2], [0.0, 0.0, 1.0]])
    H = finer @ camera.matrix @ T_camera_board[:3, [0, 1, 3]] @ to_board
    size = (camera.width * _FINER, camera.height * _FINER)
    seen = cv2.warpPerspective(drawn, H, size, flags=cv2.INTER_AREA, borderValue=(120,))
    small = cv2.resize(seen, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return np.repeat(np.asarray(small, np.uint8)[..., None], 3, axis=2)
