"""Frame to detections, by a GraspNeXt network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection.roi_heads import paste_masks_in_image

from gpnet_ros.arrays import Doubles
from gpnet_ros.detections import CHANCE_MIN, Detections
from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Grid
from gpnet_ros.network.checkpoint import load, self_test
from gpnet_ros.network.detector import find_device
from gpnet_ros.network.graspnext.network import HEAT_STRIDE, GraspNeXt, SeenObjects
from gpnet_ros.network.graspnext.stages import prepared

#: Of a grasp network's square that is looked at around it, at each edge: objects there are seen whole.
MARGIN = 0.1
#: Largest number of pixels of a frame (4K): the masks of a hundred objects take 2 GB there, and the network sees fewer.
PIXELS_MAX = 4096 * 2304


def image_tensor(color: NDArray[np.uint8]) -> Tensor:
    """(3, H, W) float32 in [0, 1] of a picture (H, W, 3) RGB."""
    return torch.from_numpy(np.ascontiguousarray(color)).permute(2, 0, 1).float() / 255.0


class SceneDetector:
    """`SceneDetector(net, side)(frame)` gives the detections of a frame.

    Attributes:
        side: of the square image that the network gets [px]. architecture: of the network.
        device: where it runs.
    """

    def __init__(self, net: GraspNeXt, side: int, grid: Callable[[Frame], Grid] | None = None) -> None:
        """Take a network and say where it looks.

        Args:
            net: in `eval` mode. side: longer side of the images that it was trained on [px].
            grid: a grasp network's grid for a frame: this network looks at its square with `MARGIN` around it, so that
                objects are as large as in training; the whole frame if not given.
        """
        self._net, self.side = net.eval().to(memory_format=torch.channels_last), side  # type: ignore[call-overload]
        self.architecture, self.device = net.architecture, next(net.parameters()).device
        self._grid = grid

    def __call__(self, frame: Frame) -> Detections:
        """The detections of a frame.

        Raises:
            BadInput: the frame has no colour, or is too small or too large.
        """
        if frame.color is None:
            raise BadInput("The frame has no colour, which this network needs: give a colour picture.")
        height, width = frame.color.shape[:2]
        if min(height, width) < HEAT_STRIDE or height * width > PIXELS_MAX:
            raise BadInput(
                f"A picture of {width}x{height} px cannot be used: allowed are 4x4 px to {PIXELS_MAX:,} pixels; scale "
                f"it, the network sees {self.side}x{self.side} px."
            )
        seen = whole_square(width, height, self.side) if self._grid is None else widened(self._grid(frame), self.side)
        batch = image_tensor(seen.warp_color(frame.color))[None].to(self.device, memory_format=torch.channels_last)
        return _in_frame(self._net.see(batch)[0], frame, seen)


def whole_square(width: int, height: int, side: int) -> Grid:
    """The grid (side, side) whose side the longer side of a picture [px] takes; what is beside the picture is black."""
    scale = side / max(width, height)
    half = 0.5 / scale - 0.5  # outer edges coincide
    return Grid(side, side, scale, (half, half))


def widened(grid: Grid, side: int) -> Grid:
    """The grid (side, side) [px] that shows the square around another with `MARGIN` of its longer side at each edge."""
    extent = max(grid.width, grid.height) * (1.0 + 2.0 * MARGIN)
    factor = side / extent
    u, v = grid.to_image(((grid.width - 1) / 2, (grid.height - 1) / 2))
    scale, middle = grid.scale * factor, (side - 1) / 2
    return Grid(side, side, scale, (float(u) - middle / scale, float(v) - middle / scale))


def load_scene_detector(
    model: str | Path,
    device: str = "cpu",
    threads: int | None = None,
    grid: Callable[[Frame], Grid] | None = None,
) -> SceneDetector:
    """The detector of a model, tested on this machine, with its batch norms folded: the same, and faster.

    Args:
        model: name in models/ or path of a model's folder. device: "cpu", "cuda" or "auto".
        threads: of torch on the CPU, in this process from now on; None leaves them.
        grid: see `SceneDetector`.

    Raises:
        ModelRefused: no such model, or it is not of the multi-task network.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    net, card = load(model, find_device(device))
    if not isinstance(net, GraspNeXt):
        raise ModelRefused(
            f"{model} is a grasp network ({card.architecture}); this needs a multi-task network, as fast-graspnext is."
        )
    ready = prepared(net)
    self_test(ready, card)
    return SceneDetector(ready, int(card.kwargs["side"]), grid)


def _in_frame(seen: SeenObjects, frame: Frame, grid: Grid) -> Detections:
    """What the network saw on its grid, in the pixels of the frame; outside of it heat is NaN."""
    height, width = frame.shape
    corners = seen.boxes.double().cpu().numpy().reshape(-1, 2, 2) - 0.5  # edges of pixels, as the network counts them
    boxes = np.clip(grid.to_image(corners).reshape(-1, 4) + 0.5, 0, (width, height, width, height))
    u, v = (grid.to_grid(np.stack([axis, axis], axis=1)) for axis in (np.arange(width), np.arange(height)))
    columns, rows = np.meshgrid(u[:, 0], v[:, 1])
    looked_at = (columns > -0.5) & (columns < grid.width - 0.5) & (rows > -0.5) & (rows < grid.height - 0.5)
    visible, amodal = (_pasted(chances, boxes, looked_at) for chances in (seen.visible, seen.amodal))
    cells = [((axis + 0.5) / HEAT_STRIDE - 0.5).astype(np.float32) for axis in (columns, rows)]
    heats = [
        np.where(looked_at, _interpolated(heat.float().cpu().numpy(), *cells), np.float32("nan"))
        for heat in (seen.mass, seen.suction)
    ]
    return Detections(
        boxes,
        seen.scores.double().cpu().numpy(),
        visible,
        visible | amodal,
        seen.occluded.double().cpu().numpy(),
        heats[0],
        heats[1],
        frame.stamp,
        frame.frame_id,
    )


def _pasted(chances: Tensor, boxes: Doubles, looked_at: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Masks (m, H, W) of chances (m, 28, 28); one after the other, for all as float32 fill the memory at 4K."""
    masks = np.zeros((len(boxes), *looked_at.shape), dtype=bool)
    small, places = chances.float().cpu()[:, None], torch.from_numpy(boxes).float()
    for k in range(len(boxes)):
        whole = paste_masks_in_image(small[k : k + 1], places[k : k + 1], looked_at.shape)[0, 0]  # type: ignore[arg-type]
        masks[k] = (whole >= CHANCE_MIN).numpy() & looked_at
    return masks


def _interpolated(
    heat: NDArray[np.float32], columns: NDArray[np.float32], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    return cv2.remap(heat, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
