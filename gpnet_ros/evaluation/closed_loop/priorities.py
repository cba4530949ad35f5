"""Whose turn it is, by each priority on the same pictures and heaps: first picks and rounds, compared in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gpnet_ros.evaluation.closed_loop.compare import compare_rounds
from gpnet_ros.evaluation.closed_loop.core import clear_heaps
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.tally import counted
from gpnet_ros.evaluation.intervals import paired, share_of
from gpnet_ros.evaluation.judging.evaluation import evaluate
from gpnet_ros.evaluation.judging.judge import JudgeSettings
from gpnet_ros.evaluation.judging.judged_pictures import Pictures
from gpnet_ros.evaluation.second_network import TRUTH


@dataclass(frozen=True)
class Contender:
    """One way to say whose turn it is.

    Attributes:
        name: for a person and for files.
        priority, scene_model: those of a `Policy`.
    """

    name: str
    priority: str
    scene_model: str | None = None


def contenders(scene_model: str) -> tuple[Contender, ...]:
    """All that are compared: the second network first, and last the same with the truth in its place.

    Args:
        scene_model: of the second network, by name or path; `TRUTH` leaves only the truth, which comes first then.
    """
    perfect = Contender("graspnext-truth", "graspnext", TRUTH)
    others = tuple(Contender(name, name) for name in ("learned", "height", "none"))
    if scene_model == TRUTH:
        return (perfect, *others)
    return (Contender("graspnext", "graspnext", scene_model), *others, perfect)


def compare_picks(
    who: Sequence[Contender], model: str, pictures: Pictures, most: int, workers: int, cache: Path
) -> list[dict[str, Any]]:
    """What the cell picks first, by each contender: whether it lifts a topmost object, and whether it lies on one.

    Each rate has the difference of the first contender less this one as its "gain"; nothing picked counts as missed.

    Args:
        who: at least one; the first is compared with each.
        model: of the grasp network.
        pictures: simulated ones.
        most: only the first so many.
        workers: processes; 0 for one per core.
        cache: folder of results; what it has is not judged again.
    """
    found = [
        evaluate(
            model, pictures, JudgeSettings(priority=one.priority, scene_model=one.scene_model),
            most=most, workers=workers, cache=cache,
        )
        for one in who
    ]  # fmt: skip
    lifted = [results.won("lift", "cell") for results in found]
    on_top = [[bool(row.verdicts["cell"].on_top) for row in results.rows] for results in found]
    told = [{"name": one.name, "lift": {}, "on_top": {}} for one in who]
    for name, won in (("lift", lifted), ("on_top", on_top)):
        for row, outcomes in zip(told, won, strict=True):
            row[name] = share_of(outcomes) | {"gain": paired(list(zip(outcomes, won[0], strict=True)))}
    return told


def compare_clearing(
    who: Sequence[Contender], policy: Policy, heaps: Sequence[HeapName], workers: int, out: Path
) -> list[dict[str, Any]]:
    """Whole rounds of each contender: rates, and the difference of the first contender less each.

    Beside them, over all picks: how many were meant for a topmost object, whether it came up or not.

    Args:
        who: at least one; the first is compared with each.
        policy: who picks; priority and scene model are replaced.
        heaps: to clear.
        workers: processes; 0 for one per core.
        out: folder of the rounds; those that it has are not played again.

    Raises:
        BadInput: `out` holds rounds of another policy or of other code.
    """
    played = [
        clear_heaps(
            heaps, replace(policy, priority=one.priority, scene_model=one.scene_model),
            out / f"{one.name}.jsonl", True, workers,
        )
        for one in who
    ]  # fmt: skip
    rows = []
    for one, rounds in zip(who, played, strict=True):
        told = {name: value for name, value in counted(rounds).items() if name in ("cleared", "pick_rate", "faults")}
        right = counted(rounds)["all_right"] | {"gain": compare_rounds(rounds, played[0])["all"]}
        aims = [bool(p.details.get("target_topmost")) for row in rounds for p in row.picks if p.executed]
        rows.append({"name": one.name, "all_right": right, "aimed_at_topmost": share_of(aims), **told})
    return rows


def priorities_table(picks: Sequence[dict[str, Any]], rounds: Sequence[dict[str, Any]]) -> str:
    """Both comparisons as Markdown tables, all simulated."""
    tables = (
        _table("first picks", picks, {"lift": "lifts a topmost object", "on_top": "on a topmost object"}),
        _table("rounds", rounds, {"all_right": "all right", "aimed_at_topmost": "picks meant for a topmost object"}),
    )
    return "\n\n".join(table for table in tables if table)


def _table(title: str, rows: Sequence[dict[str, Any]], columns: dict[str, str]) -> str:
    """A line per row with the rate of each column, and the first row less this one where that is told."""
    if not rows:
        return ""
    first = rows[0]
    heads, lines = [f"priority, {title}"], []
    for name, text in columns.items():
        heads += [text, *([f"{first['name']} less it"] if "gain" in first[name] else [])]
    for row in rows:
        cells = [row["name"]]
        for name in columns:
            cells.append(_rate(row[name]))
            if "gain" in row[name]:
                cells.append("" if row is first else _gain(row[name]["gain"]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines])


def _rate(share: dict[str, Any]) -> str:
    if share["rate"] is None:
        return "none"
    return f"{share['rate']:.1%} [{share['low']:.0%}, {share['high']:.0%}] of {share['n']}"


def _gain(found: dict[str, Any]) -> str:
    return (
        f"{100 * found['difference']:+.1f} [{100 * found['low']:+.1f}, {100 * found['high']:+.1f}] points, "
        f"p = {found['p']:.2g}"
    )
