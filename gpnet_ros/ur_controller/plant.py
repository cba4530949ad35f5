"""What stands behind the controller: an arm with a tool, as physics or as pure kinematics."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.pose import Transform

Vector = NDArray[np.float64]  # (6,)

GRAVITY = 9.81  # [m/s^2]

GRIPPER_CLOSED = 228  # position at which the empty 2F-85 stops; 0 is open (Robotiq 2F manual, section 4.4: 0..255)
MOVING, STOPPED_OPENING, STOPPED_CLOSING, AT_TARGET = 0, 1, 2, 3  # gOBJ of the Robotiq 2F register map


class Plant(Protocol):
    """The arm that the controller moves; every method is called from the controller's one loop.

    Frames: `base` is the controller's base, `flange` the tool flange of the TRUE arm. A plant knows its
    own calibration, so `forward` and `inverse` are exact for it, as a real controller's are.
    """

    @property
    def time(self) -> float:
        """Simulated time [s]; `step(dt, ...)` advances it by dt."""

    @property
    def q(self) -> Vector:
        """Actual joint angles, (6,) [rad]."""

    @property
    def qd(self) -> Vector:
        """Actual joint velocities, (6,) [rad/s]."""

    def step(self, dt: float, q_target: Vector, qd_target: Vector) -> None:
        """Advance by one control period [s] towards the commanded angles [rad] and velocities [rad/s]."""

    def forward(self, q: Vector) -> Transform:
        """T_base_flange of the true arm at joint angles q (6,) [rad]."""

    def inverse(self, T_base_flange: Transform, q_near: Vector) -> Vector | None:
        """Joint angles (6,) [rad] of the true arm near q_near that reach the pose; None when there are none."""

    def wrench(self, T_flange_tcp: Transform) -> Vector:
        """External force and torque ON the tool at the TCP, base axes, (6,) [N, Nm], without gravity."""

    def set_outputs(self, bits: int) -> None:
        """Take new digital outputs, one bit each: 0-7 standard, 8-15 configurable, 16-17 tool."""

    @property
    def digital_inputs(self) -> int:
        """Digital inputs that the tool or the cell drives, one bit each, numbered as the outputs."""

    def set_gripper(self, position: int, speed: int, force: int) -> None:
        """Move the fingers to position 0 (open) .. 255 (closed) with speed and force 0 .. 255."""

    @property
    def gripper_position(self) -> int:
        """Actual finger position 0 .. 255."""

    @property
    def gripper_object(self) -> int:
        """Status of the fingers: MOVING, STOPPED_OPENING, STOPPED_CLOSING (an object is held) or AT_TARGET."""
