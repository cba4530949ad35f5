"""Pictures of many scenes side by side on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import DataSet, Sample
from gpnet_ros.errors import BadInput

_GAP, _PAPER = 6, 255  # between pictures [px], and its grey


def contact_sheet(samples: Sequence[Sample], columns: int, side: int = 320) -> NDArray[np.uint8]:
    """Pictures in rows, each fitted into a square of `side` pixels, (rows * side + gaps, ..., 3) RGB.

    Raises:
        BadInput: there is no sample, or no column.
    """
    if not samples or columns < 1 or side < 1:
        raise BadInput(
            f"A sheet of {len(samples)} pictures in {columns} columns of {side} px is empty: 1 or more each."
        )
    columns = min(columns, len(samples))
    rows = -(-len(samples) // columns)
    step = side + _GAP
    sheet = np.full((rows * step - _GAP, columns * step - _GAP, 3), _PAPER, dtype=np.uint8)
    for k, sample in enumerate(samples):
        picture = _fitted(_picture(sample), side)
        height, width = picture.shape[:2]
        top = k // columns * step + (side - height) // 2
        left = k % columns * step + (side - width) // 2
        sheet[top : top + height, left : left + width] = picture
    return sheet


def one_per_scene(data: DataSet) -> list[int]:
    """Index of the first picture of each scene."""
    first: dict[str, int] = {}
    for index, scene in enumerate(data.scenes):
        first.setdefault(scene, index)
    return list(first.values())


def in_turn(pictures: Sequence[Sequence[int]], count: int) -> list[tuple[int, int]]:
    """`count` pairs of set and picture: the sets take turns, and of each set the first pictures are taken.

    Raises:
        BadInput: there are not so many.
    """
    longest = max(map(len, pictures))
    turns = [(which, own[turn]) for turn in range(longest) for which, own in enumerate(pictures) if turn < len(own)]
    if len(turns) < count:
        raise BadInput(f"--scenes is {count}, but there are only {len(turns)} scenes: ask for fewer.")
    return turns[:count]


def _picture(sample: Sample) -> NDArray[np.uint8]:
    """The colour picture; of a data set without colour the depth, near is bright."""
    if sample.frame.color is not None:
        return sample.frame.color
    depth = sample.frame.depth
    if depth is None or not np.isfinite(depth).any():
        raise BadInput(f"Picture {sample.name} has neither colour nor depth: there is nothing to show.")
    low, high = np.nanpercentile(depth, [1, 99])
    near = np.nan_to_num(np.clip((high - depth) / max(high - low, 1e-6), 0, 1), nan=0.0)
    return np.repeat(np.round(255 * near).astype(np.uint8)[..., None], 3, axis=2)


def _fitted(color: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The picture scaled so that its longer side is `side`."""
    height, width = color.shape[:2]
    scale = side / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(color, size, interpolation=flags), dtype=np.uint8)
