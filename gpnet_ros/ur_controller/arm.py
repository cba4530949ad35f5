"""The motion generator: joint and Cartesian moves as generators that command one step per control cycle."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from gpnet_ros.pose import Transform, invert, transform
from gpnet_ros.ur_controller.plant import GRAVITY, Plant, Vector

Steps = Generator[None, None, None]

# Joint range of the UR10 and UR10e data sheets: +-360 degrees.
JOINT_RANGE = 2 * np.pi
# Ours: deceleration of a stop that no program asked for. The UR10 user manual, appendix A "Stopping Time and
# Stopping Distance", gives about half a second from full speed at full reach, that is roughly 4 to 6 rad/s^2.
BRAKE = 6.0
# Ours: a pure rotation is timed as if the tool travelled this many metres per radian.
METRES_PER_RADIAN = 0.25
# Ours: velocity per force of the compliant axes in force mode [m/s/N] and [rad/s/Nm].
_COMPLIANCE = np.array([2e-3] * 3 + [2e-2] * 3)
_STILL = 1e-9  # [rad/s]


@dataclass(frozen=True)
class Trapezoid:
    """Motion along a path of `length` [m or rad] with speed v and acceleration a, from rest to rest."""

    length: float
    v: float
    a: float

    @property
    def ramp(self) -> float:
        """Duration of the acceleration [s]; short paths never reach v."""
        return min(self.v / self.a, float(np.sqrt(self.length / self.a)))

    @property
    def duration(self) -> float:
        """Time from start to end [s]."""
        return self.ramp + self.length / (self.a * self.ramp) if self.length > 0 else 0.0

    def at(self, t: float) -> float:
        """Distance travelled after t [s]."""
        if t >= self.duration:
            return self.length
        left = self.duration - t
        if t < self.ramp:
            return 0.5 * self.a * t * t
        if left < self.ramp:
            return self.length - 0.5 * self.a * left * left
        return self.a * self.ramp * (t - 0.5 * self.ramp)


@dataclass(eq=False)
class ForceMode:
    """Compliance that is active: axes of the task frame, wrench to exert [N, Nm], speed or deviation limits."""

    T_base_task: Transform
    selection: Vector
    wrench: Vector
    limits: Vector


class MotionGenerator:
    """Commanded state of the arm. One motion generator drives it; without one it brakes to a standstill."""

    def __init__(self, plant: Plant, dt: float, joint_speed: ArrayLike) -> None:
        """Start at rest at the plant's joint angles; joint_speed (6,) [rad/s] are the arm's limits."""
        self.plant, self.dt = plant, dt
        self.joint_speed = np.asarray(joint_speed, dtype=np.float64)
        self.q: Vector = np.array(plant.q)
        self.qd: Vector = np.zeros(6)
        self.T_flange_tcp: Transform = np.eye(4)
        self.rate = 1.0  # speed slider, 0 .. 1
        self.refused = ""  # why the last step was not taken: the cause of a protective stop
        self.force_mode: ForceMode | None = None
        self.wrench_bias: Vector = np.zeros(6)
        self._commanded = False
        self._interruptions = 0

    # --- state ------------------------------------------------------------------------------------------
    @property
    def moving(self) -> bool:
        """Whether the commanded speed is not zero."""
        return bool(np.abs(self.qd).max() > _STILL)

    def tcp(self, q: Vector) -> Transform:
        """T_base_tcp at joint angles q (6,) [rad]."""
        return self.plant.forward(q) @ self.T_flange_tcp

    def twist(self, q: Vector, qd: Vector) -> Vector:
        """TCP velocity (6,) in base axes, linear [m/s] then angular [rad/s], by a central difference."""
        h = 1e-5
        T_a, T_b = self.tcp(q - h * qd), self.tcp(q + h * qd)
        turn = Rotation.from_matrix(T_b[:3, :3] @ T_a[:3, :3].T).as_rotvec()
        return np.concatenate([T_b[:3, 3] - T_a[:3, 3], turn]) / (2 * h)

    def solve(self, T_base_tcp: Transform, q_near: Vector) -> Vector | None:
        """Joint angles (6,) [rad] for a TCP pose, on the branch of q_near; None out of reach."""
        return self.plant.inverse(T_base_tcp @ invert(self.T_flange_tcp), q_near)

    def wrench(self) -> Vector:
        """External wrench at the TCP since the last zeroing, base axes, (6,) [N, Nm]."""
        return self.plant.wrench(self.T_flange_tcp) - self.wrench_bias

    def felt(self, payload: float) -> Vector:
        """The wrench (6,) [N, Nm] as a controller tells it that takes off the weight of a payload [kg]."""
        wrench, hanging = self.wrench(), getattr(self.plant, "tool_mass", None)
        if hanging is not None:  # a plant that does not know what hangs there hangs what the payload says
            wrench = wrench + np.array([0.0, 0.0, (payload - hanging) * GRAVITY, 0.0, 0.0, 0.0])
        return wrench

    # --- one cycle --------------------------------------------------------------------------------------
    def command(self, q: Vector | None, at_rest: bool = False) -> bool:
        """Take one step to q (6,) [rad] within this cycle; False, with the reason in `refused`, if it cannot."""
        self._commanded = True
        if q is None or not np.isfinite(q).all():
            self.refused = "the pose cannot be reached"
        elif np.abs(q).max() > JOINT_RANGE:
            self.refused = f"joint {int(np.abs(q).argmax())} would leave its range"
        elif (np.abs(q - self.q) > self.joint_speed * self.dt * 1.001 + 1e-9).any():
            joint = int((np.abs(q - self.q) / self.joint_speed).argmax())
            self.refused = f"joint {joint} would exceed its speed (near a singularity?)"
        else:
            self.qd = np.zeros(6) if at_rest else (q - self.q) / self.dt
            self.q = np.array(q)
            return True
        self._commanded = False
        return False

    def interrupt(self) -> None:
        """Suspend whatever drives the arm: it brakes, and plans anew from where it stands."""
        self._interruptions += 1

    def finish_cycle(self) -> None:
        """Let the plant follow for one period; brake, or comply, when nothing commanded the arm."""
        if not self._commanded:
            if self.force_mode is not None and not self.refused:
                self._comply(self.force_mode)
            if not self._commanded:
                self._brake(BRAKE)
        self._commanded = False
        self.plant.step(self.dt, self.q, self.qd)

    def _brake(self, a: float) -> None:
        fastest = float(np.abs(self.qd).max())
        self.qd = self.qd * (max(0.0, fastest - a * self.dt) / fastest) if fastest > _STILL else np.zeros(6)
        self.q = np.clip(self.q + self.qd * self.dt, -JOINT_RANGE, JOINT_RANGE)

    def _comply(self, mode: ForceMode) -> None:
        turn = np.kron(np.eye(2), mode.T_base_task[:3, :3])  # both halves of a wrench rotate alike
        speed = mode.selection * _COMPLIANCE * (mode.wrench + turn.T @ self.wrench())
        self._step_twist(turn @ np.clip(speed, -mode.limits, mode.limits))

    def _step_twist(self, twist: Vector) -> bool:
        T = self.tcp(self.q)
        turn = Rotation.from_rotvec(twist[3:] * self.dt).as_matrix()
        T_next = transform(turn @ T[:3, :3], T[:3, 3] + twist[:3] * self.dt)
        return self.command(self.solve(T_next, self.q), at_rest=not twist.any())

    # --- moves ------------------------------------------------------------------------------------------
    def move_joint(self, q: ArrayLike, a: float, v: float) -> Steps:
        """movej: all joints together, the one with the farthest way at speed v [rad/s], acceleration a."""
        goal = np.asarray(q, dtype=np.float64)

        def plan() -> tuple[float, float, Callable[[float], Vector | None]]:
            start, way = self.q, goal - self.q
            length = float(np.abs(way).max())
            # A joint that is slower than the leading axis holds all back, as a controller limits it.
            share = np.abs(way) / max(length, 1e-12)
            limit = float((self.joint_speed / np.maximum(share, 1e-9)).min())
            return length, min(v, limit), lambda s: start + way * (s / length)

        yield from self._follow(plan, a)

    def move_linear(self, T_goal: Transform, a: float, v: float) -> Steps:
        """movel: the TCP on a straight line at v [m/s], turning evenly; solved anew in each cycle."""

        def plan() -> tuple[float, float, Callable[[float], Vector | None]]:
            T = self.tcp(self.q)
            way = T_goal[:3, 3] - T[:3, 3]
            turn = Rotation.from_matrix(T_goal[:3, :3] @ T[:3, :3].T).as_rotvec()
            length = max(float(np.linalg.norm(way)), METRES_PER_RADIAN * float(np.linalg.norm(turn)))

            def solve(s: float) -> Vector | None:
                part = s / length
                R = Rotation.from_rotvec(turn * part).as_matrix() @ T[:3, :3]
                return self.solve(transform(R, T[:3, 3] + way * part), self.q)

            return length, v, solve

        yield from self._follow(plan, a)

    def _follow(self, plan: Callable[[], tuple[float, float, Callable[[float], Vector | None]]], a: float) -> Steps:
        """Follow a planned path from rest to rest; plan again after every interruption."""
        while True:
            yield from self.stop_joint(BRAKE)
            length, v, q_at = plan()
            if length < 1e-9:
                return
            profile, t, before = Trapezoid(length, v, a), 0.0, self._interruptions
            while before == self._interruptions:
                t += self.dt * self.rate
                done = t >= profile.duration
                taken = self.command(q_at(profile.at(t)), at_rest=done)
                yield
                if taken and done:
                    return

    def stop_joint(self, a: float) -> Steps:
        """stopj: all joint speeds to zero together at a [rad/s^2]."""
        while self.moving:
            self._commanded = True
            self._brake(max(a, 1e-3))
            yield

    def stop_linear(self, a: float) -> Steps:
        """stopl: the TCP's velocity to zero at a [m/s^2], on its straight line where the arm can."""
        twist = self.twist(self.q, self.qd)
        while self.moving:
            fastest = max(float(np.linalg.norm(twist[:3])), METRES_PER_RADIAN * float(np.linalg.norm(twist[3:])))
            twist = twist * max(0.0, 1.0 - a * self.dt / max(fastest, 1e-9))
            if not self._step_twist(twist):
                self.refused = ""  # A stop is never refused: leave the line instead.
                yield from self.stop_joint(BRAKE)
                return
            yield

    def speed_joint(self, qd: ArrayLike, a: float, duration: float) -> Steps:
        """speedj: accelerate to qd [rad/s]; returns after `duration` [s], or once reached when that is 0."""
        goal = np.asarray(qd, dtype=np.float64)
        yield from self._speed(
            goal, lambda: self.qd, self._step_joint, lambda change: float(np.abs(change).max()) / a, duration
        )

    def speed_linear(self, xd: ArrayLike, a: float, duration: float, a_turn: float | None = None) -> Steps:
        """speedl: accelerate the TCP to xd, base axes [m/s, rad/s]; returns as `speed_joint` does."""
        turning = a if a_turn is None else a_turn

        def time_for(change: Vector) -> float:
            return max(float(np.linalg.norm(change[:3])) / a, float(np.linalg.norm(change[3:])) / turning)

        goal = np.asarray(xd, dtype=np.float64)
        yield from self._speed(goal, lambda: self.twist(self.q, self.qd), self._step_twist, time_for, duration)

    def _speed(
        self,
        goal: Vector,
        now: Callable[[], Vector],
        step: Callable[[Vector], bool],
        time_for: Callable[[Vector], float],
        duration: float,
    ) -> Steps:
        """Bring a velocity to `goal`; `time_for` is how long a change of it takes [s]."""
        speed, t, before = now(), 0.0, self._interruptions
        while True:
            if before != self._interruptions:
                speed, before = now(), self._interruptions
            missing = goal * self.rate - speed
            share = time_for(missing) / self.dt
            speed = speed + missing / max(share, 1.0)
            t += self.dt
            taken = step(speed)
            yield
            if taken and t >= duration - 1e-9 and (duration > 0 or share <= 1.0):
                return

    def _step_joint(self, qd: Vector) -> bool:
        return self.command(self.q + qd * self.dt, at_rest=not qd.any())

    def servo(self, q: ArrayLike, duration: float, lookahead: float) -> Steps:
        """servoj: track q with a lag of `lookahead` [s] for `duration` [s], within the joint speeds."""
        goal, t = np.asarray(q, dtype=np.float64), 0.0
        while True:
            qd = (goal - self.q) / max(lookahead, self.dt)
            qd /= max(1.0, float((np.abs(qd) / self.joint_speed).max()))
            # Ours: 15 rad/s^2 bounds the jerk of a target that jumps.
            change = qd - self.qd
            qd = self.qd + change / max(1.0, float(np.abs(change).max()) / (15.0 * self.dt))
            t += self.dt
            self._step_joint(qd)
            yield
            if t >= duration - 1e-9:
                return
