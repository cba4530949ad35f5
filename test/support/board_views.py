"""Views of a board by a camera and an arm whose true places are known, with the noise of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.board import Board, charuco
from gpnet_ros.frame import Intrinsics
from gpnet_ros.hand_eye_solver import BoardView, Mount
from gpnet_ros.pose import Transform, from_rotvec, invert, look_at, transform

CAMERA = Intrinsics(640, 480, 615.0, 615.0, 320.0, 240.0)
BOARD = Board()
WORKSPACE = np.array([0.65, 0.0, 0.0])
#: The camera of the cell in config/, and one on the flange that looks along the tool.
T_BASE_CAMERA = look_at((0.85, 0.0, 0.85), (0.65, 0.0, 0.0))
T_FLANGE_CAMERA = from_rotvec([0.01, -0.07, 0.04, 0.03, -0.02, 1.55])


@dataclass(frozen=True)
class TrueRig:
    """Where camera and board are in truth: T_parent_camera and T_other_board, (4, 4) [m] each."""

    mount: Mount
    T_parent_camera: Transform
    T_other_board: Transform


def rig(mount: Mount, rng: np.random.Generator) -> TrueRig:
    """A fixed camera over the table with the board on the flange, or the other way round; elsewhere each time."""
    off = from_rotvec(rng.normal(scale=0.02, size=6))
    if mount == "fixed":
        return TrueRig(mount, T_BASE_CAMERA @ off, transform(np.eye(3), (-0.13, -0.08, 0.05)) @ off)
    facing_up = transform(np.diag([1.0, -1.0, -1.0]), (0.5, 0.1, 0.0))
    return TrueRig(mount, T_FLANGE_CAMERA @ off, facing_up @ off)


def seen_from(rig: TrueRig, T_camera_board: Transform) -> Transform:
    """T_base_flange (4, 4) [m] at which the camera sees the board there."""
    if rig.mount == "fixed":
        return rig.T_parent_camera @ T_camera_board @ invert(rig.T_other_board)
    return rig.T_other_board @ invert(T_camera_board) @ invert(rig.T_parent_camera)


def board_poses(count: int, rng: np.random.Generator, tilt: float = 40.0) -> list[Transform]:
    """Poses of the board before the camera, all of it in the picture, tilted by up to `tilt` degrees."""
    poses: list[Transform] = []
    while len(poses) < count:
        z = rng.uniform(0.4, 0.65)
        at = np.array([rng.uniform(-0.25, 0.25) * z, rng.uniform(-0.2, 0.2) * z, z])
        lean, around, roll = (
            np.deg2rad(rng.uniform(0.4 * tilt, tilt)),
            rng.uniform(-np.pi, np.pi),
            rng.uniform(-1.2, 1.2),
        )
        axis = np.array([np.cos(around), np.sin(around), 0.0])
        R = (Rotation.from_rotvec(lean * axis) * Rotation.from_euler("z", roll)).as_matrix()
        T = transform(R, at - R @ BOARD.centre)
        pixels = CAMERA.project(BOARD.outline @ R.T + T[:3, 3])
        if (pixels > 5).all() and (pixels < (CAMERA.width - 5, CAMERA.height - 5)).all():
            poses.append(T)
    return poses


def views(
    rig: TrueRig,
    poses: list[Transform],
    rng: np.random.Generator,
    pixel: float = 0.3,
    position: float = 0.0003,
    angle: float = 0.03,
    scale: float = 1.0,
) -> list[BoardView]:
    """What is measured: corners with an error of `pixel` [px], poses with `position` [m] and `angle` [degrees]."""
    points = np.asarray(charuco(BOARD).getChessboardCorners(), np.float64)
    found = []
    for k, T in enumerate(poses):
        seen = CAMERA.project(scale * points @ T[:3, :3].T + T[:3, 3]) + rng.normal(scale=pixel, size=(len(points), 2))
        error = np.concatenate([rng.normal(scale=position, size=3), np.deg2rad(rng.normal(scale=angle, size=3))])
        found.append(BoardView(f"{k + 1:02d}", points, seen, _erred(seen_from(rig, T), error)))
    return found


def _erred(T: Transform, error: NDArray[np.float64]) -> Transform:
    return transform(T[:3, :3] @ Rotation.from_rotvec(error[3:]).as_matrix(), T[:3, 3] + error[:3])


def spoiled(view: BoardView, rng: np.random.Generator, position: float, angle: float) -> BoardView:
    """A view whose pose is wrong by `position` [m] and `angle` [degrees] in any direction."""
    directions = rng.normal(size=(2, 3))
    shift, turn = directions / np.linalg.norm(directions, axis=1)[:, None]
    error = np.concatenate([position * shift, np.deg2rad(angle) * turn])
    return replace(view, T_base_flange=_erred(view.T_base_flange, error))


def off_at_workspace(rig: TrueRig, T_parent_camera: Transform) -> tuple[float, float]:
    """How far off [m] and turned [rad] a point of the workspace is, seen from home by a camera on the flange."""
    T_home = np.eye(4)
    if rig.mount == "flange":
        T_home = transform(np.diag([1.0, -1.0, -1.0]), WORKSPACE + [0.0, 0.07, 0.55])
    true, found = T_home @ rig.T_parent_camera, T_home @ T_parent_camera
    p = np.append(WORKSPACE, 1.0)
    turn = Rotation.from_matrix(true[:3, :3].T @ found[:3, :3]).magnitude()
    return float(np.linalg.norm((found @ invert(true) @ p)[:3] - WORKSPACE)), float(turn)
