"""How much error does picking bear? Pick rate against errors of the hand-eye, the TCP and the depth.

Frozen heaps are cleared on the core path while one error at a time is put into the simulated cell: the camera is
not where the calibration says, the fingertips are not at the TCP, the depth is off. Every size of an error is tried
on the same heaps, with the same noise and in the same random directions. Everything here is simulated.

Leaves in --out: errors.json, errors.csv, errors.png, and the rounds of each setting, from which it goes on when it
was cut short.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.commands.bench_clearing import objects
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.compare import compare_rounds
from gpnet_ros.evaluation.closed_loop.core import clear_heaps
from gpnet_ros.evaluation.closed_loop.rows import HeapName, Policy, counted
from gpnet_ros.sim.clearing.injected import Errors


@dataclass(frozen=True)
class Kind:
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


KINDS = (
    Kind("hand_eye", "hand-eye, place", "mm", 1e-3, (1.0, 2.0, 3.0, 4.0, 5.0)),
    Kind("hand_eye_turn", "hand-eye, angle", "deg", float(np.deg2rad(1.0)), (0.25, 0.5, 1.0)),
    Kind("tcp", "TCP", "mm", 1e-3, (1.0, 2.0, 3.0, 4.0, 5.0)),
    Kind("depth", "depth bias", "mm", 1e-3, (-6.0, -4.0, -2.0, 2.0, 4.0, 6.0)),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench errors`."""
    parser.add_argument("--out", type=Path, default=Path("runs/errors"), help="folder of the results (runs/errors)")
    parser.add_argument("--rounds", type=int, default=20, help="how many frozen heaps of each K (20)")
    parser.add_argument("--objects", type=objects, default=(5, 5), help="K, objects per heap, or a range as 3-7 (5)")
    parser.add_argument("--kinds", default="all", help="some of " + ",".join(k.field for k in KINDS) + " (all)")
    parser.add_argument("--priority", choices=["learned", "height", "none"], default="learned")
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--workers", type=int, default=0, help="processes (number of cores)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Try all errors, print the curve and write it."""
    kinds = chosen(args.kinds)
    heaps = heaps_of(args.objects, args.rounds)
    args.out.mkdir(parents=True, exist_ok=True)
    curve = measure(kinds, heaps, args.model, args.priority, args.out, args.workers)
    whole = {"model": args.model, "priority": args.priority, "rounds": len(heaps), "curve": curve}
    (args.out / "errors.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    write_csv(curve, args.out / "errors.csv")
    draw(curve, kinds, args.out / "errors.png")
    print(json.dumps(whole) if args.json else table(curve))
    return 0


def chosen(names: str) -> tuple[Kind, ...]:
    """The kinds of errors that a user named, separated by commas, or all.

    Raises:
        BadInput: a name is not known.
    """
    known = {kind.field: kind for kind in KINDS}
    wanted = list(known) if names == "all" else names.split(",")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise BadInput(f"--kinds names {unknown[0]!r}, which is no error: choose from {', '.join(known)}.")
    return tuple(known[name] for name in wanted)


def heaps_of(counts: tuple[int, int], rounds: int) -> list[HeapName]:
    """The first frozen heaps of each K.

    Raises:
        BadInput: there are no such heaps.
    """
    from gpnet_ros.sim.heap import frozen

    least, most = counts
    if rounds < 1 or least > most:
        raise BadInput(f"--rounds {rounds} of {least} to {most} objects is no heap at all: ask for at least one.")
    for count in range(least, most + 1):
        frozen.require(count, rounds)
    return [HeapName(count, number=k) for count in range(least, most + 1) for k in range(rounds)]


def measure(
    kinds: Sequence[Kind], heaps: Sequence[HeapName], model: str, priority: str, out: Path, workers: int = 0
) -> list[dict[str, Any]]:
    """Points of the curve, the one without errors first.

    Args:
        kinds: of errors.
        heaps: to clear with each.
        model, priority: as of `Policy`.
        out: folder for the rounds; those that it has are not played again.
        workers: processes; 0 for one per core.
    """

    def play(errors: Errors, name: str) -> list[dict[str, Any]]:
        return clear_heaps(heaps, Policy("core", priority, model, errors), out / f"{name}.jsonl", True, workers)

    exact = play(Errors(), "none")
    points = [_point("none", 0.0, "", exact, exact)]
    for kind in kinds:
        for size in kind.sizes:
            rows = play(Errors(**{kind.field: size * kind.scale}), f"{kind.field}_{size:g}{kind.unit}")
            points.append(_point(kind.field, size, kind.unit, rows, exact))
    return points


def _point(
    error: str, size: float, unit: str, rows: list[dict[str, Any]], exact: list[dict[str, Any]]
) -> dict[str, Any]:
    """One setting: rates with intervals, and the change of rounds all right against no error, in pairs."""
    found = counted(rows)
    rates = {name: found[name] for name in ("pick_rate", "all_right", "cleared")}
    return {"error": error, "size": size, "unit": unit, **rates, "faults": found["faults"],
            "change": compare_rounds(exact, rows)["all"]}  # fmt: skip


def table(curve: Sequence[dict[str, Any]]) -> str:
    """The curve as a Markdown table."""
    lines = [
        "| error | size | picks that brought an object | rounds all right | change of rounds all right (paired) |",
        "|---|---|---|---|---|",
    ]
    for p in curve:
        change = p["change"]
        by = "" if p["error"] == "none" else (
            f"{100 * change['difference']:+.0f} [{100 * change['low']:+.0f}, {100 * change['high']:+.0f}] points"
        )  # fmt: skip
        rates = " | ".join(_rate(p[name]) for name in ("pick_rate", "all_right"))
        lines.append(f"| {p['error'].replace('_', ' ')} | {p['size']:g} {p['unit']} | {rates} | {by} |")
    return "\n".join(lines)


def _rate(share: dict[str, Any]) -> str:
    if share["rate"] is None:
        return "none"
    return f"{share['rate']:.0%} [{share['low']:.0%}, {share['high']:.0%}] of {share['n']}"


def write_csv(curve: Sequence[dict[str, Any]], path: Path) -> None:
    """The curve with one number per column."""
    columns = ["error", "size", "unit"]
    columns += [f"{name}_{part}" for name in ("pick_rate", "all_right") for part in ("rate", "low", "high", "n")]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for p in curve:
            rates = [p[name][part] for name in ("pick_rate", "all_right") for part in ("rate", "low", "high", "n")]
            writer.writerow([p["error"], p["size"], p["unit"], *rates])


def draw(curve: Sequence[dict[str, Any]], kinds: Sequence[Kind], path: Path) -> None:
    """The curve as a picture: one panel per kind, with Wilson intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(kinds), figsize=(3.4 * len(kinds), 3.2), sharey=True, squeeze=False)
    for panel, kind in zip(panels[0], kinds, strict=True):
        points = sorted((p for p in curve if p["error"] in ("none", kind.field)), key=lambda p: p["size"])
        for name, colour in (("pick_rate", "tab:blue"), ("all_right", "tab:orange")):
            known = [(p["size"], *(p[name][part] for part in ("rate", "low", "high"))) for p in points if p[name]["n"]]
            x, rate, low, high = np.array(known, dtype=float).reshape(-1, 4).T
            label = {"pick_rate": "picks that brought an object", "all_right": "rounds all right"}[name]
            panel.errorbar(x, rate, [rate - low, high - rate], color=colour, capsize=2, marker="o", ms=3, label=label)
        panel.set_xlabel(f"{kind.title} [{kind.unit}]")
        panel.set_ylim(0.0, 1.02)
        panel.grid(alpha=0.3)
    panels[0, 0].set_ylabel("rate, simulated")
    panels[0, -1].legend(fontsize=7, loc="lower left")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
