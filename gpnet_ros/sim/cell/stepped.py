"""The simulated cell in one process, by the caller's own clock: time passes only while somebody lets it pass.

The physics, the arm's motion generator and the truth are those of `gpnet sim`; there is no controller program, no
socket and no wall clock, so that a round is the same on every machine, and as fast as its processor.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from gpnet_ros.cell import Cell
from gpnet_ros.pose import Transform
from gpnet_ros.sim.cell.arm import calibrated_dh
from gpnet_ros.sim.cell.plant import CellPlant
from gpnet_ros.sim.cell.process import SimSettings
from gpnet_ros.sim.cell.truth import Truth
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.ur_controller.arm import MotionGenerator, Steps
from gpnet_ros.ur_controller.model import find_model
from gpnet_ros.ur_controller.plant import Vector

#: Force that an unlock allows, in parts of that which is there then.
_UNLOCKED = 1.2
#: Model of the controller by the cell file's arm.
_MODEL = {"ur10": "ur10-cb3", "ur10e": "ur10e"}


class SteppedCell:
    """Arm, tool and heap; `step` is the only thing that lets time pass.

    Attributes:
        plant: the physics.
        truth: what really happened; for scoring only.
        arm: what commands the joints.
        period: of the controller [s].
        label: what the controller calls itself.
        stop: why the arm stands in a protective stop; empty when it does not.
    """

    def __init__(self, heap: Heap, cell: Cell, settings: SimSettings | None = None) -> None:
        """The arm rests at home over the heap, its tool open; `settings` as those of `gpnet sim`."""
        s = settings or SimSettings()
        model = find_model(_MODEL[cell.arm])
        self.plant = CellPlant(heap, cell, calibrated_dh(s.calibration, model.dh), start=0.0)
        self.truth = Truth(self.plant)
        self.period, self.label = 1.0 / model.frequency, f"{model.label} {'.'.join(map(str, model.version[:3]))}"
        self.arm = MotionGenerator(self.plant, self.period, model.joint_speed)
        self.arm.T_flange_tcp = cell.T_flange_tcp
        self._force_limit, self._steps, self.stop = s.force_limit, _none(), ""
        self._allowed = s.force_limit  # more after an unlock, until the force has gone
        self.moving = False

    @property
    def time(self) -> float:
        """Simulated time [s], from 0."""
        return self.plant.time

    def T_base_tcp(self) -> Transform:
        """Pose (4, 4) [m] of the TCP now, by the arm's own calibration."""
        return self.arm.tcp(self.plant.q)

    def wrench(self) -> Vector:
        """Force and torque (6,) [N, Nm] on the tool at the TCP, base axes."""
        return self.arm.wrench()

    def order(self, kind: Literal["joint", "linear"], target: ArrayLike, speed: float, acceleration: float) -> None:
        """Begin a move as movej and movel do; target is joints (6,) [rad], or a pose of the TCP (4, 4) [m]."""
        goal = np.asarray(target, dtype=np.float64)
        move = self.arm.move_joint if kind == "joint" else self.arm.move_linear
        self._steps, self.moving = move(goal, acceleration, speed), True

    def brake(self, deceleration: float) -> None:
        """Begin to stop as stopl does [m/s^2]."""
        self._steps, self.moving = self.arm.stop_linear(deceleration), True

    def step(self) -> None:
        """One period of the controller; too much force, or a way that the arm cannot go, is a protective stop."""
        if self.moving:
            try:
                next(self._steps)
            except StopIteration:
                self.moving = False
        self.arm.finish_cycle()
        force = float(np.linalg.norm(self.wrench()[:3]))
        if self.arm.refused or force > self._allowed:
            self.stop = self.arm.refused or f"contact force {force:.0f} N exceeds {self._allowed:.0f} N"
            self.arm.refused, self.moving = "", False
        elif force < self._force_limit:
            self._allowed = self._force_limit

    def unlock(self) -> None:
        """Leave a protective stop; the force of it may stay until the arm has moved out of it."""
        self.stop = ""
        self._allowed = max(self._force_limit, _UNLOCKED * float(np.linalg.norm(self.wrench()[:3])))

    def let_pass(self, seconds: float) -> None:
        """Let so much time pass [s]."""
        end = self.time + seconds - 1e-9
        while self.time < end:
            self.step()


def _none() -> Steps:
    yield from ()
