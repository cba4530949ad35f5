"""What really happened in the simulated cell: where every object is, and what each grip took.

For scoring only. It is reached over the controller's admin port, which no planner, camera or driver opens.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gpnet_ros.pose import to_xyz_quat
from gpnet_ros.sim.cell.plant import CellPlant
from gpnet_ros.sim.cell.report import GripReport, ObjectReport, TruthReport
from gpnet_ros.sim.cell.world import in_tote, over_table
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.relations import relations

#: How often the undisturbed heap is remembered [s].
_SNAPSHOT_PERIOD = 0.1
#: An object that was held this much above where it lay has been lifted [m].
_LIFTED = 0.05
#: A hold that is over for this long is a grip that has ended [s].
_LET_GO = 0.1
#: Slower than this [m/s], [rad/s] everything rests.
_REST = (0.01, 0.1)


@dataclass(eq=False)
class TrueGrip:
    """One closing of the fingers on something, or one seal of the cup.

    Attributes:
        start, end: simulated time [s]; end is that of the last contact of both pads, or of the seal.
        objects: indices of the objects that were held, at any time of it.
        before: the objects just before the gripper touched anything.
        lifted: objects that came up with the gripper.
        top_level: objects that could have been taken without disturbing others; worked out when asked for.
    """

    start: float
    end: float
    objects: set[int]
    before: Heap
    lifted: set[int] = field(default_factory=set)
    top_level: list[int] | None = None


class Truth:
    """Watches a plant; one per plant, called after every control period."""

    def __init__(self, plant: CellPlant) -> None:
        """Begin to watch a plant; no grip is known yet."""
        self.plant, self.version = plant, plant.version
        self.grips: list[TrueGrip] = []
        self._before, self._snapshot_at = plant.world.heap_now(), plant.time
        plant.watchers.append(self.watch)

    def watch(self, plant: CellPlant) -> None:
        """Note what is held; remember the heap while nothing is."""
        if plant.version != self.version:
            self.version, self.grips = plant.version, []
            self._before, self._snapshot_at = plant.world.heap_now(), plant.time
        held = plant.world.tool.held()
        open_grip = self.grips[-1] if self.grips and plant.time - self.grips[-1].end < _LET_GO else None
        if held:
            if open_grip is None:
                open_grip = TrueGrip(plant.time, plant.time, set(), self._before)
                self.grips.append(open_grip)
            open_grip.objects |= set(held)
            open_grip.end = plant.time
            z = plant.world.data.xpos[plant.world.object_ids, 2]
            open_grip.lifted |= {i for i in held if z[i] > open_grip.before.T_base_object[i, 2, 3] + _LIFTED}
        elif open_grip is None and plant.time - self._snapshot_at > _SNAPSHOT_PERIOD and not plant.touched:
            self._before, self._snapshot_at = plant.world.heap_now(), plant.time

    def report(self) -> TruthReport:
        """The truth now: where the objects are, which can be taken, and all grips since the heap came."""
        heap, places = self.plant.world.heap_now(), self.places()
        objects = []
        for model, T, place in zip(heap.objects, heap.T_base_object, places, strict=True):
            position, quaternion = to_xyz_quat(T)
            pose = tuple(position.tolist()), tuple(quaternion.tolist())
            objects.append(ObjectReport(model.family, model.seed, place, *pose))
        on_table = [i for i, place in enumerate(places) if place == "table"]
        return TruthReport(
            self.plant.time,
            self.plant.version,
            tuple(objects),
            in_tote=tuple(i for i, place in enumerate(places) if place == "tote"),
            on_table=tuple(on_table),
            top_level=tuple(top_level(heap, on_table)),
            at_rest=self.at_rest(),
            grips=tuple(self._describe(grip, places) for grip in self.grips),
        )

    def places(self) -> list[str]:
        """The place of each object: `held`, `tote`, `table` or `floor`."""
        world = self.plant.world
        points = world.heap_now().T_base_object[:, :3, 3]
        held = set(world.tool.held())
        tote, table = in_tote(self.plant.cell, points), over_table(points)
        return [
            "held" if i in held else "tote" if tote[i] else "table" if table[i] else "floor" for i in range(len(points))
        ]

    def at_rest(self) -> bool:
        """Whether no object that is not held moves."""
        world, held = self.plant.world, set(self.plant.world.tool.held())
        free = [i for i in range(len(world.objects)) if i not in held]
        velocity = world.object_velocities()[free].reshape(-1, 6)
        return bool((np.abs(velocity[:, :3]) < _REST[0]).all() and (np.abs(velocity[:, 3:]) < _REST[1]).all())

    def _describe(self, grip: TrueGrip, places: list[str]) -> GripReport:
        if grip.top_level is None:
            points = grip.before.T_base_object[:, :3, 3]
            lay = over_table(points) & ~in_tote(self.plant.cell, points)
            grip.top_level = top_level(grip.before, np.flatnonzero(lay).tolist())
        return GripReport(
            grip.start,
            grip.end,
            objects=tuple(sorted(grip.objects)),
            lifted=tuple(sorted(grip.lifted)),
            top_level_before=tuple(grip.top_level),
            took_top_level=bool(grip.lifted) and grip.lifted <= set(grip.top_level),
            places={str(i): places[i] for i in sorted(grip.objects)},
        )


def top_level(heap: Heap, among: list[int]) -> list[int]:
    """Indices of the topmost of the objects `among`, as if the others were not there; see `topmost.layers`."""
    if not among:
        return []
    part = Heap(tuple(heap.objects[i] for i in among), heap.T_base_object[among])
    return [i for i, on_top in zip(among, relations(part).top_level, strict=True) if on_top]
