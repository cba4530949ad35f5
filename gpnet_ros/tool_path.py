"""The way of the tool along a plan, for the eye; what is safe is judged by `safety.check` with its own roll-out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.motion import Move, Plan
from gpnet_ros.pose import invert

#: Distance between points of a joint move [rad]; the longest joint counts.
_JOINT_STEP = 0.05


def tool_path(plan: Plan, cell: Cell) -> NDArray[np.float64]:
    """Points (n, 3) [m] in base through which the TCP goes, from the plan's start to its end.

    A line is its two ends. It stops where the nominal kinematics cannot follow.
    """
    kinematics, q = cell.kinematics, np.asarray(plan.q_start, dtype=np.float64)
    points = [(kinematics.forward(q) @ cell.T_flange_tcp)[None, :3, 3]]
    for move in plan.steps:
        if not isinstance(move, Move):
            continue
        if move.q is not None:
            steps = int(np.ceil(np.abs(move.q - q).max() / _JOINT_STEP)) + 1
            way, q = np.linspace(q, move.q, steps + 1)[1:], move.q
            points.append((kinematics.forward(way) @ cell.T_flange_tcp)[:, :3, 3])
            continue
        assert move.T_base_tcp is not None
        points.append(move.T_base_tcp[None, :3, 3])
        reached = kinematics.inverse_near(move.T_base_tcp @ invert(cell.T_flange_tcp), q)
        if reached is None:
            break
        q = reached
    return np.concatenate(points)
