"""Whether a heap can be cleared at all, told by the oracle alone and by nobody's decision."""

from __future__ import annotations

from dataclasses import replace

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.sim.clearing.rounds import clear_heap
from gpnet_ros.sim.heap.heap import Heap


def clearable(heap: Heap, seed: int, tool: str = "suction") -> bool:
    """Whether the oracle brings every object into the tote with a tool that comes down vertically.

    It knows exact depth and every true place, rehearses, and goes on with what lies below where no topmost object can
    be taken. What it does not clear holds, for all that it knows, an object that leans beyond what the bellows follow,
    or that shows no surface of the lip's size.

    Args:
        heap: at rest.
        seed: of the round.
        tool: "jaw" or "suction".
    """
    return clear_heap(heap, seed, None, replace(load_cell(), tool=tool), load_hand_eye()).cleared
