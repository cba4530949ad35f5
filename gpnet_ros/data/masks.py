"""What visible instance masks say by themselves: which objects a picture shows, and where."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage


def shown_ids(ids: NDArray[np.int32]) -> NDArray[np.int64]:
    """Ids of the objects that have a pixel in the instance mask `ids` (H, W), ascending; 0 is no object."""
    shown = np.unique(ids)
    return shown[shown > 0].astype(np.int64)


def visible_boxes(ids: NDArray[np.int32], objects: ArrayLike) -> NDArray[np.float64]:
    """Box (n, 4) of the visible part of each object: u0, v0, u1, v1, pixel edges, end excluded [px].

    NaN for an object without a pixel in `ids` (H, W).
    """
    found = ndimage.find_objects(np.maximum(ids, 0))
    rows = [found[k - 1] if 0 < k <= len(found) else None for k in np.asarray(objects, dtype=np.int64)]
    boxes = [(np.nan,) * 4 if at is None else (at[1].start, at[0].start, at[1].stop, at[0].stop) for at in rows]
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)


def mask_boxes(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Box (n, 4) of each mask of `masks` (n, H, W), as `visible_boxes`; NaN for an empty mask."""
    rows, columns = (np.any(masks != 0, axis=axis) for axis in (2, 1))
    sides = [columns.argmax(1), rows.argmax(1), *(line.shape[1] - line[:, ::-1].argmax(1) for line in (columns, rows))]
    boxes = np.stack(sides, axis=1).astype(np.float64)
    boxes[~rows.any(axis=1)] = np.nan
    return boxes
