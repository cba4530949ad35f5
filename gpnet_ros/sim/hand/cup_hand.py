"""The suction cup alone, carried by the invisible hand; and the hand that carries whatever tool a cell has."""

from __future__ import annotations

import mujoco
import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.settings import CupShape
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.hand.cup import MujocoCup, add_cup
from gpnet_ros.sim.hand.hand import Hand
from gpnet_ros.sim.hand.seal import VacuumSettings
from gpnet_ros.sim.heap.heap import Heap

_VACUUM_TIME = 0.35  # from the valve to the lift [s]


class CupHand(Hand):
    """A heap and a suction cup that moves exactly as told.

    `pick` takes the pose of the lip when the vacuum is switched on, and any width: a cup has none. Its outcome
    "missed" is a lip that did not seal, "slipped" an object that tore off.
    """

    #: As slow as the arm's straight lines are planned, 0.8 m/s^2 and 0.3 m/s: what is jerked tears off.
    LIFT_TIME = 1.0

    def __init__(self, heap: Heap, shape: CupShape, settings: VacuumSettings | None = None) -> None:
        """Build the world of a heap at rest, with a cup of a shape."""
        self._shape, self._settings = shape, settings or VacuumSettings()
        self.force_limit = shape.descent_force
        super().__init__(heap)

    def _add_tool(self, spec: mujoco.MjSpec, carrier: mujoco.MjsBody) -> None:
        carrier.sleep = mujoco.mjtSleepPolicy.mjSLEEP_NEVER  # no drive keeps a cup awake, and what sleeps feels nothing
        add_cup(spec, carrier, np.eye(4), self._shape, self._names, self._settings)

    def _driven(self, objects: list[int]) -> MujocoCup:
        return MujocoCup(self._model, self._data, objects, self._shape, self._settings)

    def _close(self) -> None:
        """Switch the vacuum on and wait for it."""
        self._tool.close()
        self._wait(_VACUUM_TIME)

    def _holds_nothing(self) -> bool:
        return not self._tool.held()

    def _collided(self, peak: float, left: float) -> bool:
        """Contact ends a cup's descent, and is what it is for, near enough to its end."""
        return peak > self.force_limit and left > self._shape.contact_from

    def _step(self, count: int = 1) -> None:
        for _ in range(count):
            mujoco.mj_step(self._model, self._data)
            self._tool.watch(c.TIMESTEP_GRASP)


def hand_of(cell: Cell, heap: Heap) -> Hand:
    """A heap and the tool of a cell, carried by the invisible hand; what can be fetched has not fallen."""
    if cell.tool == "suction":
        return CupHand(heap, cell.cup)
    radius = max(c.WORKSPACE_RADIUS, cell.workspace.side / 2 + cell.fetch_border)
    return Hand(heap, radius, cell.motion.descent_contact, cell.motion.grip_speed)
