"""Train a network on generated scenes and write it, annealed and with its card, under models/.

    gpnet train --data data/train --val data/val --out models/mine                     # recipe best, 50 epochs
    gpnet train --data data/train --val data/val --out models/mine --config small      # 75 minutes without a GPU
    gpnet train --data data/train --val data/val --out models/mine --config graspnext  # the multi-task network
    gpnet train --from metagraspnet --data ROOT --split s/train.txt --config graspnext --out models/mine ...
    torchrun --nproc-per-node 4 -m gpnet_ros.cli train --data ... --out models/mine    # four GPUs, or four CPU cores

The run lives in runs/<name>: its state, its log as lines and curves, examples, and last/, a model that can be used.
After a crash or kill the same line with --resume continues it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.commands.data_source import add_source
from gpnet_ros.commands.extra import graspnext_packages
from gpnet_ros.errors import BadInput
from gpnet_ros.training.recipe import is_graspnext_recipe, load_recipe, overrides
from gpnet_ros.training.run import RunOptions, profile_folders, train_folders


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `gpnet train`."""
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="folders of `gpnet generate` to train on, one or several"
    )
    parser.add_argument(
        "--val", type=Path, nargs="+", default=(), help="folders to judge on; without any the card has no metric"
    )
    add_source(parser)
    parser.add_argument("--split", type=Path, help="graspnext: only the scenes of --data that this file names")
    parser.add_argument("--val-split", type=Path, help="graspnext: only the scenes of --val that this file names")
    parser.add_argument("--out", type=Path, help="folder of the model, for example models/mine")
    parser.add_argument("--config", help="recipe: a name in config/train, or the path of a file; default best")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings in place of the recipe's")
    # torchrun takes --run for an abbreviation of its own --run-path, so that there is a second name.
    parser.add_argument(
        "--run", "--run-folder", type=Path, help="folder of state and log; default runs/<name of --out>"
    )
    parser.add_argument("--epochs", type=float, help="end after so many passes over the data")
    parser.add_argument("--minutes", type=float, help="end after so much time; the schedule is fitted to it")
    parser.add_argument("--resume", action="store_true", help="continue the run from its last state")
    for name in ("size", "architecture", "channels", "loss"):
        parser.add_argument(f"--{name}", help="in place of the recipe's")
    parser.add_argument("--crop", type=int, dest="small_crop", help="side of the small crops, in place of the recipe's")
    parser.add_argument("--threads", type=int, help="CPU threads, in place of the recipe's")
    parser.add_argument("--workers", type=int, help="processes that make views ahead (1; for a GPU one per core)")
    parser.add_argument("--seed", type=int, help="in place of the recipe's")
    parser.add_argument("--init", help="start from the weights of this model: a name in models/, or a folder")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU if there is one"
    )
    parser.add_argument(
        "--profile", type=int, nargs="?", const=20, metavar="STEPS", help="say where a step's time goes, train nothing"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Train, or measure steps with --profile, and print what came of it."""
    if is_graspnext_recipe(args.config):
        return _train_scene_network(args)
    if args.source != "own" or args.split or args.val_split:
        raise BadInput(
            "--from, --split and --val-split are for --config graspnext; else gpnet data convert comes first."
        )
    names = ("size", "architecture", "channels", "loss", "small_crop", "threads", "seed")
    flags = {n: getattr(args, n) for n in names if getattr(args, n) is not None}
    recipe = load_recipe(args.config, **(overrides(args.set) | flags))
    if args.profile is not None:
        profiled = profile_folders(args.data, recipe, args.device, args.profile)
        for times in profiled:
            print("\n".join(times.table()))
        if args.json:
            print(json.dumps({"profile": [times.answer() for times in profiled]}))
        return 0
    card = train_folders(args.data, args.val, recipe, _options(args), minutes=args.minutes, epochs=args.epochs)
    if args.json and card is not None:
        print(json.dumps({"model": str(args.out), "metric": card.metric, "recipe": card.recipe}))
    return 0


def _train_scene_network(args: argparse.Namespace) -> int:
    with graspnext_packages("This recipe"):
        from gpnet_ros.training.graspnext.recipe import GraspNextRecipe, load_graspnext_recipe
        from gpnet_ros.training.graspnext.run import ScenePictures, train_scene_folders
    for name in ("size", "architecture", "channels", "loss", "small_crop", "profile"):
        if getattr(args, name) is not None:
            raise BadInput(f"--{name.replace('_', '-')} is not for recipe {args.config}: use --set NAME=VALUE.")
    flags = {name: getattr(args, name) for name in ("threads", "seed") if getattr(args, name) is not None}
    recipe = load_graspnext_recipe(args.config, **(overrides(args.set, GraspNextRecipe) | flags))
    if args.val_split and not args.val:
        raise BadInput("--val-split says which scenes of --val are judged, which is missing: give the folder, too.")
    pictures = ScenePictures(args.data, args.val, args.source, args.split, args.val_split)
    card = train_scene_folders(pictures, recipe, _options(args), (args.minutes, args.epochs))
    if args.json:
        print(json.dumps({"model": str(args.out), "metric": card.metric, "recipe": card.recipe}))
    return 0


def _options(args: argparse.Namespace) -> RunOptions:
    if args.out is None:
        raise BadInput("--out is missing: give the folder of the model, for example --out models/mine.")
    folder = args.run or Path("runs") / args.out.resolve().name
    return RunOptions(args.out, folder, args.resume, args.init, args.device, args.workers)
