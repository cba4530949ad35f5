"""What every simulated tool at the flange offers, and what it feels of the world."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray


class MujocoTool(ABC):
    """A tool of a compiled model: jaw or cup, driven by the opening that it is told; 0 holds on, the stroke lets go."""

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, objects: Sequence[int], bodies: Sequence[int]
    ) -> None:
        """Know the bodies.

        Args:
            model, data: compiled.
            objects: ids of the bodies that can be held.
            bodies: ids of those of the tool.
        """
        self._model, self._data = model, data
        self._objects = np.full(model.nbody, -1)
        self._objects[list(objects)] = np.arange(len(objects))
        self._hand = np.isin(np.arange(model.nbody), list(bodies))

    @abstractmethod
    def jump_to(self, opening: float) -> None:
        """Be at an opening [m] at once, at rest, and stay there."""

    @abstractmethod
    def drive_to(self, opening: float) -> None:
        """Go to an opening [m]."""

    @abstractmethod
    def close(self) -> None:
        """Hold on to whatever is there."""

    @abstractmethod
    def held(self) -> list[int]:
        """Indices of the objects that are held, in the last step."""

    @abstractmethod
    def take_from(self, other: Any) -> None:
        """Be as the same tool of another world is: its joints, speeds and commands."""

    def watch(self, dt: float) -> bool:
        """See what came of a step of `dt` [s], called after each of them; whether it holds more than contacts do."""
        return False

    def pull(self) -> NDArray[np.float64]:
        """Force and torque (6,) about the world's origin that what is held exerts beside contacts [N, Nm]."""
        return np.zeros(6)

    def touches(self) -> bool:
        """Whether the tool touched anything in the last step."""
        hand = self._hand[self._model.geom_bodyid[self._data.contact.geom]]
        return bool((hand[:, 0] != hand[:, 1]).any())

    def contact_force(self) -> NDArray[np.float64]:
        """Net force (3,) of all contacts on the tool in base axes [N], of the last step."""
        total, wrench = np.zeros(3), np.zeros(6)
        for k in range(self._data.ncon):
            contact = self._data.contact[k]
            first, second = self._hand[self._model.geom_bodyid[contact.geom]]
            if first == second:
                continue
            mujoco.mj_contactForce(self._model, self._data, k, wrench)
            force = contact.frame.reshape(3, 3).T @ wrench[:3]  # on the second geom
            total += force if second else -force
        return total
