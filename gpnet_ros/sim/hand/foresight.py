"""The oracle's choice among true grasps: topmost first, and rehearsed before it is done.

A rehearsal drops the tool into a fresh copy of the heap, made from the true poses alone. It shows what labels
do not: an object that drags its neighbour along, or holds up one that rolls away without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.sim.hand.hand import Hand, PickOutcome
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.grasps import LabelledGrasp

#: Another object that moves farther than this by a pick was disturbed [m].
DISTURBED = 0.02
#: Most grasps that are rehearsed for the objects of one layer.
REHEARSALS = 12


def ranked(grasps: Sequence[LabelledGrasp], layer: NDArray[np.integer]) -> list[LabelledGrasp]:
    """Grasps by the layer (n,) of their object, topmost first, and within a layer by score, best first."""
    return sorted(grasps, key=lambda grasp: (layer[grasp.object], -grasp.score))


def disturbs(outcome: PickOutcome, target: int) -> bool:
    """Whether a pick that was meant for one object moved, took or lost another one."""
    others = set(outcome.removed) | set(outcome.fallen)
    return bool(others - {target}) or bool((np.delete(outcome.moved, target) > DISTURBED).any())


def rehearsed(
    heap: Heap,
    grasps: Sequence[LabelledGrasp],
    layer: NDArray[np.integer],
    rehearsals: int = REHEARSALS,
    hand: Callable[[Heap], Hand] = Hand,
) -> LabelledGrasp | None:
    """The first grasp that brings up its object and leaves the others where they are, best ranked first.

    Where none does: of the first layer in which one brings up its object alone, the one that disturbs least.

    Args:
        heap: objects at rest.
        grasps: true ones, of its n objects.
        layer: (n,) of the objects, as `topmost.layers` gives them.
        rehearsals: most for the objects of one layer; 0 takes the first in rank unseen.
        hand: the tool over a fresh copy of the heap.

    Returns:
        A grasp, or None if there are no grasps.
    """
    order = ranked(grasps, layer)
    for now in sorted({int(layer[grasp.object]) for grasp in order}):
        best: tuple[float, LabelledGrasp] | None = None
        for grasp in _in_rotation([g for g in order if layer[g.object] == now])[:rehearsals]:
            cost = _cost(hand(heap).pick(grasp.T_base_tcp, grasp.opening), grasp.object)
            if cost == 0.0:
                return grasp
            if best is None or cost < best[0]:
                best = (cost, grasp)
        if best is not None and np.isfinite(best[0]):
            return best[1]
    return order[0] if order else None


def _in_rotation(order: Sequence[LabelledGrasp]) -> list[LabelledGrasp]:
    """The first grasp of each object, then the second of each, ...: where one object drags, another may not."""
    seen: dict[int, int] = {}
    rounds = []
    for grasp in order:
        seen[grasp.object] = seen.get(grasp.object, -1) + 1
        rounds.append(seen[grasp.object])
    return [order[k] for k in np.argsort(rounds, kind="stable")]


def _cost(outcome: PickOutcome, target: int) -> float:
    """0 for a pick that disturbs nothing, infinite for one that did not bring its object up alone."""
    if outcome.removed != (target,):
        return np.inf
    if not disturbs(outcome, target):
        return 0.0
    moved = np.nan_to_num(np.delete(outcome.moved, target)).max(initial=0.0)
    return float(len(outcome.fallen) + moved)
