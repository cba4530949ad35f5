"""What must hold: each measure with its command, what is asked, and our figure as soon as there is one."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.compare import compare_rounds
from gpnet_ros.evaluation.closed_loop.rows import RoundRow
from gpnet_ros.paper.cells import (
    Outcomes,
    cell,
    difference,
    difference_cell,
    difference_in_common,
    percent,
)
from gpnet_ros.paper.pages import Table
from gpnet_ros.paper.pictures import FIGURES, MeasuredLine
from gpnet_ros.paper.table3 import ALL, TABLE3_COUNTS, ClearedLine
from gpnet_ros.sim.heap import frozen
from gpnet_ros.sim.scenes.recipe import TEST_SET_SCENES

NOT_YET = "not measured yet"
#: Lines that the targets name: the default model, and those that were trained with one budget.
_OURS, _EQUAL = "gpnet", "best"
_RIVAL, _RIVAL_TOP, _RIVAL_PRIORITY = "grconvnet", "grconvnet-top", "grconvnet-priority"
_HEIGHT, _NONE, _ORACLE = "gpnet, height", "gpnet, none", "oracle"
#: Pictures of a test set, heaps of Table 3, heaps of the comparison with ROS.
PICTURES, CLEARING_HEAPS, ROS_HEAPS = TEST_SET_SCENES, frozen.HEAPS * len(frozen.COUNTS), 40


@dataclass(frozen=True)
class TargetFigure:
    """What is known of a measure, and whether it reaches what is asked.

    Attributes:
        text: the figure; "" where it was not measured.
        met: whether it reaches what is asked at least; None where nothing is asked.
        n: of how many pictures or heaps; of: how many are asked for.
        sure: its whole interval lies on one side of what is asked, so that fewer are enough to say.
    """

    text: str = ""
    met: bool | None = None
    n: int = 0
    of: int = 0
    sure: bool = False

    def __str__(self) -> str:
        if not self.text:
            return NOT_YET
        verdict = {None: "", True: "met", False: "not met"}[self.met]
        if self.n < self.of:
            return f"{self.text}, on {self.n} of {self.of}: {verdict if self.sure and verdict else 'too few to say'}"
        return f"{self.text}, n = {self.n}: {verdict}" if verdict else self.text


@dataclass(frozen=True)
class Target:
    """One line of what must hold.

    Attributes:
        measure: what is measured.
        least: what is asked at least now.
        aim: what we aim at.
        figure: what is known.
        command: how it is measured.
    """

    measure: str
    least: str
    aim: str
    figure: TargetFigure
    command: str


@dataclass(frozen=True, eq=False)
class TargetSources:
    """Everything that the targets are read from.

    Attributes:
        stack, unseen: what was measured on stack-test (Table 1) and on unseen-test, by key of the line.
        clearing: lines of Table 3 by key.
        ros: rounds of the closed loop through the ROS nodes; core: the same heaps without them.
        errors: what `gpnet bench errors` wrote; None if it did not yet.
        card: figures on the test sets of the default model's card, which count where more pictures were judged.
    """

    stack: Mapping[str, MeasuredLine]
    unseen: Mapping[str, MeasuredLine]
    clearing: Mapping[str, ClearedLine]
    ros: Sequence[RoundRow] = ()
    core: Sequence[RoundRow] = ()
    errors: Mapping[str, Any] | None = None
    card: Mapping[str, Any] = field(default_factory=dict)


def targets_table(sources: TargetSources, kept: Path | None = None) -> Table:
    """The table of what must hold.

    Args:
        sources: what was measured in this call.
        kept: JSON file of figures with their day; one that this call did not measure is read from there.
    """
    judge = "`gpnet evaluate --model gpnet --data {} --metric {} --json`"
    loop = "`gpnet bench clearing --heaps frozen --objects 3-7 --rounds 100 {}--log {}.jsonl`"
    heading = ("measure", "at least now", "we aim at", "our figure", "command")
    asked = [Target(*words) for words in (
        ("GP-Net RGB-D, lift of a top-level object at the first try, stack-test", "85 %", "95 %",
         _figure(sources.stack, sources.card, "stack-test", "lift", 0.85), judge.format("stack-test", "lift")),
        ("the same on unseen-test (families never trained on)", "80 %", "92 %",
         _figure(sources.unseen, sources.card, "unseen-test", "lift", 0.80), judge.format("unseen-test", "lift")),
        ("rectangle metric, top-level, stack-test", "85 %", "95 %",
         _figure(sources.stack, sources.card, "stack-test", "rectangle, top-level", 0.85),
         judge.format("stack-test", "top")),
        ("GP-Net over GR-ConvNet as published (same data, same budget), top-level", "+10 points", "+15",
         _ahead(sources.stack, _RIVAL, 0.10), "`gpnet ablate --rows best grconvnet`, "
         "`gpnet tables --tables table1 --out runs/tables`"),
        ("GP-Net against GR-ConvNet trained on top-level grasps, and with a priority head", "reported with interval",
         "ahead", _both(sources.stack), "`gpnet ablate --rows best grconvnet-top grconvnet-priority`, "
         "`gpnet tables --tables table1 --out runs/tables`"),
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
    )]  # fmt: skip
    found = {target.measure: target.figure for target in asked}
    known = {name: str(figure) for name, figure in found.items()} if kept is None else _remembered(found, kept)
    rows = tuple(
        dict(zip(heading, (t.measure, t.least, t.aim, known[t.measure], t.command), strict=True)) for t in asked
    )
    note = "All simulated. Cells: mean ± standard deviation of the seeds [95 % interval], %; met = at least now."
    return Table("targets", "What must hold", heading, rows, tuple(dict(row) for row in rows), (note,))


def _remembered(found: Mapping[str, TargetFigure], kept: Path) -> dict[str, str]:
    """Texts of the figures, of earlier calls where those saw more; all are kept for later calls."""
    try:
        known = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
        earlier = {name: (str(entry["text"]), int(entry["n"])) for name, entry in known.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{kept} cannot be read ({error!r}): remove it, and measure again.") from error
    today = datetime.date.today().isoformat()
    for name, figure in found.items():
        if figure.text and figure.n >= earlier.get(name, ("", 0))[1]:
            earlier[name] = (f"{figure} ({today})", figure.n)
    written = {name: {"text": text, "n": n} for name, (text, n) in earlier.items()}
    kept.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return {name: earlier.get(name, (NOT_YET, 0))[0] for name in found}


def _outcomes(measured: Mapping[str, MeasuredLine], key: str, column: str) -> Outcomes | None:
    return measured[key].figures.get(column) if key in measured else None


def _figure(
    measured: Mapping[str, MeasuredLine], card: Mapping[str, Any], data: str, column: str, least: float
) -> TargetFigure:
    """Of the default model: what this call measured, or its card says, whichever saw more pictures."""
    outcomes = _outcomes(measured, _OURS, column)
    told = card.get(data, {}).get(FIGURES[column][0])
    if told is not None and (outcomes is None or len(outcomes.names) < told["n"]):
        low, high = (percent(told[name], 0) for name in ("low", "high"))
        return TargetFigure(f"{percent(told['rate'])} [{low}, {high}]", told["rate"] >= least, told["n"], PICTURES)
    if outcomes is None:
        return TargetFigure()
    sure = _one_side(outcomes.interval, least)
    return TargetFigure(cell(outcomes), outcomes.mean >= least, len(outcomes.names), PICTURES, sure)


def _one_side(interval: tuple[float, float], least: float) -> bool:
    """A whole interval reaches what is asked, or falls short of it."""
    return not interval[0] < least <= interval[1]


def _ahead(measured: Mapping[str, MeasuredLine], rival: str, least: float | None = None) -> TargetFigure:
    ours, theirs = (_outcomes(measured, key, "rectangle, top-level") for key in (_EQUAL, rival))
    if ours is None or theirs is None:
        return TargetFigure()
    found = difference(ours, theirs)
    met = None if least is None else found.rate >= least
    sure = least is not None and _one_side((found.low, found.high), least)
    return TargetFigure(difference_cell(found), met, len(ours.names), PICTURES, sure)


def _both(measured: Mapping[str, MeasuredLine]) -> TargetFigure:
    found = {"top-level grasps only": _RIVAL_TOP, "priority head": _RIVAL_PRIORITY}
    parts = {name: _ahead(measured, rival) for name, rival in found.items()}
    if not any(part.text for part in parts.values()):
        return TargetFigure()
    text = "; ".join(f"{name}: {part.text or NOT_YET}" for name, part in parts.items())
    return TargetFigure(text, None, max(part.n for part in parts.values()), PICTURES)


def _rounds(found: Mapping[str, ClearedLine], key: str) -> Outcomes | None:
    return found[key].outcomes.get(ALL) if key in found else None


def _priorities(found: Mapping[str, ClearedLine]) -> TargetFigure:
    learned, parts, met = _rounds(found, _OURS), [], True
    n = 0 if learned is None else len(learned.names)
    for name, key in (("height", _HEIGHT), ("none", _NONE)):
        other = _rounds(found, key)
        if learned is None or other is None:
            return TargetFigure()
        gap = difference_in_common(learned, other)
        n = min(n, len(other.names))
        parts.append(f"over {name}: {difference_cell(gap).removesuffix(' (one seed)')}")
        met = met and gap.rate > 0
    return TargetFigure("; ".join(parts), met, n, CLEARING_HEAPS)


def _under_oracle(found: Mapping[str, ClearedLine]) -> TargetFigure:
    ours, oracle = _rounds(found, _OURS), _rounds(found, _ORACLE)
    if ours is None or oracle is None:
        return TargetFigure()
    gap = difference_in_common(ours, oracle)
    by_count = [(k, found[_OURS].outcomes.get(k), found[_ORACLE].outcomes.get(k)) for k in TABLE3_COUNTS]
    each = [
        f"K = {k}: {percent(one.mean, 0)} %, oracle {percent(other.mean, 0)} %"
        for k, one, other in by_count
        if one is not None and other is not None
    ]
    interval = f"[{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"
    told = f"{100 * gap.rate:+.1f} {interval} ({', '.join(each)})"
    sure = _one_side((gap.low, gap.high), -0.1)
    return TargetFigure(told, gap.rate >= -0.1 - 1e-9, min(len(ours.names), len(oracle.names)), CLEARING_HEAPS, sure)


def _ros(sources: TargetSources) -> TargetFigure:
    if not sources.ros or not sources.core:
        return TargetFigure()
    try:
        found = compare_rounds(sources.core, sources.ros)["all"]
    except BadInput:
        return TargetFigure()
    interval = f"[{100 * found['low']:+.0f}, {100 * found['high']:+.0f}]"
    return TargetFigure(f"{100 * found['difference']:+.0f} {interval}", found["high"] >= 0, found["n"], ROS_HEAPS)


def _curve(errors: Mapping[str, Any] | None) -> TargetFigure:
    """Pick rate without error and with each kind at 3 mm."""
    if errors is None:
        return TargetFigure()
    at = [p for p in errors["curve"] if p["error"] == "none" or p["size"] == 3.0]
    rates = [(p["error"].replace("_", "-"), p["pick_rate"]["rate"]) for p in at if p["pick_rate"]["rate"] is not None]
    known = ", ".join(f"{name} {100 * rate:.0f} %" for name, rate in rates)
    return TargetFigure(f"picks that brought an object, errors of 3 mm: {known}")


def read_errors(path: Path) -> dict[str, Any] | None:
    """The content of the file that `gpnet bench errors` wrote; None if there is no such file.

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
