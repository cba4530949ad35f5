"""The fixed test sets: scenes that are shipped as poses, so that every machine has the same ones.

Physics made them once and does not run again: a scene is built from the stored poses, cameras and seeds of looks, then
rendered and labelled. Poses, relations and cameras are equal everywhere; pictures, depth and labels come from
single precision rays and may differ in the last bits: see `docs/data_format.md` for the tolerance.

For maintainers: `python -m gpnet_ros.commands.freeze sets` makes the files anew, which voids all published figures.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.sim.heap.stored_lines import read_stored, require_geometry, stored_line, write_stored
from gpnet_ros.sim.objects.splits import families
from gpnet_ros.sim.scenes.arrangement import Arrangement, arrange
from gpnet_ros.sim.scenes.recipe import TEST_SET_SCENES, TEST_SET_SIZE, TEST_SETS, SceneRecipe
from gpnet_ros.sim.scenes.scene import Scene, photograph
from gpnet_ros.workers import spread

STORED_SETS = Path(__file__).parent / "stored"
_SUMS = "sha256.txt"
#: Seeds of the scenes begin here, one range per set; those of `gpnet generate` are all smaller.
_FIRST_SEED = 10**12


def recipe_of(name: str, number: int) -> SceneRecipe:
    """Recipe that a scene of a set was made by.

    Raises:
        BadInput: no such set or scene.
    """
    if name not in TEST_SETS:
        raise BadInput(f"There is no test set '{name}': choose one of {', '.join(TEST_SETS)}.")
    if not 0 <= number < TEST_SET_SCENES:
        raise BadInput(f"Test set {name} has no scene {number}: they are numbered 0 to {TEST_SET_SCENES - 1}.")
    table = SceneRecipe(profile="table", objects=(1, 10), size=TEST_SET_SIZE, split="seen", parents=True)
    stack = SceneRecipe(profile="stack", objects=(3, 7), size=TEST_SET_SIZE, split="seen", parents=True)
    if name == "unseen-test":
        return replace(table if number % 2 == 0 else stack, split="unseen")
    return table if name == "table-test" else stack


def make_test_scene(name: str, number: int, recipe: SceneRecipe) -> Scene:
    """A scene of a test set, rendered and labelled; nothing is settled.

    Args:
        name: one of `TEST_SETS`.
        number: 0 to `TEST_SET_SCENES` - 1.
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
    """Arrangement of a scene of a set, with the camera of its 480x480 picture; arguments as `make_test_scene`."""
    recipe_of(name, number)
    lines = _lines(name)
    if number >= len(lines):
        raise BadInput(f"Test set {name} holds {len(lines)} scenes only, not scene {number}: install the package anew.")
    stored: dict[str, Any] = json.loads(lines[number])
    arrangement = Arrangement.from_dict(stored)
    require_geometry(f"Scene {number} of {name}", arrangement.heap.objects, stored)
    return arrangement


def _scaled(camera: Intrinsics, size: tuple[int, int]) -> Intrinsics:
    """The camera of a `TEST_SET_SIZE` picture for another size: the shorter side shows the same."""
    if size == (camera.width, camera.height):
        return camera
    scale = min(size) / min(TEST_SET_SIZE)
    cx, cy = ((side - 1) / 2 + scale * (at - (old - 1) / 2)
              for side, old, at in zip(size, TEST_SET_SIZE, (camera.cx, camera.cy), strict=True))  # fmt: skip
    return Intrinsics(size[0], size[1], scale * camera.fx, scale * camera.fy, cx, cy)


@lru_cache(maxsize=len(TEST_SETS))
def _lines(name: str) -> tuple[bytes, ...]:
    """The stored scenes of a set, one JSON object each, checked against the shipped sum."""
    return read_stored(STORED_SETS / f"{name}.jsonl.gz", STORED_SETS / _SUMS)


def freeze_sets(folder: Path = STORED_SETS, workers: int = 2, scenes: int = TEST_SET_SCENES) -> dict[str, int]:
    """Make the sets anew and write their files and sums; returns the bytes of each file."""
    folder.mkdir(parents=True, exist_ok=True)
    sums = []
    for name in TEST_SETS:
        lines = spread(_frozen, [(name, number) for number in range(scenes)], workers, chunk=4)
        sums.append(write_stored(folder / f"{name}.jsonl.gz", lines))
    (folder / _SUMS).write_text("".join(sums), encoding="utf-8")
    return {name: (folder / f"{name}.jsonl.gz").stat().st_size for name in TEST_SETS}


def _frozen(job: tuple[str, int]) -> bytes:
    """A scene as one line of JSON."""
    name, number = job
    recipe = recipe_of(name, number)
    pool = families(recipe.split, graspable=recipe.profile == "stack")
    made = arrange(_FIRST_SEED * (1 + TEST_SETS.index(name)) + number, recipe, pool)
    made = replace(made, name=f"{name}-{number:04d}")
    return stored_line(made.to_dict(), made.heap.objects)
