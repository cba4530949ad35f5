"""Train the multi-task networks that the paper compares on equally many images, one after the other, and judge them.

    gpnet ablate graspnext --images 30000 --data data/train --val data/val --out runs/graspnext
    gpnet ablate graspnext --images 1500000 --config graspnext-paper --data data/train --val data/val    # on a GPU

The same line again skips what is finished and goes on with what was begun, also after kill -9. Each network's folder
holds its model, its run with log and curves, and evaluation.json; gpnet tables --tables graspnext makes the table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.commands.data_source import add_source
from gpnet_ros.commands.extra import graspnext_packages
from gpnet_ros.training.recipe import overrides

_FOUR = ("fast-graspnext", "mobilenet-graspnext", "efficientnet-graspnext", "resnet-graspnext")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `gpnet ablate graspnext`."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("runs/graspnext"), help="folder of all models (runs/graspnext)")
    add("--data", type=Path, nargs="+", required=True, help="folders of gpnet generate --labels all to train on")
    add("--val", type=Path, nargs="+", default=[], help="folders to judge on")
    add_source(parser)
    add("--split", type=Path, help="train on the scenes in this file only, see gpnet data split")
    add("--val-split", type=Path, help="judge on the scenes in this file only")
    add("--images", type=int, required=True, help="that each network learns from, counted as often as they are seen")
    add("--networks", nargs="+", default=list(_FOUR), help="names, or NAME=winner.json (the paper's four)")
    add("--config", default="graspnext", help="recipe of all (graspnext)")
    add("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings in place of the recipe's, for all")
    add("--threads", type=int, help="CPU threads, in place of the recipe's")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="see gpnet train (auto)")
    add("--list", action="store_true", help="say what is finished and what is left, train nothing")
    add("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Train what is left; 1 when a training failed."""
    with graspnext_packages("This comparison"):
        from gpnet_ros.paper.scene_series import SceneSeries, networks_of, state_of, train_series
        from gpnet_ros.training.graspnext.recipe import GraspNextRecipe
        from gpnet_ros.training.graspnext.run import ScenePictures
    chosen = overrides(args.set, GraspNextRecipe) | ({} if args.threads is None else {"threads": args.threads})
    pictures = ScenePictures(args.data, args.val, args.source, args.split, args.val_split)
    networks = networks_of(args.networks)
    series = SceneSeries(args.out, pictures, args.images, networks, args.config, chosen, args.device)
    failed = [] if args.list else train_series(series)
    states = {name: state_of(series, name) for name in series.networks}
    print(json.dumps({"networks": states, "failed": failed}) if args.json else "\n".join(map(" ".join, states.items())))
    return 1 if failed else 0
