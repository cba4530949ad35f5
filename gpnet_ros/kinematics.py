"""Kinematics of the UR arms: forward, closed-form inverse, numeric refinement, Jacobian.

Denavit-Hartenberg tables: Universal Robots, support article "DH Parameters for calculations of
kinematics and dynamics". Every function takes joint angles (..., 6) [rad] and broadcasts.
The frame that is reached is `flange` (tool0) in `base`, the controller's own base frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.errors import BadInput
from gpnet_ros.pose import Transform

Joints = NDArray[np.float64]  # (6,) [rad]

#: Range of every joint [rad]; UR10 and UR10e data sheets: +-360 degrees.
JOINT_LIMIT = 2 * np.pi
#: Twists of the UR family [rad].
UR_ALPHA = (np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0)
#: Rounding that is still taken for "exactly stretched" in the closed form.
_COS_TOLERANCE = 1e-9
#: Below this |sin q5| the closed form cannot tell q6 from q4; q6 is then taken from the caller.
_WRIST_SINGULAR = 1e-9
#: Numeric inverse: converged below this [m] and [rad]; far under the repeatability of any UR (0.05 mm).
_REFINE_TOLERANCE = 1e-10
_REFINE_ITERATIONS = 25
#: A refined solution this near [rad] to where it started is on the same branch: no other is looked for.
_TRACKED = 0.2


@dataclass(frozen=True)
class Dh:
    """A Denavit-Hartenberg table, standard convention: Rz(q + theta) Tz(d) Tx(a) Rx(alpha).

    Attributes:
        a, d: link lengths and offsets, 6 each [m].
        alpha: twists, 6 [rad].
        theta: offsets added to the joint angles, 6 [rad].
    """

    a: tuple[float, ...]
    d: tuple[float, ...]
    alpha: tuple[float, ...] = UR_ALPHA
    theta: tuple[float, ...] = (0.0,) * 6

    def __post_init__(self) -> None:
        for name in ("a", "d", "alpha", "theta"):
            values = getattr(self, name)
            if len(values) != 6 or not np.isfinite(values).all():
                raise BadInput(f"DH row {name}={values} is not usable: it must hold six finite numbers.")

    @property
    def is_nominal(self) -> bool:
        """Whether the table has the exact pattern that the closed form needs."""
        zeros = (self.a[0], *self.a[3:], self.d[1], self.d[2])
        return not any(zeros) and tuple(self.alpha) == UR_ALPHA

    @property
    def closest_nominal(self) -> Dh:
        """The table with the pattern of the closed form forced upon it."""
        d = (self.d[0], 0.0, 0.0, self.d[3] + self.d[1] + self.d[2], self.d[4], self.d[5])
        return Dh((0.0, self.a[1], self.a[2], 0.0, 0.0, 0.0), d, UR_ALPHA, self.theta)


def ur_dh(d1: float, a2: float, a3: float, d4: float, d5: float, d6: float) -> Dh:
    """The table of a UR arm from its six lengths [m]."""
    return Dh((0.0, a2, a3, 0.0, 0.0, 0.0), (d1, 0.0, 0.0, d4, d5, d6))


UR10 = ur_dh(0.1273, -0.612, -0.5723, 0.163941, 0.1157, 0.0922)
UR10E = ur_dh(0.1807, -0.6127, -0.57155, 0.17415, 0.11985, 0.11655)
UR3E = ur_dh(0.15185, -0.24355, -0.2132, 0.13105, 0.08535, 0.0921)
ARMS = {"ur10": UR10, "ur10e": UR10E, "ur3e": UR3E}


class UrKinematics:
    """Kinematics of one arm. A table with calibration offsets is solved numerically from the closed form."""

    def __init__(self, dh: Dh = UR10) -> None:
        """Prepare the constant part of every link transform."""
        self.dh = dh
        self._theta = np.array(dh.theta)
        self._links = np.stack([_link(dh.a[i], dh.d[i], dh.alpha[i]) for i in range(6)])
        self._nominal = None if dh.is_nominal else UrKinematics(dh.closest_nominal)

    def link_frames(self, q: ArrayLike) -> NDArray[np.float64]:
        """T_base_i (..., 7, 4, 4) [m] of the DH frames, base first and flange last, at joints q (..., 6) [rad]."""
        angle = np.asarray(q, dtype=np.float64) + self._theta
        steps = np.broadcast_to(self._links, (*angle.shape, 4, 4)).copy()
        c, s = np.cos(angle)[..., None], np.sin(angle)[..., None]
        x, y = steps[..., 0, :].copy(), steps[..., 1, :].copy()
        steps[..., 0, :] = c * x - s * y
        steps[..., 1, :] = s * x + c * y
        frames = np.empty((*angle.shape[:-1], 7, 4, 4))
        frames[..., 0, :, :] = np.eye(4)
        for i in range(6):
            frames[..., i + 1, :, :] = frames[..., i, :, :] @ steps[..., i, :, :]
        return frames

    def forward(self, q: ArrayLike) -> NDArray[np.float64]:
        """T_base_flange (..., 4, 4) at joint angles q (..., 6) [rad]."""
        return self.link_frames(q)[..., 6, :, :]

    def jacobian(self, q: ArrayLike) -> NDArray[np.float64]:
        """Jacobian (..., 6, 6) at the flange in base axes, linear [m/rad] then angular rows, at q (..., 6) [rad]."""
        return _geometric_jacobian(self.link_frames(q))

    def branches(self, T_base_flange: ArrayLike, q6: ArrayLike = 0.0) -> NDArray[np.float64]:
        """All closed-form solutions (..., 8, 6) in [-pi, pi), NaN where there is none.

        Args:
            T_base_flange: poses (..., 4, 4).
            q6: angle of the last joint where the wrist is singular and it is free [rad].

        Raises:
            BadInput: the table carries calibration offsets; `inverse` solves it numerically.
        """
        if self._nominal is not None:
            raise BadInput("This DH table has calibration offsets: it has no closed form, use inverse().")
        T = np.asarray(T_base_flange, dtype=np.float64)
        signs = np.array(np.meshgrid([1, -1], [1, -1], [1, -1], indexing="ij")).reshape(3, 8)
        angles = self._solve(T[..., None, :, :], signs, np.asarray(q6)[..., None])
        angles[~np.isfinite(angles).all(axis=-1)] = np.nan
        return _wrap(angles - self._theta)

    def inverse(self, T_base_flange: Transform) -> list[Joints]:
        """Every solution of one pose, (6,) each in [-pi, pi); the empty list when out of reach."""
        T = np.asarray(T_base_flange, dtype=np.float64)
        if not np.isfinite(T).all():
            raise BadInput("The pose to reach holds NaN or infinity; give a finite 4x4 transform.")
        if self._nominal is None:
            found = self.branches(T)
            return [q for q in found if np.isfinite(q[0])]
        refined = [self.refine(T, q) for q in self._nominal.inverse(T)]
        return [_wrap(q) for q in refined if q is not None]

    def inverse_near(self, T_base_flange: Transform, q_near: ArrayLike, limit: float = JOINT_LIMIT) -> Joints | None:
        """The solution with the least joint travel from q_near, whole turns included; None when there is none.

        Args:
            T_base_flange: pose to reach.
            q_near: (6,) [rad].
            limit: every joint stays within +-limit [rad].
        """
        near = np.asarray(q_near, dtype=np.float64)
        T = np.asarray(T_base_flange, dtype=np.float64)
        if self._nominal is None:
            candidates = self.branches(T, near[5])
        else:
            tracked = self.refine(T, near)  # finds its way where the nominal table has just no solution
            found = self.inverse(T) if tracked is None or np.abs(tracked - near).max() > _TRACKED else []
            candidates = np.array(found if tracked is None else [tracked, *found]).reshape(-1, 6)
        turned = near + _wrap(candidates - near)
        turned -= 2 * np.pi * (turned > limit)
        turned += 2 * np.pi * (turned < -limit)
        turned = turned[(np.abs(turned) <= limit).all(axis=-1)]
        if not len(turned):
            return None
        return turned[np.argmin(((turned - near) ** 2).sum(axis=-1))]

    def branch_of(self, q: ArrayLike) -> int:
        """Index into `branches` of the closed-form solution on which the joints (6,) [rad] are.

        Raises:
            BadInput: the joints are not six finite numbers.
        """
        joints = np.asarray(q, dtype=np.float64)
        if joints.shape != (6,) or not np.isfinite(joints).all():
            raise BadInput(f"Joint angles {joints} are not usable: six finite numbers in rad are needed.")
        gaps = np.abs(_wrap(self.branches(self.forward(joints), joints[5]) - joints)).max(axis=-1)
        return int(np.nanargmin(gaps))

    def on_branch(self, T_base_flange: ArrayLike, branch: int, q_near: ArrayLike) -> NDArray[np.float64]:
        """Joints (..., 6) of poses (..., 4, 4) on one branch, within half a turn of q_near (6,); NaN: no solution."""
        near = np.asarray(q_near, dtype=np.float64)
        return near + _wrap(self.branches(T_base_flange, near[5])[..., branch, :] - near)

    def follow(self, T_base_flange: ArrayLike, q_start: ArrayLike) -> NDArray[np.float64]:
        """Joints (n, 6) along a path of poses (n, 4, 4), staying on the branch of q_start; NaN: no solution."""
        start = np.asarray(q_start, dtype=np.float64)
        path = self.on_branch(T_base_flange, self.branch_of(start), start)
        return start + np.unwrap(np.concatenate([start[None], path]) - start, axis=0)[1:]

    def refine(self, T_base_flange: Transform, q_near: ArrayLike) -> Joints | None:
        """Joints (6,) [rad] of a pose (4, 4) near q_near (6,) by damped Newton steps; None: no convergence."""
        q = np.array(q_near, dtype=np.float64)
        T = np.asarray(T_base_flange, dtype=np.float64)
        for _ in range(_REFINE_ITERATIONS):
            frames = self.link_frames(q)
            error = _twist(frames[6], T)
            size = float(np.abs(error).max())
            if size < _REFINE_TOLERANCE:
                return q
            if not np.isfinite(size):
                return None
            J = _geometric_jacobian(frames)
            # Damping that vanishes with the error keeps quadratic convergence and survives singularities.
            damping = (1e-3 * min(size, 1.0) ** 2 + 1e-15) * np.eye(6)
            step = np.linalg.solve(J.T @ J + damping, J.T @ error)
            q += step * min(1.0, 0.5 / max(float(np.abs(step).max()), 1e-12))
        return None

    def _solve(self, T: NDArray[np.float64], signs: NDArray[np.int_], q6: NDArray[np.float64]) -> NDArray[np.float64]:
        """DH angles (..., 8, 6) for shoulder, wrist and elbow signs (3, 8); NaN out of reach."""
        d1, _, _, d4, d5, d6 = self.dh.d
        a2, a3 = self.dh.a[1], self.dh.a[2]
        R, p = T[..., :3, :3], T[..., :3, 3]
        # Joint 5's origin keeps the distance d4 from the vertical plane of the arm: two shoulders.
        wrist = p - d6 * R[..., :, 2]
        radius = np.hypot(wrist[..., 0], wrist[..., 1])
        swing = _acos(d4 / np.where(radius > 0, radius, np.nan))
        t1 = np.arctan2(wrist[..., 1], wrist[..., 0]) + signs[0] * swing + np.pi / 2
        s1, c1 = np.sin(t1), np.cos(t1)
        # z of frame 1, seen in the flange, gives joints 5 and 6.
        seen = R[..., 0, :] * s1[..., None] - R[..., 1, :] * c1[..., None]
        t5 = signs[1] * _acos(seen[..., 2])
        s5 = np.sin(t5)
        sign5 = np.where(s5 >= 0, 1.0, -1.0)
        free = np.broadcast_to(q6 + self._theta[5], s5.shape)
        t6 = np.where(np.abs(s5) > _WRIST_SINGULAR, np.arctan2(-seen[..., 1] * sign5, seen[..., 0] * sign5), free)
        # Turning the flange back by joint 6, then by joint 5, gives frame 4; z of frame 4 is -y of frame 5.
        c6, s6 = np.cos(t6)[..., None], np.sin(t6)[..., None]
        x5, y5 = c6 * R[..., :, 0] - s6 * R[..., :, 1], s6 * R[..., :, 0] + c6 * R[..., :, 1]
        p4 = wrist + d5 * y5
        # What is left is a planar arm of two links in the plane of frame 1.
        px, py = p4[..., 0] * c1 + p4[..., 1] * s1, p4[..., 2] - d1
        t3 = signs[2] * _acos((px**2 + py**2 - a2**2 - a3**2) / (2 * a2 * a3))
        t2 = np.arctan2(py, px) - np.arctan2(a3 * np.sin(t3), a2 + a3 * np.cos(t3))
        x4 = np.cos(t5)[..., None] * x5 - s5[..., None] * R[..., :, 2]
        t234 = np.arctan2(x4[..., 2], x4[..., 0] * c1 + x4[..., 1] * s1)
        return np.stack([t1, t2, t3, t234 - t2 - t3, t5, t6], axis=-1)


def _link(a: float, d: float, alpha: float) -> Transform:
    """Tz(d) Tx(a) Rx(alpha): the constant part of a DH transform."""
    c, s = np.cos(alpha), np.sin(alpha)
    return np.array([[1.0, 0.0, 0.0, a], [0.0, c, -s, 0.0], [0.0, s, c, d], [0.0, 0.0, 0.0, 1.0]])


def _wrap(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _acos(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Arc cosine; NaN outside [-1, 1] by more than rounding."""
    inside = np.where(np.abs(value) <= 1 + _COS_TOLERANCE, value, np.nan)
    return np.arccos(np.clip(inside, -1.0, 1.0))


def _geometric_jacobian(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Jacobian (..., 6, 6) of the last of seven link frames (..., 7, 4, 4), in base axes."""
    axes = frames[..., :6, :3, 2]
    arms = frames[..., 6:, :3, 3] - frames[..., :6, :3, 3]
    return np.concatenate([np.cross(axes, arms), axes], axis=-1).swapaxes(-1, -2)


def _twist(T_from: Transform, T_to: Transform) -> NDArray[np.float64]:
    """Translation [m] and rotation vector [rad], in base axes, that take T_from to T_to, (6,)."""
    turn = T_to[:3, :3] @ T_from[:3, :3].T
    vector = 0.5 * np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    if np.trace(turn) < 2.9:  # beyond some 18 degrees the sine is no longer a good measure of the angle
        vector = Rotation.from_matrix(turn).as_rotvec()
    return np.concatenate([T_to[:3, 3] - T_from[:3, 3], vector])
