"""What runs a network: the same maps from every runtime, and one that computes others is refused before it is used."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gpnet_ros.cli import main
from gpnet_ros.errors import ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Grid, Maps
from gpnet_ros.network import running, runtimes
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import build, save
from gpnet_ros.network.detector import Detector
from gpnet_ros.network.running import MAP_TOLERANCE
from gpnet_ros.network.runtimes import RUNTIMES, install_line, missing_packages, to_try

NETS = {
    "gpnet": ("gpnet", {"widths": [4, 8, 16], "modules": 1, "latent": 4, "probabilities": True}, "rgbd"),
    "mirrored": ("gpnet", {"widths": [4, 8, 16], "probabilities": True, "mirrored": True}, "rgbd"),
    "joined": ("joined", {"widths": [4, 8, 16], "probabilities": True}, "rgbd"),
    "ggcnn": ("ggcnn", {}, "depth"),
    "grconvnet": ("grconvnet", {"width": 4}, "rgb"),
    "orange": ("orange", {"backbone": "ggcnn2"}, "rgbd"),
}
#: Those beside torch; what is not installed is left out.
OTHERS = [
    pytest.param(name, marks=pytest.mark.skipif(bool(missing_packages(name)), reason=f"{name} is not installed"))
    for name in RUNTIMES
    if name != "torch"
]
SIZES = ((224, 224), (100, 64))
RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 255, (480, 640, 3), dtype=np.uint8)
DEPTH = RNG.uniform(0.7, 0.8, (480, 640)).astype(np.float32)


def saved(folder: Path, name: str = "gpnet") -> Path:
    torch.manual_seed(0)
    architecture, kwargs, channels = NETS[name]
    card = Card(architecture, dict(kwargs), channels)
    net = build(card).train()
    with torch.no_grad():
        net(torch.randn(4, card.planes, 64, 64) * 2 + 1)
    save(net, card, folder / name)
    return folder / name


def seen(model: Path, size: tuple[int, int] = (96, 64), **how: str) -> Maps:
    grid = Grid(*size, 0.2, (10.0, 20.0))
    return Detector(model, "cpu", lambda frame: grid, **how)(Frame(COLOR, DEPTH))  # type: ignore[arg-type]


def off(one: Maps, other: Maps) -> float:
    names = ("quality", "cos2", "sin2", "width", "priority")
    return max(float(np.abs(getattr(one, name) - getattr(other, name)).max()) for name in names)


@pytest.mark.parametrize("runtime", OTHERS)
@pytest.mark.parametrize("name", NETS)
def test_every_runtime_makes_the_maps_of_torch_of_every_size(tmp_path: Path, name: str, runtime: str) -> None:
    model = saved(tmp_path, name)
    for size in SIZES if name == "gpnet" else SIZES[-1:]:
        assert off(seen(model, size, runtime=runtime), seen(model, size)) < MAP_TOLERANCE["float32"]


@pytest.mark.parametrize("runtime", ["torch", *OTHERS])
def test_bfloat16_is_near_and_not_the_same_and_float32_where_it_is_no_quicker(
    tmp_path: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved(tmp_path)
    if runtime == "onnxruntime":
        with pytest.raises(ModelRefused, match="computes in float32 only: use precision float32, or runtime openvino"):
            Detector(model, "cpu", runtime=runtime, precision="bfloat16")
        return
    plain = seen(model)
    monkeypatch.setattr(running, "quick_in_bfloat16", lambda _: True)
    detector = Detector(model, "cpu", runtime=runtime, precision="bfloat16")
    assert detector.note == "" and detector.told.startswith(runtime) and detector.told.endswith("bfloat16")
    difference = off(seen(model, runtime=runtime, precision="bfloat16"), plain)
    assert difference < MAP_TOLERANCE["bfloat16"]
    if runtime == "torch":  # OpenVINO computes in float32 where there are no such instructions
        assert difference > 0
    monkeypatch.setattr(running, "quick_in_bfloat16", lambda _: False)
    detector = Detector(model, "cpu", runtime=runtime, precision="bfloat16")
    assert "no faster in bfloat16" in detector.note and detector.told.endswith("float32")
    assert off(seen(model, runtime=runtime, precision="bfloat16"), plain) < MAP_TOLERANCE["float32"]


def damage(monkeypatch: pytest.MonkeyPatch, harm: Callable[[np.ndarray], np.ndarray], least: int = 0) -> None:
    """Let the largest weight of what is exported for pictures of this height and more be another one."""
    import onnx
    from onnx import numpy_helper

    real = running.write_exported

    def write(net, card, to, path, shape):  # type: ignore[no-untyped-def]
        made = real(net, card, to, path, shape)
        if shape[0] >= least:
            model = onnx.load(str(made))
            weight = max(model.graph.initializer, key=lambda each: int(np.prod(each.dims)))
            weight.CopyFrom(numpy_helper.from_array(harm(numpy_helper.to_array(weight)), weight.name))
            onnx.save(model, str(made))
        return made

    monkeypatch.setattr(running, "write_exported", write)


@pytest.mark.parametrize("runtime", OTHERS)
def test_a_damaged_export_is_refused_by_the_golden_outputs(
    tmp_path: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved(tmp_path)
    with monkeypatch.context() as patch:
        damage(patch, lambda weight: np.full_like(weight, np.nan))
        with pytest.raises(ModelRefused, match="differ from torch's by"):
            Detector(model, "cpu", runtime=runtime)
    monkeypatch.setattr(running, "MAP_TOLERANCE", {"float32": np.inf})  # what is compared with torch is not asked here
    assert Detector(model, "cpu", runtime=runtime).told.startswith(runtime)
    for harm in (np.zeros_like, np.negative):
        damage(monkeypatch, harm)
        with pytest.raises(ModelRefused, match=rf"does not compute its golden outputs on cpu with {runtime} [\d.]+ in"):
            Detector(model, "cpu", runtime=runtime)


@pytest.mark.parametrize("runtime", OTHERS)
def test_an_export_that_is_wrong_at_the_size_of_the_frame_is_refused_with_the_frame(
    tmp_path: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved(tmp_path)
    damage(monkeypatch, np.negative, least=65)
    assert off(seen(model, (96, 64), runtime=runtime), seen(model, (96, 64))) < MAP_TOLERANCE["float32"]
    with pytest.raises(ModelRefused, match=r"maps of 96x68 px differ from torch's by .*: use runtime torch"):
        seen(model, (96, 68), runtime=runtime)


@pytest.fixture
def every(monkeypatch: pytest.MonkeyPatch) -> None:
    """Auto tries every runtime, so that there is a next one wherever one beside torch is installed."""
    monkeypatch.setattr(runtimes, "AUTO", RUNTIMES)


def test_auto_tries_only_what_is_faster_than_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "missing_packages", lambda name: [])
    assert to_try("auto", "float32", on_gpu=False) == ("openvino", "torch")
    assert to_try("onnxruntime", "float32", on_gpu=False) == ("onnxruntime",), "whoever asks for it has it"
    monkeypatch.setattr(runtimes, "missing_packages", lambda name: [name] if name != "torch" else [])
    assert to_try("auto", "float32", on_gpu=False) == ("torch",)


def test_auto_takes_the_next_one_and_says_why(tmp_path: Path, every: None, monkeypatch: pytest.MonkeyPatch) -> None:
    model, installed = saved(tmp_path), [name for name in RUNTIMES if not missing_packages(name)]
    detector = Detector(model, "cpu", runtime="auto")
    assert detector.told.startswith(installed[0]) and detector.note == ""
    if len(installed) > 1:
        damage(monkeypatch, np.negative)
        detector = Detector(model, "cpu", runtime="auto")
        assert detector.told.startswith("torch") and installed[0] in detector.note and "differ" in detector.note
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None)
    detector = Detector(model, "cpu", runtime="auto")
    assert detector.told.startswith("torch") and detector.note == "", "nobody has asked for another one"


def counted_exports(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Sizes (height, width) that are exported from now on."""
    real, sizes = running.write_exported, []

    def write(net, card, to, path, shape):  # type: ignore[no-untyped-def]
        sizes.append(shape)
        return real(net, card, to, path, shape)

    monkeypatch.setattr(running, "write_exported", write)
    return sizes


def test_auto_goes_on_with_the_next_one_where_only_the_size_of_the_frame_is_refused(
    tmp_path: Path, every: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = [name for name in RUNTIMES if not missing_packages(name)]
    if len(installed) == 1:
        pytest.skip("no runtime beside torch is installed")
    model, frame = saved(tmp_path), Frame(COLOR, DEPTH)
    small, large = Grid(64, 64, 0.2, (10.0, 20.0)), Grid(96, 68, 0.2, (10.0, 20.0))
    damage(monkeypatch, np.negative, least=65)
    grids = [small, large, large, small]
    detector = Detector(model, "cpu", lambda _: grids.pop(0), runtime="auto")
    detector(frame)
    assert detector.told.startswith(installed[0]) and detector.note == ""
    exports = counted_exports(monkeypatch)
    maps = detector(frame)
    assert detector.told.startswith("torch") and off(maps, seen(model, (96, 68))) == 0
    told, tried = detector.note, list(exports)
    assert all(f"With {name} " in told for name in installed[:-1]) and "maps of 96x68 px differ" in told
    detector(frame), detector(frame)
    assert detector.note == told and exports == tried, "what was refused is not tried again"


def test_a_size_that_was_refused_is_not_exported_for_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    damage(monkeypatch, np.negative, least=65)
    grids = [Grid(96, side, 0.2, (10.0, 20.0)) for side in (68, 68, 64)]
    detector = Detector(saved(tmp_path), "cpu", lambda _: grids.pop(0), runtime="onnxruntime")
    exports = counted_exports(monkeypatch)
    for _ in range(2):
        with pytest.raises(ModelRefused, match="maps of 96x68 px differ"):
            detector(Frame(COLOR, DEPTH))
    assert exports == [(68, 96)]
    assert np.isfinite(detector(Frame(COLOR, DEPTH)).quality).all(), "another size is as good as before"


def test_a_runtime_that_breaks_while_it_runs_is_left(
    tmp_path: Path, every: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    real, broken = running.exported_runtime, []

    def made(*given):  # type: ignore[no-untyped-def]
        run = real(*given)

        def runs(x: np.ndarray) -> np.ndarray:
            if broken:
                raise KeyError("no such arena")
            return run(x)

        return runs

    monkeypatch.setattr(running, "exported_runtime", made)
    model, grid = saved(tmp_path), Grid(64, 64, 0.2, (10.0, 20.0))
    told = {name: Detector(model, "cpu", lambda _: grid, runtime=name) for name in ("auto", "onnxruntime")}
    broken.append(True)
    assert off(told["auto"](Frame(COLOR, DEPTH)), seen(model, (64, 64))) == 0
    assert "no such arena" in told["auto"].note and told["auto"].told.startswith("torch")
    with pytest.raises(ModelRefused, match=r"Runtime onnxruntime cannot run the model \('no such arena'\)"):
        told["onnxruntime"](Frame(COLOR, DEPTH))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "attribute"),
        ("raise OSError('libtbb.so.12: cannot open')", "libtbb"),
        ("raise RuntimeError('needs AVX')", "needs AVX"),
    ],
)
def test_what_only_bears_the_name_of_a_runtime_is_left_out_and_told(
    tmp_path: Path, source: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    (tmp_path / "path" / "openvino").mkdir(parents=True)
    (tmp_path / "path" / "openvino" / "__init__.py").write_text(source)
    model = saved(tmp_path)
    monkeypatch.setitem(sys.modules, "openvino", None)  # so that the stand-in is gone afterwards
    monkeypatch.delitem(sys.modules, "openvino")
    monkeypatch.syspath_prepend(tmp_path / "path")
    assert to_try("auto", "float32", on_gpu=False)[0] == "openvino"
    detector = Detector(model, "cpu", runtime="auto")
    assert "Runtime openvino cannot run the model" in detector.note and reason in detector.note
    assert not detector.told.startswith("openvino")
    with pytest.raises(ModelRefused, match="Runtime openvino cannot run the model"):
        Detector(model, "cpu", runtime="openvino")


def test_a_size_that_has_gone_comes_back_and_no_more_than_four_are_kept(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    sides = [64, 68, 72, 76, 80, 64]
    grids = [Grid(side, 64, 0.2, (10.0, 20.0)) for side in sides]
    detector = Detector(saved(tmp_path), "cpu", lambda frame: grids.pop(0), runtime="onnxruntime")
    maps = [detector(Frame(COLOR, DEPTH)) for _ in sides]
    assert len(detector._net._ready) == 4 and off(maps[0], maps[-1]) == 0


@pytest.mark.parametrize(
    ("runtime", "precision", "on_gpu", "said"),
    [
        ("tensorrt", "float32", False, "Runtime 'tensorrt' is unknown; allowed: auto, openvino, onnxruntime, torch."),
        ("torch", "int8", False, "Precision 'int8' is unknown; allowed: float32, bfloat16."),
        ("openvino", "float32", True, "runs on the CPU only: use device cpu, or runtime torch"),
        ("onnxruntime", "bfloat16", False, "computes in float32 only"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(runtime: str, precision: str, on_gpu: bool, said: str) -> None:
    with pytest.raises(ModelRefused) as error:
        to_try(runtime, precision, on_gpu)
    assert said in str(error.value)
    assert to_try("torch", precision if precision == "bfloat16" else "float32", on_gpu) == ("torch",)
    assert to_try("auto", "float32", on_gpu=True) == ("torch",)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_missing_package_is_told_with_the_line_that_installs_it(
    runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelRefused, match=rf"needs {runtime} and onnx: pip install 'gpnet_ros\[\w+\]', or use"):
        to_try(runtime, "float32", on_gpu=False)
    setup = (Path(__file__).parents[2] / "setup.py").read_text()
    extra = install_line(runtime).partition("[")[2].partition("]")[0]
    line = next(line for line in setup.splitlines() if line.strip().startswith(f'"{extra}": ['))
    assert f'"{runtime}' in line and '"onnx' in line


@pytest.fixture
def picture(tmp_path: Path) -> list[str]:
    cv2.imwrite(str(tmp_path / "color.png"), COLOR)
    np.save(tmp_path / "depth.npy", DEPTH)
    return ["detect", str(tmp_path / "color.png"), str(tmp_path / "depth.npy"), "--min-quality", "0", "--json"]


@pytest.mark.parametrize("runtime", OTHERS)
def test_detect_gives_the_same_answer_and_says_by_what(
    tmp_path: Path, picture: list[str], runtime: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(saved(tmp_path))
    answers = []
    for name in ("torch", runtime):
        assert main([*picture, "--model", model, "--runtime", name]) in (0, 1)
        answers.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert [answer.pop("runtime").split()[0] for answer in answers] == ["torch", runtime]
    for answer in answers:
        answer.pop("time_ms")
    assert answers[0] == answers[1]


def test_commands_refuse_what_they_cannot_run(
    tmp_path: Path, picture: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(saved(tmp_path))
    with pytest.raises(SystemExit):
        main([*picture, "--model", model, "--runtime", "tensorrt"])
    assert "invalid choice: 'tensorrt'" in capsys.readouterr().err
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main([*picture, "--model", model, "--runtime", "openvino"]) == 2
    assert "pip install 'gpnet_ros[openvino]'" in capsys.readouterr().err
    assert main(["bench", "latency", "--model", model, "--runtime", "onnxruntime"]) == 2
    assert "pip install 'gpnet_ros[onnxruntime]'" in capsys.readouterr().err
