"""What may run a network: names, the packages that each needs, and which are tried in which order; without torch."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from gpnet_ros.errors import ModelRefused

#: What a network can be run by.
RUNTIMES = ("openvino", "onnxruntime", "torch")
#: What a person may ask for; auto: the first of AUTO that is installed and computes what the card says.
RUNTIME_CHOICES = ("auto", *RUNTIMES)
#: What auto tries, the fastest on a CPU first (`gpnet bench latency`); what is no faster than torch is left out.
AUTO = ("openvino", "torch")
#: What is multiplied in; bfloat16 only where that is faster, else float32.
PRECISIONS = ("float32", "bfloat16")
#: Runtime -> packages that it needs beside torch; the extra that installs them has its name.
_PACKAGES: dict[str, tuple[str, ...]] = {
    "openvino": ("openvino", "onnx"),
    "onnxruntime": ("onnxruntime", "onnx"),
    "torch": (),
}
#: What ONNX Runtime has no kernels for on a CPU.
_NONE = ("onnxruntime", "bfloat16")


@dataclass(frozen=True)
class Computing:
    """What a network is run on, by and in.

    Attributes:
        device: "cpu", "cuda" or "auto".
        runtime: of `RUNTIME_CHOICES`. precision: of `PRECISIONS`.
    """

    device: str = "auto"
    runtime: str = "auto"
    precision: str = "float32"


def missing_packages(runtime: str) -> list[str]:
    """The packages of a runtime that are not installed."""
    return [name for name in _PACKAGES[runtime] if importlib.util.find_spec(name) is None]


def install_line(runtime: str) -> str:
    """The line that installs a runtime's packages."""
    return f"pip install 'gpnet_ros[{runtime}]'"


def to_try(runtime: str, precision: str, on_gpu: bool) -> tuple[str, ...]:
    """The runtimes that are tried, one after the other, for what was asked for.

    Args:
        runtime: of `RUNTIME_CHOICES`.
        precision: of `PRECISIONS`.
        on_gpu: whether the network shall run on a GPU, where torch alone runs it.

    Raises:
        ModelRefused: another name; the runtime's packages are missing; or it cannot do what is asked for.
    """
    if runtime not in RUNTIME_CHOICES:
        raise ModelRefused(f"Runtime {runtime!r} is unknown; allowed: {', '.join(RUNTIME_CHOICES)}.")
    if precision not in PRECISIONS:
        raise ModelRefused(f"Precision {precision!r} is unknown; allowed: {', '.join(PRECISIONS)}.")
    able = [name for name in RUNTIMES if name == "torch" or not (on_gpu or (name, precision) == _NONE)]
    if runtime == "auto":
        return tuple(name for name in AUTO if name in able and not missing_packages(name))
    if runtime != "torch" and on_gpu:
        raise ModelRefused(f"Runtime {runtime} runs on the CPU only: use device cpu, or runtime torch.")
    if runtime not in able:
        raise ModelRefused(
            f"Runtime {runtime} computes in float32 only: use precision float32, or runtime openvino or torch."
        )
    if missing := missing_packages(runtime):
        raise ModelRefused(
            f"Runtime {runtime} needs {' and '.join(missing)}: {install_line(runtime)}, or use runtime torch."
        )
    return (runtime,)
