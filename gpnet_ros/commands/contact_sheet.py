"""Lay the pictures of many scenes side by side on one sheet, to see at a glance what a data set looks like."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2

from gpnet_ros.commands.data_source import add_source
from gpnet_ros.data.loaders.sets import open_data
from gpnet_ros.data.pages.contact_sheet import contact_sheet, in_turn, one_per_scene
from gpnet_ros.errors import BadInput

_FORMATS = (".jpg", ".png")
_QUALITY = 88


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet data sheet`."""
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="data sets; their scenes take turns")
    add_source(parser)
    parser.add_argument("--split", type=Path, help="only the scenes that this file names")
    parser.add_argument("--scenes", type=int, default=24, help="pictures on the sheet, one per scene (24)")
    parser.add_argument("--columns", type=int, default=6, help="pictures in a row (6)")
    parser.add_argument("--side", type=int, default=320, help="side of a picture on the sheet in pixels (320)")
    parser.add_argument("--out", type=Path, default=Path("sheet.jpg"), help="file to write, jpg or png (sheet.jpg)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Write a sheet of one picture per scene."""
    if min(args.scenes, args.columns, args.side) < 1:
        raise BadInput("--scenes, --columns and --side must be 1 or more.")
    if args.out.suffix not in _FORMATS:
        raise BadInput(f"--out {args.out} has no known ending; allowed are {', '.join(_FORMATS)}.")
    sets = [open_data(args.source, folder, args.split) for folder in args.folders]
    chosen = in_turn([one_per_scene(data) for data in sets], args.scenes)
    sheet = contact_sheet([sets[which][index] for which, index in chosen], args.columns, args.side)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    written = cv2.imwrite(str(args.out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not written:
        raise BadInput(f"{args.out} cannot be written: choose another path.")
    names = [sets[which].names[index] for which, index in chosen]
    print(f"{args.out}: {len(names)} scenes, {args.out.stat().st_size / 1000:.0f} kB")
    if args.json:
        print(json.dumps({"file": str(args.out), "pictures": names}))
    return 0
