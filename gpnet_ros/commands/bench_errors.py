"""How much error does picking bear? Pick rate against errors of the hand-eye, the TCP and the depth.

Frozen heaps are cleared on the core path while one error at a time is put into the simulated cell: the camera is
not where the calibration says, the fingertips are not at the TCP, the depth is off. Every size of an error is tried
on the same heaps, with the same noise and in the same random directions. Everything here is simulated.

Leaves in --out: errors.json, errors.csv, errors.png, and the rounds of each setting, from which it goes on when it
was cut short.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from gpnet_ros.commands.priority_source import add_priority
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.error_curve import (
    ERROR_KINDS,
    ErrorKind,
    curve_table,
    draw_curve,
    error_curve,
    write_curve,
)
from gpnet_ros.evaluation.closed_loop.heaps import first_frozen, objects_range
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.second_network import second_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench errors`."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("runs/errors"), help="folder of the results (runs/errors)")
    add("--rounds", type=int, default=20, help="how many frozen heaps of each K (20)")
    add("--objects", type=objects_range, default=(5, 5), help="K, objects per heap, or a range as 3-7 (5)")
    add("--kinds", default="all", help="some of " + ",".join(k.field for k in ERROR_KINDS) + " (all)")
    add("--sizes", type=float, nargs="+", metavar="SIZE", help="of the errors, only these in mm or degrees (all)")
    add_priority(parser)
    add("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    add("--workers", type=int, default=0, help="processes (number of cores)")
    add("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Try all errors, print the curve and write it."""
    kinds = _kinds(args.kinds, args.sizes)
    heaps = first_frozen(args.objects, args.rounds)
    args.out.mkdir(parents=True, exist_ok=True)
    policy = Policy("core", args.priority, args.model, scene_model=second_model(args.priority, args.scene_model))
    curve = error_curve(kinds, heaps, policy, args.out, args.workers)
    points = [asdict(point) for point in curve]
    whole = {
        "model": args.model,
        "priority": args.priority,
        "scene_model": policy.scene_model,
        "rounds": len(heaps),
        "curve": points,
    }
    (args.out / "errors.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    write_curve(curve, args.out / "errors.csv")
    draw_curve(curve, kinds, args.out / "errors.png")
    print(json.dumps(whole) if args.json else curve_table(curve))
    return 0


def _kinds(names: str, sizes: list[float] | None) -> tuple[ErrorKind, ...]:
    """The kinds of errors that a user named, separated by commas, or all, with the sizes that were named, or all.

    Raises:
        BadInput: a name is not known, or a size is none of a kind.
    """
    known = {kind.field: kind for kind in ERROR_KINDS}
    wanted = list(known) if names == "all" else names.split(",")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise BadInput(f"--kinds names {unknown[0]!r}, which is no error: choose from {', '.join(known)}.")
    chosen = tuple(known[name] for name in wanted)
    if sizes is None:
        return chosen
    for kind in chosen:
        if not set(sizes) <= set(kind.sizes):
            own = ", ".join(f"{size:g}" for size in kind.sizes)
            raise BadInput(f"--sizes names what is no size of {kind.field}: choose from {own}.")
    return tuple(replace(kind, sizes=tuple(dict.fromkeys(sizes))) for kind in chosen)
