"""The parts of a GraspNeXt network as OpenVINO computes them: an optional package, and nncf for 8 bits.

pip install openvino==2026.4.1 nncf==3.4.0
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.heads import BOX_SIDE, REGION_SIDE
from gpnet_ros.network.graspnext.network import GraspNeXt
from gpnet_ros.network.graspnext.stages import BoxScores, Parts, WholeImage

#: Precision -> what OpenVINO computes in; of 8 bits, what is not quantised.
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}
#: Packages that a precision needs, as they are tested.
PACKAGES = {"openvino": "openvino==2026.4.1", "nncf": "nncf==3.4.0"}
#: Regions with which the quantiser looks at the heads.
_LOOKED_AT = 8


def require_compiler(precision: str) -> None:
    """Refuse a precision whose packages are not installed.

    Raises:
        BadInput: names what to install.
    """
    needed = ["openvino", *(["nncf"] if precision == "int8" else [])]
    missing = [PACKAGES[name] for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"openvino-{precision} needs {' and '.join(missing)}: pip install {' '.join(missing)}.")


def compiled_parts(
    net: GraspNeXt, precision: str, image: Tensor, proposals: int, detections: Sequence[int], threads: int
) -> Parts:
    """The parts of a folded network, compiled for this processor and these sizes.

    Args:
        net: folded, in `eval` mode.
        precision: of `PRECISIONS`; 8 bits are calibrated on the image, which is enough for its speed, not for use.
        image: (1, 3, H, W) in [0, 1], of the size that is computed.
        proposals: regions of the box head. detections: numbers of regions of the mask heads.
        threads: of the processor.
    """
    require_compiler(precision)
    neck = net.architecture.heads.neck
    box_features = torch.rand(proposals, neck, BOX_SIDE, BOX_SIDE)
    region_features = torch.rand(_LOOKED_AT, neck, REGION_SIDE, REGION_SIDE)
    whole = _compiled(WholeImage(net), precision, image, [len(image)], threads)
    boxes = _compiled(BoxScores(net), precision, box_features, [proposals], threads)
    regions = _compiled(net.regions, precision, region_features, detections, threads)
    return Parts(
        whole[len(image)], boxes[proposals], lambda x: regions[len(x)](x)
    )  # a static shape for every number of regions


def _compiled(
    part: nn.Module, precision: str, x: Tensor, counts: Sequence[int], threads: int
) -> dict[int, Callable[[Tensor], Sequence[Tensor]]]:
    """A part, compiled once for each number of rows of its input."""
    import openvino

    with torch.no_grad():  # a trace under inference_mode is refused
        model = openvino.convert_model(part, example_input=x.contiguous(), input=[[-1, *x.shape[1:]]])
    if precision == "int8":
        model = _quantised(model, x)
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    made = {}
    for count in dict.fromkeys(counts):
        model.reshape([count, *x.shape[1:]])
        made[count] = _call(openvino.compile_model(model, "CPU", settings))
    return made


def _quantised(model: Any, x: Tensor) -> Any:
    import nncf

    # Correcting biases takes minutes and changes no time.
    quickly = nncf.AdvancedQuantizationParameters(disable_bias_correction=True)
    data = nncf.Dataset([x.contiguous().numpy()])
    with contextlib.redirect_stdout(sys.stderr):  # its progress bars
        return nncf.quantize(model, data, subset_size=1, advanced_parameters=quickly)


def _call(compiled: Any) -> Callable[[Tensor], Sequence[Tensor]]:
    request = compiled.create_infer_request()

    def compute(x: Tensor) -> Sequence[Tensor]:
        found = request.infer([x.float().contiguous().numpy()], share_inputs=True, share_outputs=True)
        return [torch.from_numpy(values) for values in found.values()]

    return compute
