"""Samples from the files of a shard: sizes are checked before anything is decoded.

The format is described in docs/data_format.md; `shards.encode_sample` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.reading import PIXELS_MAX, decode_image, metres
from gpnet_ros.data.sample import DenseGrasps, Objects, Sample
from gpnet_ros.data.shards.encoding import ANGLE_FILE, FORMAT_VERSION, OPENING_FILE, QUALITY_FILE
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import Transform
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.topmost import layers

JSON_BYTES_MAX = 32 * 2**20
MASK_PIXELS_MAX = 1_000_000_000  # of all amodal masks of one picture together


def decode_sample(files: Mapping[str, bytes], source: str) -> Sample:
    """Decode the files of one picture into a sample.

    Args:
        files: content by name, as `encode_sample` writes them; others are ignored.
        source: where they come from, for the sentence that says what is wrong.

    Raises:
        BadInput: a file is missing, damaged or contradicts another; names it.
    """
    about = decode_json(_member(files, "sample.json", source), f"{source}/sample.json")
    try:
        if about["version"] != FORMAT_VERSION:
            raise BadInput(f"it has version {about['version']}, {FORMAT_VERSION} is needed; generate the data again.")
        width, height = (int(side) for side in about["size"])
        if not 0 < width * height <= PIXELS_MAX or min(width, height) < 1:
            raise BadInput(f"it claims {width}x{height} pixels, at most {PIXELS_MAX} are read; it is damaged.")
        return _decoded(about, _Pictures(files, source, width, height))
    except _FileDamaged:
        raise
    except BadInput as error:
        raise BadInput(f"{source}/sample.json cannot be used: {error}") from error
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise BadInput(f"{source}/sample.json is damaged ({reason}): take this shard from its source again.") from error


def decode_json(data: bytes, source: str, limit: int = JSON_BYTES_MAX) -> dict[str, Any]:
    """The object of a JSON file.

    Raises:
        BadInput: not JSON, too large, or no object.
    """
    if len(data) > limit:
        raise BadInput(f"{source} has {len(data)} bytes, at most {limit} are read: it is damaged.")
    try:
        values = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{source} is not JSON ({error}): take this shard from its source again.") from error
    if not isinstance(values, dict):
        raise BadInput(f"{source} holds no JSON object: take this shard from its source again.")
    return values


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


class _FileDamaged(BadInput):
    """Names the damaged file already."""


class _Pictures:
    """Image files of a sample, decoded only if they have the promised size and type."""

    def __init__(self, files: Mapping[str, bytes], source: str, width: int, height: int) -> None:
        self._files, self._source = files, source
        self.width, self.height = width, height

    def read(self, name: str, stride: int = 1, types: tuple[str, ...] = ("uint8",)) -> NDArray[Any]:
        """Pixels of one channel (h, w) of every `stride`-th pixel, or (h, w, 3) BGR of a .jpg."""
        where = f"{self._source}/{name}"
        colored = name.endswith(".jpg")
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION if colored else cv2.IMREAD_UNCHANGED
        shape = (self.height // stride, self.width // stride)
        try:
            image = decode_image(_member(self._files, name, self._source), where, flags, shape[0] * shape[1])
        except BadInput as error:
            raise _FileDamaged(str(error)) from error
        if image.shape != (*shape, 3)[: 3 if colored else 2] or image.dtype.name not in types:
            raise _FileDamaged(
                f"{where} has shape {image.shape} of {image.dtype}, but sample.json says {shape[1]}x{shape[0]} pixels: "
                "take this shard from its source again."
            )
        return image


def _decoded(about: dict[str, Any], pictures: _Pictures) -> Sample:
    width, height = pictures.width, pictures.height
    color = depth = ids = suction = camera = None
    if "color" in about:
        color = cv2.cvtColor(pictures.read("color.jpg"), cv2.COLOR_BGR2RGB)
    if "depth" in about:
        depth = metres(pictures.read("depth.png", types=("uint16",)), _unit(about["depth"], "unit_m"))
    if "camera" in about:
        k = about["camera"]
        camera = Intrinsics(width, height, *(float(k[key]) for key in ("fx", "fy", "cx", "cy")))
    if "ids" in about:
        ids = pictures.read("ids.png", types=("uint8", "uint16")).astype(np.int32)
    if "suction" in about:
        suction = (pictures.read("suction.png") * _unit(about["suction"], "unit")).astype(np.float32)
    frame = Frame(color, depth, camera, float(about["stamp"]), str(about["frame_id"]))
    rectangles, negatives = (
        _decode_rectangles(about[key]) if key in about else None for key in ("rectangles", "negatives")
    )
    return Sample(
        name=str(about["name"]),
        scene=str(about["scene"]),
        frame=frame,
        rectangles=rectangles,
        negatives=negatives,
        ids=ids,
        objects=_decode_objects(about["objects"], pictures) if "objects" in about else None,
        grasps=_decode_grasps(about["grasps"], pictures) if "grasps" in about else None,
        suction=suction,
        T_base_camera=_pose(about["T_base_camera"]) if "T_base_camera" in about else None,
    )


def _decode_grasps(about: dict[str, Any], pictures: _Pictures) -> DenseGrasps:
    stride = int(about["stride"])
    if stride < 1 or pictures.height % stride or pictures.width % stride:
        raise BadInput(f"it has dense grasps with stride {stride}, which must divide the picture; it is damaged.")
    quality, angle, opening = (pictures.read(name, stride) for name in (QUALITY_FILE, ANGLE_FILE, OPENING_FILE))
    steps = np.where(quality > 0, angle, 0) * _unit(about, "angle_unit_rad")
    return DenseGrasps(
        (quality * _unit(about, "quality_unit")).astype(np.float32),
        # float32 has no -pi/2: its nearest value lies below, outside of [-pi/2, pi/2).
        np.where(quality > 0, np.maximum(steps - np.pi / 2, np.nextafter(np.float32(-np.pi / 2), 0)), 0).astype(
            np.float32
        ),
        (opening * _unit(about, "opening_unit_m")).astype(np.float32),
    )


def _decode_rectangles(about: dict[str, Any]) -> Rectangles:
    center, angle, opening, jaw = (_floats(about[key]) for key in ("center", "angle", "opening", "jaw"))
    score = _floats(about["score"]) if "score" in about else None
    object_id = np.asarray(about["object_id"], dtype=np.int64) if "object_id" in about else None
    return Rectangles(center.reshape(len(opening), 2), angle, opening, jaw, score, object_id)


def _decode_objects(about: dict[str, Any], pictures: _Pictures) -> Objects:
    ids = np.asarray(about["ids"], dtype=np.int64).reshape(-1)
    n = len(ids)
    shapes = {"boxes": (n, 4), "amodal_boxes": (n, 4), "occlusion": (n,), "center_of_mass": (n, 2)}
    numbers = {key: _floats(about[key]).reshape(shape) for key, shape in shapes.items() if key in about}
    covered = masks = None
    if "covered_by" in about:
        row = {int(number): index for index, number in enumerate(ids)}
        covered = np.zeros((n, n), dtype=bool)
        for lower, upper in about["covered_by"]:
            covered[row[lower], row[upper]] = True
    if "amodal_masks" in about:
        if n * pictures.width * pictures.height > MASK_PIXELS_MAX:
            raise BadInput(f"it has {n} amodal masks, more than fit into memory; it is damaged.")
        masks = np.zeros((n, pictures.height, pictures.width), dtype=bool)
        for index, number in enumerate(ids.tolist()):
            masks[index] = pictures.read(f"amodal_{number}.png") > 0
    return Objects(
        ids=ids,
        category=tuple(_column(about, "category", n, str)) if "category" in about else None,
        amodal_masks=masks,
        covered_by=covered,
        layer=_layers(about, n, covered) if "layer" in about else None,
        graspable=np.array(_column(about, "graspable", n, bool), dtype=bool) if "graspable" in about else None,
        **numbers,
    )


def _layers(about: dict[str, Any], n: int, covered: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    stored = np.array(_column(about, "layer", n, int), dtype=np.int64)
    # Older shards have the objects of a ring in other layers; their relations are right.
    return stored if covered is None else layers(covered)


def _column(about: dict[str, Any], key: str, n: int, kind: Callable[[Any], Any]) -> list[Any]:
    if len(about[key]) != n:
        raise BadInput(f"its objects.{key} has {len(about[key])} rows for {n} objects; it is damaged.")
    return [kind(value) for value in about[key]]


def _unit(about: dict[str, Any], key: str) -> float:
    unit = float(about[key])
    if not 0 < unit <= 1:
        raise BadInput(f"it has {key} {unit}, which must lie in (0, 1]; it is damaged.")
    return unit


def _pose(rows: Any) -> Transform:
    T = np.asarray(rows, dtype=np.float64)
    if T.shape != (4, 4) or not np.isfinite(T).all():
        raise BadInput("it has a T_base_camera that is no 4x4 matrix of finite numbers; it is damaged.")
    return T


def _floats(rows: Any) -> NDArray[np.float64]:
    return np.asarray(rows, dtype=np.float64)  # None becomes NaN


def _member(files: Mapping[str, bytes], name: str, source: str) -> bytes:
    try:
        return files[name]
    except KeyError:
        raise BadInput(f"{source}/{name} is missing: take this shard from its source again.") from None
