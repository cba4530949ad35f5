"""What must hold of a generated scene beyond each of its pictures: relations, held-out families and object seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import Sample
from gpnet_ros.sim.objects import FAMILIES
from gpnet_ros.sim.recipe import Split
from gpnet_ros.sim.splits import OBJECT_SEEDS, families


def split_of(arguments: Mapping[str, Any]) -> Split | None:
    """The split that a run of `gpnet generate` drew its objects from; None if shards came from elsewhere.

    Args:
        arguments: of the index. The scenes of a fixed test set are held out whatever the recipe says.
    """
    test_set = arguments.get("test_set")
    if test_set is not None:
        return "unseen" if str(test_set).startswith("unseen") else "seen"
    split = arguments.get("split")
    return split if split in get_args(Split) else None


def scene_violations(about: Mapping[str, Any], samples: list[Sample], split: Split | None) -> Iterator[str]:
    """One sentence per broken law.

    Args:
        about: scene.json.
        samples: the pictures of the scene.
        split: that the objects were drawn from.
    """
    try:
        objects = [(str(entry["family"]), int(entry["seed"])) for entry in about["objects"]]
        n = len(objects)
        rests, covered = (np.asarray(about[key], dtype=bool).reshape(n, n) for key in ("supports", "covered_by"))
    except (KeyError, TypeError, ValueError) as error:
        yield f"scene.json cannot be used ({error!r})"
        return
    if split is not None:
        yield from _held_out(objects, split)
    for sample in samples:
        yield from _as_the_scene(sample, [family for family, _ in objects], rests, covered)


def _held_out(objects: list[tuple[str, int]], split: Split) -> Iterator[str]:
    """Families and object seeds are those of the split, which has none of another's; a user's meshes have no family."""
    allowed, (first, last) = families(split), OBJECT_SEEDS[split]
    for family, seed in objects:
        if family in FAMILIES and family not in allowed:
            yield f"a {family} is in a scene of the split '{split}', which must not have any"
        if family in FAMILIES and not first <= seed < last:
            yield f"{family} {seed} is in a scene of the split '{split}', whose objects are {first} to {last - 1}"


def _as_the_scene(
    sample: Sample, names: list[str], rests: NDArray[np.bool_], covered: NDArray[np.bool_]
) -> Iterator[str]:
    """The picture lists the scene's objects, and whoever carries or is covered by another is not top-level."""
    objects = sample.objects
    if objects is None or not np.array_equal(objects.ids, np.arange(1, len(names) + 1)):
        yield f"{sample.name}: the picture does not list the {len(names)} objects of its scene"
        return
    if objects.category is not None and list(objects.category) != names:
        yield f"{sample.name}: the objects are {list(objects.category)}, in the scene {names}"
    if objects.covered_by is None or objects.top_level is None:
        yield f"{sample.name}: the picture has no relations"
        return
    for i, j in np.argwhere(rests):  # i rests on j
        if objects.top_level[j]:
            yield f"{sample.name}: object {j + 1} carries object {i + 1}, but is said to be top-level"
    for i in np.flatnonzero(covered.any(axis=1) & objects.top_level):
        yield f"{sample.name}: object {i + 1} is covered, but is said to be top-level"
    if (objects.covered_by & ~(rests.T | covered)).any():
        yield f"{sample.name}: the picture has relations that the scene does not have"
