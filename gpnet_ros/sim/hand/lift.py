"""One grasp, executed in a copy of the very heap that a picture shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.pose import Transform
from gpnet_ros.sim.hand.cup_hand import hand_of
from gpnet_ros.sim.hand.foresight import DISTURBED
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.topmost import layers


@dataclass(frozen=True)
class Lift:
    """Outcome of one executed grasp.

    Attributes:
        status: of the pick; see `hand.PickOutcome`.
        removed: ids (index + 1) of the objects that came up and were carried away.
        top: a topmost object came up.
        clean: something came up, and all of it was topmost.
        disturbed: another object that stayed was moved by more than `foresight.DISTURBED`, or fell.
        force_peak: greatest contact force of the descent [N].
    """

    status: str
    removed: tuple[int, ...]
    top: bool
    clean: bool
    disturbed: bool
    force_peak: float

    @property
    def any(self) -> bool:
        """An object came up, whichever."""
        return bool(self.removed)


def try_lift(heap: Heap, before: NDArray[np.bool_], T_base_tcp: Transform, opening: float, cell: Cell) -> Lift:
    """Execute a grasp by the cell's gripper alone; nothing of the heap handed in changes.

    Args:
        heap: at rest.
        before: (n, n), [i, j] = object j is taken before i; see `Relations.before`.
        T_base_tcp: the closed fingertips, z down, x along the opening.
        opening: to which the jaws open before the descent [m].
        cell: how its jaw comes down and closes.

    Raises:
        BadInput: the pose is not finite, or the opening is outside the stroke.
    """
    outcome = hand_of(cell, heap).pick(T_base_tcp, opening)
    layer = layers(before)
    removed = list(outcome.removed)
    others = np.delete(outcome.moved, removed)
    moved = bool((np.nan_to_num(others) > DISTURBED).any())
    return Lift(
        status=outcome.status,
        removed=tuple(i + 1 for i in removed),
        top=bool((layer[removed] == 0).any()),
        clean=bool(removed) and not layer[removed].any(),
        disturbed=moved or bool(outcome.fallen),
        force_peak=float(outcome.force_peak),
    )
