"""The frozen heaps of the closed loop: 100 heaps of each K = 3..7, shipped as poses, the same on every machine.

Each is one of `heap.stack_heap`: as hard as those of the paper's Table 3, of the families that a vertical jaw can
take, in sizes that no training scene has. Physics piled them up once and does not run again to load them.

For maintainers: `python -m gpnet_ros.commands.freeze heaps` makes the file anew, which voids all published figures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.heap.heap import Heap, stack_heap
from gpnet_ros.sim.heap.stored_lines import read_stored, require_geometry, stored_line, write_stored
from gpnet_ros.sim.objects.splits import OBJECT_SEEDS
from gpnet_ros.workers import spread

#: Objects per heap (GP-Net, Table 3), and heaps of each.
COUNTS, HEAPS = (3, 4, 5, 6, 7), 100
STORED_HEAPS = Path(__file__).parent / "stored"
_FILE, _SUM = "frozen-heaps.jsonl.gz", "frozen-heaps.sha256"
#: Seeds begin here, one range per K; those of benchmarks with --seed are usually smaller.
_FIRST_SEED = 1_000_000_000
#: Seeds between the first of one K and that of the next, and seeds that one heap may use up.
_PER_COUNT, _TRIES = 100_000_000, 1000


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


def frozen_heap(objects: int, number: int) -> FrozenHeap:
    """A frozen heap; nothing is settled.

    Args:
        objects: K, one of `COUNTS`.
        number: 0 to `HEAPS` - 1.

    Raises:
        BadInput: no such heap, or files or families that are not those it was made with.
    """
    require(objects, number + 1)
    if number < 0:
        raise BadInput(f"There is no frozen heap {number}: they are numbered 0 to {HEAPS - 1}.")
    stored: dict[str, Any] = json.loads(_lines()[COUNTS.index(objects) * HEAPS + number])
    heap = Heap.from_dict(stored)
    require_geometry(f"Frozen heap {stored['name']}", heap.objects, stored)
    return FrozenHeap(stored["name"], stored["seed"], heap)


def require(objects: int, rounds: int) -> None:
    """Refuse what is not frozen.

    Raises:
        BadInput: other numbers of objects, or more rounds than there are heaps.
    """
    if objects not in COUNTS:
        raise BadInput(f"There are no frozen heaps of {objects} objects: choose {COUNTS[0]} to {COUNTS[-1]}.")
    if rounds > HEAPS:
        raise BadInput(f"{rounds} frozen heaps of {objects} objects were asked for: there are {HEAPS} of each K.")


@lru_cache(maxsize=1)
def _lines() -> tuple[bytes, ...]:
    lines = read_stored(STORED_HEAPS / _FILE, STORED_HEAPS / _SUM)
    if len(lines) != len(COUNTS) * HEAPS:
        raise BadInput(f"{_FILE} holds {len(lines)} heaps, not {len(COUNTS) * HEAPS}: install the package anew.")
    return lines


def freeze_heaps(
    folder: Path = STORED_HEAPS, workers: int = 2, heaps: int = HEAPS, counts: Sequence[int] = COUNTS
) -> int:
    """Pile `heaps` heaps of each count up anew and write the file and its sum; returns the bytes of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(objects, number) for objects in counts for number in range(heaps)]
    line = write_stored(folder / _FILE, spread(_frozen, jobs, workers, chunk=4))
    (folder / _SUM).write_text(line, encoding="utf-8")
    return (folder / _FILE).stat().st_size


def _frozen(job: tuple[int, int]) -> bytes:
    """A heap as one line of JSON: that of its own seed, or of the first after it that comes to rest."""
    objects, number = job
    first = _FIRST_SEED + _PER_COUNT * COUNTS.index(objects) + _TRIES * number
    for seed in range(first, first + _TRIES):
        try:
            heap = stack_heap(seed, objects, object_seeds=OBJECT_SEEDS["seen"])
        except BadInput:
            continue
        return stored_line({"name": f"k{objects}-{number:03d}", "seed": seed} | heap.to_dict(), heap.objects)
    raise BadInput(f"No heap of {objects} objects came to rest with {_TRIES} seeds.")
