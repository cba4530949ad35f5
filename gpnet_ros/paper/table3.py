"""Table 3: the closed loop on frozen heaps, per network and priority, beside the oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.rows import RoundRow
from gpnet_ros.paper.cells import Outcomes, cell, difference_cell, difference_in_common
from gpnet_ros.paper.lines import Line, untrained
from gpnet_ros.paper.pages import Table
from gpnet_ros.paper.paper_figures import TABLE3

#: (model folder or None for the oracle, priority) -> rounds, one per frozen heap.
PlayModel = Callable[[Path | None, str], Sequence[RoundRow]]
TABLE3_COUNTS = tuple(TABLE3)
ALL = "all"


@dataclass(frozen=True, eq=False)
class ClearedLine:
    """A line of Table 3.

    Attributes:
        key, title: of the line.
        outcomes: K, or "all" -> rounds all right; empty if there is no model yet.
        picks: share of picks that brought up an object.
        refused: why there are no outcomes; "".
        untrained: the line, if it has no model yet.
    """

    key: str
    title: str
    outcomes: Mapping[int | str, Outcomes]
    picks: float | None = None
    refused: str = ""
    untrained: Line | None = None


def clear_line(line: Line, clear: PlayModel) -> ClearedLine:
    """Play the heaps with the first seed of a line: a round costs seconds, and heaps vary more than seeds."""
    if not line.models:
        return ClearedLine(line.key, line.title, {}, untrained=line)
    try:
        return line_of_rounds(line.key, line.title, clear(line.models[0], line.priority))
    except BadInput as error:
        return ClearedLine(line.key, line.title, {}, refused=f"refused: {error}")


def line_of_rounds(key: str, title: str, rounds: Sequence[RoundRow]) -> ClearedLine:
    """The line of rounds that were played.

    Raises:
        BadInput: none was.
    """
    if not rounds:
        raise BadInput(f"No round of {title} was played: ask for one or more --rounds.")
    won = {row.key: row.all_right for row in rounds}
    outcomes: dict[int | str, Outcomes] = {ALL: _outcomes(won)}
    for count in sorted({objects for objects, _ in won}):
        outcomes[count] = _outcomes({heap: right for heap, right in won.items() if heap[0] == count})
    picks = [p.ok for row in rounds for p in row.picks if p.executed]
    return ClearedLine(key, title, outcomes, float(np.mean(picks)) if picks else None)


def _outcomes(won: Mapping[tuple[int, str], bool]) -> Outcomes:
    heaps = sorted(won)
    return Outcomes(np.array([[won[heap] for heap in heaps]]), tuple(f"{k} {name}" for k, name in heaps))


def clearing_table(found: Sequence[ClearedLine], against: str, models: Path) -> Table:
    """Table 3; all lines are compared with one, the first if that is not there.

    Args:
        found: the lines.
        against: key of that one.
        models: folder of `gpnet ablate`, for the command that trains what is missing.
    """
    reference = next((c for c in found if c.key == against), found[0])
    less = f"all, less {reference.key}"
    columns = ("method", "heaps", *(f"K = {k}" for k in TABLE3_COUNTS), ALL, less, "picks that brought an object")
    rows, values = [], []
    for entry in found:
        if entry.untrained is None:
            rows.append(_texts(entry) | {less: _gap(entry, reference)})
        values += _numbers(entry)
    rows.append({"method": "the paper's UR10 (18 rounds per K)", ALL: f"{np.mean(list(TABLE3.values())):.1f}"}
                | {f"K = {k}": f"{percent:.1f}" for k, percent in TABLE3.items()})  # fmt: skip
    notes = (
        *untrained([entry.untrained for entry in found if entry.untrained is not None], models),
        "Rounds in which every object came into the tote and every pick took a topmost one, % [Wilson's 95 % interval "
        "over heaps]. All of ours is simulated, path core; the first frozen heaps of each K; one seed per network.",
        "Differences are paired, heap by heap, on the heaps that both lines have: Newcombe's 95 % interval.",
        "The paper counts a round whose picks all took the topmost object, on a real robot with objects of its own.",
    )
    return Table("table3", "Table 3: closed loop on frozen heaps", columns, tuple(rows), tuple(values), notes)


def own_table(rounds: Sequence[RoundRow], title: str) -> Table:
    """The rounds of one log beside the paper's: the same report for a person's own cell and for simulation.

    Args:
        rounds: of one log; those that broke count for nothing.
        title: who played where.

    Raises:
        BadInput: none was played to its end.
    """
    whole = [row for row in rounds if not row.failed]
    table = clearing_table([line_of_rounds("own", title, whole)], "own", Path())
    notes = (
        "Rounds in which every object came into the tote and every pick took a topmost one, % [Wilson's 95 % interval "
        "over rounds].",
        table.notes[-1],
        *([f"{len(rounds) - len(whole)} rounds broke and count for nothing."] if len(whole) < len(rounds) else []),
    )
    return replace(table, title="Table 3 on one cell", notes=notes)


def _texts(entry: ClearedLine) -> dict[str, str]:
    if not entry.outcomes:
        return {"method": entry.title, ALL: entry.refused}
    picks = "" if entry.picks is None else f"{100 * entry.picks:.1f}"
    cells = {f"K = {k}": cell(entry.outcomes.get(k)) for k in TABLE3_COUNTS}
    heaps = str(len(entry.outcomes[ALL].names))
    return {
        "method": entry.title,
        "heaps": heaps,
        **cells,
        ALL: cell(entry.outcomes[ALL]),
        "picks that brought an object": picks,
    }


def _gap(entry: ClearedLine, reference: ClearedLine) -> str:
    if entry is reference or not entry.outcomes or not reference.outcomes:
        return ""
    return difference_cell(difference_in_common(entry.outcomes[ALL], reference.outcomes[ALL])).removesuffix(
        " (one seed)"
    )


def _numbers(entry: ClearedLine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for objects, outcomes in entry.outcomes.items():
        low, high = outcomes.interval
        found.append({"method": entry.key, "objects": objects, "all_right": round(outcomes.mean, 4), "low": low,
                      "high": high, "n": len(outcomes.names)})  # fmt: skip
    return found or [{"method": entry.key, "objects": None}]
