"""Whole runs of the multi-task network's training, on few pictures and with a tiny network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

pytest.importorskip("torchvision")
pytest.importorskip("faster_coco_eval")

from support.metagraspnet_files import write_pictures as write_bare
from support.metagraspnet_files import write_sim
from support.tiny_search import write_pictures

from gpnet_ros.cli import main
from gpnet_ros.data.scene_views import SceneViews
from gpnet_ros.data.splits import read_split
from gpnet_ros.errors import BadInput
from gpnet_ros.network.card import read_card
from gpnet_ros.network.checkpoint import load
from gpnet_ros.network.graspnext.architecture import Architecture, HeadSizes, TrunkStage
from gpnet_ros.network.trainer import STATE
from gpnet_ros.training.curves import CURVES, EXAMPLES, LOG, read_log
from gpnet_ros.training.graspnext.found_network import sizes_digest
from gpnet_ros.training.graspnext.recipe import GraspNextRecipe, load_graspnext_recipe
from gpnet_ros.training.graspnext.views import moved, scene_batches
from gpnet_ros.training.learning_settings import LearningSettings
from gpnet_ros.training.recipe import TrainSettings, load_recipe

TINY = Architecture(
    stem=8,
    stages=tuple(TrunkStage(width, 1, 1, fused=True, condenser_every=1) for width in (8, 8, 16, 16)),
    heads=HeadSizes(16, 32, 0, (16,), (16,), (16,), (16,), (16,)),
)
#: The same, but for the masks and one stage.
OTHER = replace(TINY, stages=(*TINY.stages[:3], TrunkStage(24, 1, 1, fused=True, condenser_every=1)))
#: Nothing of it has a shape of the others: all is twelve channels wide.
ALIEN = Architecture(
    stem=12,
    stages=tuple(TrunkStage(12, 1, 1, fused=True, condenser_every=1) for _ in range(4)),
    heads=HeadSizes(12, 24, 0, (12,), (12,), (12,), (12,), (12,)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures to learn from and two folders to judge on, sizes of networks, and a dense and a whole run."""
    folder = tmp_path_factory.mktemp("runs")
    for name, scenes in (("data", 6), ("val_a", 2), ("val_b", 2)):
        write_pictures(folder / name, scenes)
    for name, sizes in (("tiny", TINY), ("other", OTHER), ("alien", ALIEN)):
        said = json.loads(json.dumps(sizes.as_json()))
        found = {"architecture": said, "found_by": {"by": "hand"}, "architecture_sha256": sizes_digest(said)}
        (folder / f"{name}.json").write_text(json.dumps(found))
    assert main(words(folder, "dense", "graspnext-dense")) == 0
    assert main(words(folder, "whole", "graspnext", "--init", str(folder / "dense"))) == 0
    return folder


def words(folder: Path, out: str, config: str, *more: str, network: str = "tiny", rate: float = 0.002) -> list[str]:
    """A command line of three steps."""
    said = ["train", "--config", config, "--data", folder / "data", "--val", folder / "val_a", folder / "val_b"]
    said += ["--out", folder / out, "--run", folder / f"run_{out}", "--epochs", "1", "--threads", "1", *more]
    sizes = [f"network={folder / network}.json", "side=64", "batch=2", "proposals=20", "regions=16", f"rate={rate:.7f}"]
    return [str(word) for word in [*said, "--set", *sizes, "judged=3", "masks=4"]]


def weights(model: Path) -> dict[str, torch.Tensor]:
    """What a model has learned."""
    return load(model)[0].state_dict()


def test_a_run_leaves_a_model_its_last_state_a_log_curves_and_examples(folder: Path) -> None:
    card, last = read_card(folder / "whole"), read_card(folder / "run_whole" / "last")
    assert card.sha256 == last.sha256 and card.recipe["steps"] == 3 and card.recipe["stage"] == "whole"
    assert set(card.metric) == {"boxes", "visible", "amodal", "occlusion", "mass", "suction"}
    assert (card.data["views"], card.data["scenes"]) == (6, 6)
    lines = read_log(folder / "run_whole" / LOG)
    assert [line["step"] for line in lines] == [3]
    assert set(lines[0]["parts"]) == {"proposals", "boxes", "visible", "amodal", "occlusion", "mass", "suction"}
    assert sum(lines[0]["parts"].values()) == pytest.approx(lines[0]["loss"], rel=1e-3)
    for name in (CURVES, EXAMPLES):
        image = cv2.imread(str(folder / "run_whole" / name))
        assert image is not None and image.std() > 5
    evaluated = main(
        ["evaluate", "--task", "graspnext", "--model", str(folder / "whole"), "--data", str(folder / "val_a")]
    )
    assert evaluated == 0


def test_dense_pretraining_is_a_start_whose_layers_all_fit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = read_card(folder / "dense")
    assert card.recipe["stage"] == "dense" and set(card.metric) == {"dense_proposals", "dense_mass", "dense_suction"}
    line = read_log(folder / "run_dense" / LOG)[0]
    assert set(line["parts"]) == {"proposals", "mass", "suction", "foreground", "boundary", "depth"}
    assert all(0.0 < part < 100.0 for part in line["parts"].values())
    said = read_card(folder / "whole").data["init"]
    assert said["sha256"] == card.sha256 and "not_taken" not in said


def test_a_start_from_another_network_takes_what_fits_and_says_what_it_did_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["--init", str(folder / "whole")]
    assert main(words(folder, "partly", "graspnext", *start, network="other", rate=0.0000002)) == 0
    told = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("--init"))
    left = read_card(folder / "partly").data["init"]["not_taken"]
    assert set(left) == {"trunk", "neck"}, left
    assert all(f"{part}, {count}" in told for part, count in left.items())
    ours, theirs = weights(folder / "partly"), weights(folder / "whole")
    same = "boxes.box_head.first.weight"  # which three steps at this rate do not change
    torch.testing.assert_close(ours[same], theirs[same], rtol=0, atol=1e-5)


def test_a_start_of_which_nothing_fits_or_that_is_a_grasp_network_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(folder, "nothing", "graspnext", "--init", str(folder / "whole"), network="alien")) == 2
    assert "hardly a layer fits this network: start from another model" in capsys.readouterr().err
    assert main(words(folder, "nothing", "graspnext", "--init", "gpnet")) == 2
    assert "--init gpnet is gpnet" in capsys.readouterr().err
    assert not (folder / "nothing" / "card.json").exists()


KILLED = """
import os, signal, sys
from gpnet_ros.cli import main
from gpnet_ros.network import trainer
from gpnet_ros.training.graspnext import run

run.FIRST_STATE = 0.0  # a state after the first step, ...
replace, done = os.replace, []


def counted(draft, path):
    if str(path).endswith(trainer.STATE):
        done.append(path)
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGKILL)  # ... and the end before the second is in its place
    replace(draft, path)


trainer.os.replace = counted
main(sys.argv[1:])
"""


def test_a_run_that_was_killed_goes_on_to_the_result_of_the_unbroken_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = words(folder, "killed", "graspnext", "--init", str(folder / "dense"))
    path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", KILLED, *killed], env=environment, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL
    run = folder / "run_killed"
    assert (run / f"{STATE}.new").is_file() and [line["step"] for line in read_log(run / LOG)] == [1]
    assert main([*killed, "--resume"]) == 0
    assert [line["step"] for line in read_log(run / LOG)] == [1, 3]
    resumed, unbroken = weights(folder / "killed"), weights(folder / "whole")
    for name, value in unbroken.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_a_run_without_a_state_says_so_and_starts_anew_and_no_run_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = words(folder, "again", "graspnext", "--init", str(folder / "dense"))
    assert main([*again, "--resume"]) == 2
    assert "There is no run in" in capsys.readouterr().err
    assert main(again) == 0
    (folder / "run_again" / STATE).unlink()
    capsys.readouterr()
    assert main([*again, "--resume"]) == 0
    assert "has no state yet: the run was killed before its first one, and starts anew." in capsys.readouterr().out
    anew, unbroken = weights(folder / "again"), weights(folder / "whole")
    for name, value in unbroken.items():
        torch.testing.assert_close(anew[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_a_run_of_a_version_without_a_setting_goes_on_if_the_setting_has_its_default(folder: Path) -> None:
    path = folder / "run_whole" / "run.json"
    kept = path.read_text()
    said: dict[str, Any] = json.loads(kept)
    del said["recipe"]["stage"]
    path.write_text(json.dumps(said))
    again = words(folder, "whole", "graspnext", "--init", str(folder / "dense"), "--resume")
    assert main(again) == 0
    said["recipe"]["rate"] = 0.5
    path.write_text(json.dumps(said))
    assert main(again) == 2
    path.write_text(kept)


def test_metagraspnet_is_split_by_scene_learned_from_and_judged_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, splits = tmp_path / "meta", tmp_path / "splits"
    for number in range(5):
        for view in (0, 1):
            write_sim(root, f"scene{number}", view)
    write_bare(root / "scene0", 2)  # a view without any label
    public = ["--from", "metagraspnet"]
    split = ["data", "split", root, *public, "--share", 0.2, "--val", 0.2, "--out"]
    assert main([str(word) for word in [*split, splits]]) == 0
    assert main([str(word) for word in [*split, tmp_path / "again"]]) == 0
    parts = {name: read_split(splits / f"{name}.txt") for name in ("train", "val", "test")}
    assert [len(part) for part in parts.values()] == [3, 1, 1] and len(frozenset().union(*parts.values())) == 5
    assert all(read_split(tmp_path / "again" / f"{name}.txt") == part for name, part in parts.items())
    capsys.readouterr()

    taken = ["--split", str(splits / "train.txt"), "--val-split", str(splits / "val.txt"), *public]
    said = words(folder, "meta", "graspnext", *taken)
    there = [str(root) if Path(word).name in ("data", "val_a", "val_b") else word for word in said]
    assert main(there) == 0
    told = capsys.readouterr().out
    assert "pictures have no suction, or not of all objects: what is not known teaches nothing." in told
    card = read_card(folder / "meta")
    assert card.data["source"] == "metagraspnet" and card.data["scenes"] == 3 and "suction" in card.data["lacking"]
    assert card.metric["suction"] is None
    parts_of_loss = read_log(folder / "run_meta" / LOG)[-1]["parts"]
    assert parts_of_loss["suction"] == 0.0 and parts_of_loss["visible"] > 0.0 and parts_of_loss["mass"] > 0.0

    judge = ["evaluate", "--task", "graspnext", "--model", str(folder / "meta"), "--data", str(root), *public, "--json"]
    assert main([*judge, "--split", str(splits / "test.txt")]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["pictures"] == 1 and answer["objects"] == 2 and answer["suction"]["value"] is None
    assert main([*words(folder, "x", "graspnext"), *public]) == 2, "shards are no MetaGraspNet"
    assert main(["train", "--data", str(root), "--out", str(folder / "x"), *public, "--epochs", "1"]) == 2
    assert "are for --config graspnext; else gpnet data convert comes first" in capsys.readouterr().err


def test_own_pictures_are_split_alike_and_a_split_of_others_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = ["data", "split", str(folder / "data"), "--share", "0.2", "--val", "0.2", "--out", str(tmp_path)]
    assert main(split) == 0
    assert [len(read_split(tmp_path / f"{name}.txt")) for name in ("train", "val", "test")] == [4, 1, 1]
    assert main(split) == 2, "a split must not change under a trained model"
    assert main([*split[:5], "--val", "0.8", "--out", str(tmp_path / "b")]) == 2
    assert "--val is 0.8; with --share 0.2 it must lie between 0 and 0.8" in capsys.readouterr().err
    (tmp_path / "other.txt").write_text("no_such_scene\n")
    assert main(words(folder, "x", "graspnext", "--split", str(tmp_path / "other.txt"))) == 2
    assert "names the scene 'no_such_scene', which is not in this data set" in capsys.readouterr().err


def test_a_trunk_without_weights_of_imagenet_cannot_start_from_them() -> None:
    recipe = load_graspnext_recipe("graspnext", network="lite-graspnext", trunk="imagenet")
    with pytest.raises(BadInput, match="set trunk=random"):
        replace(recipe, network="resnet-graspnext")
    assert replace(recipe, network="resnet-graspnext", trunk="auto").architecture.trunk == "resnet50"


def test_a_batch_goes_whole_to_the_device_that_computes(folder: Path) -> None:
    views = SceneViews.load([folder / "data"])
    images, truths = moved(next(scene_batches(views, 64, 2, 0, 0)), torch.device("meta"))
    assert images.is_meta and len(truths) == 2
    for truth in truths:
        assert all(getattr(truth, field.name).is_meta for field in fields(truth))


def test_what_both_kinds_of_recipes_say_of_optimiser_and_length_stands_once() -> None:
    shared = {field.name for field in fields(LearningSettings)}
    for kind in (TrainSettings, GraspNextRecipe):
        assert shared <= {field.name for field in fields(kind)} and not shared & set(kind.__annotations__)
    recipe = load_graspnext_recipe("graspnext")
    assert (recipe.rate, recipe.warmup, recipe.stage) == (0.001, 0.05, "whole")
    assert load_graspnext_recipe("graspnext-dense").rate == 0.002 and load_recipe().rate == 0.004
    with pytest.raises(BadInput, match="known: graspnext, graspnext-dense, graspnext-paper"):
        load_graspnext_recipe("nobody")
