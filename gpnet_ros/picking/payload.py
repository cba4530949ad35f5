"""What hangs at the flange, as the controller must know it: the gripper alone, or with what it holds.

A controller that believes a wrong mass stops for it, or drifts. The mass of a held object is an estimate of the
cell's; where the arm has a force sensor (e-Series) it is weighed once it has been lifted.
"""

from __future__ import annotations

import re
import time

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import Arm
from gpnet_ros.settings import CupShape, GripperGeometry

GRAVITY = 9.81  # [m/s^2]
#: Forces are averaged over this long [s] of the controller's time, at rest, and waited for no longer than this [s].
WEIGH_TIME, WEIGH_PATIENCE = 0.15, 1.0
#: Forces that vary more than this [N] weigh nothing, and neither does a mass below this [kg].
FORCE_SPREAD, MASS_MIN = 2.0, 0.005


def load(tool: GripperGeometry | CupShape, held_mass: float) -> tuple[float, tuple[float, float, float]]:
    """Mass [kg] and centre of gravity in the flange (3,) [m] of a tool that holds a mass [kg] at its TCP."""
    mass = tool.mass + held_mass
    tips = np.array([0.0, 0.0, tool.tcp_offset])
    if mass <= 0.0:
        return 0.0, tool.centre_of_gravity
    x, y, z = (tool.mass * np.array(tool.centre_of_gravity) + held_mass * tips) / mass
    return mass, (float(x), float(y), float(z))


class Payload:
    """Tells the arm what hangs at its flange whenever that changes."""

    def __init__(self, arm: Arm, cell: Cell) -> None:
        """Nothing is sent."""
        self._arm, self._tool = arm, cell.hand
        self._held = 0.0  # mass of what is held, as told [kg]
        self._rested: float | None = None

    def tell(self, holding: bool) -> None:
        """Send the payload with or without an object; what was weighed counts until it is let go.

        Raises:
            DeviceError: the arm cannot be told.
        """
        self._send((self._held or self._tool.held_mass) if holding else 0.0)

    def before_descent(self) -> None:
        """Note the force with empty jaws, where the arm can weigh."""
        self._rested = self._vertical_force()

    def after_lift(self) -> None:
        """Weigh what was taken, and send it where that is plausible.

        Raises:
            DeviceError: the arm cannot be told.
        """
        rested, self._rested = self._rested, None
        lifted = self._vertical_force() if rested is not None else None
        if rested is None or lifted is None:
            return
        # The controller has taken off the weight that it was told: the force shows by how much that was wrong.
        mass = self._held - (lifted - rested) / GRAVITY
        if MASS_MIN <= mass <= self._tool.held_mass_max:
            self._send(mass)

    def _send(self, held: float) -> None:
        self._arm.set_payload(*load(self._tool, held))
        self._held = held

    def _vertical_force(self) -> float | None:
        """Mean vertical force on the tool at rest [N]; None where the arm has no force sensor or does not rest."""
        if not _has_force_sensor(self._arm.state().model):
            return None
        forces: dict[float, float] = {}  # by the controller's time
        end = time.monotonic() + WEIGH_PATIENCE
        while not forces or max(forces) - min(forces) < WEIGH_TIME:
            state = self._arm.state()
            if not state.is_still:
                forces.clear()
            else:
                forces[state.stamp] = float(state.tcp_force[2])
            if time.monotonic() > end:
                return None
            time.sleep(0.01)
        values = np.array(list(forces.values()))
        return float(values.mean()) if values.std() <= FORCE_SPREAD else None


def _has_force_sensor(model: str) -> bool:
    """Whether a controller such as "UR10 5.12.2" is an e-Series; a CB3 guesses forces from currents, by tens of N."""
    version = re.search(r" (\d+)\.", model)
    return version is not None and int(version.group(1)) >= 5
