"""The fixed test sets: whole, held out, the same on every machine, and guarded against a change of the shapes."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import mujoco
import numpy as np
import pytest
from support.heap_worlds import drift

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.heap.stored_lines import read_stored
from gpnet_ros.sim.labels.relations import relations
from gpnet_ros.sim.objects.splits import OBJECT_SEEDS, families
from gpnet_ros.sim.scenes import fixed_sets as sets
from gpnet_ros.sim.scenes.generation import SCENES_PER_SEED, SEED_MAX
from gpnet_ros.sim.scenes.recipe import TEST_SET_SCENES, TEST_SETS, SceneRecipe

SMALL = SceneRecipe(size=(120, 120), labels="all")
#: Sets whose scenes are looked at one by one.
SOME = [("table-test", 0), ("stack-test", 1), ("unseen-test", 2)]


def stored(name: str) -> list[dict]:
    return [json.loads(line) for line in sets._lines(name)]


@pytest.mark.parametrize("name", TEST_SETS)
def test_sets_are_whole_and_of_their_split(name: str) -> None:
    scenes = stored(name)
    assert [scene["name"] for scene in scenes] == [f"{name}-{k:04d}" for k in range(TEST_SET_SCENES)]
    split = "unseen" if name == "unseen-test" else "seen"
    low, high = OBJECT_SEEDS[split]
    counts = []
    for number, scene in enumerate(scenes):
        recipe = sets.recipe_of(name, number)
        assert recipe.split == split
        pool = families(split, graspable=recipe.profile == "stack")
        assert {entry["family"] for entry in scene["objects"]} <= set(pool)
        assert all(low <= entry["seed"] < high for entry in scene["objects"])
        assert recipe.objects[0] <= len(scene["objects"]) <= recipe.objects[1]
        assert len(scene["views"]) == 1 and "bin" not in scene
        counts.append(len(scene["objects"]))
    assert set(counts) >= set(range(3, 8))
    profiles = {sets.recipe_of(name, number).profile for number in range(TEST_SET_SCENES)}
    assert profiles == {"table-test": {"table"}, "stack-test": {"stack"}, "unseen-test": {"table", "stack"}}[name]


def test_no_scene_is_in_two_sets() -> None:
    seeds = [scene["seed"] for name in TEST_SETS for scene in stored(name)]
    assert len(set(seeds)) == 3 * TEST_SET_SCENES
    assert min(seeds) >= SCENES_PER_SEED * SEED_MAX  # none that gpnet generate makes


@pytest.mark.parametrize(("name", "number"), SOME)
def test_scenes_are_built_without_physics_and_are_the_same_again(
    name: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise AssertionError("a test scene must not be settled")

    monkeypatch.setattr(mujoco, "mj_step", refuse)
    monkeypatch.setattr(mujoco, "mj_forward", refuse)
    first, again = (sets.make_test_scene(name, number, SMALL) for _ in range(2))
    assert first.name == f"{name}-{number:04d}"
    assert first.recipe.split == sets.recipe_of(name, number).split
    assert first.parents is None
    (a,), (b,) = first.views, again.views
    assert a.view.color.shape == (120, 120, 3)
    assert np.array_equal(a.view.color, b.view.color)
    assert np.array_equal(a.labels.quality, b.labels.quality)
    assert set(np.unique(a.view.ids)) <= set(range(len(first.heap.objects) + 1))
    assert (a.view.ids > 0).any()


@pytest.mark.parametrize(("name", "number"), SOME)
def test_stored_relations_are_those_of_the_stored_poses(name: str, number: int) -> None:
    arrangement = sets.arrangement_of(name, number)
    assert arrangement.parents is not None
    found = relations(arrangement.heap)
    assert np.array_equal(found.covered_by, arrangement.relations.covered_by)
    # Poses are stored to a tenth of a micrometre, and contact forces feel that.
    assert (found.supports == arrangement.relations.supports).mean() > 0.9
    assert drift(arrangement.heap, seconds=0.5) < 0.005


def test_the_camera_goes_with_the_size() -> None:
    large, small = (sets.make_test_scene("stack-test", 0, SceneRecipe(size=s)).views[0] for s in ((160, 120), (80, 60)))
    assert large.intrinsics.fx == pytest.approx(2 * small.intrinsics.fx)
    for view in (large, small):
        off = np.array([view.intrinsics.cx - (view.intrinsics.width - 1) / 2]) / view.intrinsics.fx
        whole = sets.arrangement_of("stack-test", 0).shots[0].intrinsics
        assert off == pytest.approx((whole.cx - 239.5) / whole.fx)
    shares = [(view.view.ids > 0).mean() for view in (large, small)]
    assert shares[0] == pytest.approx(shares[1], rel=0.1)


def test_a_changed_family_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = stored("table-test")[0]
    scene["objects"][0]["seed"] += 1  # another size, as if its family had changed
    monkeypatch.setattr(sets, "_lines", lambda name: (json.dumps(scene).encode(),))
    with pytest.raises(BadInput, match="other shapes than these families have now"):
        sets.make_test_scene("table-test", 0, SMALL)
    with pytest.raises(BadInput, match="holds 1 scenes only"):
        sets.make_test_scene("table-test", 1, SMALL)


def test_edited_and_missing_files_are_noticed(tmp_path: Path) -> None:
    file, sums = tmp_path / "a.jsonl.gz", tmp_path / "sha256.txt"
    data = gzip.compress(b"{}\n{}\n", mtime=0)
    file.write_bytes(data)
    sums.write_text(f"{hashlib.sha256(data).hexdigest()}  a.jsonl.gz\n")
    assert read_stored(file, sums) == (b"{}", b"{}")
    file.write_bytes(gzip.compress(b"{}\n[]\n", mtime=0))
    with pytest.raises(BadInput, match=r"a\.jsonl\.gz is not the one that was shipped"):
        read_stored(file, sums)
    sums.write_text("nonsense\n")
    with pytest.raises(BadInput, match="cannot be read"):
        read_stored(file, sums)
    file.unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        read_stored(file, sums)


@pytest.mark.parametrize(("name", "number", "views"), [("tables", 0, 1), ("table-test", 500, 1), ("table-test", 0, 2)])
def test_scenes_that_are_in_no_set_are_refused(name: str, number: int, views: int) -> None:
    with pytest.raises(BadInput):
        sets.make_test_scene(name, number, SceneRecipe(views=views))


@pytest.mark.slow
@pytest.mark.parametrize("name", TEST_SETS)
def test_all_scenes_have_the_shapes_that_they_were_made_with(name: str) -> None:
    for number in range(TEST_SET_SCENES):
        sets.arrangement_of(name, number)


@pytest.mark.slow
def test_frozen_files_are_the_same_bytes_again(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        sets.freeze_sets(tmp_path / folder, workers=2, scenes=2)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
