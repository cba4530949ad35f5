"""What must hold: each measure with its command, what is asked, and our figure as soon as there is one."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpnet_ros.commands.closed_loop.compare import compare
from gpnet_ros.commands.paper_tables.cells import Outcomes, cell, difference, difference_cell
from gpnet_ros.commands.paper_tables.closed_loop import ALL, COUNTS, Cleared
from gpnet_ros.commands.paper_tables.pages import Table
from gpnet_ros.commands.paper_tables.pictures import Measured
from gpnet_ros.errors import BadInput

NOT_YET = "not measured yet"
#: Lines that the targets name: the default model, and those that were trained with one budget.
OURS, EQUAL = "gpnet", "best"
RIVAL, RIVAL_TOP, RIVAL_PRIORITY = "grconvnet", "grconvnet-top", "grconvnet-priority"
HEIGHT, NONE, ORACLE = "gpnet, height", "gpnet, none", "oracle"


@dataclass(frozen=True, eq=False)
class Sources:
    """Everything that the targets are read from.

    Attributes:
        stack, unseen: what was measured on stack-test (Table 1) and on unseen-test, by key of the line.
        clearing: lines of Table 3 by key.
        ros: rounds of the closed loop through the ROS nodes; core: the same heaps without them.
        errors: what `gpnet bench errors` wrote; None if it did not yet.
    """

    stack: Mapping[str, Measured]
    unseen: Mapping[str, Measured]
    clearing: Mapping[str, Cleared]
    ros: Sequence[Mapping[str, Any]] = ()
    core: Sequence[Mapping[str, Any]] = ()
    errors: Mapping[str, Any] | None = None


def targets(sources: Sources, kept: Path | None = None) -> Table:
    """The table of what must hold.

    Args:
        sources: what was measured in this call.
        kept: JSON file of figures with their day; one that this call did not measure is read from there.
    """
    judge = "`gpnet evaluate --model gpnet --data {} --metric {} --json`"
    loop = "`gpnet bench clearing --heaps frozen --objects 3-7 --rounds 100 {}--log {}.jsonl`"
    heading = ("measure", "at least now", "we aim at", "our figure", "command")
    asked = [
        ("GP-Net RGB-D, lift of a top-level object at the first try, stack-test", "85 %", "95 %",
         _figure(sources.stack, "lift", 0.85), judge.format("stack-test", "lift")),
        ("the same on unseen-test (families never trained on)", "80 %", "92 %",
         _figure(sources.unseen, "lift", 0.80), judge.format("unseen-test", "lift")),
        ("rectangle metric, top-level, stack-test", "85 %", "95 %",
         _figure(sources.stack, "rectangle, top-level", 0.85), judge.format("stack-test", "top")),
        ("GP-Net over GR-ConvNet as published (same data, same budget), top-level", "+10 points", "+15",
         _ahead(sources.stack, RIVAL, 0.10), "`gpnet ablate --rows best grconvnet`, "
         "`gpnet tables --tables table1`"),
        ("GP-Net against GR-ConvNet trained on top-level grasps, and with a priority head", "reported with interval",
         "ahead", _both(sources.stack), "`gpnet ablate --rows best grconvnet-top grconvnet-priority`, "
         "`gpnet tables --tables table1`"),
        ("learned priority over height prior and over none, closed loop, same frozen heaps", "ahead of both",
         "+5 points over height", _priorities(sources.clearing), loop.format("--priority height ", "height")
         + ", `gpnet bench clearing --compare height.jsonl learned.jsonl`"),
        ("closed loop --path core, 100 frozen heaps of each K = 3..7, rounds all right",
         "10 points under the oracle, or better", "2 points", _under_oracle(sources.clearing),
         loop.format("--path core ", "learned")),
        ("closed loop --path ros, 40 of the same heaps, K = 5", "no significant loss against core", "equal",
         _ros(sources), "`gpnet bench clearing --path ros --heaps frozen --objects 5 --rounds 40 --log "
         "runs/clearing/ros.jsonl --resume`"),
        ("pick rate against injected errors (hand-eye 0-5 mm, TCP, depth bias)", "the curve", "flat to 3 mm",
         _curve(sources.errors), "`gpnet bench errors --out runs/errors`"),
    ]  # fmt: skip
    rows = tuple(dict(zip(heading, row, strict=True)) for row in asked)
    rows = rows if kept is None else _remembered(rows, kept)
    note = "All simulated. Cells: mean ± standard deviation of the seeds [95 % interval], %; met = at least now."
    return Table("targets", "What must hold", heading, rows, tuple(dict(row) for row in rows), (note,))


def _remembered(rows: tuple[dict[str, str], ...], kept: Path) -> tuple[dict[str, str], ...]:
    """The rows, with figures of earlier calls where this one has none; all are kept for later calls."""
    try:
        known = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    except ValueError as error:
        raise BadInput(f"{kept} cannot be read ({error}): remove it, and measure again.") from error
    today = datetime.date.today().isoformat()
    known |= {r["measure"]: f"{r['our figure']} ({today})" for r in rows if r["our figure"] != NOT_YET}
    kept.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return tuple({**row, "our figure": known.get(row["measure"], NOT_YET)} for row in rows)


def _met(found: str, met: bool) -> str:
    return f"{found}: {'met' if met else 'not met'}"


def _outcomes(measured: Mapping[str, Measured], key: str, column: str) -> Outcomes | None:
    return measured[key].figures.get(column) if key in measured else None


def _figure(measured: Mapping[str, Measured], column: str, least: float) -> str:
    outcomes = _outcomes(measured, OURS, column)
    return NOT_YET if outcomes is None else _met(f"{cell(outcomes)}, n = {len(outcomes.names)}", outcomes.mean >= least)


def _ahead(measured: Mapping[str, Measured], rival: str, least: float | None = None) -> str:
    ours, theirs = (_outcomes(measured, key, "rectangle, top-level") for key in (EQUAL, rival))
    if ours is None or theirs is None:
        return NOT_YET
    found = difference(ours, theirs)
    return difference_cell(found) if least is None else _met(difference_cell(found), found.rate >= least)


def _both(measured: Mapping[str, Measured]) -> str:
    if _ahead(measured, RIVAL_TOP) == _ahead(measured, RIVAL_PRIORITY) == NOT_YET:
        return NOT_YET
    return f"top-level grasps only: {_ahead(measured, RIVAL_TOP)}; priority head: {_ahead(measured, RIVAL_PRIORITY)}"


def _rounds(found: Mapping[str, Cleared], key: str) -> Outcomes | None:
    return found[key].outcomes.get(ALL) if key in found else None


def _priorities(found: Mapping[str, Cleared]) -> str:
    learned, parts, met = _rounds(found, OURS), [], True
    for name, key in (("height", HEIGHT), ("none", NONE)):
        other = _rounds(found, key)
        if learned is None or other is None:
            return NOT_YET
        gap = difference(learned, other)
        parts.append(f"over {name}: {difference_cell(gap).removesuffix(' (one seed)')}")
        met = met and gap.rate > 0
    return _met(f"{'; '.join(parts)}, {len(learned.names)} heaps" if learned else NOT_YET, met)


def _under_oracle(found: Mapping[str, Cleared]) -> str:
    ours, oracle = _rounds(found, OURS), _rounds(found, ORACLE)
    if ours is None or oracle is None:
        return NOT_YET
    gap = difference(ours, oracle)
    each = [
        f"K = {k}: {100 * found[OURS].outcomes[k].mean:.0f} of {100 * found[ORACLE].outcomes[k].mean:.0f}"
        for k in COUNTS
        if k in found[OURS].outcomes and k in found[ORACLE].outcomes
    ]
    interval = f"[{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"
    told = f"{100 * gap.rate:+.1f} {interval} on {len(ours.names)} heaps ({', '.join(each)})"
    return _met(told, gap.rate >= -0.1 - 1e-9)


def _ros(sources: Sources) -> str:
    if not sources.ros or not sources.core:
        return NOT_YET
    try:
        found = compare(list(map(dict, sources.core)), list(map(dict, sources.ros)))["all"]
    except BadInput:
        return NOT_YET
    interval = f"[{100 * found['low']:+.0f}, {100 * found['high']:+.0f}]"
    return _met(f"{100 * found['difference']:+.0f} {interval} on {found['n']} heaps", found["high"] >= 0)


def _curve(errors: Mapping[str, Any] | None) -> str:
    """Pick rate without error and with each kind at 3 mm."""
    if errors is None:
        return NOT_YET
    at = [p for p in errors["curve"] if p["error"] == "none" or p["size"] == 3.0]
    rates = [(p["error"].replace("_", "-"), p["pick_rate"]["rate"]) for p in at if p["pick_rate"]["rate"] is not None]
    known = ", ".join(f"{name} {100 * rate:.0f} %" for name, rate in rates)
    return f"picks that brought an object, errors of 3 mm: {known}"


def read_errors(path: Path) -> dict[str, Any] | None:
    """What `gpnet bench errors` wrote; None if it is not there.

    Raises:
        BadInput: the file is something else.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path} cannot be read ({error}): remove it, and run gpnet bench errors again.") from error
    if not isinstance(found, dict) or "curve" not in found:
        raise BadInput(f"{path} is not what gpnet bench errors writes: remove it, and run that again.")
    return found
