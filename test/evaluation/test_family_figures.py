"""`gpnet bench families`: what a jaw can take is told from what it cannot, by executing the best true grasp."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gpnet_ros.cli import main
from gpnet_ros.evaluation.family_figures import count_drops
from gpnet_ros.pose import transform
from gpnet_ros.settings import GripperGeometry
from gpnet_ros.sim.hand.lone_object import best_grasp, try_family
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.objects import model as objects
from gpnet_ros.sim.objects.model import build_object, make_object, object_rng
from gpnet_ros.sim.objects.shapes import box, union


def lone(size: list[float], at: tuple[float, float] = (0.65, 0.0)) -> Heap:
    part = box(size)
    model = build_object("block", 0, [part], union([part]), object_rng("block", 0))
    return Heap((model,), transform(np.eye(3), [*at, size[2] / 2])[None])


def test_a_block_is_taken_across_its_narrow_side_and_one_wider_than_the_jaw_not_at_all():
    grasp = best_grasp(lone([0.12, 0.04, 0.03]))
    assert grasp is not None
    assert abs(grasp.T_base_tcp[1, 0]) == pytest.approx(1.0, abs=0.02)  # opens along y
    assert 0.04 < grasp.opening <= 0.04 + 0.025
    wide = GripperGeometry().stroke + 0.01
    assert best_grasp(lone([wide, wide, 0.03])) is None


def test_the_camera_of_the_trial_is_above_the_object_wherever_it_lies():
    here, there = (best_grasp(lone([0.12, 0.04, 0.03], at)) for at in ((0.65, 0.0), (0.58, 0.09)))
    assert here is not None and there is not None
    assert there.T_base_tcp[:2, 3] - here.T_base_tcp[:2, 3] == pytest.approx([-0.07, 0.09], abs=0.01)


def test_the_same_trial_has_the_same_end():
    first, again = try_family("box", 4), try_family("box", 4)
    assert first.lifted and again.status == first.status
    assert np.array_equal(first.grasp.T_base_tcp, again.grasp.T_base_tcp)


def test_a_box_is_graspable_and_a_plate_is_not(capsys):
    assert main(["bench", "families", "--drops", "2", "--families", "box,plate", "--workers", "1", "--json"]) == 0
    out = capsys.readouterr().out.splitlines()
    answer = json.loads(out[-1])
    rows = {row["family"]: row for row in answer["families"]}
    assert rows["box"]["lifted"] == rows["box"]["drops"] == 2 and rows["box"]["graspable"]
    assert rows["plate"]["has_grasp"] == 0 and not rows["plate"]["graspable"]
    assert answer["wrongly_listed"] == []
    assert any(line.startswith("| box | 2 | 2 | 2 |") for line in out)


def test_a_distractor_that_is_listed_as_graspable_fails_the_run(capsys, monkeypatch):
    monkeypatch.setattr(objects, "GRASPABLE", ("plate",))
    assert main(["bench", "families", "--drops", "1", "--families", "plate", "--workers", "1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["wrongly_listed"] == ["plate"]


def test_an_object_that_rolled_away_is_no_failure():
    row = count_drops("box", ["lifted", "no rest", "slipped", "collision", "no grasp"])
    assert (row.drops, row.rolled_away, row.has_grasp, row.lifted) == (4, 1, 3, 1)
    assert (row.collision, row.missed_or_slipped) == (1, 1)
    assert not count_drops("box", ["no rest"]).graspable


@pytest.mark.parametrize("words", [["--families", "box,teapot"], ["--drops", "0"], ["--seed=-1"], ["--workers=-1"]])
def test_nonsense_is_one_sentence(words, capsys):
    assert main(["bench", "families", *words]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_listed_families_exist():
    assert all(make_object(family, 0) for family in objects.DISTRACTORS + objects.HELD_OUT)
