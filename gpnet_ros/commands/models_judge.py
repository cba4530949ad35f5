"""Judge a model on the three test sets and write the figures, all simulated, into its card.

    gpnet models judge gpnet runs/ablations/no-cgc/seed0
    gpnet models judge --all --data stack-test --notes gpnet="Not good for: glass."

Per set and metric: rate, low, high (Wilson, 95 %) and n, as `gpnet evaluate` gives them; results are kept there, so a
second call only writes. Weights stay as they are. --notes NAME=TEXT says what a model is not good for.

The multi-task network is judged on its six tasks, as gpnet evaluate --task graspnext does, on all folders of --data:

    gpnet models judge fast-graspnext --data data/val-stack data/val-table
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gpnet_ros.commands.extra import graspnext_packages
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.judging.card_figures import card_figures, figures_sentence, write_figures
from gpnet_ros.evaluation.judging.evaluation import evaluate
from gpnet_ros.evaluation.judging.judged_pictures import open_pictures
from gpnet_ros.evaluation.model_list import model_folders
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import read_card
from gpnet_ros.settings import resource_dir
from gpnet_ros.sim.scenes.recipe import TEST_SETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet models judge`."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names in models/ or paths of model folders")
    parser.add_argument("--all", action="store_true", help="all models of the package")
    parser.add_argument(
        "--data", nargs="+", default=list(TEST_SETS), help="sets, see gpnet evaluate (all three test sets)"
    )
    parser.add_argument("--scenes", type=int, help="only the first pictures of each set (all)")
    parser.add_argument("--notes", nargs="+", default=[], metavar="NAME=TEXT", help="what a model is not good for")
    parser.add_argument("--workers", type=int, default=0, help="processes (number of cores)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Judge the models and write figures into their cards."""
    if bool(args.models) == args.all:
        raise BadInput("Name the models to judge, or give --all.")
    chosen = model_folders(resource_dir("models")) if args.all else [checkpoint.find(model) for model in args.models]
    notes = dict(_note(text, {folder.name for folder in chosen}) for text in args.notes)
    written = {}
    for folder in chosen:
        if read_card(folder).architecture == checkpoint.SCENE:
            written[folder.name] = _judge_scenes(folder, args, notes.get(folder.name))
            continue
        found = {}
        for name in args.data:
            pictures = open_pictures(name)
            if pictures.note:
                print(pictures.note, flush=True)
            found[pictures.name] = card_figures(evaluate(folder, pictures, most=args.scenes, workers=args.workers))
            print(f"{folder.name} on {pictures.name}: {figures_sentence(found[pictures.name])}", flush=True)
        write_figures(folder, found, notes.get(folder.name))
        written[folder.name] = found
    if args.json:
        print(json.dumps(written))
    return 0


def _judge_scenes(folder: Path, args: argparse.Namespace, note: str | None) -> dict[str, Any]:
    """Judge a multi-task network; with --all it is left out, in a sentence, where no folder of pictures is given."""
    if args.data == list(TEST_SETS):
        said = "give folders of gpnet generate --labels all as --data"
        if not args.all:
            raise BadInput(f"{folder.name} is a multi-task network: {said}.")
        print(f"{folder.name} is left out: it is a multi-task network; {said}.", flush=True)
        return {}
    with graspnext_packages("This model"):
        from gpnet_ros.evaluation.graspnext.evaluation import evaluate_scenes, scenes_table
    found = evaluate_scenes(folder, [Path(name) for name in args.data], args.scenes)
    print(scenes_table(found), flush=True)
    write_figures(folder, {name: value for name, value in found.items() if name != "model"}, note)
    return found


def _note(text: str, names: set[str]) -> tuple[str, str]:
    name, equals, note = text.partition("=")
    if not equals or not note or name not in names:
        raise BadInput(f"--notes {text!r} must be NAME=TEXT with one of {', '.join(sorted(names))}.")
    return name, note
