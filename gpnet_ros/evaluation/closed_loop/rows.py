"""Rounds of the closed loop as rows: one line of JSON each, so that a benchmark can go on where it was cut short."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.intervals import share
from gpnet_ros.sim.clearing.injected import Errors

if TYPE_CHECKING:
    from gpnet_ros.sim.heap.heap import Heap

#: One round in plain values. Of both paths: heap, seed, objects, by, removed, cleared, all_right, ended, failed,
#: seconds, faults, picks; of each pick at least executed, ok, topmost, fault.
Row = dict[str, Any]


@dataclass(frozen=True)
class HeapName:
    """Which heap a round begins with.

    Attributes:
        objects: K.
        seed: of `stack_heap`, and of light and noise; of frozen heaps their own is taken.
        number: of a frozen heap; None piles one up by its seed.
        meshes: folder of the user's meshes, of which the pile is made; None takes the families of the benchmark.
        mesh_unit: of those meshes; None finds out.
    """

    objects: int
    seed: int = 0
    number: int | None = None
    meshes: str | None = None
    mesh_unit: str | None = None

    @property
    def label(self) -> str:
        """Name of the heap in rows and logs."""
        if self.number is not None:
            return f"k{self.objects}-{self.number:03d}"
        return f"seed-{self.seed}" if self.meshes is None else f"{Path(self.meshes).name}-seed-{self.seed}"

    @property
    def key(self) -> tuple[int, str]:
        """What is equal in two runs over the same heap."""
        return self.objects, self.label

    def load(self) -> tuple[Heap, int]:
        """The heap, and the seed of light, surfaces and noise.

        Raises:
            BadInput: it does not come to rest, or is not frozen; or meshes that cannot be used.
        """
        from gpnet_ros.sim.heap.frozen import frozen_heap
        from gpnet_ros.sim.heap.heap import stack_heap

        if self.number is None and self.meshes is not None:
            from gpnet_ros.sim.objects.user_meshes import load_user_meshes

            own = load_user_meshes(self.meshes, self.mesh_unit)
            return stack_heap(self.seed, self.objects, own.families, make=own.make), self.seed
        if self.number is None:
            return stack_heap(self.seed, self.objects), self.seed
        frozen = frozen_heap(self.objects, self.number)
        return frozen.heap, frozen.seed


@dataclass(frozen=True)
class Policy:
    """Who picks: rows of another policy do not belong into the same log.

    Attributes:
        path: "core" or "ros".
        priority: "learned", "height", "none", or "oracle", which has no model.
        model: name or path; None of the oracle.
        errors: put into the cell.
    """

    path: str = "core"
    priority: str = "learned"
    model: str | None = "gpnet"
    errors: Errors = field(default_factory=Errors)

    def told(self) -> dict[str, Any]:
        """The policy as a row tells it, with the sum of the weights.

        Raises:
            ModelRefused: there is no such model.
        """
        from gpnet_ros.network import checkpoint

        oracle = self.priority == "oracle" or self.model is None
        card = None if oracle else checkpoint.vouched_card(str(self.model))
        model = None if oracle else Path(str(self.model)).name
        weights = None if card is None else card.sha256
        about = {"path": self.path, "priority": self.priority, "model": model, "weights": weights}
        return about | {"errors": {k: v for k, v in asdict(self.errors).items() if v}}


class RoundLog:
    """A file of rows that grows by one line per round."""

    def __init__(self, path: Path | None, by: dict[str, Any], resume: bool = False) -> None:
        """Open it now rather than after the first round.

        Args:
            path: the file; None keeps nothing.
            by: `Policy.told` of the rounds to come.
            resume: go on with the rounds that it has.

        Raises:
            BadInput: it cannot be written, has rows and is not to be resumed, or has rows of another policy.
        """
        self.path, self.by = path, by
        self.rows: list[Row] = []
        if path is None:
            return
        try:
            with path.open("a", encoding="utf-8"):
                pass
        except OSError as error:
            raise BadInput(
                f"--log {path} cannot be written ({error.strerror}); name a file in an existing folder."
            ) from error
        self.rows = read_rounds(path)
        if self.rows and not resume:
            raise BadInput(f"--log {path} holds {len(self.rows)} rounds already: add --resume, or name another file.")
        other = next((row["by"] for row in self.rows if row["by"] != by), None)
        if other is not None:
            raise BadInput(f"--log {path} holds rounds of {other}, not of {by}: name another file.")
        if path.stat().st_size:  # a line that was cut short goes
            path.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")

    def done(self, heap: HeapName) -> Row | None:
        """The row of a heap that the log has already."""
        return next((row for row in self.rows if heap_key(row) == heap.key), None)

    def add(self, row: Row) -> None:
        """Append a round."""
        self.rows.append(row)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def heap_key(row: Mapping[str, Any]) -> tuple[int, str]:
    """`HeapName.key` of the heap of a round."""
    return row["objects"], row["heap"]


def read_rounds(path: Path) -> list[Row]:
    """Rows of a log; a last line that was cut short does not count.

    Raises:
        BadInput: it cannot be read, or is no such log.
    """
    rows: list[Row] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            try:
                row = json.loads(line)
            except ValueError:
                if number < len(lines) - 1:
                    raise
                break
            if not {"heap", "objects", "by", "all_right", "failed", "picks", "faults"} <= set(row):
                raise ValueError(f"line {number + 1} is no round")
            rows.append(row)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{path} cannot be read as rounds ({error}): give a file of bench clearing --log.") from error
    return rows


@dataclass
class Tally:
    """What was counted over all rounds."""

    rounds: int = 0
    rounds_cleared: int = 0
    rounds_broken: int = 0
    rounds_all_right: int = 0
    objects: int = 0
    objects_removed: int = 0
    picks: int = 0
    picks_ok: int = 0
    picks_topmost: int = 0
    refusals: int = 0

    def add(self, other: Tally) -> None:
        """Add the counts of further rounds."""
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))

    @classmethod
    def of(cls, row: Row) -> Tally:
        """The counts of one round."""
        picks = [p for p in row["picks"] if p["executed"]]
        return cls(
            rounds=1,
            rounds_cleared=int(row["cleared"]),
            rounds_broken=int(row["failed"]),
            rounds_all_right=int(row["all_right"]),
            objects=row["objects"],
            objects_removed=len(row["removed"]),
            picks=len(picks),
            picks_ok=sum(bool(p["ok"]) for p in picks),
            picks_topmost=sum(bool(p["topmost"]) for p in picks),
            refusals=sum(p["fault"] == "nothing_graspable" for p in row["picks"]),
        )


def counted(rows: Sequence[Row]) -> dict[str, Any]:
    """All that is counted over rounds: `Tally`, rates with intervals, and what went wrong how often."""
    tally = Tally()
    for row in rows:
        tally.add(Tally.of(row))
    whole = [row for row in rows if not row["failed"]]
    lost = [row for row in whole if not row["all_right"]]
    picks = [pick for row in rows for pick in row["picks"]]
    return {
        **asdict(tally),
        "cleared": share(tally.rounds_cleared, len(whole)),
        "all_right": share(tally.rounds_all_right, len(whole)),
        "pick_rate": share(tally.picks_ok, tally.picks),
        "faults": _tally_of(fault for row in rows for fault in row["faults"]),
        "rounds_lost_by": _tally_of(row["faults"][0] if row["faults"] else "unknown" for row in lost),
        "faults_by_target": {
            aim: _tally_of(p["fault"] for p in picks if p["fault"] and p.get("target_topmost") is meant)
            for aim, meant in (("topmost", True), ("not_topmost", False))
        },
    }


def _tally_of(words: Iterable[str]) -> dict[str, int]:
    """How often each word came, the most frequent first."""
    return dict(Counter(words).most_common())
