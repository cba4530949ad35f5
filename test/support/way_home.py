"""Where arms really stand, and whether bodies meet anything on a way: judged apart from the safety check."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from support.boxes import down

from gpnet_ros.cell import load_cell
from gpnet_ros.collision import self_gaps, spheres
from gpnet_ros.kinematics import Joints
from gpnet_ros.pose import invert

CELL = load_cell()
HOME = np.array(CELL.home)
TURN = 2 * np.pi
_OVER_HEAP = CELL.kinematics.inverse_near(down(0.65, 0.0, 0.2) @ invert(CELL.T_flange_tcp), HOME)
assert _OVER_HEAP is not None
#: name -> (joints [rad], whether there is a way home; else a person is told what to jog)
PLACES: dict[str, tuple[Joints, bool]] = {
    "upright": (np.deg2rad([0.0, -90.0, 0.0, -90.0, 0.0, 0.0]), True),
    "L-shape over the table": (np.deg2rad([0.0, -90.0, 90.0, -90.0, -90.0, 0.0]), True),
    "folded for transport, through the table": (np.deg2rad([0.0, -15.0, 150.0, -160.0, -90.0, 0.0]), False),
    "home, joint 6 a turn on": (HOME + [0, 0, 0, 0, 0, TURN], True),
    "home, joint 1 a turn back": (HOME - [TURN, 0, 0, 0, 0, 0], True),
    "home, wrist 1 a turn on": (HOME + [0, 0, 0, TURN, 0, 0], False),
    "home, wrist 2 a turn on": (HOME + [0, 0, 0, 0, TURN, 0], False),
    "home pushed 6 degrees by hand": (HOME + [0, 0, 0, 0, np.deg2rad(6), 0], True),
    "home pushed 6 degrees, wrist 1": (HOME + [0, 0, 0, np.deg2rad(6), 0, 0], True),
    "over the heap, elbow up": (_OVER_HEAP, True),
    "behind the base": (HOME + [np.deg2rad(100), 0, 0, 0, 0, 0], True),
}


def collision(path: NDArray[np.float64]) -> str:
    """What bodies of the arm meet anywhere on a path of joints (n, 6) [rad]; empty when nothing."""
    frames = CELL.kinematics.link_frames(path)
    body = spheres(frames, CELL, CELL.gripper.stroke)
    boxes = (*CELL.keep_out, *CELL.tote.walls)
    links = [i for i, name in enumerate(body.names) if name != "shoulder"]
    if not body.box_gaps(boxes).min() > 0:
        return "a box"
    if not body.bottoms()[:, links].min() > CELL.workspace.table_z:
        return "the table"
    if not self_gaps(frames, CELL, CELL.gripper.stroke).gaps.min() > -1e-3:
        return "itself"
    return ""


def draw(rng: np.random.Generator, span: float) -> Joints:
    """Joints (6,) [rad] within +-span at which the arm meets nothing."""
    while True:
        q = rng.uniform(-span, span, 6)
        frames = CELL.kinematics.link_frames(q[None])
        if not collision(q[None]) and self_gaps(frames, CELL, CELL.gripper.stroke).gaps.min() > 0:
            return np.array(q)
