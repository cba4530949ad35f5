"""Draw what a data set knows of a scene: one page with picture, depth, objects, relations, grasps.

Works for the shards of gpnet generate and for every public data set that gpnet reads (--from). Openings of grasps
are thin lines, pads thick ones: whether the openings lie across the objects is seen at once.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.commands.data_source import add_source
from gpnet_ros.data.loaders.sets import open_data
from gpnet_ros.data.pages.page import save_page
from gpnet_ros.data.sample import DataSet
from gpnet_ros.errors import BadInput

_FORMATS = (".png", ".pdf", ".svg", ".jpg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet data show`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the data set")
    add_source(parser)
    parser.add_argument("--split", type=Path, help="only the scenes that this file names")
    parser.add_argument("--scene", default="0", metavar="K", help="number of the scene, or its name (0)")
    parser.add_argument("--view", type=int, default=0, help="number of the picture of this scene (0)")
    parser.add_argument("--count", type=int, default=1, help="draw this many scenes from there on (1)")
    parser.add_argument("--out", type=Path, help="page to write, or folder for several (scene_K.png)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Draw the pages of the scenes that were asked for."""
    if args.count < 1:
        raise BadInput(f"--count is {args.count}; it must be 1 or more.")
    data = open_data(args.source, args.folder, args.split)
    scenes = tuple(dict.fromkeys(data.scenes))
    first = scene_number(args.scene, scenes)
    pages = []
    for number in range(first, min(first + args.count, len(scenes))):
        index = _picture(data, scenes[number], args.view)
        path = _page_path(args, number)
        sample = data[index]
        panels = save_page(path, sample, f"   ({number + 1} of {len(scenes)} scenes)")
        pages.append({"file": str(path), "scene": sample.scene, "picture": sample.name, "panels": list(panels)})
        print(f"{path}: {sample.name}")
    if args.json:
        print(json.dumps({"scenes": len(scenes), "pictures": len(data), "pages": pages}))
    return 0


def scene_number(asked: str, scenes: tuple[str, ...]) -> int:
    """Index of a scene that is named, or numbered from 0.

    Raises:
        BadInput: there is no such scene.
    """
    if asked in scenes:
        return scenes.index(asked)
    if asked.isdecimal() and int(asked) < len(scenes):
        return int(asked)
    raise BadInput(f"There is no scene {asked!r}: give a number from 0 to {len(scenes) - 1}, or a name as {scenes[0]}.")


def _picture(data: DataSet, scene: str, view: int) -> int:
    pictures = [index for index, name in enumerate(data.scenes) if name == scene]
    if not 0 <= view < len(pictures):
        raise BadInput(f"--view is {view}; scene {scene} has the pictures 0 to {len(pictures) - 1}.")
    return pictures[view]


def _page_path(args: argparse.Namespace, number: int) -> Path:
    if args.count > 1:
        folder = args.out or Path("pages")
        if folder.suffix in _FORMATS:
            raise BadInput(f"--out {folder} is one page; give a folder for {args.count}.")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(folder) / f"scene_{number}.png"
    path = args.out or Path(f"scene_{number}.png")
    if path.suffix not in _FORMATS:
        raise BadInput(f"--out {path} has no known ending; allowed are {', '.join(_FORMATS)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(path)
