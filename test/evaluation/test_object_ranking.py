"""Ranking of objects by P: what the truth, its opposite and chance come to, and the command on a small set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.records import picture

from gpnet_ros.cli import main
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.evaluation import object_ranking as ranks
from gpnet_ros.evaluation.object_ranking import RankedObject, rank_picture, rank_pictures, ranking, ranking_figures
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card
from gpnet_ros.network.gpnet import WIDTHS, GPNet

SIDE = 64


def two_objects() -> NDArray[np.uint8]:
    ids = np.zeros((SIDE, SIDE), dtype=np.uint8)
    ids[10:30, 10:30], ids[35:55, 35:55] = 1, 2
    return ids


def maps(ids: NDArray[np.uint8], priority: NDArray[np.float32]) -> NDArray[np.float32]:
    """Q is 1 on objects; P as given; angle and width stand still."""
    quality = (ids > 0).astype(np.float32)
    return np.stack([quality, np.ones_like(quality), np.zeros_like(quality), quality, priority])


def truth(ids: NDArray[np.uint8], topmost: int) -> NDArray[np.float32]:
    return (ids == topmost).astype(np.float32)


def test_the_truth_ranks_all_objects_right_and_its_opposite_none() -> None:
    ids = two_objects()
    right = rank_picture(maps(ids, truth(ids, 2)), ids, (1, 0))
    wrong = rank_picture(maps(ids, truth(ids, 1)), ids, (1, 0))
    assert ranking(right.objects) == 1.0
    assert ranking(wrong.objects) == 0.0
    assert (right.on_top, wrong.on_top) == (True, False)
    assert right.entropy is not None and wrong.entropy is not None
    assert right.entropy < 1e-3 < wrong.entropy


def test_a_constant_is_chance() -> None:
    objects = [RankedObject(0.4, topmost) for topmost in (True, False, False, True, False)]
    assert ranking(objects) == 0.5


def test_ranking_asks_for_order_only() -> None:
    rng = np.random.default_rng(3)
    values, topmost = rng.random(50), rng.random(50) > 0.6
    plain = ranking([RankedObject(float(v), bool(t)) for v, t in zip(values, topmost, strict=True)])
    bent = ranking([RankedObject(float(v) ** 3, bool(t)) for v, t in zip(values, topmost, strict=True)])
    brute = np.mean(values[topmost][:, None] > values[~topmost][None])
    assert plain == bent == pytest.approx(brute)


def test_without_both_kinds_there_is_no_ranking() -> None:
    assert ranking([RankedObject(0.4, True)] * 3) is None
    assert ranking([]) is None


def test_the_mean_over_an_object_finds_what_one_sure_pixel_hides() -> None:
    ids = two_objects()
    priority = np.where(ids == 1, 0.1, 0.0) + np.where(ids == 2, 0.8, 0.0)
    priority[15:25, 15:25] = 0.95  # one end of the covered object looks free
    seen = rank_picture(maps(ids, priority.astype(np.float32)), ids, (1, 0))
    assert (seen.on_top, seen.on_top_by_object) == (False, True)


def test_what_is_hardly_seen_and_what_is_alone_is_not_ranked() -> None:
    ids = two_objects()
    ids[ids == 2] = 0
    ids[40:44, 40:44] = 2
    assert (ids == 2).sum() < ranks.PIXELS_MIN
    seen = rank_picture(maps(ids, truth(ids, 1)), ids, (0, 1))
    assert [each.topmost for each in seen.objects] == [True]
    alone = rank_picture(maps(truth(ids, 1).astype(np.uint8), truth(ids, 1)), truth(ids, 1).astype(np.uint8), (0,))
    assert alone.objects == ()


def test_a_bare_table_has_no_entropy_and_no_hit() -> None:
    ids = np.zeros((SIDE, SIDE), dtype=np.uint8)
    seen = rank_picture(maps(ids, np.zeros((SIDE, SIDE), dtype=np.float32)), ids, ())
    assert (seen.entropy, seen.on_top) == (None, False)
    figures = ranking_figures([seen])
    assert (figures["ranking"], figures["told"], figures["entropy"]) == (None, None, None)
    assert figures["on_top"]["rate"] == 0.0


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    net = GPNet(widths=WIDTHS["s"], probabilities=True).eval()
    card = Card("gpnet", {"widths": list(WIDTHS["s"]), "probabilities": True}, "rgbd", "relief-1")
    checkpoint.save(net, card, tmp_path / "small")
    return tmp_path / "small"


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranking") / "set"
    words = ["--out", str(folder), "--scenes", "2", "--objects", "2-3", "--profile", "stack", "--workers", "1"]
    assert main(["generate", *words]) == 0
    return folder


def test_the_same_pictures_give_the_same_figures(small_model: Path) -> None:
    net, card = checkpoint.load(small_model)
    pictures = Dataset([picture(seed) for seed in range(3)])
    first, second = (ranking_figures(rank_pictures(net, pictures, card.channels)) for _ in range(2))
    assert first == second
    assert (first["pictures"], first["objects"]) == (3, 6)


def test_the_command_compares_models_in_pairs(
    small_model: Path, small_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", "ranking", str(small_model), str(small_model), "--data", str(small_set), "--scenes", "2"]
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [each["pictures"] for each in answer["models"]] == [2, 2]
    assert answer["models"][1]["over_first"]["difference"] == 0.0


def test_a_network_without_priority_is_refused(
    tmp_path: Path, small_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = GPNet(widths=WIDTHS["s"], gpp=False).eval()
    checkpoint.save(net, Card("gpnet", {"widths": list(WIDTHS["s"]), "gpp": False}, "rgbd"), tmp_path / "four")
    assert main(["bench", "ranking", str(tmp_path / "four"), "--data", str(small_set)]) == 2
    assert "no map of priority" in capsys.readouterr().err
    assert main(["bench", "ranking", "gpnet", "--data", str(small_set), "--scenes", "0"]) == 2
    assert "--scenes is 0" in capsys.readouterr().err
