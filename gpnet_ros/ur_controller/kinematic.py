"""A plant without physics: the arm follows perfectly, contacts are a virtual spring plane."""

from __future__ import annotations

import time

import numpy as np

from gpnet_ros.kinematics import UR10, Dh, UrKinematics
from gpnet_ros.pose import Transform
from gpnet_ros.ur_controller.plant import (
    AT_TARGET,
    GRAVITY,
    GRIPPER_CLOSED,
    MOVING,
    STOPPED_CLOSING,
    Vector,
)

#: Ours: a start pose with the elbow up and the tool straight down in front of the base.
HOME = np.deg2rad([180.0, -90.0, 100.0, -100.0, -90.0, 0.0])
# Robotiq 2F-85 manual: 20 to 150 mm/s over a stroke of 85 mm, which is 230 units.
_SLOWEST, _FASTEST = 20 / 85 * 230, 150 / 85 * 230  # [units/s]
_STEP = 0.05  # ours: a step of inverse kinematics below this [rad] stays on its branch


class KinematicPlant:
    """Perfect follower for tests and for clients that need no objects.

    Attributes:
        contact_height: z of a horizontal spring plane in base that the TCP meets [m]; None for no plane.
        stiffness: of that plane [N/m].
        tool_mass: what hangs at the flange [kg]; a payload that says otherwise shows as force. None: whatever it says.
        held_mass: of the object that closing fingers meet [kg].
        object_position: finger position at which closing fingers meet an object; None for an empty hand.
        outputs: digital outputs as last set.
        digital_inputs: as the tool would drive them.
    """

    def __init__(self, dh: Dh = UR10, q: Vector = HOME, contact_height: float | None = None) -> None:
        """An arm at rest at q; `dh` holds its true kinematics, calibration offsets included."""
        self.kinematics = UrKinematics(dh)
        self.contact_height, self.stiffness = contact_height, 20_000.0
        self.object_position: int | None = None
        self.tool_mass: float | None = None
        self.held_mass = 0.0
        self.outputs = self.digital_inputs = 0
        self._q, self._qd, self._elapsed = np.array(q, dtype=np.float64), np.zeros(6), 0.0
        self._started = time.time()
        self._finger, self._finger_goal, self._finger_speed = 0.0, 0.0, _FASTEST
        self._object = AT_TARGET

    @property
    def time(self) -> float:
        """Simulated time [s]; it starts at the wall clock."""
        return self._started + self._elapsed  # summed apart: steps are small beside the wall clock

    @property
    def q(self) -> Vector:
        """Joint angles, (6,) [rad]."""
        return self._q

    @property
    def qd(self) -> Vector:
        """Joint velocities, (6,) [rad/s]."""
        return self._qd

    def step(self, dt: float, q_target: Vector, qd_target: Vector) -> None:
        """Advance by dt [s]: the arm is at once at the commanded angles (6,) [rad]; the fingers move on."""
        self._q, self._qd = np.array(q_target), np.array(qd_target)
        self._elapsed += dt
        self._step_fingers(dt)

    def forward(self, q: Vector) -> Transform:
        """T_base_flange at joint angles q (6,) [rad]."""
        return self.kinematics.forward(q)

    def inverse(self, T_base_flange: Transform, q_near: Vector) -> Vector | None:
        """Joint angles (6,) [rad] near q_near that reach a pose, or None."""
        if not self.kinematics.dh.is_nominal:  # Along a path Newton's method from the last angles is cheapest.
            q = self.kinematics.refine(T_base_flange, q_near)
            if q is not None and np.abs(q - q_near).max() < _STEP:
                return q
        return self.kinematics.inverse_near(T_base_flange, q_near)

    def wrench(self, T_flange_tcp: Transform) -> Vector:
        """Force and torque (6,) [N, Nm] at the TCP: the plane pushes as deep as the TCP is in it, a held mass pulls."""
        force = np.zeros(6)
        if self.contact_height is not None:
            z = float((self.forward(self._q) @ T_flange_tcp)[2, 3])
            force[2] = self.stiffness * max(0.0, self.contact_height - z)
        if self._object == STOPPED_CLOSING:
            force[2] -= self.held_mass * GRAVITY
        return force

    def set_outputs(self, bits: int) -> None:
        """Remember the digital outputs."""
        self.outputs = bits

    def set_gripper(self, position: int, speed: int, force: int) -> None:
        """Send the fingers to a position 0 .. 255 with a speed 0 .. 255; force is not simulated."""
        self._finger_goal = float(position)
        self._finger_speed = _SLOWEST + (_FASTEST - _SLOWEST) * speed / 255
        if self._finger_goal != self._finger:
            self._object = MOVING

    @property
    def gripper_position(self) -> int:
        """Finger position, 0 .. 228."""
        return round(self._finger)

    @property
    def gripper_object(self) -> int:
        """Status of the fingers: MOVING, STOPPED_CLOSING or AT_TARGET."""
        return self._object

    def _step_fingers(self, dt: float) -> None:
        if self._object != MOVING:
            return
        way = self._finger_goal - self._finger
        closing = way > 0
        reach = self._finger + float(np.clip(way, -self._finger_speed * dt, self._finger_speed * dt))
        held = self.object_position
        end = float(min(held, GRIPPER_CLOSED)) if held is not None else float(GRIPPER_CLOSED)
        if closing and held is not None and self._finger <= end <= reach:
            self._finger, self._object = end, STOPPED_CLOSING
        elif reach >= GRIPPER_CLOSED and closing:
            self._finger, self._object = float(GRIPPER_CLOSED), AT_TARGET
        else:
            self._finger = reach
            self._object = AT_TARGET if reach == self._finger_goal else MOVING
