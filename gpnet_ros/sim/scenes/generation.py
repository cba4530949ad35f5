"""Making a data set of simulated scenes: which scenes, by which workers, into which shards.

The same plan gives the same bytes on the same machine, whatever the number of workers; an interrupted run goes on.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gpnet_ros.data.shards.index import Shard
from gpnet_ros.data.shards.writer import ShardPlan, ShardWriter
from gpnet_ros.errors import BadInput
from gpnet_ros.sim.scenes.recipe import TEST_SET_SCENES, SceneRecipe
from gpnet_ros.workers import Maker, Members

#: Scenes of one --seed; those of the next seed begin after them.
SCENES_PER_SEED = 1_000_000
SEED_MAX = 999_999
#: What a fixed test set decides by itself, so that its index does not name it.
DECIDED_BY_TEST_SET = ("seed", "profile", "objects", "split", "meshes", "mesh_unit")

#: `workers.in_processes` or `workers.on_ray`.
Executor = Callable[[Maker, list[int], int], Iterator[tuple[int, Members]]]


@dataclass(frozen=True)
class SceneMaker:
    """Makes the scenes of a run in a worker; the simulation is loaded there and only there.

    Attributes:
        recipe: what every scene is made by.
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


@dataclass(frozen=True)
class Generation:
    """Outcome of one run of `generate`.

    Attributes:
        made: scenes that it made itself.
        shards: all finished shards of the folder.
        seconds: duration of the run [s].
    """

    made: int
    shards: list[Shard]
    seconds: float

    @property
    def bytes(self) -> int:
        """Size of all shards."""
        return sum(shard.bytes for shard in self.shards)


def plan_scenes(
    recipe: SceneRecipe, scenes: int, per_shard: int, seed: int, test_set: str | None = None
) -> tuple[ShardPlan, SceneMaker]:
    """Plan of a data set, and what makes its scenes; the user's meshes are prepared here, once for all workers.

    Args:
        recipe: what every scene is made by.
        scenes: their number.
        per_shard: scenes in a shard.
        seed: another one, of 0 to `SEED_MAX`, gives other scenes; without meaning for a test set.
        test_set: name of a fixed test set, whose first scenes are taken.

    Raises:
        BadInput: numbers out of bounds, or meshes that cannot be used.
    """
    most = SCENES_PER_SEED if test_set is None else TEST_SET_SCENES
    for name, value, low, high in (
        ("scenes", scenes, 1, most),
        ("seed", seed, 0, SEED_MAX),
        ("shard", per_shard, 1, 10_000),
    ):
        if not low <= value <= high:
            raise BadInput(f"--{name} is {value}; it must be {low} to {high}.")
    told: dict[str, Any] = {}
    if recipe.meshes is not None:
        meshes = Path(recipe.meshes).name
        recipe, sha256 = _with_meshes(recipe)
        told = {"meshes": meshes, "meshes_sha256": sha256}
    arguments: dict[str, Any] = {"scenes": scenes, "shard": per_shard, **asdict(recipe), **told}
    first = seed * SCENES_PER_SEED
    if test_set is None:
        arguments["seed"] = seed
        names = [f"{first + number:012d}" for number in range(scenes)]
    else:
        arguments = {name: value for name, value in arguments.items() if name not in DECIDED_BY_TEST_SET}
        arguments["test_set"] = test_set
        names = [f"{test_set}-{number:04d}" for number in range(scenes)]
    return ShardPlan(f"gpnet_ros {_version()}", arguments, names, per_shard), SceneMaker(recipe, first, test_set)


def generate(out: Path, plan: ShardPlan, maker: Maker, executor: Executor, workers: int, resume: bool) -> Generation:
    """Make the scenes of a plan that its folder lacks.

    Args:
        out: folder for the shards.
        plan: what belongs into it.
        maker: makes the files of one scene.
        executor: distributes the scenes to workers.
        workers: their number.
        resume: go on with an interrupted run of the same plan.

    Raises:
        BadInput: the folder holds something else, or a scene cannot be made.
    """
    started, made = time.monotonic(), 0
    with ShardWriter(out, plan, resume) as writer:
        missing = list(writer.missing())
        with (
            _progress(out, len(plan.scenes), len(missing)) as bar,
            contextlib.closing(_made(executor, maker, missing, workers)) as scenes,
        ):
            for number, members in scenes:
                writer.add(number, members)
                made += 1
                bar.update()
        shards = list(writer.index.shards)
    return Generation(made, shards, time.monotonic() - started)


def _progress(out: Path, scenes: int, missing: int) -> tqdm:
    """Bar with rate and remaining time; in a file, where each state is a line, one every half minute."""
    pause = 0.2 if sys.stderr.isatty() else 30.0
    return tqdm(total=scenes, initial=scenes - missing, unit="scene", desc=str(out), smoothing=0, mininterval=pause)


def _made(
    executor: Executor, maker: Maker, numbers: list[int], workers: int
) -> Generator[tuple[int, Members], None, None]:
    """The scenes that are missing; without any, neither workers nor a cluster are started."""
    if numbers:
        yield from executor(maker, numbers, min(workers, len(numbers)))


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
