"""A network written as ONNX or OpenVINO file, and such a file run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from gpnet_ros.arrays import Floats
from gpnet_ros.maps import WIDTH_SCALE
from gpnet_ros.network.card import Card

#: Order of the maps in the output.
OUTPUT_MAPS = ("quality", "cos2", "sin2", "width", "priority")
#: Ending of each kind of file.
SUFFIX = {"onnx": ".onnx", "openvino": ".xml"}
#: Operators of ONNX 1.12: the first that has layer normalisation, and old enough for every runtime of 2022 and later.
_OPSET = 17
#: What OpenVINO calls these precisions.
_HINTS = {"float32": "f32", "bfloat16": "bf16"}


def write_exported(net: nn.Module, card: Card, to: str, path: Path, shape: tuple[int, int]) -> Path:
    """Write a network in another format, whatever it computes there.

    Args:
        net: in evaluation mode.
        card: of it, for the metadata.
        to: key of `SUFFIX`.
        path: of the file, with its ending.
        shape: (height, width) of the input [px].

    Returns:
        The path; OpenVINO's weights lie beside it.
    """
    as_onnx = path if to == "onnx" else path.with_suffix(".onnx")
    _write_onnx(net, card, as_onnx, shape)
    if to == "openvino":
        import openvino

        model = openvino.convert_model(str(as_onnx))
        for key, value in _about(card).items():
            model.set_rt_info(value, ["gpnet", key])
        openvino.save_model(model, str(path), compress_to_fp16=False)
        as_onnx.unlink()
    return path


def _write_onnx(net: nn.Module, card: Card, path: Path, shape: tuple[int, int]) -> None:
    import onnx

    x = torch.zeros(1, card.planes, *shape)
    with warnings.catch_warnings():
        # The exporter by tracing: torch 2.11 and 2.13 both have it, and it needs onnx alone. The other one
        # (dynamo=True) needs onnxscript besides, and these networks have nothing that a trace would miss at one size.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (x,), str(path), dynamo=False, opset_version=_OPSET, input_names=["input"], output_names=["maps"]
        )
    model = onnx.load(str(path))
    for key, value in _about(card).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _about(card: Card) -> dict[str, str]:
    """What a user of the file must know, as texts."""
    return {
        "architecture": card.architecture,
        "channels": card.channels,
        "normalisation": card.normalisation,
        "maps": ",".join(OUTPUT_MAPS),
        "width_scale_px": f"{WIDTH_SCALE:g}",
        "weights_sha256": card.sha256,
        "commit": card.commit,
        "licence": card.licence,
    }


def exported_runtime(
    path: Path, runtime: str, precision: str = "float32", threads: int | None = None
) -> Callable[[Floats], Floats]:
    """An exported file, run on the CPU: (1, C, H, W) to (1, maps, H, W), both float32.

    Args:
        path: of an ONNX file, or for OpenVINO of its own.
        runtime: "onnxruntime" or "openvino".
        precision: of `runtimes.PRECISIONS`; ONNX Runtime has float32 only.
        threads: of the processor; the runtime's own choice without.
    """
    return _of_onnxruntime(path, threads) if runtime == "onnxruntime" else _of_openvino(path, precision, threads)


def _of_onnxruntime(path: Path, threads: int | None) -> Callable[[Floats], Floats]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # camera and planner need the cores, too
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(["maps"], {"input": x})[0]


def _of_openvino(path: Path, precision: str, threads: int | None) -> Callable[[Floats], Floats]:
    import openvino

    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # processes beside each other would all be put on the first core
    }
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()

    def compute(x: Floats) -> Floats:
        (maps,) = request.infer([x], share_inputs=True).values()
        return np.asarray(maps)

    return compute
