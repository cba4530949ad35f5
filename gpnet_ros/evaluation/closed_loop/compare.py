"""Two runs of `gpnet bench clearing` over the same heaps, compared in pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.rows import RoundRow, read_rounds
from gpnet_ros.evaluation.intervals import paired

Value = Literal["all_right", "cleared"]
#: Drawings of the bootstrap over heaps.
_DRAWINGS = 2000


def compare_rounds(first: Sequence[RoundRow], second: Sequence[RoundRow], value: Value = "all_right") -> dict[str, Any]:
    """Difference of two policies, second minus first, over the heaps that both have played whole.

    Args:
        first, second: rows of two policies.
        value: what a round is judged by.

    Returns:
        `intervals.paired` of all heaps ("all") and of each K ("rows", with "objects").

    Raises:
        BadInput: they share no heap.
    """
    other = {row.key: row for row in second if not row.failed}
    pairs = [
        (row.objects, bool(getattr(row, value)), bool(getattr(other[row.key], value)))
        for row in first
        if not row.failed and row.key in other
    ]
    if not pairs:
        raise BadInput("The two runs have no heap in common: run both with the same --heaps, --objects and --seed.")

    def part(keep: Callable[[int], bool]) -> dict[str, Any]:
        return paired([(a, b) for k, a, b in pairs if keep(k)])

    counts = sorted({k for k, _, _ in pairs})
    rows = [{"objects": k, **part(lambda n, k=k: n == k)} for k in counts]  # type: ignore[misc]
    return {"value": value, "all": part(lambda _: True), "rows": rows}


def compare_picks(first: Sequence[RoundRow], second: Sequence[RoundRow]) -> dict[str, Any]:
    """Picks that brought an object, of two policies over the heaps that both have played whole.

    Args:
        first, second: rows of two policies.

    Returns:
        Rates "first" and "second" in 0..1; "difference", second minus first, with "low" and "high", its 95 % interval
        by the bootstrap over heaps, for picks of one heap are no independent cases; "n", the heaps.

    Raises:
        BadInput: they share no heap, or one of them never picked there.
    """
    other = {row.key: row for row in second if not row.failed}
    pairs = [(row, other[row.key]) for row in first if not row.failed and row.key in other]
    counts = np.array([[sum(_executed(row)), len(_executed(row))] for pair in pairs for row in pair])
    counts = counts.reshape(-1, 4)  # brought and made, of the first and of the second
    if not len(counts) or not counts[:, [1, 3]].sum(axis=0).all():
        raise BadInput("The two runs share no heap in which both picked: run both with the same --heaps and --objects.")
    drawn = np.random.default_rng(0).integers(len(counts), size=(_DRAWINGS, len(counts)))
    sums = counts[drawn].sum(axis=1)
    sums = sums[(sums[:, [1, 3]] > 0).all(axis=1)]  # of few heaps a drawing may hold those without a pick only
    low, high = np.percentile(sums[:, 2] / sums[:, 3] - sums[:, 0] / sums[:, 1], (2.5, 97.5))
    brought, made, brought_second, made_second = counts.sum(axis=0)
    rates = {"first": float(brought / made), "second": float(brought_second / made_second)}
    gap = {"difference": rates["second"] - rates["first"], "low": float(low), "high": float(high)}
    return {**rates, **gap, "n": len(counts)}


def _executed(row: RoundRow) -> list[bool]:
    return [pick.ok for pick in row.picks if pick.executed]


def compare_files(first: Path, second: Path) -> dict[str, Any]:
    """`compare_rounds` of two logs, with who played them.

    Raises:
        BadInput: a file is no log, or they share no heap.
    """
    a, b = read_rounds(first), read_rounds(second)
    found = compare_rounds(a, b)
    by = {"first_by": asdict(a[0].by), "second_by": asdict(b[0].by)}
    return {"first": str(first), "second": str(second), **by, **found}


def comparison_table(found: dict[str, Any]) -> str:
    """The comparison of `compare_files` as a Markdown table."""
    lines = [
        f"rounds {found['value'].replace('_', ' ')}, A = {found['first']}, B = {found['second']} (all simulated)",
        "| K | heaps | A | B | only A | only B | B - A [95 %] | p |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in [*found["rows"], {"objects": "all", **found["all"]}]:
        n, only = row["n"], (row["only_first"], row["only_second"])
        gap = f"{100 * row['difference']:+.0f} [{100 * row['low']:+.0f}, {100 * row['high']:+.0f}] points"
        sums = (row["both"] + only[0], row["both"] + only[1])
        lines.append(
            f"| {row['objects']} | {n} | {sums[0]} | {sums[1]} | {only[0]} | {only[1]} | {gap} | {row['p']:.2g} |"
        )
    inside = found["all"]["low"] <= 0.0 <= found["all"]["high"]
    return "\n".join(
        [*lines, "The difference is inside its interval's spread: none is shown." if inside else ""]
    ).rstrip()
