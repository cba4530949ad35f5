"""The baselines as their public code runs them, with its known bugs, each of which can be switched.

Everything else here uses the networks without these bugs; `gpnet evaluate --as-published` shows what they cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from torch import Tensor, nn
from torch.nn import functional

from gpnet_ros.maps import BLUR_SIGMA, WIDTH_SCALE, Maps
from gpnet_ros.network.baselines.ggcnn import GgCnn

#: Opening [px] that the public post-processors call 1.0, whatever the labels were divided by.
DECODED_WIDTH = 150.0
#: Distance [px] between peaks, which is also the border where none is looked for, and the least height of one.
PEAK_DISTANCE = 20
PEAK_MIN = 0.2
#: Standard deviations [px] of the public blurs of angle and width; that of quality is `maps.BLUR_SIGMA`.
ANGLE_SIGMA = 2.0
WIDTH_SIGMA = 1.0

_GGCNN = "github.com/dougsm/ggcnn"
_GRCONVNET = "github.com/skumra/robotic-grasping"
_ORANGE = "github.com/nickgkan/orange"
_ALL = ("gpnet", "ggcnn", "ggcnn2", "grconvnet", "orange")


def _bug(sentence: str, source: str, *architectures: str) -> Any:
    return field(default=False, metadata={"sentence": sentence, "source": source, "architectures": architectures})


@dataclass(frozen=True)
class Bugs:
    """Known bugs of the public code, each of which can be switched on; `listed` says what each does and where it is."""

    stretched_output: bool = _bug(
        "GG-CNN answers 224 px with 228 px; fitted to the picture by resizing, where a crop at the bottom and right "
        "is right, grasps shift to the top left, by 4 px at the far corner.",
        f"{_GGCNN} models/ggcnn.py",
        "ggcnn",
    )
    wide_width: bool = _bug(
        "GR-ConvNet is trained with widths in units of half the picture, 112 px, and decoded in units of 150 px: "
        "openings come out 1.34 times too wide.",
        f"{_GRCONVNET} utils/data/grasp_data.py (later versions), inference/post_process.py",
        "grconvnet",
    )
    blurred_angle: bool = _bug(
        "The angle is read from a map of angles blurred with sigma 2 (and the width from one blurred with sigma 1): "
        "across the wrap at 90 degrees, +89 and -89 average to 0, which is a quarter turn off.",
        f"{_GGCNN} models/common.py, {_GRCONVNET} inference/post_process.py",
        "ggcnn",
        "ggcnn2",
        "grconvnet",
    )
    threshold: bool = _bug(
        "Peaks below 0.2 and within 20 px of the border do not count: a picture may have no grasp at all.",
        f"{_GGCNN} utils/dataset_processing/grasp.py, {_GRCONVNET} utils/dataset_processing/grasp.py",
        "ggcnn",
        "ggcnn2",
        "grconvnet",
    )
    doubled_colour: bool = _bug(
        "Colour is divided by 255 twice: all of it lies within 0.002 of zero and is as good as not there.",
        f"{_ORANGE} src/data_loaders/jacquard_data_loader.py",
        "orange",
    )
    one_pixel: bool = _bug(
        "Quality is not blurred, and angle and width are read at one pixel: a single odd pixel decides.",
        f"{_ORANGE} src/train_testers/grasp_train_tester.py",
        "orange",
    )
    unclamped: bool = _bug(
        "Q and P are regressions without bounds and multiplied as they are: two small negative values, on bare "
        "table, make a positive Q*.",
        "GP-Net, Yang et al. 2023, section 3 as printed; the baselines have no P, their Q may exceed 1",
        *_ALL,
    )

    @classmethod
    def of(cls, architecture: str) -> Bugs:
        """The bugs that the public code of an architecture has; none for one that is not published."""
        return cls(**{f.name: architecture in f.metadata["architectures"] for f in fields(cls)})

    def listed(self) -> dict[str, tuple[str, str]]:
        """Name of each bug that is on: what it does, and where it is."""
        on = [f for f in fields(self) if getattr(self, f.name)]
        return {f.name: (f.metadata["sentence"], f.metadata["source"]) for f in on}


class AsPublished(nn.Module):
    """A network in evaluation with those bugs that lie between the picture and the maps.

    Args:
        net: the network.
        bugs: which are on.
        colors: number of colour planes at the front of its input, 0 if it was trained with doubled division already.
    """

    def __init__(self, net: nn.Module, bugs: Bugs, colors: int) -> None:
        super().__init__()
        self.net, self.bugs, self.colors = net, bugs, colors

    def forward(self, x: Tensor) -> Tensor:
        """The maps (B, 4 or 5, H, W) of (B, C, H, W)."""
        if self.bugs.doubled_colour and self.colors:
            x = torch.cat([x[:, : self.colors] / 255.0, x[:, self.colors :]], dim=1)
        if self.bugs.stretched_output and isinstance(self.net, GgCnn):
            maps = functional.interpolate(self.net.uncropped(x), size=x.shape[-2:], mode="bilinear")
        else:
            maps = self.net(x)
        if self.bugs.wide_width:
            maps = torch.cat([maps[:, :3], maps[:, 3:4] * (DECODED_WIDTH / WIDTH_SCALE), maps[:, 4:]], dim=1)
        return maps


def decode(maps: Maps, bugs: Bugs) -> tuple[tuple[int, int], float, float] | None:
    """The best grasp of a frame as the public post-processing reads it; without bugs, as it is read elsewhere here.

    Args:
        maps: of `Detector(model, as_published=True)`, or any others.
        bugs: its `Detector.bugs`; `Bugs()` for none.

    Returns:
        Pixel (u, v) of the grid, θ of the opening axis in [-pi/2, pi/2] [rad] and opening [grid px], which the
        bugs leave unbounded; or None: no peak is high enough, the public evaluations count it as a miss.
    """
    quality = _quality(maps, bugs)
    cell = _public_peak(quality) if bugs.threshold else _argmax(quality)
    if cell is None:
        return None
    row, column = cell
    weights = np.maximum(quality, 0)
    if bugs.blurred_angle:
        angle = float(_blur(maps.angle, ANGLE_SIGMA)[row, column])
        width = WIDTH_SCALE * float(_blur(maps.width, WIDTH_SIGMA)[row, column])
    elif bugs.one_pixel:
        angle, width = float(maps.angle[row, column]), WIDTH_SCALE * float(maps.width[row, column])
    else:
        angle, width = maps.angle_at(row, column, weights), maps.width_px_at(row, column, weights)
    return (column, row), angle, width


def _quality(maps: Maps, bugs: Bugs) -> NDArray[np.float32]:
    """Q* as the public code would have it (h, w)."""
    if not bugs.unclamped and not bugs.one_pixel:
        return maps.q_star
    if bugs.unclamped:
        product = maps.quality * maps.priority
    else:
        product = np.clip(maps.quality, 0, 1) * np.clip(maps.priority, 0, 1)
    return product if bugs.one_pixel else _blur(product, BLUR_SIGMA)


def _argmax(quality: NDArray[np.float32]) -> tuple[int, int]:
    row, column = np.unravel_index(int(np.argmax(quality)), quality.shape)
    return int(row), int(column)


def _public_peak(quality: NDArray[np.float32]) -> tuple[int, int] | None:
    """Cell of the highest peak (row, column): the largest within `PEAK_DISTANCE`, over `PEAK_MIN`, off the border."""
    peaks = (quality == maximum_filter(quality, 2 * PEAK_DISTANCE + 1)) & (quality > PEAK_MIN)
    inside = np.zeros_like(peaks)
    inside[PEAK_DISTANCE:-PEAK_DISTANCE, PEAK_DISTANCE:-PEAK_DISTANCE] = True
    found = np.where(peaks & inside, quality, -np.inf)
    return _argmax(found) if np.isfinite(found).any() else None


def _blur(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
