"""Training views of the multi-task network: pictures with boxes, masks, occlusion, centres of mass and suction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles, Floats
from gpnet_ros.data.masks import mask_boxes
from gpnet_ros.data.noise import color_noise
from gpnet_ros.data.sample import DataSet, Sample
from gpnet_ros.data.shards.generated import Generated
from gpnet_ros.errors import BadInput

#: Cells of the suction target are so many pixels wide.
SUCTION_STRIDE = 4
#: Side of a view as a share of the picture's shorter one: smaller views show objects larger.
VIEW_SHARE = (0.65, 1.0)
#: An object of which a view shows fewer pixels than this, or a smaller share of its visible mask, is not asked for.
PIXELS_MIN, SHARE_MIN = 40, 0.25


@dataclass(frozen=True, eq=False)
class LabelledView:
    """One square view, (S, S), of a picture with the n objects that it shows.

    Attributes:
        color: (S, S, 3) uint8 RGB.
        boxes: (n, 4) amodal, what lies outside of the view cut off: u0, v0, u1, v1 [px].
        visible, amodal: (n, S, S) masks, uint8.
        occlusion: (n,) hidden share of the whole amodal mask, in [0, 1].
        centers: (n, 2) centres of mass [px]; may lie outside of the view.
        suction: (S / 4, S / 4) float32 mean quality of a cup in the cell, in [0, 1].
    """

    color: NDArray[np.uint8]
    boxes: Doubles
    visible: NDArray[np.uint8]
    amodal: NDArray[np.uint8]
    occlusion: Doubles
    centers: Doubles
    suction: Floats


class SceneViews:
    """Pictures from which views are drawn; read from disk anew each time: a small part of a training step."""

    def __init__(self, sets: Sequence[DataSet], made: Mapping[str, Any] | None = None) -> None:
        """Take data sets whose samples have all six labels.

        Args:
            sets: the data sets. made: by which generator and with which arguments, for the card of what learns.

        Raises:
            BadInput: no picture.
        """
        self._pictures = [(data, index) for data in sets for index in range(len(data))]
        self.made = dict(made or {})
        self.scenes = tuple(data.scenes[index] for data, index in self._pictures)
        if not self._pictures:
            raise BadInput("A data set of 0 pictures cannot be used: it needs one picture or more.")

    @classmethod
    def load(cls, folders: Sequence[Path]) -> SceneViews:
        """The pictures of folders that `gpnet generate --labels all` wrote.

        Raises:
            BadInput: no shards there, or a damaged one.
        """
        sets = [Generated(folder) for folder in folders]
        generators = ", ".join(dict.fromkeys(data.index.generator for data in sets))
        return cls(sets, {"generator": generators, "arguments": [data.index.arguments for data in sets]})

    def __len__(self) -> int:
        return len(self._pictures)

    def whole(self, index: int, side: int) -> LabelledView:
        """The largest square in the middle of a picture, at a side of [px], as it is: for judging."""
        sample = self.sample(index)
        return cut_view(sample, middle_square(_size(sample), side), side)

    def drawn(self, index: int, side: int, rng: np.random.Generator) -> LabelledView:
        """A random view of a picture: moved, scaled, turned by quarters, mirrored, seen by another camera."""
        sample = self.sample(index)
        view = cut_view(sample, random_square(_size(sample), side, rng), side)
        color = color_noise(view.color, rng)
        return LabelledView(color, view.boxes, view.visible, view.amodal, view.occlusion, view.centers, view.suction)

    def sample(self, index: int) -> Sample:
        """A picture with all its labels.

        Raises:
            BadInput: it lacks some.
        """
        data, row = self._pictures[index]
        sample = data[row]
        require_labels(sample)
        return sample


def require_labels(sample: Sample) -> None:
    """Refuse a picture without the labels of all six tasks.

    Raises:
        BadInput: it lacks masks or suction.
    """
    objects = sample.objects
    if sample.ids is None or sample.suction is None or objects is None or objects.amodal_masks is None:
        raise BadInput(f"{sample.name} lacks masks or suction: make the pictures with gpnet generate --labels all.")


def middle_square(size: tuple[int, int], side: int) -> Doubles:
    """Map (2, 3) from the largest square in the middle of a picture (H, W) to a view with a side of [px]."""
    height, width = size
    return _square_map(side, min(height, width), (width - 1) / 2, (height - 1) / 2, np.eye(2))


def random_square(size: tuple[int, int], side: int, rng: np.random.Generator) -> Doubles:
    """Map (2, 3) from a random square of a picture (H, W), turned by quarters or mirrored, to a view of a side [px]."""
    height, width = size
    extent = min(height, width) * rng.uniform(*VIEW_SHARE)
    u = rng.uniform((extent - 1) / 2, width - 1 - (extent - 1) / 2)
    v = rng.uniform((extent - 1) / 2, height - 1 - (extent - 1) / 2)
    quarters = rng.integers(4)
    c, s = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    turn = np.array([[c, -s], [s, c]], dtype=float)
    if rng.random() < 0.5:
        turn = turn @ np.diag([-1.0, 1.0])
    return _square_map(side, extent, u, v, turn)


def _square_map(side: int, extent: float, u: float, v: float, turn: Doubles) -> Doubles:
    linear = turn * (side / extent)
    shift = (side - 1) / 2 - linear @ np.array([u, v])
    return np.column_stack([linear, shift])


def cut_view(sample: Sample, matrix: Doubles, side: int) -> LabelledView:
    """What a view shows.

    Args:
        sample: picture with ids, amodal masks, occlusion, centres of mass and suction.
        matrix: (2, 3) from pixels of the picture to pixels of the view.
        side: of the view [px].
    """
    objects = sample.objects
    assert sample.ids is not None and sample.suction is not None and objects is not None
    assert objects.amodal_masks is not None and objects.occlusion is not None and objects.center_of_mass is not None
    assert sample.frame.color is not None
    color = _warped(sample.frame.color, matrix, side, cv2.INTER_LINEAR)
    ids = _warped(sample.ids.astype(np.uint16), matrix, side, cv2.INTER_NEAREST)
    counts = np.bincount(sample.ids.ravel(), minlength=int(objects.ids.max(initial=0)) + 1)
    shown = np.bincount(ids.ravel(), minlength=len(counts))
    scale = abs(float(np.linalg.det(matrix[:, :2])))
    seen = shown[objects.ids]
    rows = np.flatnonzero((seen >= PIXELS_MIN) & (seen >= SHARE_MIN * scale * counts[objects.ids]))
    visible = np.stack([ids == objects.ids[row] for row in rows]) if len(rows) else np.zeros((0, side, side), bool)
    amodal = visible.copy()
    for mask, row in zip(amodal, rows, strict=True):
        mask |= _warped(objects.amodal_masks[row].astype(np.uint8), matrix, side, cv2.INTER_NEAREST) > 0
    centers = objects.center_of_mass[rows] @ matrix[:, :2].T + matrix[:, 2]
    fine = _warped(sample.suction, matrix, side, cv2.INTER_LINEAR)
    suction = cv2.resize(fine, (side // SUCTION_STRIDE,) * 2, interpolation=cv2.INTER_AREA)
    return LabelledView(
        color,
        mask_boxes(amodal),
        visible.astype(np.uint8),
        amodal.astype(np.uint8),
        objects.occlusion[rows],
        centers,
        suction.astype(np.float32),
    )


def _size(sample: Sample) -> tuple[int, int]:
    assert sample.ids is not None
    height, width = sample.ids.shape
    return height, width


def _warped(image: NDArray[Any], matrix: Doubles, side: int, interpolation: int) -> NDArray[Any]:
    return cv2.warpAffine(image, matrix, (side, side), flags=interpolation)
