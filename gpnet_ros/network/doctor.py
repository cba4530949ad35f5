"""Examine torch: whether the network computes on this machine what its card says, on the device that was asked for.

`python -m gpnet_ros.network.doctor MODEL DEVICE RUNTIME PRECISION` is the child that imports torch; what is broken
breaks there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from gpnet_ros.child_python import ask_python
from gpnet_ros.computer import short
from gpnet_ros.finding import Finding, Trouble, well

TORCH_MISSING = Trouble(
    "torch", "torch_missing", "fault", "torch is not there, or cannot be imported",
    "Install it anew ({python} -m pip install --force-reinstall torch); on a machine without a GPU from "
    "https://download.pytorch.org/whl/cpu.",
)  # fmt: skip
TORCH_WRONG = Trouble(
    "torch", "torch_wrong", "fault", "the network does not compute its golden outputs here, or its files are not whole",
    "Install a torch that fits driver and GPU, take device cpu, or restore models/ from the release.",
)  # fmt: skip
TORCH_NO_DEVICE = Trouble(
    "torch", "torch_no_device", "fault", "device cuda was asked for, and torch finds no GPU",
    "Set device to cpu or auto, or install a torch with CUDA for the driver that nvidia-smi names.",
)  # fmt: skip
TORCH_GPU_IDLE = Trouble(
    "torch", "torch_gpu_idle", "warning", "the machine has an NVIDIA GPU, and torch cannot use it",
    "Install a torch with CUDA for the driver that nvidia-smi names, or set device to cpu if that is meant.",
)  # fmt: skip
TORCH_RUNTIME = Trouble(
    "torch", "torch_runtime", "fault", "the runtime that was asked for is not installed, or computes something else",
    "Install the version that setup.py names (pip install 'gpnet_ros[{runtime}]'), or set runtime to auto or torch.",
)  # fmt: skip
TORCH_RUNTIME_LEFT = Trouble(
    "torch", "torch_runtime_left", "warning", "a runtime is installed and left, or a precision is not what was asked",
    "Install the version that setup.py names, remove it, or set runtime and precision to what computes here.",
)  # fmt: skip
#: The kernel's driver shows its GPUs here.
_DRIVER = Path("/proc/driver/nvidia/gpus")


def examine_torch(
    model: str,
    device: str,
    environment: Mapping[str, str] | None = None,
    driver: Path = _DRIVER,
    runtime: str = "torch",
    precision: str = "float32",
) -> list[Finding]:
    """Load a model on a device ("cpu", "cuda" or "auto"), compare its golden outputs, and name what would run it."""
    answer = ask_python(("-m", "gpnet_ros.network.doctor", model, device, runtime, precision), environment)
    try:
        told = json.loads(answer.lines[-1])
    except (IndexError, ValueError):
        reason = short(answer.error or "it says nothing")
        return [TORCH_MISSING.found(f"torch cannot be used ({reason}).", python=sys.executable)]
    name = f"torch {told['torch']}"
    if device == "cuda" and not told["gpu"]:
        return [TORCH_NO_DEVICE.found(f"Device is cuda, and {name} finds no GPU.")]
    if told["refused"]:
        return [TORCH_WRONG.found(f"{name} refuses the model: {short(told['refused'])}.")]
    found = _runtime_findings(told, runtime)
    found.append(well("torch", f"{name} computes the golden outputs of {model} on {told['gpu'] or 'the CPU'}."))
    if device == "auto" and not told["gpu"] and driver.is_dir() and any(driver.iterdir()):
        found[-1] = TORCH_GPU_IDLE.found(f"The driver shows a GPU, {name} finds none and computes on the CPU.")
    return found


def _runtime_findings(told: Mapping[str, str], runtime: str) -> list[Finding]:
    if told.get("unable"):
        return [TORCH_RUNTIME.found(f"Runtime {runtime} cannot be used: {short(told['unable'])}.", runtime=runtime)]
    if told.get("note"):
        return [TORCH_RUNTIME_LEFT.found(f"The network would run by {told['by']}: {short(told['note'])}.")]
    return [well("torch", f"With runtime {runtime} the network runs by {told['by']}.")] if told.get("by") else []


def main() -> None:
    """Import, load, compare, and print one JSON object."""
    import torch

    from gpnet_ros.errors import ModelRefused
    from gpnet_ros.network.checkpoint import GRASP_ARCHITECTURES, load
    from gpnet_ros.network.detector import Detector, find_device

    refused = gpu = by = note = unable = ""
    model, device, runtime, precision = sys.argv[1:]
    grasps = False
    try:
        place = find_device(device)
        gpu = torch.cuda.get_device_name(place) if place.type == "cuda" else ""
        grasps = load(model, place)[1].architecture in GRASP_ARCHITECTURES
    except (ModelRefused, RuntimeError) as error:
        refused = str(error)
    try:
        if grasps:
            detector = Detector(model, device, runtime=runtime, precision=precision)
            by, note = detector.told, detector.note
    except ModelRefused as error:
        unable = str(error)
    more = {"by": by, "note": note, "unable": unable}
    print(json.dumps({"torch": torch.__version__, "gpu": gpu, "refused": refused, **more}))


if __name__ == "__main__":
    main()
