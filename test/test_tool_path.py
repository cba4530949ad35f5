"""The way of the tool for the eye: through every target of the plan, from where the arm stands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from support.scenes import CELL, CENTRE

from gpnet_ros.motion import Move, Plan, plan_pick
from gpnet_ros.pose import transform
from gpnet_ros.tool_path import tool_path

HOME = np.array(CELL.home)
GRASP = transform(np.diag([1.0, -1.0, -1.0]), (*CENTRE, 0.03))


def test_it_begins_at_the_start_and_goes_through_every_target() -> None:
    plan = plan_pick(GRASP, 0.05, HOME, CELL, 0.06)
    path = tool_path(plan, CELL)
    forward = CELL.kinematics.forward
    np.testing.assert_allclose(path[0], (forward(HOME) @ CELL.T_flange_tcp)[:3, 3], atol=1e-9)
    for move in plan.steps:
        if isinstance(move, Move):
            T = forward(move.q) @ CELL.T_flange_tcp if move.q is not None else move.T_base_tcp
            assert T is not None
            assert np.linalg.norm(path - T[:3, 3], axis=1).min() < 1e-6, move.name


def test_points_of_a_joint_move_are_near_each_other() -> None:
    target = HOME + 0.4
    path = tool_path(Plan("home", (Move("home", "joint", 1.0, 1.0, q=target),), HOME), CELL)
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 0.1


def test_it_ends_where_the_arm_cannot_follow() -> None:
    far = replace(Move("far", "linear", 0.1, 0.1, T_base_tcp=GRASP), T_base_tcp=transform(GRASP[:3, :3], (5, 0, 0)))
    after = Move("home", "joint", 1.0, 1.0, q=HOME)
    path = tool_path(Plan("home", (far, after), HOME), CELL)
    np.testing.assert_allclose(path[-1], (5, 0, 0))
