"""`gpnet models`: what is shipped is whole, small enough and known; what was edited is shown as refused."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from support.judged_rows import results, row

from gpnet_ros import cli
from gpnet_ros.commands import models_judge
from gpnet_ros.errors import ModelRefused
from gpnet_ros.evaluation.model_list import BYTES_MAX, SCENE_BYTES_MAX, ListedModel, list_models, missing, oversize
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card, read_card
from gpnet_ros.network.checkpoint import build, load, save
from gpnet_ros.settings import resource_dir
from gpnet_ros.sim.scenes.recipe import TEST_SETS


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    card = Card(
        "gpnet", {"widths": [4, 8, 16]}, "depth", recipe={"size": "s"}, commit="abc", notes="Not good for glass."
    )
    save(build(card), card, tmp_path / "models" / "tiny")
    return tmp_path / "models" / "tiny"


def listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:
    status = cli.main(["models", "--folder", str(folder), "--json"])
    return status, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_shipped_models_are_whole_and_together_below_the_limit() -> None:
    shipped = list_models(resource_dir("models"))
    assert "gpnet" in {model.name for model in shipped}
    assert [model.refused for model in shipped if model.card is None] == []
    assert oversize(shipped) == [] and (BYTES_MAX, SCENE_BYTES_MAX) == (25_000_000, 40_000_000)


def test_what_is_too_large_to_ship_is_told() -> None:
    grasp, scene = Card("gpnet", {}, "rgbd"), Card("graspnext", {}, "rgb")
    fits = [ListedModel("a", 20_000_000, grasp), ListedModel("b", 39_000_000, scene)]
    assert oversize(fits) == []
    assert oversize([*fits, ListedModel("c", 6_000_000, grasp)]) == [
        "The grasp networks have 26.0 MB together; allowed are 25 MB"
    ]
    assert oversize([ListedModel("d", 41_000_000, scene)]) == ["d has 41.0 MB; allowed are 40 MB: gpnet models halve"]


def test_a_multi_task_model_is_listed_by_its_six_tasks_and_without_torchvision_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchvision")
    sizes = {"width": 8, "depth": 1, "expansion": 1, "fused": True}
    heads = {"neck": 16, "box": 16, "shared": 0}
    heads |= {name: [8] for name in ("visible", "amodal", "occlusion", "mass", "suction")}
    kwargs = {"sizes": {"trunk": "searched", "stem": 8, "stages": [sizes] * 4, "heads": heads}, "side": 64}
    metric = {"boxes": {"AP": 0.3, "AP50": 0.81}, "occlusion": {"rate": 0.9}, "mass": {"value": 0.5}, "visible": 0.7}
    card = Card("graspnext", kwargs, "rgb", data={"arguments": [], "found_by": {"seed": 0}}, metric=metric)
    save(build(card), card, tmp_path / "models" / "fast")
    status, answer = listed(tmp_path / "models", capsys)
    (model,) = answer["models"]
    assert status == 0 and model["what"] == "GraspNeXt searched" and answer["oversize"] == []
    assert {"figures of amodal", "figures of suction"} <= set(model["missing"])
    assert not {"figures of boxes", "figures of mass", "data seeds", "figures on stack-test"} & set(model["missing"])
    assert cli.main(["models", "--folder", str(tmp_path / "models")]) == 0
    assert "boxes 81 %, visible 70 %, occlusion 90 %, mass 50 %" in capsys.readouterr().out

    def absent(**_: object) -> object:
        raise ModelRefused("This model needs torchvision: pip install 'gpnet_ros[graspnext]'.") from ImportError("no")

    monkeypatch.setitem(checkpoint.ARCHITECTURES, "graspnext", absent)
    status, answer = listed(tmp_path / "models", capsys)
    assert status == 0 and "torchvision" in answer["models"][0]["unloaded"] and answer["models"][0]["refused"] is None
    weights = tmp_path / "models" / "fast" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert listed(tmp_path / "models", capsys)[0] == 1, "a damaged file is refused all the same"


def test_a_model_is_halved_by_a_command(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "halve", str(tiny), "--out", str(tmp_path / "half"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["bytes"] < answer["bytes_before"] and read_card(tmp_path / "half").recipe["stored"] == "float16"
    assert cli.main(["models", "halve", "nowhere", "--out", str(tmp_path / "x")]) == 2


def test_a_model_looks_at_the_mirror_image_too_or_no_longer_by_a_command(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, words, out in (
        (tiny, [], "both"),
        (tmp_path / "both", [], "again"),
        (tmp_path / "both", ["--off"], "one"),
    ):
        assert cli.main(["models", "mirror", str(model), "--out", str(tmp_path / out), *words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["mirrored"] == (not words)
    x = torch.randn(1, 1, 64, 64)
    maps = {name: load(tmp_path / name)[0](x) for name in ("both", "again", "one")} | {"tiny": load(tiny)[0](x)}
    assert torch.equal(maps["one"], maps["tiny"]) and torch.equal(maps["both"], maps["again"])
    assert torch.equal(maps["both"][:, :4], maps["tiny"][:, :4]) and not torch.equal(maps["both"], maps["tiny"])
    assert read_card(tmp_path / "both").kwargs == read_card(tiny).kwargs | {"mirrored": True}
    assert read_card(tmp_path / "one") == read_card(tiny)


def test_only_a_gpnet_with_priorities_is_mirrored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, kwargs in (("ggcnn", {}), ("gpnet", {"widths": [4, 8, 16], "gpp": False})):
        card = Card(name, kwargs, "depth")
        save(build(card), card, tmp_path / name)
        assert cli.main(["models", "mirror", str(tmp_path / name), "--out", str(tmp_path / "x")]) == 2
        assert not (tmp_path / "x").exists() and capsys.readouterr().err
    assert cli.main(["models", "mirror", "nowhere", "--out", str(tmp_path / "x")]) == 2


def test_a_model_is_listed_with_what_its_card_says_and_lacks(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, answer = listed(tiny.parent, capsys)
    (model,) = answer["models"]
    assert status == 0 and answer["ok"] and model["what"] == "GP-Net s" and model["channels"] == "depth"
    assert model["parameters"] == read_card(tiny).parameters > 0
    assert model["bytes"] == sum(p.stat().st_size for p in tiny.iterdir())
    assert model["figures"] == dict.fromkeys(TEST_SETS)
    assert "generator version" in model["missing"] and "what it is not good for" not in model["missing"]
    assert cli.main(["models", "--folder", str(tiny.parent)]) == 0
    assert "its card lacks: data seeds" in capsys.readouterr().out


def test_a_complete_card_lacks_nothing() -> None:
    data = {"first_scene": "0", "generator": "gpnet_ros 0.1.0"}
    figures = {name: {"lift": {"rate": 0.9}} for name in TEST_SETS}
    card = Card(
        "gpnet", {}, "rgbd", data=data, recipe={"size": "m"}, metric=figures, commit="a", notes="Not good for glass."
    )
    assert missing(card) == []
    for name in TEST_SETS:
        less = {k: v for k, v in figures.items() if k != name}
        assert missing(Card(**{**asdict(card), "metric": less})) == [f"figures on {name}"]


def test_edited_weights_a_wrong_architecture_and_a_pickle_are_shown_as_refused(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("edited", "architecture", "pickled"):
        shutil.copytree(tiny, tiny.parent / name)
    weights = bytearray((tiny.parent / "edited" / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (tiny.parent / "edited" / "weights.safetensors").write_bytes(weights)
    card = json.loads((tiny.parent / "architecture" / "card.json").read_text())
    (tiny.parent / "architecture" / "card.json").write_text(json.dumps({**card, "architecture": "resnet"}))
    (tiny.parent / "pickled" / "weights.safetensors").write_bytes(pickle.dumps({"a": 1}))
    status, answer = listed(tiny.parent, capsys)
    refused = {model["name"]: model["refused"] for model in answer["models"]}
    assert status == 1 and not answer["ok"]
    assert "sha256" in refused["edited"] and "resnet" in refused["architecture"] and "pickle" in refused["pickled"]
    assert refused["tiny"] is None, "its neighbours do not harm a good model"
    assert cli.main(["models", "--folder", str(tiny.parent)]) == 1
    assert capsys.readouterr().out.count("refused: ") == 3


def test_figures_are_written_into_the_card_and_leave_the_weights_alone(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(k, lift=k < 3, top=k < 2) for k in range(4)]
    monkeypatch.setattr(models_judge, "open_pictures", lambda name: type("P", (), {"name": name, "note": ""})())
    monkeypatch.setattr(models_judge, "evaluate", lambda folder, pictures, **_: results(rows, read_card(folder)))
    before, weights = read_card(tiny), (tiny / "weights.safetensors").read_bytes()
    words = ["models", "judge", str(tiny), "--data", "stack-test", "--notes", "tiny=Not good for water."]
    assert cli.main(words) == 0
    card = read_card(tiny)
    assert card.metric["stack-test"]["lift"] | {"decode": "cell", "n": 4} == card.metric["stack-test"]["lift"]
    assert card.metric["stack-test"]["lift"]["rate"] == 0.75 and card.metric["stack-test"]["top"]["rate"] == 0.5
    assert card.notes == "Not good for water." and (tiny / "weights.safetensors").read_bytes() == weights
    same = {k: v for k, v in asdict(card).items() if k not in ("metric", "notes", "seal")}
    assert same == {k: v for k, v in asdict(before).items() if k in same}
    load(tiny)
    assert cli.main(["models", "judge", str(tiny), "--data", "unseen-test"]) == 0
    assert set(read_card(tiny).metric) >= {"stack-test", "unseen-test"}, "figures of other sets stay"


@pytest.mark.parametrize(
    "words", [[], ["tiny", "--all"], ["{}", "--notes", "other=Text"], ["{}", "--notes", "tiny"], ["no"]]
)
def test_bad_requests_to_judge_are_refused(tiny: Path, words: list[str]) -> None:
    assert cli.main(["models", "judge", *(word.format(tiny) for word in words)]) == 2


def test_a_folder_without_models_is_refused(tiny: Path, tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path / "empty", tiny):
        folder.mkdir(exist_ok=True) if folder.name == "empty" else None
        assert cli.main(["models", "--folder", str(folder)]) == 2, folder
