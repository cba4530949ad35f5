"""`gpnet bench latency`: every stage and every net is there, and what cannot be measured is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gpnet_ros.cli import main
from gpnet_ros.network.card import Card, read_card
from gpnet_ros.network.checkpoint import build, save


def test_every_stage_and_every_net_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = Card("gpnet", {"widths": [8, 16, 32]}, "rgbd")
    save(build(card), card, tmp_path)
    threads = torch.get_num_threads()
    try:
        assert main(["bench", "latency", "--model", str(tmp_path), "--rounds", "2", "--threads", "1", "--json"]) == 0
    finally:
        torch.set_num_threads(threads)
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    path = answer["frame_to_grasp_ms"]
    assert list(path) == ["grid", "normalise", "net", "decode", "total"] and min(path.values()) > 0
    assert path["total"] >= max(path[name] for name in ("grid", "normalise", "net", "decode"))
    assert {"gpnet-s", "gpnet-m", "ggcnn", "ggcnn2", "grconvnet"} <= set(answer["nets_ms"])
    assert answer["threads"] == 1 and answer["weights"] == read_card(tmp_path).sha256
    for name, value in answer["nets_ms"].items():
        assert 0 < answer["nets_best_ms"][name] <= value
        assert answer["net_ratio"][name] > 0


def test_bad_arguments_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "latency", "--rounds", "0"]) == 2
    assert main(["bench", "latency", "--model", str(tmp_path / "weights.pt")]) == 2
    err = capsys.readouterr().err
    assert "--rounds 0" in err and "pickle" in err
