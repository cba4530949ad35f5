"""The curve of picking against injected errors: each size of each kind of error, tried on the same heaps."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.evaluation.closed_loop.compare import compare_rounds
from gpnet_ros.evaluation.closed_loop.core import clear_heaps
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.rows import RoundRow
from gpnet_ros.evaluation.closed_loop.tally import counted
from gpnet_ros.sim.clearing.injected import Errors


@dataclass(frozen=True)
class ErrorKind:
    """One kind of error: a field of `Errors` in the unit of its axis.

    Attributes:
        field: of `Errors`.
        title: for a person.
        unit: of `sizes`.
        scale: SI units per unit.
        sizes: that are tried; none of them 0, which all kinds share.
    """

    field: str
    title: str
    unit: str
    scale: float
    sizes: tuple[float, ...]


ERROR_KINDS = (
    ErrorKind("hand_eye", "hand-eye, place", "mm", 1e-3, (1.0, 2.0, 3.0, 4.0, 5.0)),
    ErrorKind("hand_eye_turn", "hand-eye, angle", "deg", float(np.deg2rad(1.0)), (0.25, 0.5, 1.0)),
    ErrorKind("tcp", "TCP", "mm", 1e-3, (1.0, 2.0, 3.0, 4.0, 5.0)),
    ErrorKind("depth", "depth bias", "mm", 1e-3, (-6.0, -4.0, -2.0, 2.0, 4.0, 6.0)),
)


@dataclass(frozen=True)
class ErrorPoint:
    """One setting of the curve.

    Attributes:
        error: field of `Errors`, or "none".
        size: in `unit`.
        unit: of the size; empty without error.
        pick_rate, all_right, cleared: rates, see `intervals.share`.
        faults: how often each came.
        change: of rounds all right against no error, see `intervals.paired`.
    """

    error: str
    size: float
    unit: str
    pick_rate: dict[str, float | int | None]
    all_right: dict[str, float | int | None]
    cleared: dict[str, float | int | None]
    faults: dict[str, int]
    change: dict[str, float | int]


def error_curve(
    kinds: Sequence[ErrorKind], heaps: Sequence[HeapName], policy: Policy, out: Path, workers: int = 0
) -> list[ErrorPoint]:
    """Points of the curve, the one without errors first.

    Args:
        kinds: of errors.
        heaps: to clear with each.
        policy: who picks; its errors are replaced.
        out: folder for the rounds; those that it has are not played again.
        workers: processes; 0 for one per core.

    Raises:
        BadInput: no such model or heap, or `out` holds rounds of another policy or of other code.
    """

    def play(errors: Errors, name: str) -> list[RoundRow]:
        return clear_heaps(heaps, replace(policy, errors=errors), out / f"{name}.jsonl", True, workers)

    exact = play(Errors(), "none")
    points = [_point("none", 0.0, "", exact, exact)]
    for kind in kinds:
        for size in kind.sizes:
            rows = play(Errors(**{kind.field: size * kind.scale}), f"{kind.field}_{size:g}{kind.unit}")
            points.append(_point(kind.field, size, kind.unit, rows, exact))
    return points


def _point(error: str, size: float, unit: str, rows: list[RoundRow], exact: list[RoundRow]) -> ErrorPoint:
    found = counted(rows)
    rates = {name: found[name] for name in ("pick_rate", "all_right", "cleared")}
    return ErrorPoint(error, size, unit, **rates, faults=found["faults"], change=compare_rounds(exact, rows)["all"])


def curve_table(curve: Sequence[ErrorPoint]) -> str:
    """The curve as a Markdown table."""
    lines = [
        "| error | size | picks that brought an object | rounds all right | change of rounds all right (paired) |",
        "|---|---|---|---|---|",
    ]
    for p in curve:
        by = "" if p.error == "none" else (
            f"{100 * p.change['difference']:+.0f} [{100 * p.change['low']:+.0f}, {100 * p.change['high']:+.0f}] points"
        )  # fmt: skip
        rates = f"{_rate(p.pick_rate)} | {_rate(p.all_right)}"
        lines.append(f"| {p.error.replace('_', ' ')} | {p.size:g} {p.unit} | {rates} | {by} |")
    return "\n".join(lines)


def _rate(share: dict[str, Any]) -> str:
    if share["rate"] is None:
        return "none"
    return f"{share['rate']:.0%} [{share['low']:.0%}, {share['high']:.0%}] of {share['n']}"


def write_curve(curve: Sequence[ErrorPoint], path: Path) -> None:
    """Write the curve as CSV, one number per column."""
    parts = ("rate", "low", "high", "n")
    columns = ["error", "size", "unit", *(f"{name}_{part}" for name in ("pick_rate", "all_right") for part in parts)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for p in curve:
            rates = [rate[part] for rate in (p.pick_rate, p.all_right) for part in parts]
            writer.writerow([p.error, p.size, p.unit, *rates])


def draw_curve(curve: Sequence[ErrorPoint], kinds: Sequence[ErrorKind], path: Path) -> None:
    """Draw the curve as PNG: one panel per kind, with Wilson's intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(kinds), figsize=(3.4 * len(kinds), 3.2), sharey=True, squeeze=False)
    lines = (("pick_rate", "tab:blue", "picks that brought an object"), ("all_right", "tab:orange", "rounds all right"))
    for panel, kind in zip(panels[0], kinds, strict=True):
        points = sorted((p for p in curve if p.error in ("none", kind.field)), key=lambda p: p.size)
        for name, colour, label in lines:
            rates = [(p.size, getattr(p, name)) for p in points]
            known = [(size, rate["rate"], rate["low"], rate["high"]) for size, rate in rates if rate["n"]]
            x, rate, low, high = np.array(known, dtype=float).reshape(-1, 4).T
            panel.errorbar(x, rate, [rate - low, high - rate], color=colour, capsize=2, marker="o", ms=3, label=label)
        panel.set_xlabel(f"{kind.title} [{kind.unit}]")
        panel.set_ylim(0.0, 1.02)
        panel.grid(alpha=0.3)
    panels[0, 0].set_ylabel("rate, simulated")
    panels[0, -1].legend(fontsize=7, loc="lower left")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
