"""The frozen heaps of the closed loop: 100 heaps of each K = 3..7, shipped as poses, the same on every machine.

Each is one of `heap.stack_heap`: as hard as those of the paper's Table 3, of the families that a vertical jaw can
take, in sizes that no training scene has. Physics piled them up once and does not run again to load them.

Further heaps of five are of the families that a suction cup can take, and each is one that the oracle clears: the name
of a family does not say whether an object as it lies, leaning on others, has a place for a cup that comes down
vertically. Of the first 36 that came to rest the oracle cleared 28; the next seed stands in for the others.

For maintainers: `python -m gpnet_ros.commands.freeze heaps` (`cup-heaps`) makes a file anew, which voids all published
figures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.clearing.clearable import clearable
from gpnet_ros.sim.heap.heap import Heap, stack_heap
from gpnet_ros.sim.heap.stored_lines import read_stored, require_geometry, stored_line, write_stored
from gpnet_ros.sim.objects.model import GRASPABLE_BY
from gpnet_ros.sim.objects.splits import OBJECT_SEEDS
from gpnet_ros.workers import spread

#: Objects per heap (GP-Net, Table 3), and heaps of each.
COUNTS, HEAPS = (3, 4, 5, 6, 7), 100
STORED_HEAPS = Path(__file__).parent / "stored"
#: Seeds begin here, one range per K; those of benchmarks with --seed are usually smaller.
_FIRST_SEED = 1_000_000_000
#: Seeds between the first of one K and that of the next, and seeds that one heap may use up.
_PER_COUNT, _TRIES = 100_000_000, 1000


@dataclass(frozen=True)
class FrozenSet:
    """One file of frozen heaps.

    Attributes:
        stem: of its file, and of that of its sum.
        prefix: of the names of its heaps.
        counts: K that it has.
        heaps: of each K.
        families: of which they are made.
        first_seed: of the first K.
        cleared: only heaps that the oracle clears are frozen, see `clearing.clearable`.
    """

    stem: str
    prefix: str
    counts: tuple[int, ...]
    heaps: int
    families: tuple[str, ...]
    first_seed: int
    cleared: bool = False


#: Frozen heaps by the tool that they are for.
FROZEN = {
    "jaw": FrozenSet("frozen-heaps", "k", COUNTS, HEAPS, GRASPABLE_BY["jaw"], _FIRST_SEED),
    "suction": FrozenSet(
        "frozen-cup-heaps", "cup", (5,), 36, GRASPABLE_BY["suction"], _FIRST_SEED + 5 * _PER_COUNT, cleared=True
    ),
}


@dataclass(frozen=True, eq=False)
class FrozenHeap:
    """A heap with its name.

    Attributes:
        name: unique, "k5-003" is the fourth with five objects.
        seed: it was piled up with; also of light, surfaces and noise of a round.
        heap: objects and where they lie.
    """

    name: str
    seed: int
    heap: Heap


def frozen_heap(objects: int, number: int, tool: str = "jaw") -> FrozenHeap:
    """A frozen heap; nothing is settled.

    Args:
        objects: K, one that the set has.
        number: from 0 on.
        tool: "jaw" or "suction", for which the heap is.

    Raises:
        BadInput: no such heap, or files or families that are not those it was made with.
    """
    require(objects, number + 1, tool)
    part = FROZEN[tool]
    if number < 0:
        raise BadInput(f"There is no frozen heap {number}: they are numbered 0 to {part.heaps - 1}.")
    stored: dict[str, Any] = json.loads(_lines(tool)[part.counts.index(objects) * part.heaps + number])
    heap = Heap.from_dict(stored)
    require_geometry(f"Frozen heap {stored['name']}", heap.objects, stored)
    return FrozenHeap(stored["name"], stored["seed"], heap)


def require(objects: int, rounds: int, tool: str = "jaw") -> None:
    """Refuse what is not frozen.

    Raises:
        BadInput: other numbers of objects, or more rounds than there are heaps.
    """
    part = FROZEN[tool]
    if objects not in part.counts:
        which = f"{part.counts[0]} to {part.counts[-1]}" if len(part.counts) > 1 else str(part.counts[0])
        raise BadInput(f"There are no frozen heaps of {objects} objects: choose {which}.")
    if rounds > part.heaps:
        raise BadInput(f"{rounds} frozen heaps of {objects} objects were asked for: there are {part.heaps} of each K.")


@lru_cache(maxsize=2)
def _lines(tool: str = "jaw") -> tuple[bytes, ...]:
    part = FROZEN[tool]
    lines, due = read_stored(*_files(STORED_HEAPS, part)), len(part.counts) * part.heaps
    if len(lines) != due:
        raise BadInput(f"{part.stem}.jsonl.gz holds {len(lines)} heaps, not {due}: install the package anew.")
    return lines


def _files(folder: Path, part: FrozenSet) -> tuple[Path, Path]:
    return folder / f"{part.stem}.jsonl.gz", folder / f"{part.stem}.sha256"


def freeze_heaps(
    folder: Path = STORED_HEAPS,
    workers: int = 2,
    heaps: int | None = None,
    counts: Sequence[int] | None = None,
    tool: str = "jaw",
) -> int:
    """Pile `heaps` heaps of each count up anew and write the file and its sum; returns the bytes of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    part = FROZEN[tool]
    jobs = [(tool, objects, number) for objects in counts or part.counts for number in range(heaps or part.heaps)]
    file, sum_file = _files(folder, part)
    sum_file.write_text(write_stored(file, spread(_frozen, jobs, workers, chunk=4)), encoding="utf-8")
    return file.stat().st_size


def _frozen(job: tuple[str, int, int]) -> bytes:
    """A heap as one line of JSON: that of its own seed, or of the first after it that comes to rest and qualifies."""
    tool, objects, number = job
    part = FROZEN[tool]
    first = part.first_seed + _PER_COUNT * part.counts.index(objects) + _TRIES * number
    for seed in range(first, first + _TRIES):
        try:
            heap = stack_heap(seed, objects, part.families, object_seeds=OBJECT_SEEDS["seen"])
        except BadInput:
            continue
        if part.cleared and not clearable(heap, seed, tool):
            continue
        return stored_line(
            {"name": f"{part.prefix}{objects}-{number:03d}", "seed": seed} | heap.to_dict(), heap.objects
        )
    raise BadInput(f"No heap of {objects} objects came to rest with {_TRIES} seeds.")
