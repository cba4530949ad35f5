"""Training views of the multi-task network: pictures with boxes, masks, occlusion, centres of mass and suction."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles, Floats
from gpnet_ros.data.loaders.sets import open_data
from gpnet_ros.data.masks import mask_boxes
from gpnet_ros.data.noise import color_noise
from gpnet_ros.data.record import DEPTH_UNIT
from gpnet_ros.data.sample import DataSet, Sample
from gpnet_ros.data.scene_record import (
    DEPTH_STRIDE,
    MASKS,
    SUCTION_UNIT,
    KeptRecords,
    NoMasks,
    SceneRecord,
    lacking,
    require_masks,
    scene_record,
)
from gpnet_ros.data.shards.generated import Generated
from gpnet_ros.data.splits import keep_split
from gpnet_ros.errors import BadInput

#: Cells of the suction target are so many pixels wide.
SUCTION_STRIDE = 4
#: Side of a view as a share of the picture's shorter one: smaller views show objects larger.
VIEW_SHARE = (0.65, 1.0)
#: An object of which a view shows fewer pixels than this, or a smaller share of its visible mask, is not asked for.
PIXELS_MIN, SHARE_MIN = 40, 0.25
#: Pictures in a row without masks from which on nobody goes on looking for one that has some.
_TRIES = 50


@dataclass(frozen=True, eq=False)
class LabelledView:
    """One square view, (S, S), of a picture with the n objects that it shows.

    Attributes:
        color: (S, S, 3) uint8 RGB.
        boxes: (n, 4) amodal, what lies outside of the view cut off: u0, v0, u1, v1 [px].
        visible, amodal: (n, S, S) masks, uint8.
        occlusion: (n,) hidden share of the whole amodal mask, in [0, 1]; NaN if nobody looked, also in what follows.
        centers: (n, 2) centres of mass [px]; may lie outside of the view.
        suction: (S / 4, S / 4) float32 mean quality of a cup in the cell, in [0, 1].
        surface: (3, S / 4, S / 4) float32 share of objects in the cell, 1 where one ends in it, exact depth in its
            middle [m], NaN where unknown.
    """

    color: NDArray[np.uint8]
    boxes: Doubles
    visible: NDArray[np.uint8]
    amodal: NDArray[np.uint8]
    occlusion: Doubles
    centers: Doubles
    suction: Floats
    surface: Floats


class SceneViews:
    """Pictures from which views are drawn; each is decoded once and kept, as long as memory allows."""

    def __init__(
        self,
        sets: Sequence[DataSet],
        made: Mapping[str, Any] | None = None,
        kept_bytes: int | None = None,
        split: Path | None = None,
    ) -> None:
        """Take data sets.

        Args:
            sets: the data sets. made: by which generator and with which arguments, for the card of what learns.
            kept_bytes: memory for decoded pictures; `scene_record.KEPT_BYTES` without a word.
            split: file of the scenes to take; all without.

        Raises:
            BadInput: no picture, or the split names a scene that no set has.
        """
        pictures = [(data, index) for data in sets for index in range(len(data))]
        scenes = tuple(data.scenes[index] for data, index in pictures)
        kept = keep_split(scenes, split)
        self._pictures = [pictures[row] for row in kept]
        self.made = dict(made or {})
        self.scenes = tuple(scenes[row] for row in kept)
        self._records = KeptRecords(lambda index: scene_record(self._sample(index)), kept_bytes)
        if not self._pictures:
            raise BadInput("A data set of 0 pictures cannot be used: it needs one picture or more.")

    @classmethod
    def load(cls, folders: Sequence[Path], source: str = "own", split: Path | None = None) -> SceneViews:
        """The pictures of folders that `gpnet generate --labels all` wrote, or of a public set.

        Args:
            folders: of the data. source: a key of `loaders.sets.LOADERS`.
            split: file of the scenes to take; all without.

        Raises:
            BadInput: no pictures there, a damaged shard, or the split names a scene that none of the folders has.
        """
        sets = [open_data(source, folder) for folder in folders]
        own = [data.index for data in sets if isinstance(data, Generated)]
        generators = ", ".join(dict.fromkeys(index.generator for index in own))
        made: dict[str, Any] = {"generator": generators, "arguments": [index.arguments for index in own]}
        made = made if own else {"source": source}
        return cls(sets, made if split is None else made | {"split": str(split)}, split=split)

    def __len__(self) -> int:
        return len(self._pictures)

    def whole(self, index: int, side: int) -> LabelledView:
        """The largest square in the middle of a picture, at a side of [px], as it is: for judging."""
        record = self._records[index]
        return cut_view(record, middle_square(record.size, side), side)

    def drawn(self, index: int, side: int, rng: np.random.Generator) -> LabelledView:
        """A random view of a picture: moved, scaled, turned by quarters, mirrored, seen by another camera."""
        record = self._records[index]
        view = cut_view(record, random_square(record.size, side, rng), side)
        return replace(view, color=color_noise(view.color, rng))

    def any_drawn(self, side: int, rng: np.random.Generator) -> LabelledView:
        """A random view, `side` [px] wide, of a random picture that has masks.

        Raises:
            NoMasks: many in a row have none.
        """
        for _ in range(_TRIES - 1):
            with contextlib.suppress(NoMasks):
                return self.drawn(int(rng.integers(len(self))), side, rng)
        return self.drawn(int(rng.integers(len(self))), side, rng)

    def sample(self, index: int) -> Sample:
        """A picture with masks; see `lacking` for its other labels.

        Raises:
            NoMasks: it has none.
        """
        sample = self._sample(index)
        require_masks(sample)
        return sample

    def has_masks(self, index: int) -> bool:
        """Whether a picture can be learned from and judged on."""
        return lacking(self._sample(index)) != MASKS

    def spread(self, most: int) -> list[int]:
        """At most so many pictures, ascending, evenly from all data sets in the order in which they were given."""
        count = min(most, len(self))
        return [k * len(self) // count for k in range(count)]

    def missing(self, most: int = 20) -> dict[str, str]:
        """Which labels some pictures lack, of `most` that are looked at: "3 of 20", by the label's name."""
        rows = self.spread(most)
        counts = Counter(name for row in rows for name in lacking(self._sample(row)))
        return {name: f"{count} of {len(rows)}" for name, count in sorted(counts.items())}

    def _sample(self, index: int) -> Sample:
        data, row = self._pictures[index]
        return data[row]


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


def cut_view(record: SceneRecord, matrix: Doubles, side: int) -> LabelledView:
    """What a view shows.

    Args:
        record: of the picture.
        matrix: (2, 3) from pixels of the picture to pixels of the view.
        side: of the view [px].
    """
    ids = _warped(record.ids, matrix, side, cv2.INTER_NEAREST)
    shown = np.bincount(ids.ravel(), minlength=int(record.numbers.max(initial=0)) + 1)[record.numbers]
    scale = abs(float(np.linalg.det(matrix[:, :2])))
    rows = np.flatnonzero((shown >= PIXELS_MIN) & (shown >= SHARE_MIN * scale * record.pixels))
    visible = ids[None] == record.numbers[rows, None, None].astype(ids.dtype)
    amodal = visible.astype(np.uint8)
    for mask, row in zip(amodal, rows, strict=True):
        mask |= _warped(record.amodal[row], _from_corner(matrix, record.corners[row]), side, cv2.INTER_NEAREST)
    return LabelledView(
        _warped_color(record.color, matrix, side),
        mask_boxes(amodal),
        visible.astype(np.uint8),
        amodal,
        record.occlusion[rows],
        record.centers[rows] @ matrix[:, :2].T + matrix[:, 2],
        _suction(record.suction, matrix, side),
        _surface(ids, record.depth, matrix, side // SUCTION_STRIDE),
    )


def _suction(quality: NDArray[np.uint8] | None, matrix: Doubles, side: int) -> Floats:
    cells = (side // SUCTION_STRIDE,) * 2
    if quality is None:
        return np.full(cells, np.nan, dtype=np.float32)
    fine = _warped(quality, matrix, side, cv2.INTER_LINEAR).astype(np.float32)
    return cv2.resize(fine, cells, interpolation=cv2.INTER_AREA) * np.float32(SUCTION_UNIT)


def _surface(ids: NDArray[Any], depth: NDArray[np.uint16] | None, matrix: Doubles, cells: int) -> Floats:
    """Share of objects, ends of objects, depth: (3, cells, cells) of a view with these ids (S, S)."""
    ends = np.zeros(ids.shape, np.float32)
    ends[:, 1:] = ids[:, 1:] != ids[:, :-1]
    ends[1:] = np.maximum(ends[1:], ids[1:] != ids[:-1])
    planes = [
        cv2.resize(plane, (cells, cells), interpolation=cv2.INTER_AREA) for plane in ((ids > 0) * np.float32(1), ends)
    ]
    surface = np.stack([planes[0], planes[1] > 0, np.full((cells, cells), np.nan)]).astype(np.float32)
    if depth is not None:
        # Entry k of the depth is pixel k DEPTH_STRIDE of the picture; cell k of the view has its middle at 4 k + 1.5.
        linear = matrix[:, :2] * DEPTH_STRIDE / SUCTION_STRIDE
        coarse = np.column_stack([linear, (matrix[:, 2] - (SUCTION_STRIDE - 1) / 2) / SUCTION_STRIDE])
        raw = _warped(depth, coarse, cells, cv2.INTER_NEAREST)
        surface[2] = np.where(raw > 0, raw * np.float32(DEPTH_UNIT), np.nan)
    return surface


def _from_corner(matrix: Doubles, corner: Doubles) -> Doubles:
    """A map of pixels of the picture as one of pixels that are counted from a corner (2,)."""
    return np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ corner])


def _warped(image: NDArray[Any], matrix: Doubles, side: int, interpolation: int) -> NDArray[Any]:
    return cv2.warpAffine(image, matrix, (side, side), flags=interpolation)


def _warped_color(color: NDArray[np.uint8], matrix: Doubles, side: int) -> NDArray[np.uint8]:
    """Colour under a map, averaged where it shrinks: detection scales its frames in the same way."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 1.0:
        height, width = color.shape[:2]
        size = np.maximum(1, np.round(np.array([width, height]) * scale)).astype(int)
        color = np.asarray(cv2.resize(color, size.tolist(), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        pitch = np.array([width, height]) / size  # pixel k of the smaller picture lies at (k + 0.5) pitch - 0.5
        matrix = np.column_stack([matrix[:, :2] * pitch, matrix[:, 2] + matrix[:, :2] @ (0.5 * pitch - 0.5)])
    return np.asarray(_warped(color, matrix, side, cv2.INTER_LINEAR), dtype=np.uint8)
