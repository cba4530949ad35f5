"""The truth of the simulated cell as it goes over the admin port: for scoring only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class ObjectReport:
    """One object of the heap.

    Attributes:
        family, seed: of its model, see `sim.objects.model.make_object`.
        place: `held`, `tote`, `table` or `floor`.
        position: (3,) in base [m].
        quaternion: (4,) xyzw, object to base.
    """

    family: str
    seed: int
    place: str
    position: tuple[float, ...]
    quaternion: tuple[float, ...]


@dataclass(frozen=True)
class GripReport:
    """One closing of the fingers on something. Objects are indices within `TruthReport.objects`.

    Attributes:
        start, end: simulated time [s].
        objects: what was between the pads.
        lifted: what came up with the gripper.
        top_level_before: what could have been taken before without disturbing others.
        took_top_level: whether something was lifted, and only what could be taken.
        places: where each of the objects is now, by its index as text.
    """

    start: float
    end: float
    objects: tuple[int, ...]
    lifted: tuple[int, ...]
    top_level_before: tuple[int, ...]
    took_top_level: bool
    places: dict[str, str]


@dataclass(frozen=True)
class TruthReport:
    """The truth of the cell: where every object is, and what each grip took.

    Attributes:
        time: simulated time [s].
        version: number of the heap that lies there.
        objects: of the heap.
        in_tote, on_table: indices of the objects there.
        top_level: indices of the objects on the table that can be taken without disturbing others.
        at_rest: whether nothing moves but what is held.
        grips: in order, since the heap came.
    """

    time: float
    version: int
    objects: tuple[ObjectReport, ...]
    in_tote: tuple[int, ...]
    on_table: tuple[int, ...]
    top_level: tuple[int, ...]
    at_rest: bool
    grips: tuple[GripReport, ...]

    def to_dict(self) -> dict[str, Any]:
        """The answer to the admin command `truth`, in plain values."""
        return asdict(self)

    @staticmethod
    def from_dict(answer: Mapping[str, Any]) -> TruthReport:
        """The report in an answer to the admin command `truth`."""
        return TruthReport(
            float(answer["time"]),
            int(answer["version"]),
            tuple(ObjectReport(**_tuples(entry)) for entry in answer["objects"]),
            tuple(answer["in_tote"]),
            tuple(answer["on_table"]),
            tuple(answer["top_level"]),
            bool(answer["at_rest"]),
            tuple(GripReport(**_tuples(entry)) for entry in answer["grips"]),
        )


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The lists of JSON as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
