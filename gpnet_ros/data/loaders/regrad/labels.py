"""The label files of REGRAD: relations, masks, planar grasps, camera. Formats: see `regrad`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.reading import read_json
from gpnet_ros.data.loaders.sieve import NO_AREA, sieved
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.rectangle import Rectangles

_GRASP_TABLE = -1  # object id of a grasp that was sampled on the table


@dataclass(frozen=True)
class RestTree:
    """Names of the objects of a scene, and which of them rest on which.

    Attributes:
        names: category of each object, by id.
        parents: ids of what each object rests on, by id.
    """

    names: dict[int, str]
    parents: dict[int, tuple[int, ...]]

    def covered_by(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n, n), [i, j] = object j rests on i, in the order of `ids`: a parent is covered by its child."""
        row = {k: index for index, k in enumerate(ids.tolist())}
        covered = np.zeros((len(ids), len(ids)), dtype=bool)
        for child, parents in self.parents.items():
            for parent in parents:
                covered[row[parent], row[child]] = True
        return covered


@dataclass(frozen=True, eq=False)
class Labels:
    """Masks, names and relations of the objects of one view.

    Attributes:
        ids: (H, W) int32 visible masks, 0 for no object; None if no file says.
        names: category of each object by id, "" if not known; objects without a pixel included.
        relations: None if no file says.
    """

    ids: NDArray[np.int32] | None
    names: dict[int, str]
    relations: RestTree | None


def read_relations(tree: Any, path: Path) -> RestTree:
    """Relations of a model relation tree {"mug-4": ["table-1"], ...}: each object with its parents.

    Raises:
        BadInput: not such a tree, an object is its own parent, or a parent is no object of the scene.
    """
    if not isinstance(tree, dict) or not all(isinstance(parents, list) for parents in tree.values()):
        raise BadInput(f"{path} holds no relation tree (name: [names]): the file is damaged; unpack it again.")
    names, parents = {}, {}
    for child, below in tree.items():
        name, number = _named(child, path)
        if number in names:
            raise BadInput(f"{path} has two objects with the id {number}: the file is damaged; unpack it again.")
        names[number] = name
        parents[number] = tuple(sorted({_named(parent, path)[1] for parent in below}))
    for child, below in parents.items():
        if child in below or not set(below) <= set(names):
            raise BadInput(f"{path} gives object {child} the parents {list(below)}: itself or no object of the scene.")
    return RestTree(names, parents)


def read_info(items: Any, path: Path, shape: tuple[int, int], relations: RestTree | None) -> Labels:
    """Masks of the objects of a view from info.json.

    Its obj_id is 10 id + 1, as in segment.jpg, and its `segmentation` is rows, then columns, whatever the README says
    of x and y. Its parent_list repeats mrt.json and serves where that file is missing.

    Raises:
        BadInput: another structure, or pixels outside the picture of `shape` (H, W).
    """
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadInput(f"{path} is no list of objects: the file is damaged; unpack the data set again.")
    if relations is None and items and all(isinstance(item.get("parent_list"), list) for item in items):
        tree = {f"{item.get('model_name')}-{_plain_id(item, path)}": item["parent_list"] for item in items}
        relations = read_relations(tree, path)
    ids = np.zeros(shape, dtype=np.int32)
    names: dict[int, str] = {} if relations is None else dict(relations.names)
    for item in items:
        number = _plain_id(item, path)
        if relations is not None and number not in relations.names:
            raise BadInput(f"{path} has the object {number}, which the scene's relations do not know: it is damaged.")
        names[number] = str(item.get("model_name", ""))
        rows, columns = _pixels(item.get("segmentation"), path, shape)
        ids[rows, columns] = number
    return Labels(ids, names, relations)


def read_grasps(path: Path, known: set[int] | None, vertical_min: float) -> Rectangles:
    """Rectangles of [object id, [[cx, cy], [w, h], theta in degrees], [vertical, center, antipodal, score]] items.

    The rectangle is OpenCV's minAreaRect around four points of the fingers: which side is w, and the range of theta,
    depend on the version, and no side is marked. w always runs along theta (x right, y down); the opening is taken to
    be the longer side, since the gripper is 0.12 m open and its fingers, seen almost from their tips, are 0.06 m long
    (Grasp_detection/configs/config.py). So all openings are about alike, and the shorter side is no pad but the
    length of a finger in view. Object ids are plain here, as floats.

    Raises:
        BadInput: another structure, numbers that are not finite, or an object that is not in `known`.
    """
    items = read_json(path)
    if not isinstance(items, list):
        raise BadInput(f"{path} is no list of grasps: the file is damaged; unpack the data set again.")
    if not items:
        return Rectangles.none()
    try:
        rows = np.array([[k, *center, *size, theta, *scores[:4]] for k, (center, size, theta), scores in items], float)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{path} holds a grasp that is not [id, [[x, y], [w, h], angle], 4 scores]: damaged.") from error
    if rows.ndim != 2 or rows.shape[1] != 10 or not (np.abs(rows) < 2**31).all():
        raise BadInput(f"{path} holds a grasp that is not [id, [[x, y], [w, h], angle], 4 scores]: it is damaged.")
    faults = {NO_AREA: ~(rows[:, 3:5] > 0).all(axis=1), "of the table": rows[:, 0] == _GRASP_TABLE}
    keep, left_out = sieved(len(rows), faults)
    rows = rows[keep & (rows[:, 6] >= vertical_min)]
    object_id = np.rint(rows[:, 0]).astype(np.int64)
    unknown = set(object_id.tolist()) - known if known is not None else set()
    if unknown:
        raise BadInput(f"{path} has a grasp of object {min(unknown)}, which the view does not list: it is damaged.")
    w, h, theta = rows[:, 3], rows[:, 4], np.radians(rows[:, 5])
    angle = np.where(w >= h, theta, theta + np.pi / 2)
    return Rectangles(rows[:, 1:3], angle, np.maximum(w, h), np.minimum(w, h), rows[:, 9], object_id, left_out)


def read_intrinsics(info: Any, path: Path, width: int, height: int) -> Intrinsics | None:
    """Camera model of camera_info.json, whose key is misspelt "intrinisic"; None if it has none.

    Raises:
        BadInput: not nine finite numbers.
    """
    if not isinstance(info, dict):
        raise BadInput(f"{path} is no table: the file is damaged; unpack the data set again.")
    values = info.get("intrinisic", info.get("intrinsic"))
    if values is None:
        return None
    try:
        K = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{path} holds a camera matrix that is not nine numbers: it is damaged.") from error
    if K.size != 9 or not np.isfinite(K).all():
        raise BadInput(f"{path} holds a camera matrix that is not nine finite numbers: it is damaged.")
    K = K.reshape(3, 3)
    return Intrinsics(width, height, float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))


def _named(name: Any, path: Path) -> tuple[str, int]:
    """ "mug-4" as name and id."""
    head, dash, tail = str(name).rpartition("-")
    if not dash or not (tail.isascii() and tail.isdigit()) or not 0 < int(tail) < 255:
        raise BadInput(f"{path} names an object {name!r}, but a name and an id such as 'mug-4' belong there.")
    return head, int(tail)


def _plain_id(item: dict[str, Any], path: Path) -> int:
    value = item.get("obj_id")
    if not isinstance(value, (int, float)) or not 11 <= value < 2**31 or value % 10 != 1:
        raise BadInput(f"{path} has the obj_id {value!r}, but ten times the object's id plus one belongs there.")
    return int(value) // 10


def _pixels(segmentation: Any, path: Path, shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if segmentation is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    try:
        rows, columns = (np.asarray(part, dtype=np.float64).ravel() for part in segmentation)
        both = np.concatenate([rows, columns])
        good = len(rows) == len(columns) and np.isfinite(both).all() and (both % 1 == 0).all()
    except (TypeError, ValueError):
        good = False
    if not good:
        raise BadInput(f"{path} holds a segmentation that is not a list of rows and one of columns: it is damaged.")
    height, width = shape
    if len(rows) and not (rows.min() >= 0 and rows.max() < height and columns.min() >= 0 and columns.max() < width):
        raise BadInput(f"{path} holds pixels outside the picture of {width}x{height}: it belongs to another picture.")
    return rows.astype(np.int64), columns.astype(np.int64)
