"""Make training data: simulated scenes with pictures, exact depth, grasps, relations and more, in shards.

The same arguments give the same bytes on the same machine, whatever the number of workers; an interrupted run goes
on with --resume. docs/data_format.md describes what is written.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from gpnet_ros.data.shards.writer import SCENES_PER_SHARD, Plan, ShardWriter
from gpnet_ros.errors import BadInput
from gpnet_ros.sim.scenes.recipe import TEST_SET_SCENES, TEST_SETS, LabelSet, Profile, SceneRecipe, Split
from gpnet_ros.workers import Maker, Members, in_processes, on_ray

#: Scenes of one --seed; those of the next seed begin after them.
SCENES_PER_SEED = 1_000_000
SEED_MAX = 999_999
MESH_UNITS = ("m", "mm", "cm", "inch")
_SCENES = 2000
_DECIDED_BY_TEST_SET = ("seed", "profile", "objects", "split", "meshes", "mesh_unit")
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


@dataclass(frozen=True)
class SceneMaker:
    """Makes the scenes of a run in a worker; the simulation is loaded there and only there.

    Attributes:
        recipe: of every scene.
        first: seed of scene 0.
        test_set: name of a fixed test set, or None.
    """

    recipe: SceneRecipe
    first: int = 0
    test_set: str | None = None

    def __call__(self, number: int) -> Members:
        """Files of a scene, names relative to its folder."""
        from gpnet_ros.sim.scenes.files import scene_files
        from gpnet_ros.sim.scenes.scene import make_scene

        if self.test_set is None:
            return scene_files(make_scene(self.first + number, self.recipe))
        from gpnet_ros.sim.scenes.fixed_sets import make_test_scene

        return scene_files(make_test_scene(self.test_set, number, self.recipe))


def run(args: argparse.Namespace) -> int:
    """Run `gpnet generate`."""
    plan, maker = planned(args)
    return generate(args, plan, maker)


def planned(args: argparse.Namespace) -> tuple[Plan, SceneMaker]:
    """What the arguments ask for.

    Raises:
        BadInput: a value out of bounds, or options that exclude each other.
    """
    if args.test_set is not None:
        given = [name for name in _DECIDED_BY_TEST_SET if getattr(args, name) is not None]
        if given:
            raise BadInput(
                f"--{given[0].replace('_', '-')} cannot be given with --test-set, whose scenes are fixed: leave it out."
            )
    seed = 1 if args.seed is None else args.seed
    usual, most = (_SCENES, SCENES_PER_SEED) if args.test_set is None else (TEST_SET_SCENES, TEST_SET_SCENES)
    scenes = usual if args.scenes is None else args.scenes
    for name, value, low, high in (
        ("scenes", scenes, 1, most),
        ("seed", seed, 0, SEED_MAX),
        ("workers", args.workers, 1, 10_000),
        ("shard", args.shard, 1, 10_000),
    ):
        if not low <= value <= high:
            raise BadInput(f"--{name} is {value}; it must be {low} to {high}.")
    recipe = _recipe(args)
    if recipe.meshes is not None:
        recipe, sha256 = _with_meshes(recipe)
    first = seed * SCENES_PER_SEED
    arguments: dict[str, Any] = {"scenes": scenes, "shard": args.shard, **asdict(recipe)}
    if args.meshes is not None:
        arguments |= {"meshes": args.meshes.resolve().name, "meshes_sha256": sha256}
    if args.test_set is None:
        arguments["seed"] = seed
        names = [f"{first + number:012d}" for number in range(scenes)]
    else:
        arguments = {name: value for name, value in arguments.items() if name not in _DECIDED_BY_TEST_SET}
        arguments["test_set"] = args.test_set
        names = [f"{args.test_set}-{number:04d}" for number in range(scenes)]
    plan = Plan(f"gpnet_ros {_version()}", arguments, names, args.shard)
    return plan, SceneMaker(recipe, first, args.test_set)


def generate(args: argparse.Namespace, plan: Plan, maker: Maker) -> int:
    """Make what is missing of a plan and report."""
    started = time.monotonic()
    made = 0
    with ShardWriter(args.out, plan, args.resume) as writer:
        missing = list(writer.missing())
        with _progress(args.out, len(plan.scenes), len(missing)) as bar:
            try:
                with contextlib.closing(_made(args, maker, missing)) as scenes:
                    for number, members in scenes:
                        writer.add(number, members)
                        made += 1
                        bar.update()
            except KeyboardInterrupt:
                print(f"\n{args.out} is not finished: go on with --resume.", file=sys.stderr)
                raise
        shards = writer.index.shards
    seconds = time.monotonic() - started
    rate, size = made / seconds, sum(shard.bytes for shard in shards)
    print(
        f"{made} scenes made in {seconds:.0f} s ({rate:.2f} per second); {args.out} holds {len(plan.scenes)} scenes in "
        f"{len(shards)} shards, {size / 1e6:.1f} MB."
    )
    if args.json:
        report: dict[str, Any] = {"out": str(args.out), "scenes": len(plan.scenes), "made": made}
        report |= {"shards": len(shards), "views": sum(shard.views for shard in shards), "bytes": size}
        print(json.dumps(report | {"seconds": round(seconds, 1), "scenes_per_second": round(rate, 3)}))
    return 0


def _progress(out: Path, scenes: int, missing: int) -> tqdm:
    """Bar with rate and remaining time; in a file, where each state is a line, one every half minute."""
    pause = 0.2 if sys.stderr.isatty() else 30.0
    return tqdm(total=scenes, initial=scenes - missing, unit="scene", desc=str(out), smoothing=0, mininterval=pause)


def _made(args: argparse.Namespace, maker: Maker, numbers: list[int]) -> Generator[tuple[int, Members], None, None]:
    if numbers:
        yield from _EXECUTORS[args.executor](maker, numbers, min(args.workers, len(numbers)))


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


def _with_meshes(recipe: SceneRecipe) -> tuple[SceneRecipe, str]:
    """The recipe with its unit settled, and the SHA-256 of the meshes; they are prepared here, once for all workers."""
    from gpnet_ros.sim.objects.user_meshes import load_user_meshes

    assert recipe.meshes is not None
    own = load_user_meshes(recipe.meshes, recipe.mesh_unit)
    if recipe.mesh_unit is None and own.unit != "m":
        print(f"The meshes are in {own.unit}, by their sizes; say --mesh-unit if they are not.", file=sys.stderr)
    return replace(recipe, mesh_unit=own.unit), own.sha256


def _version() -> str:
    try:
        return importlib.metadata.version("gpnet_ros")
    except importlib.metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"
