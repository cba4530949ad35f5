"""Make training data: simulated scenes with pictures, exact depth, grasps, relations and more, in shards.

The same arguments give the same bytes on the same machine, whatever the number of workers; an interrupted run goes
on with --resume. docs/data_format.md describes what is written.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, get_args

from gpnet_ros.data.shards.writer import SCENES_PER_SHARD, ShardPlan
from gpnet_ros.errors import BadInput
from gpnet_ros.sim.scenes.generation import DECIDED_BY_TEST_SET, SceneMaker, generate, plan_scenes
from gpnet_ros.sim.scenes.recipe import MESH_UNITS, TEST_SET_SCENES, TEST_SETS, LabelSet, Profile, SceneRecipe, Split
from gpnet_ros.workers import Maker, in_processes, on_ray

_SCENES = 2000
_EXECUTORS = {"process": in_processes, "ray": on_ray}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet generate`."""
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for the shards")
    add("--scenes", type=int, help=f"number of scenes (default {_SCENES}; of a test set all {TEST_SET_SCENES})")
    add("--seed", type=int, help="other scenes for another seed (default 1)")
    add("--profile", choices=get_args(Profile), help="table (default), bin, stack or single objects")
    add("--objects", help="number of objects, or a range such as 3-7 (default 1-10)")
    add("--split", choices=get_args(Split), help="families and objects for training (default) or held out")
    add("--meshes", type=Path, help="folder with your own meshes (obj, stl, ply), one object each")
    add(
        "--mesh-unit",
        choices=MESH_UNITS,
        help="unit of the meshes (default: told by their sizes)",
    )
    add("--test-set", choices=TEST_SETS, help="the scenes of a fixed test set, instead of the options above")
    add("--size", default="480x480", help="width x height of a picture [px] (default 480x480)")
    add("--views", type=int, default=1, help="pictures of each scene (default 1)")
    add("--labels", choices=get_args(LabelSet), default="grasp", help="all: amodal masks, suction, ... too")
    add("--parents", action="store_true", help="also find which object rests on which by taking each away")
    add("--workers", type=int, default=os.cpu_count() or 1, help="scenes made at a time (default: one per core)")
    add("--executor", choices=_EXECUTORS, default="process", help="ray: on the cluster of RAY_ADDRESS, else here")
    add("--shard", type=int, default=SCENES_PER_SHARD, help=f"scenes per shard (default {SCENES_PER_SHARD})")
    add("--resume", action="store_true", help="go on with an interrupted run of the same arguments")
    add("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Make the data set that the arguments ask for."""
    return make(args, *planned(args))


def make(args: argparse.Namespace, plan: ShardPlan, maker: Maker) -> int:
    """Make what is missing of a plan and report."""
    try:
        made = generate(args.out, plan, maker, _EXECUTORS[args.executor], args.workers, args.resume)
    except KeyboardInterrupt:
        print(f"\n{args.out} is not finished: go on with --resume.", file=sys.stderr)
        raise
    rate, count = made.made / made.seconds, len(plan.scenes)
    print(
        f"{made.made} scenes made in {made.seconds:.0f} s ({rate:.2f} per second); {args.out} holds {count} scenes in "
        f"{len(made.shards)} shards, {made.bytes / 1e6:.1f} MB."
    )
    if args.json:
        answer: dict[str, Any] = {"out": str(args.out), "scenes": count, "made": made.made}
        answer |= {"shards": len(made.shards), "views": sum(shard.views for shard in made.shards), "bytes": made.bytes}
        print(json.dumps(answer | {"seconds": round(made.seconds, 1), "scenes_per_second": round(rate, 3)}))
    return 0


def planned(args: argparse.Namespace) -> tuple[ShardPlan, SceneMaker]:
    """Plan of the scenes that the arguments ask for, and what makes them.

    Raises:
        BadInput: a value out of bounds, or options that exclude each other.
    """
    if args.test_set is not None:
        given = [name for name in DECIDED_BY_TEST_SET if getattr(args, name) is not None]
        if given:
            raise BadInput(
                f"--{given[0].replace('_', '-')} cannot be given with --test-set, whose scenes are fixed: leave it out."
            )
    if not 1 <= args.workers <= 10_000:
        raise BadInput(f"--workers is {args.workers}; it must be 1 to 10000.")
    usual = _SCENES if args.test_set is None else TEST_SET_SCENES
    scenes, seed = usual if args.scenes is None else args.scenes, 1 if args.seed is None else args.seed
    return plan_scenes(_recipe(args), scenes, args.shard, seed, args.test_set)


def _recipe(args: argparse.Namespace) -> SceneRecipe:
    usual = "1" if args.profile == "single" else "1-10"
    low, high = _two(args.objects or usual, "-", "--objects", "a number such as 5 or a range such as 3-7")
    if args.profile == "single" and (low, high) != (1, 1):
        raise BadInput(
            f"--objects is {args.objects!r}, but scenes of --profile single have one: leave one of them out."
        )
    size = _two(args.size, "x", "--size", "width and height such as 640x480")
    meshes = None if args.meshes is None else str(args.meshes.resolve())
    if meshes is not None and not args.meshes.is_dir():
        raise BadInput(f"--meshes {args.meshes} is no folder: give the folder that holds your meshes.")
    if meshes is None and args.mesh_unit is not None:
        raise BadInput(f"--mesh-unit {args.mesh_unit} needs --meshes: give the folder that holds your meshes.")
    return SceneRecipe(
        profile=args.profile or "table",
        objects=(low, high),
        size=size,
        views=args.views,
        labels=args.labels,
        split=args.split or "train",
        meshes=meshes,
        mesh_unit=args.mesh_unit,
        parents=args.parents,
    )


def _two(text: str, sign: str, option: str, wanted: str) -> tuple[int, int]:
    parts = text.lower().split(sign)
    if not all(part.strip().isdecimal() for part in parts) or len(parts) not in ((1, 2) if sign == "-" else (2,)):
        raise BadInput(f"{option} is {text!r}; it must be {wanted}.")
    return int(parts[0]), int(parts[-1])
