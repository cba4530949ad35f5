"""Judge a model on the three test sets and write the figures, all simulated, into its card.

    gpnet models judge gpnet runs/ablations/no-cgc/seed0
    gpnet models judge --all --data stack-test --notes gpnet="Not good for: glass."

Per set and metric: rate, low, high (Wilson, 95 %) and n, as `gpnet evaluate` gives them; results are kept there, so a
second call only writes. Weights stay as they are. --notes NAME=TEXT says what a model is not good for.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpnet_ros.commands.evaluate import usual_decode
from gpnet_ros.commands.models import SETS, folders
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.judging.evaluation import Results, evaluate
from gpnet_ros.evaluation.judging.judged_pictures import open_pictures
from gpnet_ros.evaluation.judging.judgement import Metric
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import write_card
from gpnet_ros.network.checkpoint import vouched_card
from gpnet_ros.settings import resource_dir

#: What a card tells of each set.
METRICS: tuple[Metric, ...] = ("lift", "lift_any", "top", "top50", "any", "object")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet models judge`."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names in models/ or paths of model folders")
    parser.add_argument("--all", action="store_true", help="all models of the package")
    parser.add_argument("--data", nargs="+", default=list(SETS), help="sets as of gpnet evaluate (all three test sets)")
    parser.add_argument("--scenes", type=int, help="only the first pictures of each set (all)")
    parser.add_argument("--notes", nargs="+", default=[], metavar="NAME=TEXT", help="what a model is not good for")
    parser.add_argument("--workers", type=int, default=0, help="processes (number of cores)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Judge and write."""
    if bool(args.models) == args.all:
        raise BadInput("Name the models to judge, or give --all.")
    chosen = folders(resource_dir("models")) if args.all else [checkpoint.find(model) for model in args.models]
    notes = dict(_note(text, {folder.name for folder in chosen}) for text in args.notes)
    written = {}
    for folder in chosen:
        found = {}
        for name in args.data:
            pictures = open_pictures(name)
            if pictures.note:
                print(pictures.note, flush=True)
            found[pictures.name] = figures(evaluate(folder, pictures, most=args.scenes, workers=args.workers))
            print(f"{folder.name} on {pictures.name}: {_sentence(found[pictures.name])}", flush=True)
        write(folder, found, notes.get(folder.name))
        written[folder.name] = found
    if args.json:
        print(json.dumps(written))
    return 0


def figures(results: Results) -> dict[str, Any]:
    """Of one set: each metric that it can tell, in the decode that is usual for it; and times."""
    found: dict[str, Any] = {}
    for metric in METRICS:
        try:
            found[metric] = {"decode": usual_decode(metric), **results.rate(metric, usual_decode(metric))}
        except BadInput:  # the set cannot tell
            continue
    return {**found, "time_ms": results.time_ms()}


def write(folder: Path, found: dict[str, Any], notes: str | None = None) -> None:
    """Put figures, and notes if there are any, into a card; its other fields and the weights stay as they are."""
    card = vouched_card(folder)
    card = replace(card, metric={**card.metric, **found}, notes=card.notes if notes is None else notes)
    write_card(card, folder)


def _note(text: str, names: set[str]) -> tuple[str, str]:
    name, equals, note = text.partition("=")
    if not equals or not note or name not in names:
        raise BadInput(f"--notes {text!r} must be NAME=TEXT with one of {', '.join(sorted(names))}.")
    return name, note


def _sentence(found: dict[str, Any]) -> str:
    rates = {m: f for m, f in found.items() if m != "time_ms"}
    return ", ".join(
        f"{m} {100 * f['rate']:.1f} % [{100 * f['low']:.1f}, {100 * f['high']:.1f}]" for m, f in rates.items()
    )
