"""`gpnet bench graspnext`: stages compute what the network sees, groups are kept, what is asked wrongly is told."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("torchvision")

from support.scene_models import SIDE, tiny_scene_model

from gpnet_ros import cli
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.graspnext import latency
from gpnet_ros.network.graspnext import compiled
from gpnet_ros.network.graspnext.architecture import NETWORKS, Architecture
from gpnet_ros.network.graspnext.network import GraspNeXt, Sampling
from gpnet_ros.network.graspnext.stages import StagedNetwork, eager_parts, prepared
from gpnet_ros.training.graspnext.found_network import chosen_networks

STAGES = ["whole", "proposals", "boxes", "detections"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_scene_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def small_reference(model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Architecture]:
    """The reference at the size of the tiny model."""
    threads, (tiny,) = torch.get_num_threads(), chosen_networks([str(model)]).values()
    monkeypatch.setitem(NETWORKS, "resnet-graspnext", tiny)
    yield tiny
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_its_batch_norms_folded_computes_the_same(name: str) -> None:
    torch.manual_seed(0)
    net, image = GraspNeXt(NETWORKS[name], SIDE).train(), torch.rand(2, 3, SIDE, SIDE)
    with torch.no_grad():
        net.joined(image)  # running statistics that are not the initial ones
        wanted = net.eval().joined(image)[1]
        ready = prepared(net)
        assert not [m for m in ready.modules() if isinstance(m, nn.BatchNorm2d)]
        assert torch.allclose(ready.joined(image)[1], wanted, atol=1e-4 * float(wanted.abs().max()))


def test_the_stages_are_those_of_one_image_and_do_the_same_work_whatever_is_found(model: Path) -> None:
    (sizes,) = chosen_networks([str(model)]).values()
    torch.manual_seed(0)
    net, image = GraspNeXt(sizes, SIDE, Sampling(30, 30, 5, score_min=0.0)).eval(), torch.rand(1, 3, SIDE, SIDE)
    seen, ready, read = net.see(image)[0], prepared(net), []
    ready.regions.register_forward_hook(lambda _, x, out: read.append((len(x[0]), out)))
    ready.boxes.box_head.register_forward_hook(lambda _, x, __: read.append((len(x[0]), None)))
    times = StagedNetwork(ready, eager_parts(ready, False), 30, (5, 500))(image)
    assert list(times) == [*STAGES, "regions of 5", "regions of 500"] and min(times.values()) > 0
    assert [count for count, _ in read] == [30, 5, 500]
    assert torch.allclose(read[1][1][1].sigmoid(), seen.amodal, atol=1e-4), "what the network itself sees"


def test_a_group_is_measured_once_and_read_afterwards(
    model: Path, small_reference: Architecture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", "graspnext", "--networks", str(model), "--runtimes", "eager-fp32", "eager-bf16", "--sides", "64"]
    words += ["--detections", "2", "4", "--proposals", "20", "--repeats", "1", "--out", str(tmp_path / "kept.json")]
    assert cli.main([*words, "--json"]) == 0
    said = capsys.readouterr().out.splitlines()
    answer = json.loads(said[-1])
    assert any("GFLOP" in line for line in said) and answer["protocol"]["threads"] == 1
    rows = answer["rows"]
    assert [(r["network"], r["runtime"], r["detections"]) for r in rows[:4]] == [
        ("tiny", "eager-fp32", 2),
        ("resnet-graspnext", "eager-fp32", 2),
        ("tiny", "eager-fp32", 4),
        ("resnet-graspnext", "eager-fp32", 4),
    ]
    assert len(rows) == 8
    for row in rows:
        assert list(row["stages_ms"]) == [*STAGES, "regions"]
        assert row["GFLOP"] == pytest.approx(2 * row["GMAC"], abs=0.2)
        assert row["ratio"] == 1.0 or row["network"] != "resnet-graspnext"
        assert 0 < row["best_ms"] <= row["ms"]
    assert cli.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"] == rows, "nothing is measured twice"
    (tmp_path / "kept.json").write_text("[]")
    assert cli.main(words) == 2
    assert "is not what gpnet bench graspnext writes" in capsys.readouterr().err


def test_what_is_not_installed_or_not_there_is_one_sentence(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        compiled.importlib.util, "find_spec", lambda n, *_: None if n in ("openvino", "nncf") else there(n)
    )
    assert cli.main(["bench", "graspnext", "--runtimes", "openvino-int8"]) == 2
    said = capsys.readouterr().err
    assert "needs openvino==2026.4.1 and nncf==3.4.0: pip install openvino==2026.4.1 nncf==3.4.0" in said
    assert cli.main(["bench", "graspnext", "--runtimes", "fast"]) == 2
    assert "--runtimes names 'fast'; allowed: eager-fp32" in capsys.readouterr().err
    assert cli.main(["bench", "graspnext", "--runtimes", "eager-fp32", "--repeats", "0"]) == 2
    assert "--repeats is 0; allowed: 1 or more" in capsys.readouterr().err
    with pytest.raises(BadInput, match="gpnet is a grasp network"):
        chosen_networks(["gpnet"])
    with pytest.raises(BadInput, match="network is 'nothing'; allowed: fast-graspnext"):
        chosen_networks(["nothing"])
    with pytest.raises(BadInput, match="Two networks are called tiny"):
        chosen_networks([str(model), str(tiny_scene_model(tmp_path / "tiny"))])


def test_openvino_computes_what_torch_computes(model: Path) -> None:
    pytest.importorskip("openvino")
    (sizes,) = chosen_networks([str(model)]).values()
    net, image = prepared(GraspNeXt(sizes, SIDE)), torch.rand(1, 3, SIDE, SIDE)
    wanted = eager_parts(net, False)
    found = compiled.compiled_parts(net, "fp32", image, 20, (2, 4), 1)
    regions = torch.rand(4, sizes.heads.neck, 14, 14)
    with torch.no_grad():
        for one, other in zip(found.whole(image), wanted.whole(image), strict=True):
            assert torch.allclose(one, other, atol=1e-4)
        for one, other in zip(found.regions(regions), wanted.regions(regions), strict=True):
            assert torch.allclose(one, other, atol=1e-4)
    assert min(StagedNetwork(net, found, 20, (2, 4))(image).values()) > 0


def test_the_runtimes_are_those_of_torch_and_of_the_compiler() -> None:
    assert set(latency.RUNTIMES) == {"eager-fp32", "eager-bf16", "openvino-fp32", "openvino-bf16", "openvino-int8"}
