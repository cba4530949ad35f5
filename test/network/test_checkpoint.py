"""Models on disk: what is saved comes back; what was tampered with is refused in one sentence."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from gpnet_ros.errors import ModelRefused
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import CARD, Card, read_card, write_card
from gpnet_ros.network.checkpoint import GRASP_ARCHITECTURES, WEIGHTS, build, load, save, self_test, vouched_card


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model that was saved."""
    torch.manual_seed(0)
    card = Card("gpnet", {"widths": [8, 16, 32]}, "rgbd", data={"scenes": 3}, metric={"top1": 0.5}, commit="abc")
    save(_used(build(card)), card, tmp_path / "model")
    return tmp_path / "model"


def _used(net: nn.Module, planes: int = 4) -> nn.Module:
    """With running statistics that are not the initial ones."""
    net.train()
    with torch.no_grad():
        net(torch.randn(4, planes, 64, 64) * 2 + 1)
    return net


def _edit(folder: Path, **values: object) -> None:
    card = json.loads((folder / CARD).read_text())
    card.update(values)
    (folder / CARD).write_text(json.dumps(card))


@pytest.mark.parametrize("name", GRASP_ARCHITECTURES)
def test_every_architecture_comes_back_the_same(name: str, tmp_path: Path) -> None:
    kwargs = {"grconvnet": {"width": 8, "gpp": True}, "orange": {"width": 4, "bins": 6}}.get(name, {})
    card = Card(name, kwargs, "rgbd", "relief-valid-1", notes="for this test")
    net = _used(build(card), 5)
    written = save(net, card, tmp_path)
    again, read = load(tmp_path)
    x = torch.randn(1, 5, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(again(x), net.eval()(x), rtol=0, atol=0)
    assert read == written and read.notes == "for this test" and not again.training
    assert read.parameters == sum(p.numel() for p in net.parameters())
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([WEIGHTS, CARD])


def test_a_path_to_the_weights_and_a_name_both_find_the_model(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checkpoint, "resource_dir", lambda name: tmp_path)
    assert checkpoint.find(model / WEIGHTS) == model
    monkeypatch.chdir(tmp_path.parent)
    assert checkpoint.find("model") == tmp_path / "model"
    with pytest.raises(ModelRefused, match="no model 'other'; known are: model"):
        checkpoint.find("other")


def test_an_edited_file_is_refused(model: Path) -> None:
    data = bytearray((model / WEIGHTS).read_bytes())
    data[-5] ^= 1
    (model / WEIGHTS).write_bytes(data)
    with pytest.raises(ModelRefused, match="sha256"):
        load(model)


@pytest.mark.parametrize("begins", [b"\x80", b"PK"])
def test_weights_whose_first_bytes_are_those_of_a_pickle_are_loaded(model: Path, begins: bytes) -> None:
    data = (model / WEIGHTS).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, low = data[8 : 8 + length], int.from_bytes(begins, "little")
    longer = length + (low - length) % 256 ** len(begins)
    (model / WEIGHTS).write_bytes(longer.to_bytes(8, "little") + header.ljust(longer) + data[8 + length :])
    assert (model / WEIGHTS).read_bytes().startswith(begins)
    write_card(replace(read_card(model), sha256=hashlib.sha256((model / WEIGHTS).read_bytes()).hexdigest()), model)
    load(model)


def test_pickles_are_refused_and_never_opened(model: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "exploded",))

    (model / WEIGHTS).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelRefused, match="pickle"):
        load(model)
    torch.save({"w": torch.zeros(2)}, model / WEIGHTS)
    with pytest.raises(ModelRefused, match="pickle"):
        load(model)
    shutil.move(model / WEIGHTS, model / "weights.pt")
    for place in (model, model / "weights.pt"):
        with pytest.raises(ModelRefused, match="pickle"):
            load(place)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architecture": "resnet"}, "'resnet' is unknown; known are gpnet"),
        ({"channels": "bgr"}, "'bgr' is unknown"),
        ({"kwargs": {"depth": 3}}, "cannot be built"),
        ({"kwargs": {"widths": [8, 16]}}, "cannot be built"),
        ({"kwargs": {}}, "does not fit"),
        ({"kwargs": {"widths": [8, 16, 32], "context": "none"}}, "does not fit"),
        ({"channels": "depth"}, "does not fit"),
        ({"normalisation": "metres-0"}, "normalisation 'metres-0'"),
        ({"surprise": 1}, "unknown fields"),
        ({"golden": [[0.0] * 16] * 4}, "shape"),
        ({"golden": [[0.0] * 16, [0.0]]}, "no table of numbers"),
        ({"golden": [["a"] * 16] * 5}, "no table of numbers"),
        ({"architecture": "grconvnet", "kwargs": {"width": 8}}, "does not fit"),
        ({"architecture": "orange", "kwargs": {"backbone": "vgg"}}, "cannot be built"),
        ({"architecture": ["gpnet"]}, "architecture must be a text"),
        ({"channels": 4}, "channels must be a text"),
        ({"normalisation": "relief-valid-1"}, "does not fit"),
        ({"normalisation": None}, "normalisation must be a text"),
        ({"kwargs": {"channels": 3}}, "cannot be built"),
        ({"sha256": "../other"}, "sha256 differs"),
        ({"kwargs": {"widths": [0, 0, 0]}}, "cannot be built"),
        ({"recipe": None}, "recipe must be an object"),
        ({"metric": [1]}, "metric must be an object"),
        ({"notes": 3}, "notes must be a text"),
        ({"parameters": "x"}, "parameters must be a whole number"),
        ({"parameters": True}, "parameters must be a whole number"),
        ({"golden": {}}, "golden must be a list"),
        ({"normalisation": "published-1"}, "was edited"),  # as many planes: nothing else could tell
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_card_that_does_not_fit_is_refused_in_one_sentence(model: Path, change: dict, words: str) -> None:
    load(model)
    _edit(model, **change)
    with pytest.raises(ModelRefused, match=words) as refusal:
        load(model)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("change", [{"seal": ""}, {"metric": {"stack-test": 0.99}}, {"notes": "good for all"}])
def test_no_word_of_a_card_is_changed_by_hand(model: Path, change: dict) -> None:
    before = read_card(model)
    _edit(model, **change)
    for read in (load, vouched_card):
        with pytest.raises(ModelRefused, match="was edited"):
            read(model)
    write_card(replace(before, notes="good for nothing"), model)
    assert vouched_card(model).notes == "good for nothing"


def test_a_vouched_card_needs_its_very_weights(model: Path) -> None:
    assert vouched_card(model) == load(model)[1]
    data = bytearray((model / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (model / WEIGHTS).write_bytes(data)
    with pytest.raises(ModelRefused, match="sha256 differs"):
        vouched_card(model)
    (model / WEIGHTS).unlink()
    with pytest.raises(ModelRefused, match="is missing"):
        vouched_card(model)


def test_a_card_is_plain_json_and_what_is_not_known_is_null(model: Path) -> None:
    _, card = load(model)
    write_card(replace(card, metric={"width_error_px": float("nan"), "sets": [float("inf"), 1.0]}), model)
    text = (model / CARD).read_text()
    assert "NaN" not in text and "Infinity" not in text
    assert read_card(model).metric == {"width_error_px": None, "sets": [None, 1.0]}
    (model / CARD).write_text("[" * 100_000)
    with pytest.raises(ModelRefused, match="cannot be read"):
        read_card(model)


def test_others_may_read_the_weights_as_far_as_the_umask_lets_them(model: Path) -> None:
    assert (model / WEIGHTS).stat().st_mode & 0o777 == (model / CARD).stat().st_mode & 0o777


@pytest.mark.parametrize("damage", ["cut", "length", "header", "offsets", "empty"])
def test_a_damaged_file_is_refused_even_if_its_card_vouches_for_it(model: Path, damage: str) -> None:
    data = (model / WEIGHTS).read_bytes()
    size = int.from_bytes(data[:8], "little")
    data = {
        "cut": data[:-100],
        "length": (2**60).to_bytes(8, "little") + data[8:],
        "header": data[:8] + b"[" * size + data[8 + size :],
        "offsets": data[:8]
        + data[8 : 8 + size].replace(b'"data_offsets":[0,', b'"data_offsets":[9,', 1)
        + data[8 + size :],
        "empty": b"",
    }[damage]
    (model / WEIGHTS).write_bytes(data)
    _edit(model, sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(ModelRefused, match="does not fit its card") as refusal:
        load(model)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["a" * 5000, "../models/none", "gp\0net", ""])
def test_names_that_are_no_models_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelRefused) as refusal:
        load(name)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("channels", "normalisation"), [("rgbd", "relief-valid-1"), ("depth", "relief-valid-1"), ("rgb", "published-1")]
)
def test_the_golden_test_covers_every_input_plane(channels: str, normalisation: str, tmp_path: Path) -> None:
    card = Card("gpnet", {"widths": [8, 16, 32]}, channels, normalisation)
    save(_used(build(card), card.planes), card, tmp_path)
    net, read = load(tmp_path)
    assert read.normalisation == normalisation
    first = next(p for p in net.parameters() if p.ndim == 4)
    assert first.shape[1] == card.planes
    for plane in range(card.planes):
        whole = first.data.clone()
        first.data[:, plane] = 0
        with pytest.raises(ModelRefused, match="golden"):
            self_test(net, read)
        first.data = whole
    self_test(net, read)


def test_missing_weights_and_cards_are_refused(model: Path) -> None:
    card = (model / CARD).read_text()
    for broken in ("{", "[]", json.dumps({"architecture": "gpnet"})):
        (model / CARD).write_text(broken)
        with pytest.raises(ModelRefused):
            load(model)
    (model / CARD).unlink()
    with pytest.raises(ModelRefused, match="cannot be read"):
        load(model)
    (model / CARD).write_text(card)
    (model / WEIGHTS).unlink()
    with pytest.raises(ModelRefused, match="missing"):
        load(model)


def test_a_machine_that_computes_something_else_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.sigmoid
    monkeypatch.setattr(torch, "sigmoid", lambda x: real(x) * 0.7)
    with pytest.raises(ModelRefused, match="golden outputs on cpu"):
        load(model)
    monkeypatch.setattr(torch, "sigmoid", lambda x: real(x) * float("nan"))
    with pytest.raises(ModelRefused, match="golden outputs"):
        load(model)


def test_rounding_of_half_precision_passes_the_golden_test(model: Path) -> None:
    """An accelerator may round differently (TF32, FMA); only what is really wrong is refused."""
    net, card = load(model)
    for p in net.parameters():
        p.data = p.data.half().float()
    self_test(net, card)
    next(net.parameters()).data *= 1.3
    with pytest.raises(ModelRefused):
        self_test(net, card)


def test_saving_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    card = Card("gpnet", {"widths": [8, 16, 32]}, "depth")
    net = build(card).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    save(net, replace(card, notes="x"), tmp_path)
    assert net.training
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
