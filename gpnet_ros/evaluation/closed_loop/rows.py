"""Rounds of the closed loop as rows: one line of JSON each, so that a benchmark can go on where it was cut short."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import PlayedBy


@dataclass(frozen=True)
class PickRow:
    """One pick of a row, or a look that ended without one.

    Attributes:
        executed: whether the gripper moved for it.
        ok: whether it brought an object into the tote.
        topmost: whether all that came up was topmost; None of a look on the ros path.
        fault: what keeps it from being right, in a word; None if nothing does.
        details: further plain values, written beside the others; SI units unless the name says otherwise. On the core
            path `target_topmost`, whether the object was topmost that the pick was meant for; on the ros path
            `seconds` and `time_s`, the wall time of the pick and of its stages [s].
    """

    executed: bool
    ok: bool
    topmost: bool | None
    fault: str | None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a log."""
        own = {"executed": self.executed, "ok": self.ok, "topmost": self.topmost, "fault": self.fault}
        return {**own, **self.details}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> PickRow:
        """The pick that `to_dict` gave."""
        rest = dict(values)
        executed, ok, topmost, fault = (rest.pop(name) for name in ("executed", "ok", "topmost", "fault"))
        return PickRow(executed, ok, topmost, fault, rest)


@dataclass(frozen=True)
class RoundRow:
    """One round in plain values.

    Attributes:
        heap: its label.
        seed: of light, surfaces and noise.
        objects: K.
        by: who played.
        removed: indices of objects in the tote.
        cleared: whether all of them are.
        all_right: cleared, and every pick took topmost objects.
        ended: why the round ended.
        failed: whether something broke; such a round counts for no rate.
        seconds: wall time [s].
        faults: what went wrong, in order, each in a word.
        picks: in order.
    """

    heap: str
    seed: int
    objects: int
    by: PlayedBy
    removed: tuple[int, ...]
    cleared: bool
    all_right: bool
    ended: str
    failed: bool
    seconds: float
    faults: tuple[str, ...]
    picks: tuple[PickRow, ...]

    @property
    def key(self) -> tuple[int, str]:
        """`HeapName.key` of its heap."""
        return self.objects, self.heap

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a log."""
        return {**vars(self), "by": asdict(self.by), "picks": [pick.to_dict() for pick in self.picks]}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> RoundRow:
        """The round that `to_dict` gave.

        Raises:
            TypeError, KeyError: these are not the values of a round.
        """
        parts = {name: tuple(values[name]) for name in ("removed", "faults")}
        picks = tuple(PickRow.from_dict(pick) for pick in values["picks"])
        return RoundRow(**{**values, **parts, "by": PlayedBy(**values["by"]), "picks": picks})


class RoundLog:
    """A file of rows that grows by one line per round."""

    def __init__(self, path: Path | None, by: PlayedBy, resume: bool = False) -> None:
        """Open it now rather than after the first round.

        Args:
            path: the file; None keeps nothing.
            by: who will play the rounds to come.
            resume: go on with the rounds that it has.

        Raises:
            BadInput: it cannot be written, has rows and is not to be resumed, or has rows of another policy or of
                other code.
        """
        self.path, self.by = path, by
        self.rows: list[RoundRow] = []
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
        other = next((row.by for row in self.rows if row.by != by), None)
        if other is not None:
            raise BadInput(_refusal(path, other, by))
        if path.stat().st_size:  # a line that was cut short goes
            path.write_text("".join(_line(row) for row in self.rows), encoding="utf-8")

    def done(self, heap: HeapName) -> RoundRow | None:
        """The row of a heap that the log has already."""
        return next((row for row in self.rows if row.key == heap.key), None)

    def add(self, row: RoundRow) -> None:
        """Append a round to the rows and to the file."""
        self.rows.append(row)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(row))


def _line(row: RoundRow) -> str:
    return json.dumps(row.to_dict()) + "\n"


def _refusal(path: Path, other: PlayedBy, by: PlayedBy) -> str:
    """Why rows of `other` are not gone on with."""
    if not other.code:
        return f"--log {path} is of an older version, which did not note what code played: name another file."
    if replace(other, code=by.code) == by:
        return f"--log {path} holds rounds that other code of this package played: name another file."
    return f"--log {path} holds rounds of {asdict(other)}, not of {asdict(by)}: name another file."


def read_rounds(path: Path) -> list[RoundRow]:
    """Rows of a log; a last line that was cut short does not count.

    Raises:
        BadInput: it cannot be read, or is no such log.
    """
    rows: list[RoundRow] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            try:
                values = json.loads(line)
            except ValueError:
                if number < len(lines) - 1:
                    raise
                break
            try:
                rows.append(RoundRow.from_dict(values))
            except (KeyError, TypeError) as error:
                raise ValueError(f"line {number + 1} is no round") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as rounds ({error}): give a file of bench clearing --log.") from error
    return rows
