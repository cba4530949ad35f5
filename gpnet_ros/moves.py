"""Moves at the speed that the cell asks for, or slower where a joint or the TCP would be too fast on their way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation, Slerp

from gpnet_ros.cell import Cell
from gpnet_ros.kinematics import Joints
from gpnet_ros.plan import Grip, Move
from gpnet_ros.pose import Transform, invert

#: Lines are followed in steps of this length [m] to see how fast joints turn on them.
PACE_STEP = 0.02
#: A line is slowed to this share of the joints' limits, and no further than to this share of its own speed.
PACE_SHARE, PACE_LEAST = 0.9, 0.1
#: Joint moves are followed in steps of this many radians to see how fast the TCP becomes on them.
SWEEP_STEP = 0.05


def joint_move(name: str, q: ArrayLike, cell: Cell, share: float = 1.0) -> Move:
    """Straight in joint space to q (6,) [rad], at a share of the cell's speed."""
    speed, acceleration = share * cell.motion.joint_speed, share * cell.motion.joint_acceleration
    return Move(name, "joint", speed, acceleration, q=np.asarray(q, dtype=np.float64))


def linear_move(name: str, T_base_tcp: Transform, cell: Cell, share: float = 1.0) -> Move:
    """The TCP straight to T_base_tcp (4, 4) [m], at a share of the cell's speed."""
    speed, acceleration = share * cell.motion.linear_speed, share * cell.motion.linear_acceleration
    return Move(name, "linear", speed, acceleration, T_base_tcp=T_base_tcp)


def slowed(steps: tuple[Move | Grip, ...], q_start: ArrayLike, cell: Cell) -> tuple[Move | Grip, ...]:
    """The steps, slowed until every joint keeps its limits on straight lines, and the TCP its speed on joint moves.

    q_start: joints before the first step, (6,) [rad].
    """
    q, paced = np.asarray(q_start, dtype=np.float64), list(steps)
    for i, step in enumerate(steps):
        if isinstance(step, Grip):
            continue
        if step.q is not None:
            paced[i], q = _swept(step, q, cell), step.q
            continue
        T_start = cell.kinematics.forward(q) @ cell.T_flange_tcp
        path = _line_joints(T_start, step, q, cell)
        if not np.isfinite(path).all():
            return tuple(paced)  # the safety check says what is wrong with it
        paced[i], q = _slower(step, path, T_start, cell), path[-1]
    return tuple(paced)


def _swept(turn: Move, q: Joints, cell: Cell) -> Move:
    """The joint move from q (6,) [rad] at a speed at which the TCP keeps its own; no slower than a tenth."""
    assert turn.q is not None
    travel = float(np.abs(turn.q - q).max())
    if not np.isfinite(turn.q).all() or not 0.0 < travel < np.inf:
        return turn
    path = q + np.linspace(0.0, 1.0, int(np.ceil(travel / SWEEP_STEP)) + 2)[:, None] * (turn.q - q)
    tcp = (cell.kinematics.forward(path) @ cell.T_flange_tcp)[:, :3, 3]
    fastest = float(np.linalg.norm(np.diff(tcp, axis=0), axis=1).max()) / (travel / (len(path) - 1))
    k = min(1.0, PACE_SHARE * cell.limits.tcp_speed / max(turn.speed * fastest, 1e-9))
    return replace(turn, speed=k * turn.speed) if PACE_LEAST <= k < 1.0 else turn


def _line_joints(T_start: Transform, line: Move, q: Joints, cell: Cell) -> NDArray[np.float64]:
    """Joints (n, 6) [rad] at even distances along a straight line from T_start (4, 4), where the joints are q (6,)."""
    assert line.T_base_tcp is not None
    way = line.T_base_tcp[:3, 3] - T_start[:3, 3]
    turns = Rotation.from_matrix(np.stack([T_start[:3, :3], line.T_base_tcp[:3, :3]]))
    s = np.linspace(0.0, 1.0, int(np.ceil(np.linalg.norm(way) / PACE_STEP)) + 4)
    poses = np.tile(np.eye(4), (len(s), 1, 1))
    poses[:, :3, 3] = T_start[:3, 3] + s[:, None] * way
    poses[:, :3, :3] = Slerp([0.0, 1.0], turns)(s).as_matrix()
    return cell.kinematics.follow(poses @ invert(cell.T_flange_tcp), q)


def _slower(line: Move, path: NDArray[np.float64], T_start: Transform, cell: Cell) -> Move:
    """The line at a speed at which the joints (n, 6) [rad] along it keep their limits; no slower than a tenth."""
    assert line.T_base_tcp is not None
    length = float(np.linalg.norm(line.T_base_tcp[:3, 3] - T_start[:3, 3]))
    step = max(length, 1e-3) / (len(path) - 1)
    turn = np.gradient(path, step, axis=0, edge_order=2)  # rad per metre
    bend = float(np.abs(np.gradient(turn, step, axis=0)).max())
    most = float(np.abs(turn).max())
    fastest = PACE_SHARE * cell.limits.joint_speed / max(line.speed * most, 1e-9)
    # Time stretched by 1/k takes the speed k times and every acceleration k^2 times as large.
    needed = line.acceleration * most + line.speed**2 * bend
    k = min(1.0, fastest, float(np.sqrt(PACE_SHARE * cell.limits.line_joint_acceleration / max(needed, 1e-9))))
    if not PACE_LEAST <= k < 1.0:
        return line
    return replace(line, speed=k * line.speed, acceleration=k**2 * line.acceleration)
