"""Write the pictures of any data set as shards, so that gpnet data and every reader of shards read them like our own.

What the data set does not have stays absent; gpnet train draws dense grasps from rectangles where there are none. An
interrupted run continues with --resume, to the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gpnet_ros.commands.data_source import add_source
from gpnet_ros.data.loaders.sets import open_data
from gpnet_ros.data.sample import DataSet, Sample
from gpnet_ros.data.shards.writer import SCENES_PER_SHARD, ShardPlan, ShardWriter, scene_members
from gpnet_ros.errors import BadInput

_GENERATOR = "gpnet data convert 1"  # another number when the same pictures become other bytes
#: Pictures in a shard, about: sets with hundreds of views per scene get fewer scenes into one.
_PICTURES_PER_SHARD = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet data convert`."""
    parser.add_argument("folder", type=Path, metavar="ROOT", help="folder of the data set, as published")
    add_source(parser, required=True)
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder for the shards")
    parser.add_argument("--split", type=Path, help="only the scenes that this file names")
    parser.add_argument("--resume", action="store_true", help="go on with what an interrupted run left")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Write a data set as shards and report."""
    data = open_data(args.source, args.folder, args.split)
    twice = [name for name, count in Counter(data.names).items() if count > 1]
    if twice:
        raise BadInput(f"Two pictures in {args.folder} are named {twice[0]!r}: give a folder that holds the set once.")
    pictures: dict[str, list[int]] = {}
    for index, scene in enumerate(data.scenes):
        pictures.setdefault(scene, []).append(index)
    most = max(len(views) for views in pictures.values())
    plan = ShardPlan(
        generator=_GENERATOR,
        arguments={"command": "data convert", "from": args.source, "pictures": _digest(data)},
        scenes=tuple(pictures),
        per_shard=min(SCENES_PER_SHARD, max(_PICTURES_PER_SHARD // most, 1)),
    )
    started, made, left_out = time.monotonic(), 0, Counter[str]()
    with ShardWriter(args.to, plan, args.resume) as writer:
        missing = list(writer.missing())
        with tqdm(total=len(missing), unit="scene", desc=str(args.to), smoothing=0, disable=None) as bar:
            for number in missing:
                scene = plan.scenes[number]
                writer.add(number, _members(data, scene, pictures[scene], left_out))
                made += len(pictures[scene])
                bar.update()
        shards, size = len(writer.index.shards), sum(shard.bytes for shard in writer.index.shards)
    seconds = time.monotonic() - started
    print(
        f"{made} pictures of {len(missing)} scenes written in {seconds:.0f} s; {args.to} holds {len(data)} pictures "
        f"of {len(pictures)} scenes in {shards} shards, {size / 1e6:.1f} MB."
    )
    if left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        print(f"{left_out.total()} rectangles were left out: {reasons}.")
    if args.json:
        answer: dict[str, Any] = {"to": str(args.to), "scenes": len(pictures), "pictures": len(data), "made": made}
        print(
            json.dumps(
                {
                    **answer,
                    "shards": shards,
                    "bytes": size,
                    "rectangles_left_out": left_out,
                    "seconds": round(seconds, 1),
                }
            )
        )
    return 0


def _digest(data: DataSet) -> str:
    """SHA-256 of the names of all pictures: --resume must not mix two splits or two copies of a set."""
    return hashlib.sha256("\n".join(data.names).encode()).hexdigest()


def _members(data: DataSet, scene: str, indices: list[int], left_out: Counter[str]) -> dict[str, bytes]:
    """Files of a scene; our own scenes keep their scene.json and meshes. Counts the rectangles that were left out."""

    def read() -> Iterator[Sample]:
        for index in indices:
            sample = data[index]
            if sample.rectangles is not None:
                left_out.update(sample.rectangles.left_out)
            yield sample

    own: dict[str, bytes] = getattr(data, "scene_files", lambda _: {})(scene)
    return {**own, **scene_members(read())}
