"""Write two split files of a data set, by scene: what training takes and what is kept for testing.

Pictures of one scene, or of one object where a set has no scenes, never come into both files.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.data.loaders.sets import add_source, open_data
from gpnet_ros.data.sample import split_scenes
from gpnet_ros.errors import BadInput

FILES = ("train.txt", "test.txt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet data split`."""
    parser.add_argument("folder", type=Path, metavar="ROOT", help="folder of the data set")
    add_source(parser)
    parser.add_argument("--share", type=float, default=0.1, help="share of the scenes for testing (0.1)")
    parser.add_argument("--seed", type=int, default=0, help="another choice for another seed (0)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for train.txt and test.txt")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Split."""
    if not 0 < args.share < 1:
        raise BadInput(f"--share is {args.share}; it must lie between 0 and 1.")
    if args.seed < 0:
        raise BadInput(f"--seed is {args.seed}; allowed: 0 or more.")
    data = open_data(args.source, args.folder)
    parts = split_scenes(data.scenes, args.share, args.seed)
    paths = [args.out / name for name in FILES]
    there = [path for path in paths if path.exists()]
    if there:
        raise BadInput(f"{there[0]} is there already: a split must not change under a trained model; choose another.")
    unwritable = [scene for scene in data.scenes if scene != scene.strip() or scene.startswith("#") or not scene]
    if unwritable:
        raise BadInput(f"The scene name {unwritable[0]!r} cannot stand on a line of a split file: rename the scene.")
    args.out.mkdir(parents=True, exist_ok=True)
    for path, part in zip(paths, parts, strict=True):
        head = f"# {len(part)} scenes of {args.folder.name} ({args.source}), share {args.share}, seed {args.seed}"
        path.write_text("\n".join([head, *part, ""]), encoding="utf-8")
        print(f"{path}: {len(part)} scenes")
    if args.json:
        print(json.dumps({"files": [str(path) for path in paths], "scenes": [len(part) for part in parts]}))
    return 0
