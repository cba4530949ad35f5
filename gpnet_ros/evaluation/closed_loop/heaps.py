"""Which heaps the rounds of the closed loop begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gpnet_ros.errors import BadInput

if TYPE_CHECKING:
    from gpnet_ros.sim.heap.heap import Heap

#: Least and greatest number of objects in a heap that is made for a round.
OBJECTS_RANGE = (1, 10)


@dataclass(frozen=True)
class HeapName:
    """Name of the heap that a round begins with.

    Attributes:
        objects: K.
        seed: of `stack_heap`, and of light and noise; a frozen heap has its own.
        number: of a frozen heap; None piles one up by its seed.
        meshes: folder of the user's meshes, of which the pile is made; None takes the families of the benchmark.
        mesh_unit: of those meshes; None finds out.
        tool: "jaw" or "suction", which can take the objects.
    """

    objects: int
    seed: int = 0
    number: int | None = None
    meshes: str | None = None
    mesh_unit: str | None = None
    tool: str = "jaw"

    @property
    def label(self) -> str:
        """Name of the heap in rows and logs."""
        if self.number is not None:
            return f"{'cup' if self.tool == 'suction' else 'k'}{self.objects}-{self.number:03d}"
        if self.tool == "suction":
            return f"cup-seed-{self.seed}"
        return f"seed-{self.seed}" if self.meshes is None else f"{Path(self.meshes).name}-seed-{self.seed}"

    @property
    def key(self) -> tuple[int, str]:
        """K and label: two runs over the same heap have the same."""
        return self.objects, self.label

    def load(self) -> tuple[Heap, int]:
        """The heap, and the seed of light, surfaces and noise.

        Raises:
            BadInput: it does not come to rest, or is not frozen; or meshes that cannot be used.
        """
        from gpnet_ros.sim.heap.frozen import frozen_heap
        from gpnet_ros.sim.heap.heap import stack_heap
        from gpnet_ros.sim.objects.model import GRASPABLE_BY

        if self.number is None and self.meshes is not None:
            from gpnet_ros.sim.objects.user_meshes import load_user_meshes

            own = load_user_meshes(self.meshes, self.mesh_unit)
            return stack_heap(self.seed, self.objects, own.families, make=own.make), self.seed
        if self.number is None:
            return stack_heap(self.seed, self.objects, GRASPABLE_BY[self.tool]), self.seed
        frozen = frozen_heap(self.objects, self.number, self.tool)
        return frozen.heap, frozen.seed


def first_frozen(counts: tuple[int, int], rounds: int, tool: str = "jaw") -> list[HeapName]:
    """The first frozen heaps of each K.

    Args:
        counts: least and greatest K.
        rounds: heaps of each K.
        tool: "jaw" or "suction", for which they are.

    Raises:
        BadInput: there are no such heaps.
    """
    from gpnet_ros.sim.heap import frozen as heap_sets

    least, most = counts
    if rounds < 1 or least > most:
        raise BadInput(f"--rounds {rounds} of {least} to {most} objects is no heap at all: ask for at least one.")
    for count in range(least, most + 1):
        heap_sets.require(count, rounds, tool)
    return [HeapName(count, number=k, tool=tool) for count in range(least, most + 1) for k in range(rounds)]


def objects_range(text: str) -> tuple[int, int]:
    """Least and greatest K in what a user typed: `5`, or `3-7`."""
    least, _, most = text.partition("-")
    return int(least), int(most or least)
