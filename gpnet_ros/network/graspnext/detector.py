"""Frame to detections, by a GraspNeXt network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection.roi_heads import paste_masks_in_image

from gpnet_ros.detections import CHANCE_MIN, Detections
from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.network.checkpoint import load
from gpnet_ros.network.detector import find_device
from gpnet_ros.network.graspnext.network import HEAT_STRIDE, GraspNeXt, SeenObjects

#: Largest number of pixels of a frame: larger ones are refused, not scaled, for they are no camera's of this cell.
PIXELS_MAX = 8192 * 8192


def image_tensor(color: NDArray[np.uint8]) -> Tensor:
    """(3, H, W) float32 in [0, 1] of a picture (H, W, 3) RGB."""
    return torch.from_numpy(np.ascontiguousarray(color)).permute(2, 0, 1).float() / 255.0


class SceneDetector:
    """`SceneDetector(net, side)(frame)` gives the detections of a frame: scaled to the network's side and padded.

    Attributes:
        side: longer side of the images that the network gets [px]. architecture: of the network.
        device: where it runs.
    """

    def __init__(self, net: GraspNeXt, side: int) -> None:
        """Take a network in `eval` mode and the longer side [px] of the images that it was trained on."""
        self._net, self.side = net.eval().to(memory_format=torch.channels_last), side  # type: ignore[call-overload]
        self.architecture, self.device = net.architecture, next(net.parameters()).device

    def __call__(self, frame: Frame) -> Detections:
        """The detections of a frame.

        Raises:
            BadInput: the frame has no colour, or is too small or too large.
        """
        if frame.color is None:
            raise BadInput("The frame has no colour, which this network needs: give a colour picture.")
        height, width = frame.color.shape[:2]
        if min(height, width) < HEAT_STRIDE or height * width > PIXELS_MAX:
            raise BadInput(f"A picture of {width}x{height} px cannot be used: allowed are 4x4 to {PIXELS_MAX:,} px.")
        scale = self.side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        scaled = cv2.resize(frame.color, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        padded = np.zeros((self.side, self.side, 3), np.uint8)
        padded[: size[1], : size[0]] = scaled
        batch = image_tensor(padded)[None].to(self.device, memory_format=torch.channels_last)
        return _in_frame(self._net.see(batch)[0], frame, (width / size[0], height / size[1]))


def load_scene_detector(model: str | Path, device: str = "cpu", threads: int | None = None) -> SceneDetector:
    """The detector of a model.

    Args:
        model: name in models/ or path of a model's folder. device: "cpu", "cuda" or "auto".
        threads: of torch on the CPU, in this process from now on; None leaves them.

    Raises:
        ModelRefused: no such model, or it is not of the multi-task network.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    net, card = load(model, find_device(device))
    if not isinstance(net, GraspNeXt):
        raise ModelRefused(f"{model} is a grasp network ({card.architecture}); this needs a multi-task network.")
    return SceneDetector(net, int(card.kwargs["side"]))


def _in_frame(seen: SeenObjects, frame: Frame, factors: tuple[float, float]) -> Detections:
    """What the network saw in its padded image, in the pixels of the frame."""
    assert frame.color is not None
    height, width = frame.color.shape[:2]
    boxes = seen.boxes.float().cpu() * torch.tensor([*factors, *factors])
    boxes = torch.minimum(boxes.clamp(min=0), torch.tensor([width, height] * 2, dtype=torch.float32))
    masks = [
        (paste_masks_in_image(chances.float().cpu()[:, None], boxes, (height, width))[:, 0] >= CHANCE_MIN).numpy()
        for chances in (seen.visible, seen.amodal)
    ]
    heats = [_enlarged(heat.float().cpu().numpy(), (height, width), factors) for heat in (seen.mass, seen.suction)]
    return Detections(
        boxes.double().numpy(),
        seen.scores.double().cpu().numpy(),
        masks[0],
        masks[0] | masks[1],
        seen.occluded.double().cpu().numpy(),
        heats[0],
        heats[1],
        frame.stamp,
        frame.frame_id,
    )


def _enlarged(heat: NDArray[np.float32], shape: tuple[int, int], factors: tuple[float, float]) -> NDArray[np.float32]:
    """A heat map at the frame's size: cell (r, c) covers 4x4 pixels of the network's image."""
    height, width = shape
    u = ((np.arange(width) + 0.5) / factors[0] / HEAT_STRIDE - 0.5).astype(np.float32)
    v = ((np.arange(height) + 0.5) / factors[1] / HEAT_STRIDE - 0.5).astype(np.float32)
    columns, rows = np.meshgrid(u, v)
    return cv2.remap(heat, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
