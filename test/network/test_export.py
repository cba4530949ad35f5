"""Exported models: their own runtime computes the same maps, and one that does not is not written."""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gpnet_ros import cli
from gpnet_ros.commands.export import size
from gpnet_ros.evaluation.real_frames.frames import REAL_FRAMES, load_frame_folders
from gpnet_ros.network import export
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import build, save
from gpnet_ros.network.detector import Detector, fold
from gpnet_ros.network.export import FiveMaps, comparison_inputs, largest_differences
from gpnet_ros.network.exported import OUTPUT_MAPS, exported_runtime, write_exported
from gpnet_ros.normalise import VERSIONS, normalise

pytest.importorskip("onnxruntime")
NETS = {
    "gpnet": ("gpnet", {"widths": [4, 8, 16]}, "rgbd"),
    "best": ("gpnet", {"widths": [4, 8, 16], "modules": 3, "latent": 4, "probabilities": True}, "rgbd"),
    "mirrored": ("gpnet", {"widths": [4, 8, 16], "probabilities": True, "mirrored": True}, "rgbd"),
    "joined": ("joined", {"widths": [4, 8, 16], "probabilities": True}, "rgbd"),
    "ggcnn": ("ggcnn", {}, "depth"),
    "ggcnn2": ("ggcnn2", {}, "rgb"),
    "grconvnet": ("grconvnet", {"width": 4}, "rgbd"),
    "orange": ("orange", {"backbone": "ggcnn2"}, "rgbd"),
}


def saved(folder: Path, name: str, normalisation: str = VERSIONS[0]) -> Path:
    torch.manual_seed(0)
    architecture, kwargs, channels = NETS[name]
    card = Card(architecture, dict(kwargs), channels, normalisation, commit="abc")
    save(build(card), card, folder / name)
    return folder / name


def run_export(model: Path, out: Path, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:
    status = cli.main(["export", "--model", str(model), "--out", str(out), "--json", *words])
    return status, json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize("name", NETS)
def test_every_architecture_comes_out_with_equal_maps(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = run_export(saved(tmp_path, name), tmp_path / "net", "--size", "64", capsys=capsys)
    assert status == 0 and answer["agrees"] and set(answer["largest_difference"]) == set(OUTPUT_MAPS)
    assert answer["compared_on"] >= 3 + 16, "waves, noise, nothing, and the real frames of the repository"
    assert max(answer["largest_difference"].values()) <= 1e-3 and (tmp_path / "net.onnx").is_file()


def test_the_file_gives_the_detectors_maps_of_a_real_frame_and_says_what_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnxruntime

    model = saved(tmp_path, "gpnet")
    assert run_export(model, tmp_path / "net.onnx", "--size", "300x224", capsys=capsys)[0] == 0
    detector = Detector(model, device="cpu")
    frame = next(f for f in load_frame_folders(REAL_FRAMES) if f.shape == (480, 640))
    maps = detector(frame)
    x = normalise(maps.grid.warp_color(frame.color), maps.grid.warp_depth(frame.depth), "rgbd")
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(["maps"], {"input": x[None]})
    for plane, name in zip(found[0], OUTPUT_MAPS, strict=True):
        np.testing.assert_allclose(plane, getattr(maps, name), atol=1e-4)
    about = session.get_modelmeta().custom_metadata_map
    assert about["normalisation"] == VERSIONS[0] and about["maps"] == "quality,cos2,sin2,width,priority"
    assert about["weights_sha256"] == detector.card.sha256 and about["width_scale_px"] == "112"


def test_where_bins_are_as_good_as_each_other_rounding_may_choose() -> None:
    card = Card("orange", {"backbone": "ggcnn2"}, "depth", VERSIONS[0])
    inner = build(card).eval()
    with torch.no_grad():
        inner.head.weight.zero_()
        inner.head.bias.copy_(torch.arange(16.0) * torch.tensor([0.0] * 3 + [1.0] * 9 + [0.0] * 4))  # angles per bin
    net, inputs = FiveMaps(inner), comparison_inputs(card, 64, 64, [])

    def other_bin(x: np.ndarray) -> np.ndarray:
        raw = inner.raw(torch.from_numpy(x))
        maps = torch.cat([raw[:, :1] * 0, raw[:, 5:6], raw[:, 8:9], raw[:, 11:12], raw[:, :1] * 0 + 1], dim=1)
        return maps.detach().numpy()

    found, undecided = largest_differences(net, other_bin, inputs)
    assert undecided == 1.0 and set(found.values()) == {0.0}
    with torch.no_grad():
        inner.head.bias[0] = 1.0  # the first bin leads everywhere
    found, undecided = largest_differences(net, other_bin, inputs)
    assert undecided == 0.0 and found["cos2"] == 2.0 and found["quality"] > 0.1


def test_maps_that_differ_are_found_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved(tmp_path, "gpnet")
    status, answer = run_export(model, tmp_path / "net", "--size", "64", "--tolerance", "1e-12", capsys=capsys)
    assert status == 1 and not answer["agrees"] and list(tmp_path.glob("net*")) == []
    real = export.exported_runtime

    def wrong(path: Path, runtime: str):  # type: ignore[no-untyped-def]
        return lambda x: real(path, runtime)(x) * np.array([1, 1, 1, 1, np.nan], np.float32)[:, None, None]

    monkeypatch.setattr(export, "exported_runtime", wrong)
    status, answer = run_export(model, tmp_path / "net", "--size", "64", capsys=capsys)
    assert status == 1 and not answer["agrees"] and list(tmp_path.glob("net*")) == [], "NaN does not agree"


def test_the_difference_is_told_per_map(tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = Card("gpnet", {"widths": [4, 8, 16]}, "depth")
    net = FiveMaps(fold(build(card)))
    made = exported_runtime(write_exported(net, card, "onnx", tmp_path / "net.onnx", (64, 64)), "onnxruntime")
    shift = np.array([0.0, 0.5, 0.0, 0.25, 0.0], np.float32)[:, None, None]
    found, _ = largest_differences(net, lambda x: made(x) + shift, comparison_inputs(card, 64, 64, []))
    assert found["cos2"] == pytest.approx(0.5, abs=1e-3) and found["width"] == pytest.approx(0.25, abs=1e-3)
    assert max(found["quality"], found["sin2"], found["priority"]) < 1e-3


def test_openvino_agrees_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = saved(tmp_path, "gpnet")
    if importlib.util.find_spec("openvino") is None:
        assert cli.main(["export", "--model", str(model), "--to", "openvino", "--out", str(tmp_path / "net")]) == 2
        assert "pip install openvino" in capsys.readouterr().err
        pytest.skip("openvino is not installed")
    status, answer = run_export(model, tmp_path / "net", "--to", "openvino", "--size", "64", capsys=capsys)
    assert status == 0 and answer["agrees"]
    assert {p.name for p in tmp_path.glob("net*")} == {"net.xml", "net.bin"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tolerance", "0"], "--tolerance is 0"),
        (["--frames", "{}"], "holds no frame"),
        (["--model", "no-such-model"], "no model"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(
    tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = saved(tmp_path, "gpnet")
    words = [word.format(tmp_path) for word in words]
    assert cli.main(["export", "--model", str(model), "--out", str(tmp_path / "net"), *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["63", "224x225", "32", "axb"])
def test_sizes_that_no_network_takes_are_refused(text: str) -> None:
    with pytest.raises((ValueError, argparse.ArgumentTypeError)):
        size(text)
    assert size("300x224") == (300, 224) and size("224") == (224, 224)
