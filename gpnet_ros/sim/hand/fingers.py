"""How a Robotiq 2F moves its fingers: positions, speed and force in its own units, and object detection.

Robotiq, "2F-85 & 2F-140 Instruction Manual", section 4 (registers) and 6 (specifications).
"""

from __future__ import annotations

from gpnet_ros.sim import constants as c
from gpnet_ros.sim.hand.gripper import MujocoGripper
from gpnet_ros.ur_controller.plant import (
    AT_TARGET,
    GRIPPER_CLOSED,
    MOVING,
    STOPPED_CLOSING,
    STOPPED_OPENING,
)

#: Fingers that are slower than this [m/s] for this long [s] although they are not there yet are blocked.
_STALL_SPEED, _STALL_TIME = 0.004, 0.06
#: This near to its target an opening has arrived [m]: two steps of the gripper's position.
_ARRIVED = 0.0008
#: Reference beyond the pads that makes the force limit, not the spring, set the grip [m].
_SQUEEZE = -0.30


class Fingers:
    """Position control of the two coupled fingers with limits of speed and force."""

    def __init__(self, gripper: MujocoGripper) -> None:
        """Fingers at rest where they are."""
        self._gripper = gripper
        self._target = self._reference = self.opening
        self._speed, self._force = c.GRIPPER_SPEED_RANGE[1], c.GRIPPER_FORCE
        self._stalled, self.object_status = 0.0, AT_TARGET

    @property
    def opening(self) -> float:
        """Distance between the pads [m]."""
        return self._gripper.opening

    @property
    def position(self) -> int:
        """Position of the fingers in the gripper's units, 0 open .. 228 closed."""
        return round(GRIPPER_CLOSED * (1.0 - min(max(self.opening / c.GRIPPER_STROKE, 0.0), 1.0)))

    def go(self, position: int, speed: int, force: int) -> None:
        """Move to `position` with `speed` and `force`, each 0 .. 255."""
        self._target = c.GRIPPER_STROKE * (1.0 - min(position / GRIPPER_CLOSED, 1.0))
        self._reference = self.opening
        self._speed = _between(c.GRIPPER_SPEED_RANGE, speed)
        self._force = _between(c.GRIPPER_FORCE_RANGE, force)
        self._stalled, self.object_status = 0.0, MOVING
        self._gripper.limit_force(self._force)

    def close(self, speed: float, force: float) -> None:
        """Begin to close at a speed [m/s] with a force [N], as a driver tells the gripper to."""
        self.go(GRIPPER_CLOSED, _units(c.GRIPPER_SPEED_RANGE, speed), _units(c.GRIPPER_FORCE_RANGE, force))

    @property
    def holds(self) -> bool:
        """Whether the gripper says that something is between its fingers: they stopped before they were closed."""
        return self.object_status == STOPPED_CLOSING

    def attach(self, gripper: MujocoGripper) -> None:
        """Go on with the fingers of another world, which stand where these stood."""
        self._gripper = gripper
        self._gripper.limit_force(self._force)

    def drive(self, dt: float) -> None:
        """One time step [s]: move the reference, apply it to the drives, watch for a blockage."""
        way = self._target - self._reference
        if self.object_status == STOPPED_CLOSING:
            self._reference = _SQUEEZE
        else:
            self._reference += min(max(way, -self._speed * dt), self._speed * dt)
        self._gripper.drive_to(self._reference)
        self._watch(dt)

    def _watch(self, dt: float) -> None:
        left = self._target - self.opening
        lost = self.object_status == STOPPED_CLOSING and left > 0
        if abs(left) < _ARRIVED or lost:
            if self.object_status != AT_TARGET:
                self._reference = self._target
            self.object_status, self._stalled = AT_TARGET, 0.0
            return
        slow = abs(self._gripper.speed) < _STALL_SPEED
        # The drives need a moment to start; only then has the reference run ahead of the fingers.
        pushed = abs(self._reference - self.opening) > _ARRIVED
        self._stalled = self._stalled + dt if slow and pushed else 0.0
        if self._stalled > _STALL_TIME and self.object_status == MOVING:
            self.object_status = STOPPED_CLOSING if left < 0 else STOPPED_OPENING


def _between(limits: tuple[float, float], share: int) -> float:
    return limits[0] + (limits[1] - limits[0]) * min(max(share, 0), 255) / 255


def _units(limits: tuple[float, float], value: float) -> int:
    return round(255 * min(max((value - limits[0]) / (limits[1] - limits[0]), 0.0), 1.0))
