"""Slow ways home from wherever an arm stands when a cell is switched on, and what to jog where there is none.

A way is a few joint moves over poses that a person can foresee: the tool in line with the forearm, the forearm over
the base, the base, then shoulder, elbow and wrist. `safety.check` alone decides which moves are safe; of the safe
ways the one with the least travel is taken. Nothing here is random.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros import safety
from gpnet_ros.cell import Cell
from gpnet_ros.collision import spheres
from gpnet_ros.errors import Unreachable, UnsafePlan
from gpnet_ros.kinematics import Joints
from gpnet_ros.plan import Move, Plan
from gpnet_ros.pose import Transform, invert

#: Names of the joints on the pendant.
JOINTS = ("base", "shoulder", "elbow", "wrist 1", "wrist 2", "wrist 3")
#: Where shoulder and elbow may rest on the way [degrees]: forearm up, forward, back, and folded both ways.
TUCKS = ((-90.0, 0.0), (-90.0, 90.0), (-90.0, -90.0), (-90.0, 140.0), (-90.0, -140.0), (-60.0, 60.0), (-120.0, -60.0))
#: Wrist 1 with the tool in line with the forearm, away from the arm [degrees].
IN_LINE = -180.0
#: Wrist 2 with the tool aside, away from the arm, where wrist 1 may turn as it likes [degrees].
ASIDE = 0.0
#: Which joints (counted from 0) a person may be asked to jog towards home, the first that help.
JOGGED = (
    (3,),
    (4,),
    (2,),
    (1,),
    (0,),
    (3, 4),
    (1, 2),
    (2, 3),
    (1, 2, 3),
    (1, 2, 3, 4),
    (0, 1, 2, 3, 4),
    (0, 1, 2, 3, 4, 5),
)
#: A move costs its travel [rad] and this much besides, so that few moves are preferred.
PER_MOVE = 0.3
#: A line straight up may come first: by this much [m], or to the height of home.
RISE = 0.1
#: Accelerations of slow moves [rad/s^2, m/s^2], and the speed at which a move is first tried [rad/s].
JOINT_ACCELERATION, LINEAR_ACCELERATION, TRIED = 0.5, 0.2, 0.02
#: Moves are planned at this share of the greatest speed that the safety check lets pass.
SPARE = 0.95


Place = tuple[int, int, int]  # which base, which arm, which wrist of `_poses`


@dataclass(frozen=True)
class Held:
    """What the jaws may hold: whether they do, and how far it may reach below the tips [m]."""

    holding: bool = False
    hang: float = 0.0


@dataclass(eq=False)
class _Search:
    """The cheapest safe way over a few poses; moves are judged only when a way would take them."""

    cell: Cell
    held: Held
    judged: dict[bytes, bool] = field(default_factory=dict)

    def plan(self, q_start: Joints, steps: tuple[Move, ...]) -> Plan:
        return Plan("home", steps, q_start, self.held.hang, self.held.holding)

    def is_safe(self, q_from: Joints, q_to: Joints) -> bool:
        """Whether a straight move in joint space is safe."""
        key = np.concatenate([q_from, q_to]).tobytes()
        if key not in self.judged:
            move = Move("move", "joint", TRIED, JOINT_ACCELERATION, q=q_to)
            self.judged[key] = self.passes(self.plan(q_from, (move,)))
        return self.judged[key]

    def passes(self, plan: Plan) -> bool:
        try:
            safety.check(plan, self.cell, plan.q_start)
        except UnsafePlan:
            return False
        return True

    def way(self, q_start: Joints, together: int = 2) -> list[Joints] | None:
        """Poses from the start to home, or None: the cheapest safe way over `_poses`.

        Args:
            q_start: joints, (6,) [rad].
            together: so many of base, arm and wrist may move at once; more find more ways, and search longer.
        """
        poses = _poses(q_start, self.cell)
        home = list(poses)[-1]
        before: dict[Place, Place] = {}
        queue: list[tuple[float, Place, Place]] = [(0.0, (0, 0, 0), (0, 0, 0))]
        while queue:
            spent, here, last = heapq.heappop(queue)
            if here in before or (here != last and not self.is_safe(poses[last], poses[here])):
                continue
            before[here] = last
            if here == home:
                way = [home]
                while way[-1] != before[way[-1]]:
                    way.append(before[way[-1]])
                return [poses[place] for place in way[::-1]]
            for there in poses:
                moved = sum(a != b for a, b in zip(here, there, strict=True))
                if there not in before and (there == home or moved <= together):
                    travel = float(np.abs(poses[there] - poses[here]).max())
                    heapq.heappush(queue, (spent + travel + PER_MOVE, there, here))
        return None


def slow_way_home(q_start: Joints, cell: Cell, held: Held, T_base_tcp: Transform) -> Plan:
    """A slow plan home that the safety check has passed.

    Args:
        q_start: joints now, (6,) [rad].
        cell: the cell.
        held: what the jaws may hold.
        T_base_tcp: actual pose (4, 4) [m] of the TCP.

    Raises:
        Unreachable: there is none; the message says which joints to jog where, in degrees.
    """
    search = _Search(cell, held)
    found = _from_here(search, q_start, T_base_tcp)
    if found is None:
        raise Unreachable(_jog(search, q_start))
    return found


def _from_here(search: _Search, q_start: Joints, T_base_tcp: Transform) -> Plan | None:
    """A way home, by joint moves alone where that is safe, else after a line straight up."""
    way = search.way(q_start)
    if way is not None and search.passes(plan := _planned(search, q_start, (), way)):
        return plan
    for rise, q in _rises(q_start, search.cell, T_base_tcp):
        if search.passes(search.plan(q_start, (rise,))):
            way = search.way(q, together=1)
            if way is not None and search.passes(plan := _planned(search, q_start, (rise,), way)):
                return plan
    return None


def _rises(q_start: Joints, cell: Cell, T_base_tcp: Transform) -> Iterator[tuple[Move, Joints]]:
    """Lines straight up, with the joints (6,) [rad] at their ends."""
    z_home = float((cell.kinematics.forward(cell.home) @ cell.T_flange_tcp)[2, 3])
    z = float(T_base_tcp[2, 3])
    for height in sorted({z + RISE} | ({z_home} if z < z_home else set())):
        target = np.array(T_base_tcp)
        target[2, 3] = height
        steps = np.tile(target, (20, 1, 1))
        steps[:, 2, 3] = np.linspace(z, height, 20)
        path = cell.kinematics.follow(steps @ invert(cell.T_flange_tcp), q_start)
        if np.isfinite(path).all():
            speed = cell.limits.home_linear_speed
            yield Move("rise", "linear", speed, LINEAR_ACCELERATION, T_base_tcp=target), path[-1]


def _poses(q_start: Joints, cell: Cell) -> dict[Place, Joints]:
    """The start at (0, 0, 0), home at the last place, and what may lie between, by base, arm and wrist."""
    home = np.array(cell.home)
    bases = (q_start[0], home[0])
    arms = [q_start[1:3], *(_near(np.deg2rad(tuck), home[1:3]) for tuck in TUCKS), home[1:3]]
    in_line, aside = _near(np.deg2rad(IN_LINE), home[3]), _near(np.deg2rad(ASIDE), home[4])
    wrists = [q_start[3:], np.array([*q_start[3:5], home[5]]), np.array([q_start[3], aside, home[5]])]
    wrists += [np.array([w1, w2, home[5]]) for w1 in (in_line, home[3]) for w2 in (aside, home[4])]
    groups = [list(enumerate(group)) for group in (bases, arms, wrists)]
    return {(i, j, k): np.array([base, *arm, *wrist]) for (i, base), (j, arm), (k, wrist) in product(*groups)}


def _near(angles: ArrayLike, near: ArrayLike) -> NDArray[np.float64]:
    """The angles [rad] plus those whole turns that bring them nearest to others."""
    found = np.asarray(angles, dtype=np.float64)
    return found - 2 * np.pi * np.round((found - np.asarray(near, dtype=np.float64)) / (2 * np.pi))


def _planned(search: _Search, q_start: Joints, first: tuple[Move, ...], way: list[Joints]) -> Plan:
    """The moves of a way at their speeds, named after the joints that they turn."""
    steps = [*first]
    for q_from, q_to in pairwise(way):
        turned = [name for name, angle in zip(JOINTS, np.abs(q_to - q_from), strict=True) if angle > 1e-6]
        name = "home" if q_to is way[-1] else "turn " + ", ".join(turned)
        steps.append(Move(name, "joint", slow_speed(q_from, q_to, search.cell), JOINT_ACCELERATION, q=q_to))
    return search.plan(q_start, tuple(steps))


def slow_speed(q_from: Joints, q_to: Joints, cell: Cell) -> float:
    """Speed [rad/s] of the leading joint at which no part of the arm is too fast."""
    travel = float(np.abs(q_to - q_from).max())
    path = np.linspace(q_from, q_to, int(np.ceil(travel / safety.JOINT_STEP)) + 2)
    frames = cell.kinematics.link_frames(path)
    tcp = (frames[:, 6] @ cell.T_flange_tcp)[:, None, :3, 3]
    centres = np.concatenate([spheres(frames, cell, cell.gripper.stroke).centres, tcp], axis=1)
    way = np.linalg.norm(np.diff(centres, axis=0), axis=-1).max()
    most = cell.limits.home_body_speed * (travel / (len(path) - 1)) / max(float(way), 1e-9)
    return float(SPARE * min(most, cell.limits.home_joint_speed))


def _jog(search: _Search, q_start: Joints) -> str:
    """Which joints a person is to jog where: as few and as little as found, to a pose from which a way exists."""
    home = np.array(search.cell.home)
    for joints in JOGGED:
        part = 1.0
        if search.way(_jogged(q_start, home, joints, part), together=1) is None:
            continue
        for step in (0.5, 0.25, 0.125, 0.0625):  # no more than is needed
            if search.way(_jogged(q_start, home, joints, part - step), together=1) is not None:
                part -= step
        return jog_text(q_start, _jogged(q_start, home, joints, part))
    return jog_text(q_start, home)


def _jogged(q_start: Joints, home: Joints, joints: tuple[int, ...], part: float) -> Joints:
    """The start with a part of the way home in some joints (counted from 0), there in whole degrees, (6,) [rad]."""
    q, chosen = q_start.copy(), list(joints)
    q[chosen] += part * (home - q_start)[chosen]
    q[chosen] = np.deg2rad(np.round(np.rad2deg(q[chosen])))
    return q


def jog_text(q_start: Joints, q_to: Joints) -> str:
    """What a person is to do, in one sentence: joints (6,) [rad] by number, name and degrees."""
    moved = [i for i in range(6) if np.abs(q_to - q_start)[i] > np.deg2rad(0.5)]
    angles = np.rad2deg([q_start, q_to])
    words = [
        f"joint {i + 1} ({JOINTS[i]}) from {angles[0, i]:.0f}\N{DEGREE SIGN} to {angles[1, i]:.0f}\N{DEGREE SIGN}"
        for i in moved
    ]
    return f"Jog {', '.join(words)} on the pendant, then start or pick again."
