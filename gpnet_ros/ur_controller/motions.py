"""The URScript functions that solve kinematics and move the arm."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpnet_ros.pose import from_rotvec, to_rotvec
from gpnet_ros.ur_controller.arm import JOINT_RANGE, ForceMode, Steps
from gpnet_ros.ur_controller.program import Program
from gpnet_ros.ur_controller.robot import Robot
from gpnet_ros.ur_controller.tokens import ScriptError
from gpnet_ros.ur_controller.values import Pose, Values, floats, six_numbers


class Motions(Values):
    """Every method without an underscore is a URScript function of that name; see the manual for their units."""

    def __init__(self, robot: Robot, program: Program) -> None:
        """Bind the functions to one program on one robot."""
        self._robot, self._program = robot, program

    # --- kinematics -------------------------------------------------------------------------------------
    def get_forward_kin(self, q: Any = None, tcp: Any = None) -> Pose:
        joints = self._robot.plant.q if q is None else np.array(q, dtype=float)
        T = self._robot.arm.tcp(joints) if tcp is None else self._robot.plant.forward(joints) @ from_rotvec(tcp)
        return Pose(to_rotvec(T))

    def get_inverse_kin(self, x: Any, qnear: Any = None, *_: Any, **__: Any) -> list[float]:
        q = self._inverse(x, qnear)
        if q is None:
            raise ScriptError(f"get_inverse_kin has no solution for {x}; choose a pose within reach.")
        return q

    def get_inverse_kin_has_solution(self, x: Any, qnear: Any = None, *_: Any, **__: Any) -> bool:
        return self._inverse(x, qnear) is not None

    def is_within_safety_limits(self, target: Any) -> bool:
        q = self._inverse(target, None) if isinstance(target, Pose) else target
        return q is not None and bool(np.abs(q).max() <= JOINT_RANGE)

    def _inverse(self, x: Any, qnear: Any) -> list[float] | None:
        near = self._robot.plant.q if qnear is None else np.array(qnear, dtype=float)
        q = self._robot.arm.solve(from_rotvec(x), near)
        return None if q is None else floats(q)

    # --- motion -----------------------------------------------------------------------------------------
    def _moving(self, steps: Steps) -> Steps:
        while True:
            # Claimed before the step: of two threads that move in one cycle, the second one is at fault.
            self._program.claim_motion()
            try:
                next(steps)
            except StopIteration:
                self._release()
                return
            yield

    def _release(self) -> None:
        if self._program.mover is self._program.current:
            self._program.mover = None

    def movej(self, q: Any, a: float = 1.4, v: float = 1.05, t: float = 0.0, r: float = 0.0) -> Steps:
        joints = self.get_inverse_kin(q) if isinstance(q, Pose) else q
        if t > 0:
            a, v = self._timed(float(np.abs(np.subtract(joints, self._robot.arm.q)).max()), t)
        yield from self._moving(self._robot.arm.move_joint(joints, a, v))

    def movel(self, pose: Any, a: float = 1.2, v: float = 0.25, t: float = 0.0, r: float = 0.0) -> Steps:
        T = from_rotvec(pose) if isinstance(pose, Pose) else self._robot.arm.tcp(np.array(pose, dtype=float))
        if t > 0:
            a, v = self._timed(float(np.linalg.norm(T[:3, 3] - self._robot.arm.tcp(self._robot.arm.q)[:3, 3])), t)
        yield from self._moving(self._robot.arm.move_linear(T, a, v))

    movep = movel

    @staticmethod
    def _timed(length: float, t: float) -> tuple[float, float]:
        """Acceleration and speed that cover the length in t, a quarter of it each for the ramps."""
        v = max(length, 1e-6) / (0.75 * t)
        return v / (0.25 * t), v

    def movec(self, via: Any, to: Any, a: float = 1.2, v: float = 0.25, r: float = 0.0, mode: float = 0) -> Steps:
        raise ScriptError("movec is not interpreted by this simulation; use movel through the points.")

    def stopj(self, a: float = 2.0) -> Steps:
        yield from self._moving(self._robot.arm.stop_joint(float(a)))

    def stopl(self, a: float = 2.0, aRot: float = 0.0) -> Steps:
        yield from self._moving(self._robot.arm.stop_linear(float(a)))

    def speedj(self, qd: Any, a: float = 1.4, t: float = 0.0) -> Steps:
        yield from self._moving(self._robot.arm.speed_joint(qd, a, t))

    def speedl(self, xd: Any, a: float = 1.2, t: float = 0.0, aRot: float | None = None) -> Steps:
        yield from self._moving(self._robot.arm.speed_linear(xd, a, t, aRot))

    def servoj(
        self,
        q: Any,
        a: float = 0,
        v: float = 0,
        t: float = 0.008,
        lookahead_time: float = 0.1,
        gain: float = 300,
    ) -> Steps:
        yield from self._moving(self._robot.arm.servo(q, t, lookahead_time))

    def servoc(self, pose: Any, a: float = 1.2, v: float = 0.25, r: float = 0.0) -> Steps:
        yield from self.movel(pose, a, v)

    def force_mode(self, frame: Any, selection: Any, wrench: Any, kind: float, limits: Any) -> None:
        vectors = [np.array(six_numbers(values)) for values in (selection, wrench, limits)]
        self._robot.arm.force_mode = ForceMode(from_rotvec(six_numbers(frame)), *vectors)

    def end_force_mode(self) -> None:
        self._robot.arm.force_mode = None
