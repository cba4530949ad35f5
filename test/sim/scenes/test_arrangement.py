"""Arrangements: the profiles differ as promised, splits do not overlap, and all comes back from plain numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.heap.heap import Heap, rest_again
from gpnet_ros.sim.labels.relations import relations
from gpnet_ros.sim.objects.model import FAMILIES, HELD_OUT
from gpnet_ros.sim.objects.splits import OBJECT_SEEDS, families
from gpnet_ros.sim.objects.user_meshes import load_user_meshes
from gpnet_ros.sim.scenes import arrangement
from gpnet_ros.sim.scenes.arrangement import Arrangement, arrange
from gpnet_ros.sim.scenes.recipe import SceneRecipe
from gpnet_ros.sim.scenes.scene import make_scene


def test_numbers_of_objects_fill_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    def lined_up(rng, objects, way, bin) -> Heap:
        T = np.tile(np.eye(4), (len(objects), 1, 1))
        T[:, :3, 3] = [[0.3 + 0.2 * k, 0.0, 0.2] for k in range(len(objects))]
        return Heap(tuple(objects), T, bin)

    monkeypatch.setattr(arrangement, "settle_heap", lined_up)
    counts = [len(arrange(seed, SceneRecipe(profile="bin", objects=(2, 4))).heap.objects) for seed in range(24)]
    assert set(counts) == {2, 3, 4}
    assert len(arrange(0, SceneRecipe(profile="single", objects=(2, 4))).heap.objects) == 1


def test_tables_mix_fallen_stacked_and_cleared_heaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted where heaps are begun, since what comes out does not tell for sure."""
    begun: list[tuple[str, int]] = []
    settle = arrangement.settle_heap

    def watched(rng, objects, way, **kinds):
        begun.append((way, len(objects)))
        return settle(rng, objects, way, **kinds)

    monkeypatch.setattr(arrangement, "settle_heap", watched)
    for seed in range(16):
        heap = arrange(seed, SceneRecipe(objects=(2, 2))).heap
        assert len(heap.objects) == 2
    assert {way for way, _ in begun} == {"drop", "stack"}
    assert {2} < {n for _, n in begun} <= {2, 3, 4, 5, 6}


def test_what_is_left_of_a_heap_lies_still_and_keeps_its_relations() -> None:
    heap = arrange(3, SceneRecipe(profile="stack", objects=(5, 5))).heap
    left = arrangement._cleared(heap, 3, np.random.default_rng(0))
    assert left is not None and len(left.objects) == 3
    for model, T in zip(left.objects, left.T_base_object, strict=True):
        before = heap.T_base_object[heap.objects.index(model)]
        assert np.linalg.norm(before[:3, 3] - T[:3, 3]) < 0.01


@pytest.mark.parametrize("seed", [0, 2])
def test_a_heap_in_a_bin_lies_still(seed: int) -> None:
    heap = arrange(seed, SceneRecipe(profile="bin", objects=(3, 5))).heap
    again = rest_again(heap)
    assert again is not None and again.bin == heap.bin
    assert again.T_base_object[:, :3, 3] == pytest.approx(heap.T_base_object[:, :3, 3], abs=0.003)
    raised = heap.T_base_object.copy()
    raised[:, 2, 3] += 0.05
    fallen = rest_again(Heap(heap.objects, raised, heap.bin))
    assert fallen is None or np.abs(fallen.T_base_object[:, 2, 3] - raised[:, 2, 3]).max() > 0.02


def test_a_heap_that_does_not_rest_is_begun_anew_with_fewer_and_at_last_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def never(rng, objects, way, **kinds):
        asked.append(len(objects))

    monkeypatch.setattr(arrangement, "settle_heap", never)
    with pytest.raises(BadInput, match="No object came to rest for scene seed 7"):
        arrange(7, SceneRecipe(profile="bin", objects=(4, 6)))
    assert asked[0] >= 4 and asked[-1] == 1 and asked == sorted(asked, reverse=True)
    assert len(asked) == 30


def test_an_arrangement_comes_back_from_json() -> None:
    made = arrange(1, SceneRecipe(profile="bin", objects=(4, 4), views=2, parents=True))
    again = Arrangement.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again.heap.T_base_object == pytest.approx(made.heap.T_base_object, abs=1e-12)
    for a, b in zip(again.shots, made.shots, strict=True):
        assert (a.intrinsics, a.style) == (b.intrinsics, b.style)
        assert a.T_base_camera == pytest.approx(b.T_base_camera, abs=1e-12)
    assert (again.name, again.seed, again.look) == (made.name, made.seed, made.look)
    assert np.array_equal(again.relations.supports, made.relations.supports)
    assert np.array_equal(again.relations.share, made.relations.share)
    assert np.array_equal(again.relations.covered_by, made.relations.covered_by)
    assert np.array_equal(again.parents, made.parents)
    assert [o.mass for o in again.heap.objects] == [o.mass for o in made.heap.objects]
    assert np.array_equal(again.relations.top_level, relations(made.heap).top_level)
    assert again.heap.bin == made.heap.bin
    for field in ("supports", "covered_by", "views", "look", "seed", "name", "objects"):
        with pytest.raises(BadInput):
            Arrangement.from_dict({k: v for k, v in made.to_dict().items() if k != field})
    for pair in ([0, 1], [1, 5], "ab"):
        with pytest.raises(BadInput, match="stored scene"):
            Arrangement.from_dict(made.to_dict() | {"covered_by": [pair]})
    without = {k: v for k, v in made.to_dict().items() if k != "parents"}
    assert Arrangement.from_dict(without).parents is None


def test_splits_share_no_object() -> None:
    every = {split: (families(split), OBJECT_SEEDS[split]) for split in ("train", "seen", "unseen")}
    for a, (families_a, seeds_a) in every.items():
        for b, (families_b, seeds_b) in every.items():
            apart = seeds_a[1] <= seeds_b[0] or seeds_b[1] <= seeds_a[0]
            assert a == b or apart or not set(families_a) & set(families_b)
    assert set(families("train")) == set(families("seen")) == set(FAMILIES) - set(HELD_OUT)
    assert set(families("unseen")) == set(HELD_OUT)
    assert set(families("train", graspable=True)) < set(families("train"))


@pytest.mark.parametrize("split", ["train", "seen", "unseen"])
def test_scenes_keep_to_their_split(split) -> None:
    low, high = OBJECT_SEEDS[split]
    for seed in range(3):
        objects = arrange(seed, SceneRecipe(profile="bin", objects=(4, 5), split=split)).heap.objects
        assert all(low <= o.seed < high for o in objects)
        assert {o.family for o in objects} <= set(families(split))


def test_a_users_meshes_are_mixed_in_and_come_back_from_their_folder(tmp_path: Path) -> None:
    trimesh.creation.box((0.08, 0.05, 0.04)).export(tmp_path / "block.stl")
    recipe = SceneRecipe(profile="bin", objects=(6, 6), size=(64, 64), meshes=str(tmp_path))
    made = make_scene(1, recipe).arrangement
    names = [model.family for model in made.heap.objects]
    assert 1 < names.count("user:block.stl") < 6
    with pytest.raises(BadInput, match="block"):
        Arrangement.from_dict(made.to_dict())
    again = Arrangement.from_dict(made.to_dict(), load_user_meshes(str(tmp_path)).make)
    assert [o.mass for o in again.heap.objects] == [o.mass for o in made.heap.objects]
