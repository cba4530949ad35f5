"""`gpnet evaluate --task graspnext` and `gpnet models judge` of a multi-task network, on folders of pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torchvision")
pytest.importorskip("faster_coco_eval")

from support.judged_scene import tiny_model
from support.scene_models import tiny_scene_model
from support.tiny_search import write_pictures

from gpnet_ros import cli
from gpnet_ros.network.card import read_card
from gpnet_ros.network.checkpoint import load


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and two folders of three scenes each."""
    folder = tmp_path_factory.mktemp("scenes")
    tiny_scene_model(folder / "model")
    for name in ("first", "second"):
        write_pictures(folder / name, 3)
    return folder


def test_several_folders_are_judged_together_and_each(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--task", "graspnext", "--model", str(here / "model"), "--data"]
    folders = [str(here / "first"), str(here / "second")]
    assert cli.main([*words, *folders, "--scenes", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (answer["pictures"], answer["objects"]) == (4, 12)
    assert {name: figures["pictures"] for name, figures in answer["sets"].items()} == dict.fromkeys(folders, 2)
    assert answer["frame_ms"] > 0 and answer["GMAC_1200px"] > 0 and answer["threads"] >= 1
    tasks = {"boxes", "visible", "amodal", "occlusion", "mass", "suction"}
    assert tasks <= set(answer) and tasks <= set(answer["sets"][folders[0]])
    (here / "split.txt").write_text("000000000001\n")
    assert cli.main([*words, *folders, "--split", str(here / "split.txt"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["pictures"] == 2, "one scene of each folder"


def test_what_cannot_be_judged_is_one_sentence(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--data", str(here / "first")]
    (here / "other.txt").write_text("nobody\n")
    scenes = [*words, "--task", "graspnext", "--model", str(here / "model")]
    assert cli.main([*scenes, "--split", str(here / "other.txt")]) == 2
    assert "nobody" in capsys.readouterr().err
    assert cli.main([*words, str(here / "second")]) == 2
    assert "one at a time" in capsys.readouterr().err
    assert cli.main([*words, "--task", "graspnext", "--model", str(tiny_model(here / "grasp"))]) == 2
    assert "needs a multi-task network" in capsys.readouterr().err


def test_figures_of_the_six_tasks_go_into_the_card(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_scene_model(here / "judged")
    assert cli.main(["models", "judge", str(model)]) == 2
    assert "give folders of gpnet generate --labels all as --data" in capsys.readouterr().err
    data = [str(here / "first"), str(here / "second")]
    assert cli.main(["models", "judge", str(model), "--data", *data, "--notes", "judged=Not good for glass."]) == 0
    said = capsys.readouterr().out
    assert "6 pictures at 64 px, 18 objects" in said and "best constant" in said and "over the best constant" in said
    card = read_card(model)
    assert card.metric["pictures"] == 6 and set(card.metric["sets"]) == set(data)
    assert "AP50" in card.metric["boxes"] and card.notes == "Not good for glass."
    load(model)
