"""Poses of the arm from which the camera sees the board well and ever otherwise, and slow ways to them.

What is known roughly is enough: where the camera is (a file, or some views taken by hand), and one view of the board.
Every way is a plan that `safety.check` has passed as it passes a slow way home: nowhere fast, nothing touched, the tool
tilted as it likes, nothing below the height of a heap that nobody measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros import safety
from gpnet_ros.board import Board
from gpnet_ros.cell import Cell, FlangeBody, HandEye
from gpnet_ros.errors import HandEyeUnsolved, Unreachable, UnsafePlan
from gpnet_ros.frame import Intrinsics
from gpnet_ros.hand_eye_fit import agreed_start, turn_spread
from gpnet_ros.hand_eye_solver import BoardView, HandEyeProblem, Mount, camera_pose_of_board, chain
from gpnet_ros.homeward import JOINT_ACCELERATION, slow_speed
from gpnet_ros.kinematics import JOINT_LIMIT, Joints
from gpnet_ros.placed_board import PlacedBoard
from gpnet_ros.plan import Move, Plan
from gpnet_ros.pose import Transform, invert, transform

#: Share of the greatest joint speed at which the arm is driven between views.
DRIVEN_AT = 0.1
#: Views that tell the camera's place roughly, and how much they must turn [rad] about two axes.
ROUGH_VIEWS, ROUGH_TURN = 5, np.deg2rad(4.0)
#: The board's width as a share of the picture's, in the farthest and the nearest view; the margin around it [px].
_FILLS, _MARGIN = (0.35, 0.75), 12.0
#: Tilt of the board to the line of sight [rad], and its turn about it from that of the first view [rad].
_TILTS, _TURN = (np.deg2rad(15.0), np.deg2rad(38.0)), np.deg2rad(60.0)
#: So many poses are looked at, and so many ways to them judged; a joint turns at most so far [rad] on one way.
_TRIED, _JUDGED, _FAR = 250, 120, 2.2
#: A turn of all joints by which the arm stands where it stood [rad].
_HARDLY = 1e-4
#: Plate of the board with what holds it, beside the printed pattern [m], and its half thickness [m].
_BORDER, _HALF_PLATE = 0.02, 0.025
#: How far from where a rough file has it the plate may turn out to be at the next view [m]: an arm that stands nearer
#: to it than that would be judged as standing in it, and no way would be safe any more.
_UNSURE = 0.04


@dataclass(frozen=True, eq=False)
class RoughRig(PlacedBoard):
    """Roughly where board and camera are, see `hand_eye_solver`: T_other_board and T_parent_camera, (4, 4) [m]."""

    T_parent_camera: Transform
    camera: Intrinsics

    def T_base_flange(self, T_camera_board: Transform) -> Transform:
        """Where the flange (4, 4) [m] is when the camera sees the board there."""
        return self.flange_for(self.T_parent_camera, T_camera_board)

    def carried(self, cell: Cell, room: float = 0.0) -> Cell:
        """The cell with the board's plate, thicker by some room [m] to all sides, or the camera, at the flange."""
        if self.mount == "flange":
            position, quaternion = (
                self.T_parent_camera[:3, 3],
                Rotation.from_matrix(self.T_parent_camera[:3, :3]).as_quat(),
            )
            return cell.carrying(HandEye("flange", tuple(position.tolist()), tuple(quaternion.tolist())))
        return replace(cell, flange_bodies=(*cell.flange_bodies, *_plate(self.board, self.T_other_board, room)))


def rough_rig(
    views: Sequence[BoardView], camera: Intrinsics, mount: Mount, board: Board, guess: HandEye | None
) -> RoughRig:
    """What some views tell, or one view together with a rough place of the camera.

    Raises:
        HandEyeUnsolved: they tell nothing yet; the message says what is needed.
    """
    if len(views) >= ROUGH_VIEWS:
        problem = HandEyeProblem(views, camera, mount)
        if (turn_spread(problem.G[:, :3, :3])[:2] > ROUGH_TURN).all():
            found = agreed_start(problem)
            return RoughRig(board, mount, found.Y, found.X, camera)
    if guess is None or guess.mount != mount or not views:
        raise HandEyeUnsolved(
            f"Where to drive is not known yet: take {ROUGH_VIEWS} views by hand, tilted to several sides, or one "
            "view and give a rough hand-eye file with the same mount by --hand-eye."
        )
    X, last = guess.T_parent_camera, views[-1]
    Y = invert(chain(last, mount)) @ X @ camera_pose_of_board(last, camera)
    return RoughRig(board, mount, Y, X, camera)


def _plate(board: Board, T_flange_board: Transform, room: float) -> tuple[FlangeBody, ...]:
    """The board's plate and what holds it, as capsules in the flange."""
    w, h = board.size
    rows = max(int(np.ceil((h + 2 * _BORDER) / (2 * _HALF_PLATE))), 2)
    bodies = []
    for y in np.linspace(-_BORDER + _HALF_PLATE, h + _BORDER - _HALF_PLATE, rows):
        start, end = (T_flange_board @ [x, y, 0.0, 1.0] for x in (_HALF_PLATE - _BORDER, w + _BORDER - _HALF_PLATE))
        bodies.append(FlangeBody("board", tuple(start[:3].tolist()), tuple(end[:3].tolist()), _HALF_PLATE + room))
    return tuple(bodies)


def view_poses(rig: RoughRig, taken: Sequence[Transform]) -> Iterator[Transform]:
    """T_camera_board (4, 4) [m] of views that show all of the board, each as different as can be from all before.

    Args:
        rig: roughly where things are.
        taken: poses in the views that there are, one at least.
    """
    rng = np.random.default_rng(0)
    first = taken[0][:3, :3]
    upright = float(np.arctan2(first[1, 0], first[0, 0]))
    pool = np.array([T for T in (_drawn(rig, upright, rng) for _ in range(_TRIED)) if _is_seen(rig, T)])
    if not len(pool):
        return
    gaps = np.min([_unlike(rig, pool, other) for other in taken], axis=0)
    while (best := int(np.argmax(gaps))) >= 0 and gaps[best] > 0.0:
        yield pool[best]
        gaps = np.minimum(gaps, _unlike(rig, pool, pool[best]))
        gaps[best] = 0.0


def _drawn(rig: RoughRig, upright: float, rng: np.random.Generator) -> Transform:
    camera, (w, _) = rig.camera, rig.board.size
    z = camera.fx * w / (camera.width * rng.uniform(*_FILLS))
    u, v = rng.uniform(0.2, 0.8) * camera.width, rng.uniform(0.2, 0.8) * camera.height
    middle = camera.deproject((u, v), z)
    sight = middle / np.linalg.norm(middle)
    lean, around = rng.uniform(*_TILTS), rng.uniform(-np.pi, np.pi)
    axis = np.array([np.cos(around), np.sin(around), 0.0])
    facing, _ = Rotation.align_vectors([sight], [[0.0, 0.0, 1.0]])
    turn = Rotation.from_rotvec([0.0, 0.0, upright + rng.uniform(-_TURN, _TURN)])
    R = (Rotation.from_rotvec(lean * axis) * facing * turn).as_matrix()
    return transform(R, middle - R @ rig.board.centre)


def _is_seen(rig: RoughRig, T: Transform) -> bool:
    """Whether all of the board is in the picture."""
    corners = rig.board.outline @ T[:3, :3].T + T[:3, 3]
    pixels, size = rig.camera.project(corners), np.array([rig.camera.width, rig.camera.height])
    return bool((corners[:, 2] > 0.1).all() and (pixels > _MARGIN).all() and (pixels < size - _MARGIN).all())


def _unlike(rig: RoughRig, poses: NDArray[np.float64], other: Transform) -> NDArray[np.float64]:
    """How different views (n, 4, 4) are from another, (n,): 1 for 25 degrees, or for a third of the distance aside."""
    cosine = (np.einsum("nij,ij->n", poses[:, :3, :3], other[:3, :3]) - 1.0) / 2.0
    turned = np.arccos(np.clip(cosine, -1.0, 1.0))
    a = poses[:, :3, :3] @ rig.board.centre + poses[:, :3, 3]
    b = other[:3, :3] @ rig.board.centre + other[:3, 3]
    away = np.linalg.norm(a - b, axis=1) / (0.33 * np.maximum(a[:, 2], b[2]))
    return np.asarray(turned / np.deg2rad(25.0) + away, np.float64)


def next_way(rig: RoughRig, taken: Sequence[Transform], q: Joints, cell: Cell, skip: int = 0) -> Plan:
    """A slow, safe way to the view that is least like those that were taken.

    Args:
        rig: roughly where things are.
        taken: T_camera_board (4, 4) [m] of the views that there are.
        q: joints now, (6,) [rad].
        cell: the cell; the board's plate or the camera at the flange is added to it.
        skip: so many ways that were found are passed over, as a person asked.

    Raises:
        Unreachable: no pose with a safe way was found.
    """
    with_plate, judged = rig.carried(cell), 0
    with_room = rig.carried(cell, _UNSURE if len(taken) < ROUGH_VIEWS else 0.0)
    for T in view_poses(rig, taken):
        goals = [_near(goal, q) for goal in cell.kinematics.inverse(rig.T_base_flange(T))]
        near = sorted((g for g in goals if np.abs(g - q).max() <= _FAR), key=lambda g: float(np.abs(g - q).max()))
        for goal in near[:2]:
            judged += 1
            plan = slow_way(q, goal, with_plate)
            if plan is None or slow_way(goal, goal - _HARDLY, with_room) is None:
                continue
            if (skip := skip - 1) < 0:
                return plan
        if judged > _JUDGED:
            break
    raise Unreachable(
        "No further pose with a safe way was found from here: move the arm by hand to another view, or lay the board "
        "(or the camera) where the arm reaches around it."
    )


def _near(goal: Joints, q: Joints) -> Joints:
    """The same pose a whole turn nearer, (6,) [rad]."""
    turned = goal - 2 * np.pi * np.round((goal - q) / (2 * np.pi))
    return np.where(np.abs(turned) <= JOINT_LIMIT, turned, goal)


def slow_way(q: Joints, goal: Joints, cell: Cell) -> Plan | None:
    """A straight joint move from (6,) to (6,) [rad] at a tenth of the allowed speed; None where it is not safe."""
    speed = min(slow_speed(q, goal, cell), DRIVEN_AT * cell.limits.joint_speed)
    plan = Plan("home", (Move("to the next view", "joint", speed, JOINT_ACCELERATION, q=goal),), q)
    try:
        return safety.check(plan, cell, q)
    except UnsafePlan:
        return None


def board_poses_of(views: Sequence[BoardView], camera: Intrinsics) -> list[NDArray[np.float64]]:
    """T_camera_board (4, 4) [m] of each view."""
    return [camera_pose_of_board(view, camera) for view in views]
