"""What the doctor says of torch: the network is loaded and computed in a Python of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.doctor_cell import names, stand_ins

from gpnet_ros.child_python import Answer
from gpnet_ros.network import doctor
from gpnet_ros.network.checkpoint import find
from gpnet_ros.network.doctor import examine_torch


def test_a_network_that_computes_what_its_card_says_is_well(tmp_path: Path) -> None:
    found = examine_torch("gpnet", "cpu", driver=tmp_path / "no driver")
    assert not names(found) and "golden outputs of gpnet" in found[-1].says


@pytest.mark.parametrize(
    "source", ["raise ImportError('libcudart.so.12: cannot open')", "import os; os.kill(os.getpid(), 11)"]
)
def test_a_torch_that_cannot_be_imported_is_told(source: str, tmp_path: Path) -> None:
    assert names(examine_torch("gpnet", "cpu", stand_ins(tmp_path, torch=source))) == ["torch_missing"]


@pytest.mark.slow
def test_weights_that_are_not_whole_are_told(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(find("gpnet"), tmp_path / "gpnet"))
    (weights,) = folder.glob("*.safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert names(examine_torch(str(folder), "cpu")) == ["torch_wrong"]


@pytest.mark.parametrize(
    ("device", "gpu", "refused", "name"),
    [
        ("cuda", "", "Device cuda is not there", "torch_no_device"),
        ("cuda", "H200", "The model does not compute its golden outputs on cuda", "torch_wrong"),
        ("auto", "", "", "torch_gpu_idle"),
        ("auto", "H200", "", ""),
        ("cpu", "", "", ""),
    ],
)
def test_a_gpu_that_is_not_used_is_told(
    device: str, gpu: str, refused: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    told = json.dumps({"torch": "2.13", "gpu": gpu, "refused": refused})
    monkeypatch.setattr(doctor, "ask_python", lambda *_: Answer((told,)))
    assert names(examine_torch("gpnet", device, driver=tmp_path)) == ([name] if name else [])


def test_what_would_run_the_network_is_told(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    fake = stand_ins(tmp_path, openvino="raise OSError('libtbb.so.12: cannot open')")
    none = tmp_path / "no driver"
    found = examine_torch("gpnet", "cpu", fake, none, "auto")
    assert names(found) == ["torch_runtime_left"] and "libtbb" in found[0].says and "run by" in found[0].says
    found = examine_torch("gpnet", "cpu", fake, none, "openvino")
    assert names(found) == ["torch_runtime"] and "gpnet_ros[openvino]" in found[0].remedy
    found = examine_torch("gpnet", "cpu", driver=none)
    assert not names(found) and "runs by torch " in found[0].says
