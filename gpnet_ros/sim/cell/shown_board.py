"""The calibration board in pictures of the simulated cell: drawn by exact homography where nothing stands before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.arrays import Floats
from gpnet_ros.board import Board, black_cells
from gpnet_ros.cell import HandEye
from gpnet_ros.frame import Intrinsics
from gpnet_ros.placed_board import PlacedBoard
from gpnet_ros.pose import Transform, from_rotvec, to_xyz_quat, transform

#: Pixels of the drawing per metre of the board, and the finer grid per pixel on which it is laid into a picture.
_PER_METRE, _FINER = 3000.0, 3
#: White paper around the pattern [m]; brightness of ink and paper.
BORDER = 0.015
_INK, _PAPER = 22, 228


@dataclass(frozen=True, eq=False)
class ShownBoard(PlacedBoard):
    """A board that is drawn into pictures."""

    def lay(
        self, color: NDArray[np.uint8], depth: Floats, camera: Intrinsics, T_camera_board: Transform
    ) -> tuple[NDArray[np.uint8], Floats]:
        """Colour (H, W, 3) and depth (H, W) [m] with the board in them, printed side or bare back."""
        normal, origin = T_camera_board[:3, 2], T_camera_board[:3, 3]
        if origin[2] < 0.05:
            return color, depth
        paper, cover = _laid(self.board, camera, T_camera_board)
        v, u = np.mgrid[: camera.height, : camera.width]
        with np.errstate(divide="ignore", invalid="ignore"):
            plane = (normal @ origin) / (camera.deproject(np.stack([u, v], axis=-1), np.ones(u.shape)) @ normal)
        before = (plane > 0.0) & ~(depth < plane)
        share = (cover * before)[..., None]
        if normal @ origin < 0.0:  # its back: bare
            paper = np.full_like(paper, 150.0)
        laid = color * (1.0 - share) + paper[..., None] * share
        seen = np.where((cover > 0.5) & before, plane, depth)
        return np.round(laid).astype(np.uint8), seen.astype(np.float32)


def _laid(board: Board, camera: Intrinsics, T: Transform) -> tuple[Floats, Floats]:
    """Brightness of the board and its share of each pixel, (H, W) each."""
    s = _PER_METRE
    # pixel (u, v) of the drawing lies at ((u + 0.5) / s - BORDER) on the board
    to_board = np.array([[1 / s, 0.0, 0.5 / s - BORDER], [0.0, 1 / s, 0.5 / s - BORDER], [0.0, 0.0, 1.0]])
    finer = np.array([[_FINER, 0.0, (_FINER - 1) / 2], [0.0, _FINER, (_FINER - 1) / 2], [0.0, 0.0, 1.0]])
    H = finer @ camera.matrix @ T[:3, [0, 1, 3]] @ to_board
    drawn, size = _drawn(board), (camera.width * _FINER, camera.height * _FINER)
    ink = cv2.warpPerspective(drawn, H, size, flags=cv2.INTER_LINEAR, borderValue=(float(_PAPER),))
    cover = cv2.warpPerspective(np.full_like(drawn, 255), H, size, flags=cv2.INTER_LINEAR)
    small = (camera.width, camera.height)
    shrunk = [cv2.resize(image, small, interpolation=cv2.INTER_AREA).astype(np.float32) for image in (ink, cover)]
    return shrunk[0], shrunk[1] / np.float32(255)


@lru_cache(maxsize=4)
def _drawn(board: Board) -> NDArray[np.uint8]:
    w, h = (round((side + 2 * BORDER) * _PER_METRE) for side in board.size)
    drawn = np.full((h, w), _PAPER, np.uint8)
    for x, y, dx, dy in (black_cells(board) + [BORDER, BORDER, 0.0, 0.0]) * _PER_METRE:
        drawn[round(y) : round(y + dy), round(x) : round(x + dx)] = _INK
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 1.0), np.uint8)


def hidden_rig(seed: int, hand_eye: HandEye, board: Board) -> tuple[HandEye, ShownBoard]:
    """Where camera and board of a simulated cell are in truth: off the file by up to 30 mm and some degrees.

    Args:
        seed: of the truth.
        hand_eye: what the cell's file says.
        board: on a tray at the flange (fixed camera), or on the table (camera on the flange).
    """
    rng = np.random.default_rng([11, seed])
    off = from_rotvec(np.concatenate([rng.uniform(-0.015, 0.015, 3), rng.uniform(-0.05, 0.05, 3)]))
    position, quaternion = (part.tolist() for part in to_xyz_quat(hand_eye.T_parent_camera @ off))
    truth = replace(hand_eye, position=tuple(position), quaternion=tuple(quaternion))
    slip = from_rotvec(np.concatenate([rng.uniform(-0.01, 0.01, 3), rng.uniform(-0.05, 0.05, 3)]))
    w, h = board.size
    if hand_eye.mount == "fixed":
        # A tray before the jaws: x of the board along y of the flange, its printed side towards -x.
        R = np.column_stack([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
        return truth, ShownBoard(board, "fixed", transform(R, (0.02, -w / 2, 0.19)) @ slip)
    R = Rotation.from_euler("x", np.pi).as_matrix()
    flat = from_rotvec([*rng.uniform(-0.02, 0.02, 2), 0.0, 0.0, 0.0, float(rng.uniform(-0.3, 0.3))])
    return truth, ShownBoard(board, "flange", flat @ transform(R, (0.65 - w / 2, h / 2, 0.003)))
