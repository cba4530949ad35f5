"""Check a data set: are the shards whole, do the labels keep their laws, and what is in it?

Exit status: 0 all laws hold, 1 one is broken (the first ten are named), 2 bad input.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gpnet_ros.commands.data_source import add_source
from gpnet_ros.data.loaders.sets import open_data
from gpnet_ros.data.shards.index import read_index
from gpnet_ros.errors import BadInput
from gpnet_ros.sim.scenes.check import Findings, check_pictures, check_shards, check_splits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet data check`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the data set")
    add_source(parser)
    parser.add_argument("--scenes", type=int, help="look at this many scenes, spread over all (all)")
    parser.add_argument(
        "--splits", type=Path, nargs="+", default=[], metavar="FILE", help="split files that must be disjoint"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Check and print figures."""
    if args.scenes is not None and args.scenes < 1:
        raise BadInput(f"--scenes is {args.scenes}; it must be 1 or more.")
    findings, answer = Findings(), {"folder": str(args.folder), "from": args.source}
    ours = args.source == "own"
    if ours:
        answer |= check_shards(args.folder, read_index(args.folder), findings)
    if findings.count:  # whoever edited the files may have edited anything in them
        print("The pictures were not looked at, for the shards are not those of the index.")
    else:
        data = open_data(args.source, args.folder)
        check_splits(args.splits, data, findings)
        answer["looked_at"] = check_pictures(data, args.scenes, findings)
    answer |= {"violations": findings.count, "named": findings.named}
    print("\n".join(_lines(answer)))
    if args.json:
        print(json.dumps(answer))
    return 1 if findings.count else 0


def _lines(answer: dict[str, Any]) -> list[str]:
    """The answer for people."""
    lines = [f"{answer['folder']} ({answer['from']})"]
    if "shards" in answer:
        state = "complete" if answer["complete"] else f"UNFINISHED, {answer['planned_scenes']} scenes are planned"
        each = "" if answer["bytes_per_scene"] is None else f", {answer['bytes_per_scene'] / 1e6:.2f} MB per scene"
        lines.append(f"  {'shards':26}{answer['shards']} ({answer['bytes'] / 1e6:.1f} MB{each}), {state}")
    for key, value in answer.get("looked_at", {}).items():
        if value is None:
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        lines.append(f"  {key.replace('_', ' '):26}{value}")
    seen = answer.get("looked_at", {})
    if seen.get("pictures", 0) != seen.get("scenes", 0):
        lines.append("  (of pictures: what several pictures show is counted in each)")
    if answer["violations"]:
        lines.append(f"{answer['violations']} violation{'s' if answer['violations'] > 1 else ''}:")
        lines += [f"  {sentence}" for sentence in answer["named"]]
        if answer["violations"] > len(answer["named"]):
            lines.append(f"  ... and {answer['violations'] - len(answer['named'])} more")
    else:
        lines.append("no violation")
    return lines
