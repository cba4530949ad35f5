"""When the arm stands in the view: during a pick yes, over the tote no."""

from __future__ import annotations

import numpy as np
from support.scenes import CAMERA, CELL, T_BASE_CAMERA

from gpnet_ros.motion import Move, plan_pick
from gpnet_ros.occlusion import blocks_view
from gpnet_ros.pose import invert, transform


def joints_of(move: Move) -> np.ndarray:
    if move.q is not None:
        return np.asarray(move.q)
    assert move.T_base_tcp is not None
    q = CELL.kinematics.inverse_near(move.T_base_tcp @ invert(CELL.T_flange_tcp), np.array(CELL.home))
    assert q is not None
    return q


def test_the_arm_blocks_the_view_over_the_heap_and_nowhere_else_on_its_way() -> None:
    grasp = transform(np.diag([1.0, -1.0, -1.0]), (0.65, 0.0, 0.03))
    moves = [step for step in plan_pick(grasp, 0.06, CELL.home, CELL, 0.1).steps if isinstance(step, Move)]
    blocking = {move.name for move in moves if blocks_view(joints_of(move), CELL, T_BASE_CAMERA, CAMERA)}
    assert blocking == {"approach", "pregrasp", "descend", "lift"}
    assert not blocks_view(CELL.home, CELL, T_BASE_CAMERA, CAMERA)


def test_a_camera_that_looks_away_sees_no_arm_before_it() -> None:
    grasp = transform(np.diag([1.0, -1.0, -1.0]), (0.65, 0.0, 0.03))
    q = joints_of(next(s for s in plan_pick(grasp, 0.06, CELL.home, CELL, 0.1).steps if isinstance(s, Move)))
    higher = T_BASE_CAMERA.copy()
    higher[0, 3] += 3.0  # beside the cell, looking down as before
    assert blocks_view(q, CELL, T_BASE_CAMERA, CAMERA)
    assert not blocks_view(q, CELL, higher, CAMERA)
