"""Write split files of a data set, by scene: what training takes, what is kept for testing, and with --val for judging.

    gpnet data split ROOT --from metagraspnet --share 0.2 --val 0.2 --out splits    # 60, 20 and 20 % of the scenes

Pictures of one scene, or of one object where a set has no scenes, never come into both files.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.commands.data_source import add_source
from gpnet_ros.data.loaders.sets import open_data
from gpnet_ros.data.splits import write_split
from gpnet_ros.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet data split`."""
    parser.add_argument("folder", type=Path, metavar="ROOT", help="folder of the data set")
    add_source(parser)
    parser.add_argument("--share", type=float, default=0.1, help="share of the scenes for testing (0.1)")
    parser.add_argument("--val", type=float, default=0.0, help="share to judge on while training, in val.txt (0: none)")
    parser.add_argument("--seed", type=int, default=0, help="another choice for another seed (0)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for train.txt and test.txt")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Write the split files of a data set."""
    if not 0 < args.share < 1:
        raise BadInput(f"--share is {args.share}; it must lie between 0 and 1.")
    if not 0 <= args.val < 1 - args.share:
        raise BadInput(
            f"--val is {args.val}; with --share {args.share} it must lie between 0 and {1 - args.share:.3g}."
        )
    if args.seed < 0:
        raise BadInput(f"--seed is {args.seed}; allowed: 0 or more.")
    data = open_data(args.source, args.folder)
    title = f"{args.folder.name} ({args.source})"
    written = write_split(args.out, data.scenes, args.share, args.seed, title, args.val)
    for path, count in written:
        print(f"{path}: {count} scenes")
    if args.json:
        print(json.dumps({"files": [str(path) for path, _ in written], "scenes": [count for _, count in written]}))
    return 0
