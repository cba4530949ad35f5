"""Detector: frame in, maps out, on the grid that was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from gpnet_ros.cli import main
from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Grid
from gpnet_ros.network import detector
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import build, load, save
from gpnet_ros.network.detector import Detector, fold
from gpnet_ros.normalise import VERSIONS, normalise

#: Every network but GP-Net, small.
BASELINES: dict[str, dict[str, Any]] = {
    "ggcnn": {},
    "ggcnn2": {},
    "grconvnet": {"width": 4},
    "orange": {"width": 4},
}

RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 255, (480, 640, 3), dtype=np.uint8)
DEPTH = RNG.uniform(0.7, 0.8, (480, 640)).astype(np.float32)
DEPTH[100:200, 100:300] = np.nan


def _save(folder: Path, architecture: str = "gpnet", channels: str = "rgbd", **kwargs: object) -> Path:
    torch.manual_seed(0)
    card = Card(architecture, {"widths": [8, 16, 32]} if architecture == "gpnet" else dict(kwargs), channels)
    net = build(card).train()
    with torch.no_grad():
        net(torch.randn(4, {"rgbd": 4, "rgb": 3, "depth": 1}[channels], 64, 64) * 2 + 1)
    save(net, card, folder)
    return folder


def test_maps_carry_the_grid_and_the_stamp_of_the_frame(tmp_path: Path) -> None:
    detector = Detector(_save(tmp_path), "cpu")
    maps = detector(Frame(COLOR, DEPTH, stamp=12.5, frame_id="eye"))
    assert maps.grid == Grid.whole_frame(640, 480) and maps.quality.shape == (224, 300)
    assert (maps.stamp, maps.frame_id) == (12.5, "eye")
    assert set(detector.time_ms) == {"grid", "normalise", "net"} and min(detector.time_ms.values()) > 0


@pytest.mark.parametrize("architecture", BASELINES)
def test_a_baseline_answers_the_same_call_with_priority_one(architecture: str, tmp_path: Path) -> None:
    maps = Detector(_save(tmp_path, architecture, **BASELINES[architecture]), "cpu")(Frame(COLOR, DEPTH))
    assert (maps.priority == 1).all() and np.ptp(maps.quality) > 0


def test_a_baseline_with_a_priority_head_uses_it(tmp_path: Path) -> None:
    maps = Detector(_save(tmp_path, "grconvnet", width=4, gpp=True), "cpu")(Frame(COLOR, DEPTH))
    assert np.ptp(maps.priority) > 0


@pytest.mark.parametrize("architecture", ["gpnet", *BASELINES])
def test_what_the_detector_says_is_what_was_saved(architecture: str, tmp_path: Path) -> None:
    """Folded, fused and in another memory format, each network still computes what it did before it was saved."""
    grid = Grid(96, 64, 0.2, (10.0, 20.0))
    model = _save(tmp_path, architecture, **BASELINES.get(architecture, {}))
    maps = Detector(model, "cpu", grid=lambda frame: grid)(Frame(COLOR, DEPTH))
    net, card = load(model)
    planes = normalise(grid.warp_color(COLOR), grid.warp_depth(DEPTH), card.channels, card.normalisation)
    with torch.no_grad():
        expected = net(torch.from_numpy(planes)[None])[0].numpy()
    got = np.stack([maps.quality, maps.cos2, maps.sin2, maps.width, maps.priority])[: len(expected)]
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_input_is_made_as_the_card_says(version: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = Card("gpnet", {"widths": [8, 16, 32]}, "rgbd", version)
    save(build(card).eval(), card, tmp_path)
    detector, seen = Detector(tmp_path, "cpu"), []
    detector._net.register_forward_pre_hook(lambda net, inputs: seen.append(inputs[0][0].numpy()))
    maps = detector(Frame(COLOR, DEPTH))
    expected = normalise(maps.grid.warp_color(COLOR), maps.grid.warp_depth(DEPTH), "rgbd", version)
    np.testing.assert_array_equal(seen[0], expected)


@pytest.mark.parametrize("architecture", BASELINES)
def test_gpnet_detect_runs_with_any_of_them(
    architecture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = _save(tmp_path / "model", architecture, **BASELINES[architecture])
    cv2.imwrite(str(tmp_path / "color.png"), COLOR)
    np.save(tmp_path / "depth.npy", DEPTH)
    files = [str(tmp_path / "color.png"), str(tmp_path / "depth.npy")]
    assert main(["detect", *files, "--model", str(model), "--min-quality", "0", "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])


def test_one_rgbd_model_serves_frames_of_all_kinds_and_others_say_what_they_lack(tmp_path: Path) -> None:
    both, depth_only = Detector(_save(tmp_path / "a"), "cpu"), Detector(_save(tmp_path / "b", channels="depth"), "cpu")
    answers = [both(Frame(c, d)).quality for c, d in ((COLOR, DEPTH), (COLOR, None), (None, DEPTH))]
    assert not np.allclose(answers[0], answers[1]) and not np.allclose(answers[0], answers[2])
    np.testing.assert_array_equal(depth_only(Frame(COLOR, DEPTH)).quality, depth_only(Frame(None, DEPTH)).quality)
    with pytest.raises(BadInput, match="no depth"):
        depth_only(Frame(COLOR, None))


def test_folding_removes_every_batch_norm_and_changes_nothing(tmp_path: Path) -> None:
    for architecture in ("gpnet", "grconvnet"):
        kwargs = {"width": 4} if architecture == "grconvnet" else {}
        net, _ = load(_save(tmp_path / architecture, architecture, **kwargs))
        x = torch.randn(1, 4, 64, 64)
        with torch.no_grad():
            before = net(x)
            after = fold(net)(x)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
        assert float((after - before).abs().max()) < 1e-4 * float(before.abs().max())


def test_a_device_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _save(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelRefused, match="no GPU"):
        Detector(tmp_path, "cuda")
    with pytest.raises(ModelRefused, match="allowed: cpu, cuda, auto"):
        Detector(tmp_path, "tpu")
    assert Detector(tmp_path, "auto").device.type == "cpu"


def test_maps_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    detector = Detector(_save(tmp_path), "cpu")
    for p in detector._net.parameters():
        p.data.fill_(float("nan"))
    with pytest.raises(BadInput, match="NaN"):
        detector(Frame(COLOR, DEPTH))


def test_on_the_cpu_freed_memory_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(detector, "keep_freed_memory", lambda: asked.append(True))
    Detector(_save(tmp_path), "cpu")
    assert asked
