"""The fixed test sets: scenes that are shipped as poses, so that every machine has the same ones.

Physics made them once and does not run again: a scene is built from the stored poses, cameras and seeds of looks, then
rendered and labelled. Poses, relations and cameras are equal everywhere; pictures, depth and labels come from
single precision rays and may differ in the last bits: see `docs/data_format.md` for the tolerance.

For maintainers: `python -m gpnet_ros.sim.scenes.fixed_sets` makes the files anew, which voids all published figures.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import multiprocessing
import zlib
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.sim.objects.model import ObjectModel
from gpnet_ros.sim.objects.shapes import volume_moments
from gpnet_ros.sim.objects.splits import families
from gpnet_ros.sim.scenes.arrangement import Arrangement, arrange
from gpnet_ros.sim.scenes.files import rounded
from gpnet_ros.sim.scenes.recipe import Recipe
from gpnet_ros.sim.scenes.scene import Scene, photograph

NAMES = ("table-test", "stack-test", "unseen-test")
SCENES = 500  # of each
SIZE = (480, 480)  # of the pictures that the stored cameras belong to [px]
VERSION = 1
_FOLDER = "stored"
_SUMS = "sha256.txt"
#: Seeds of the scenes begin here, one range per set; those of `gpnet generate` are all smaller.
_FIRST_SEED = 10**12


def recipe_of(name: str, number: int) -> Recipe:
    """What a scene of a set was made by.

    Raises:
        BadInput: no such set or scene.
    """
    if name not in NAMES:
        raise BadInput(f"There is no test set '{name}': choose one of {', '.join(NAMES)}.")
    if not 0 <= number < SCENES:
        raise BadInput(f"Test set {name} has no scene {number}: they are numbered 0 to {SCENES - 1}.")
    table = Recipe(profile="table", objects=(1, 10), size=SIZE, split="seen", parents=True)
    stack = Recipe(profile="stack", objects=(3, 7), size=SIZE, split="seen", parents=True)
    if name == "unseen-test":
        return replace(table if number % 2 == 0 else stack, split="unseen")
    return table if name == "table-test" else stack


def make_test_scene(name: str, number: int, recipe: Recipe) -> Scene:
    """A scene of a test set, rendered and labelled; nothing is settled.

    Args:
        name: one of `NAMES`.
        number: 0 to `SCENES` - 1.
        recipe: its size, labels and parents count; all else is as the set has it.

    Raises:
        BadInput: no such scene, more than one view, or files or families that are not those of the set.
    """
    made_by = recipe_of(name, number)
    if recipe.views != 1:
        raise BadInput(f"Scenes of a test set have one view each; {recipe.views} were asked for: leave --views out.")
    arrangement = arrangement_of(name, number)
    shots = tuple(replace(shot, intrinsics=_scaled(shot.intrinsics, recipe.size)) for shot in arrangement.shots)
    arrangement = replace(arrangement, shots=shots, parents=arrangement.parents if recipe.parents else None)
    return photograph(arrangement, replace(made_by, size=recipe.size, labels=recipe.labels, parents=recipe.parents))


def arrangement_of(name: str, number: int) -> Arrangement:
    """What lies where in a scene of a set, with the camera of its 480x480 picture; arguments as `make_test_scene`."""
    recipe_of(name, number)
    lines = _lines(name)
    if number >= len(lines):
        raise BadInput(f"Test set {name} holds {len(lines)} scenes only, not scene {number}: install the package anew.")
    stored: dict[str, Any] = json.loads(lines[number])
    arrangement = Arrangement.from_dict(stored)
    require_geometry(f"Scene {number} of {name}", arrangement.heap.objects, stored)
    return arrangement


def geometry_sum(objects: Iterable[ObjectModel]) -> str:
    """Checksum of sizes, volumes, masses and friction, rounded so that machines agree: it changes with a family."""
    text = []
    for model in objects:
        volume = volume_moments(model.vertices, model.faces)[0]
        lengths = [round(1e5 * float(v)) for v in (*model.extent, model.radius)]
        others = [round(1e9 * volume), round(1e6 * model.mass), round(1e6 * model.friction)]
        text.append(f"{model.family} {model.seed} {lengths} {others}")
    return f"{zlib.crc32(';'.join(text).encode()):08x}"


def require_geometry(what: str, objects: Iterable[ObjectModel], stored: dict[str, Any]) -> None:
    """Refuse objects that are not those whose checksum is stored.

    Raises:
        BadInput: the families have changed since; `what` names the scene or heap.
    """
    if geometry_sum(objects) != stored["geometry"]:
        raise BadInput(
            f"{what} was made with other shapes than these families have now: "
            "use the version of the package that it belongs to."
        )


def stored_line(values: dict[str, Any], objects: Iterable[ObjectModel]) -> bytes:
    """A scene or heap as one line of JSON, rounded, with the checksum of its objects."""
    stored = rounded(values) | {"geometry": geometry_sum(objects)}
    return json.dumps(stored, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _scaled(camera: Intrinsics, size: tuple[int, int]) -> Intrinsics:
    """The camera of a `SIZE` picture for another size: the shorter side shows the same."""
    if size == (camera.width, camera.height):
        return camera
    scale = min(size) / min(SIZE)
    cx, cy = ((side - 1) / 2 + scale * (at - (old - 1) / 2)
              for side, old, at in zip(size, SIZE, (camera.cx, camera.cy), strict=True))  # fmt: skip
    return Intrinsics(size[0], size[1], scale * camera.fx, scale * camera.fy, cx, cy)


@lru_cache(maxsize=len(NAMES))
def _lines(name: str) -> tuple[bytes, ...]:
    """The stored scenes of a set, one JSON object each, checked against the shipped sum."""
    folder = resources.files("gpnet_ros.sim.scenes") / _FOLDER
    return read_lines(folder / f"{name}.jsonl.gz", folder / _SUMS)


def read_lines(file: Any, sums: Any) -> tuple[bytes, ...]:
    """Lines of a compressed file whose SHA-256 a second file (as of sha256sum) lists.

    Raises:
        BadInput: one of the files is missing, or they do not fit each other.
    """
    try:
        data = file.read_bytes()
        listed = dict(reversed(line.split(maxsplit=1)) for line in sums.read_text("utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise BadInput(f"Test set {file.name} cannot be read ({error}): install the package anew.") from error
    if hashlib.sha256(data).hexdigest() != listed.get(file.name):
        raise BadInput(f"Test set {file.name} is not the one that was shipped: install the package anew.")
    return tuple(gzip.decompress(data).splitlines())


def freeze(folder: Path, workers: int = 2, scenes: int = SCENES) -> None:
    """Make the sets and write their files: gzip without a time, so that equal scenes are equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    sums = []
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for name in NAMES:
            jobs = [(name, number) for number in range(scenes)]
            data = gzip.compress(b"".join(pool.imap(_frozen, jobs, chunksize=4)), mtime=0)
            (folder / f"{name}.jsonl.gz").write_bytes(data)
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}.jsonl.gz\n")
            print(f"{name}: {scenes} scenes, {len(data)} bytes")
    (folder / _SUMS).write_text("".join(sums), encoding="utf-8")


def _frozen(job: tuple[str, int]) -> bytes:
    """A scene as one line of JSON."""
    name, number = job
    recipe = recipe_of(name, number)
    pool = families(recipe.split, graspable=recipe.profile == "stack")
    made = arrange(_FIRST_SEED * (1 + NAMES.index(name)) + number, recipe, pool)
    made = replace(made, name=f"{name}-{number:04d}")
    return stored_line(made.to_dict(), made.heap.objects)


def main() -> None:
    """Make the files of the test sets anew."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / _FOLDER)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scenes", type=int, default=SCENES)
    args = parser.parse_args()
    freeze(args.out, args.workers, args.scenes)


if __name__ == "__main__":
    main()
