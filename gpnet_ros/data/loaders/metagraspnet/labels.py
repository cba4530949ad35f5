"""The label files of MetaGraspNet: camera, who covers whom, masks of whole objects. Formats: see `metagraspnet`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gpnet_ros.data.loaders.reading import read_json, read_lines
from gpnet_ros.data.loaders.tree import files_in
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics

_CAMERA = "_camera_params.json"
#: Share of an object's visible pixels that its amodal mask must cover: the two were drawn apart.
_COVER_MIN = 0.5


@dataclass(frozen=True)
class CoverOrder:
    """Which objects of a view lie on which others, and how much of each is hidden.

    Attributes:
        above: ids of the objects on top of each object, by id.
        hidden: hidden share of each object in [0, 1], by id; empty if nobody looked.
    """

    above: dict[int, frozenset[int]]
    hidden: dict[int, float]

    def covered_by(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n, n), [i, j] = object j lies on object i, in the order of `ids`."""
        return np.array([[j in self.above[i] for j in ids.tolist()] for i in ids.tolist()], bool).reshape(len(ids), -1)


def is_camera(name: str) -> bool:
    """Whether the file of this name tells the camera of a view."""
    return name.endswith(_CAMERA)


def read_camera(folder: Path, view: str, width: int, height: int) -> Intrinsics | None:
    """Camera model of a view; one camera takes all views of a scene, so another view's file serves if there is none.

    Simulated scenes give no principal point: the renderer's is the middle of the picture. Real scenes give one, which
    is not the middle.

    Raises:
        BadInput: the file gives no camera, or one of another picture size.
    """
    names = sorted((name for name in files_in(folder) if is_camera(name)), key=lambda n: n != view + _CAMERA)
    if not names:
        return None
    path = folder / names[0]
    info = read_json(path)
    try:
        size = info.get("resolution", info)
        given = int(size["width"]), int(size["height"])
        fx, fy = float(info["fx"]), float(info["fy"])
        cx, cy = float(info.get("cx", (width - 1) / 2)), float(info.get("cy", (height - 1) / 2))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} lacks fx, fy, width or height: the file is damaged; unpack it again.") from error
    if given != (width, height) or not np.isfinite([fx, fy, cx, cy]).all() or min(fx, fy) <= 0:
        raise BadInput(f"{path} is of a camera {info}, which is not that of the picture of {width}x{height}.")
    return Intrinsics(width, height, fx, fy, cx, cy)


def read_order(table: Path, matrix: Path) -> CoverOrder | None:
    """Relations from v_order.json, else from v_order.csv; None if neither says (some published csv files are empty).

    Raises:
        BadInput: another structure.
    """
    if table.is_file():
        return _order_of_table(read_json(table), table)
    lines = read_lines(matrix) if matrix.is_file() else []
    return _order_of_matrix(lines, matrix) if lines else None


def categories(
    semantic: NDArray[Any] | None, ids: NDArray[np.int32], known: NDArray[np.int64]
) -> tuple[str, ...] | None:
    """Number of the model of each object in `known` (n,), as its folder is named ("064"); None unless all are known.

    Args:
        semantic: (H, W) numbers of models.
        ids: (H, W) visible masks.
        known: (n,) ids of the objects.
    """
    if semantic is None or semantic.shape != ids.shape or semantic.dtype.kind not in "biuf":
        return None
    values = [semantic[ids == k] for k in known]
    if not values or any(len(part) == 0 or not np.isfinite(part).all() for part in values):
        return None
    return tuple(f"{round(float(np.median(part))):03d}" for part in values)


def amodal_masks(
    arrays: dict[str, NDArray[Any]], ids: NDArray[np.int32], known: NDArray[np.int64], path: Path
) -> NDArray[np.bool_] | None:
    """(n, H, W) masks of the whole objects in the order of `known`; None if they are not there.

    Simulated scenes store one mask per object, real ones two, what is seen and the outline of the whole. Each goes to
    the object whose visible pixels it covers, whatever the order in the file.

    Raises:
        BadInput: another shape than the picture's.
    """
    names = ("seg_masks_single", "occlusion_objects", "amodal_bitmaps_full_size_instances")
    stored = next((arrays[name] for name in names if name in arrays), None)
    if stored is None or len(known) == 0:
        return None
    if stored.ndim not in (3, 4) or stored.shape[-2:] != ids.shape or stored.dtype.kind not in "biuf":
        raise BadInput(f"Masks of shape {stored.shape} beside {path} do not fit its picture {ids.shape}: damaged.")
    masks = (stored != 0).reshape(len(stored), -1, *ids.shape).any(axis=1)
    covered = np.array([np.bincount(ids[mask], minlength=int(known.max()) + 1)[known] for mask in masks])
    if len(covered) < len(known):
        return None
    of_mask, of_object = linear_sum_assignment(-covered)
    visible = np.bincount(ids.ravel(), minlength=int(known.max()) + 1)[known]
    if (visible == 0).any() or (covered[of_mask, of_object] < _COVER_MIN * visible[of_object]).any():
        return None  # which mask belongs to which object cannot be told
    return masks[of_mask[np.argsort(of_object)]]


def hidden_shares(
    order: CoverOrder | None,
    masks: NDArray[np.bool_] | None,
    painted: NDArray[Any] | None,
    ids: NDArray[np.int32] | None,
    known: NDArray[np.int64],
) -> NDArray[np.float64] | None:
    """(n,) hidden share of each object: as order.json gives it, from the masks, or as painted into the picture.

    A painted picture without any hidden share is not believed: views that were not examined are painted zero.
    """
    if order is not None and set(order.hidden) >= set(known.tolist()):
        return np.array([order.hidden[k] for k in known.tolist()])
    if ids is None or len(known) == 0:
        return None
    if masks is not None:
        return np.array([1 - np.count_nonzero(m & (ids == k)) / np.count_nonzero(m) for m, k in zip(masks, known)])
    if painted is None or painted.shape != ids.shape or painted.dtype.kind not in "fiu" or not painted.any():
        return None
    shares = [float(np.median(painted[ids == k])) if (ids == k).any() else np.nan for k in known]
    return np.clip(shares, 0.0, 1.0)


def _order_of_table(table: Any, path: Path) -> CoverOrder:
    try:
        above = {int(k): frozenset(int(p["id"]) for p in v["parents"]) - {0} for k, v in table.items()}
        hidden = {int(k): float(v["occlusion"]) for k, v in table.items() if "occlusion" in v}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is no table of objects with their parents: it is damaged; unpack it again.") from error
    if not all(0 <= share <= 1 for share in hidden.values()):
        raise BadInput(f"{path} has an occlusion outside 0 to 1: the file is damaged; unpack it again.")
    if any(above.values()) and not any(hidden.values()):
        hidden = {}  # the views after the first give zero for covered objects too: nobody looked
    return _checked(CoverOrder(above, hidden), path)


def _order_of_matrix(lines: list[str], path: Path) -> CoverOrder:
    try:
        rows = [[float(value) for value in line.split(",")] for line in lines]
    except ValueError as error:
        raise BadInput(f"{path} is no matrix of numbers ({error}): the file is damaged; unpack it again.") from error
    if any(len(row) != len(rows) for row in rows) or not all(value in (-1, 0, 1) for row in rows for value in row):
        raise BadInput(f"{path} is no square matrix of -1, 0 and 1: the file is damaged; unpack it again.")
    # Real scenes repeat each -1 as 1 on the other side of the diagonal, simulated ones do not.
    above = {i + 1: frozenset(j + 1 for j, value in enumerate(row) if value == -1) for i, row in enumerate(rows)}
    return _checked(CoverOrder(above, {}), path)


def _checked(order: CoverOrder, path: Path) -> CoverOrder:
    for k, above in order.above.items():
        if k < 1 or k in above or not above <= set(order.above):
            raise BadInput(f"{path} puts {sorted(above)} on top of object {k}: itself, or what is not in the scene.")
    return order
