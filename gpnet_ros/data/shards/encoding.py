"""Pictures as plain files: the JPEG, PNG and JSON members that a sample becomes in a shard.

The format is described in docs/data_format.md. A field that the sample does not have has no key and no file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.record import ANGLE_UNIT, OPENING_UNIT, QUALITY_UNIT, compact_grasps
from gpnet_ros.data.sample import DenseGrasps, Objects, Sample
from gpnet_ros.errors import BadInput
from gpnet_ros.rectangle import Rectangles

FORMAT_VERSION = 2
STORED_DEPTH_UNIT = 1e-4  # of stored depth [m]; ten or a hundred times as much where a picture is too deep for it
QUALITY_FILE, ANGLE_FILE, OPENING_FILE = "quality.png", "angle.png", "opening.png"
_JPEG_QUALITY = 93
_PNG_LEVEL = 3  # of 9; higher ones take several times as long for a few per cent
_STORED_MAX = 65535
#: Decimals that are kept: of pixels a thousandth, of angles a microradian, far below what a camera resolves.
_RECTANGLE_DECIMALS = {"center": 3, "angle": 6, "opening": 3, "jaw": 3}
_SCORE_DECIMALS = 6
_OBJECT_DECIMALS = {"boxes": 3, "amodal_boxes": 3, "occlusion": 6, "center_of_mass": 3}


def encode_sample(sample: Sample) -> dict[str, bytes]:
    """Files of a sample: `sample.json`, and what of color.jpg, depth.png, ids.png, ... the sample has.

    Raises:
        BadInput: a value does not fit the format; names sample and value.
    """
    try:
        return _encoded(sample)
    except BadInput as error:
        raise BadInput(f"Picture {sample.name} cannot be stored: {error}") from error


def encode_json(values: Mapping[str, Any]) -> bytes:
    """Values as one line of JSON in UTF-8, the same bytes for the same values; NaN is refused."""
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _encoded(sample: Sample) -> dict[str, bytes]:
    frame, camera = sample.frame, sample.frame.intrinsics
    height, width = frame.shape
    about: dict[str, Any] = {
        "version": FORMAT_VERSION,
        "name": sample.name,
        "scene": sample.scene,
        "size": [width, height],
    }
    files: dict[str, bytes] = {}
    about |= {"stamp": float(frame.stamp), "frame_id": frame.frame_id}
    if camera is not None:
        about["camera"] = {key: float(getattr(camera, key)) for key in ("fx", "fy", "cx", "cy")}
    if sample.T_base_camera is not None:
        about["T_base_camera"] = np.asarray(sample.T_base_camera, dtype=np.float64).tolist()
    if frame.color is not None:
        files["color.jpg"] = _jpeg(frame.color)
        about["color"] = {"file": "color.jpg"}
    if frame.depth is not None:
        raw, unit = _stored_depth(frame.depth)
        files["depth.png"] = _png(raw)
        about["depth"] = {"file": "depth.png", "unit_m": unit}
    if sample.ids is not None:
        files["ids.png"] = _png(_stored_ids(sample.ids, (height, width)))
        about["ids"] = {"file": "ids.png"}
    if sample.grasps is not None:
        about["grasps"] = _encode_grasps(sample.grasps, (height, width), files)
    if sample.suction is not None:
        files["suction.png"] = _png(_stored_share(sample.suction, (height, width), "suction"))
        about["suction"] = {"file": "suction.png", "unit": QUALITY_UNIT}
    for key, rectangles in (("rectangles", sample.rectangles), ("negatives", sample.negatives)):
        if rectangles is not None:
            about[key] = _encode_rectangles(rectangles)
    if sample.objects is not None:
        about["objects"] = _encode_objects(sample.objects, (height, width), files)
    return {"sample.json": encode_json(about), **files}


def _encode_grasps(grasps: DenseGrasps, size: tuple[int, int], files: dict[str, bytes]) -> dict[str, Any]:
    h, w = grasps.quality.shape
    stride = size[0] // max(h, 1)
    if (stride * h, stride * w) != size or grasps.angle.shape != (h, w) or grasps.opening.shape != (h, w):
        raise BadInput(f"dense grasps of {w}x{h} do not divide a picture of {size[1]}x{size[0]} evenly.")
    some = grasps.quality > 0
    if some.any() and not 0 < grasps.opening[some].min() <= grasps.opening[some].max() <= 255 * OPENING_UNIT:
        raise BadInput(f"openings of dense grasps must lie in (0, {255 * OPENING_UNIT}] m.")
    _check_share(grasps.quality, "quality")
    planes = compact_grasps(grasps.quality, np.where(some, grasps.angle, 0), np.where(some, grasps.opening, 0))
    planes[..., 2] = np.where(some, np.maximum(planes[..., 2], 1), 0)
    for channel, name in enumerate((QUALITY_FILE, ANGLE_FILE, OPENING_FILE)):
        files[name] = _png(planes[..., channel])
    units = {"quality_unit": QUALITY_UNIT, "angle_unit_rad": ANGLE_UNIT, "opening_unit_m": OPENING_UNIT}
    return {"files": [QUALITY_FILE, ANGLE_FILE, OPENING_FILE], "stride": stride, **units}


def _encode_rectangles(rectangles: Rectangles) -> dict[str, Any]:
    about = {key: _numbers(getattr(rectangles, key), digits) for key, digits in _RECTANGLE_DECIMALS.items()}
    least = 10.0 ** -_RECTANGLE_DECIMALS["opening"]  # a tiny rectangle must not lose its area by rounding
    about |= {key: [max(value, least) for value in about[key]] for key in ("opening", "jaw")}
    if rectangles.score is not None:
        about["score"] = _numbers(rectangles.score, _SCORE_DECIMALS)
    if rectangles.object_id is not None:
        about["object_id"] = rectangles.object_id.tolist()
    return about


def _encode_objects(objects: Objects, size: tuple[int, int], files: dict[str, bytes]) -> dict[str, Any]:
    n = len(objects.ids)
    if len(set(objects.ids.tolist())) != n or (n and not 1 <= objects.ids.min() <= objects.ids.max() <= _STORED_MAX):
        raise BadInput(f"object ids {objects.ids.tolist()} must differ and lie in 1 to {_STORED_MAX}.")
    about: dict[str, Any] = {"ids": objects.ids.tolist()}
    if objects.category is not None:
        about["category"] = list(objects.category)
    for key, digits in _OBJECT_DECIMALS.items():
        if getattr(objects, key) is not None:
            about[key] = _numbers(getattr(objects, key), digits)
    if objects.layer is not None:
        about["layer"] = objects.layer.tolist()
    if objects.graspable is not None:
        about["graspable"] = [bool(g) for g in objects.graspable]
    if objects.covered_by is not None:
        about["covered_by"] = [[int(objects.ids[i]), int(objects.ids[j])] for i, j in np.argwhere(objects.covered_by)]
    if objects.amodal_masks is not None:
        if objects.amodal_masks.shape != (n, *size):
            raise BadInput(f"amodal masks of shape {objects.amodal_masks.shape} must be {(n, *size)}.")
        names = [f"amodal_{number}.png" for number in objects.ids.tolist()]
        about["amodal_masks"] = {"files": names}
        files |= {name: _png(mask * np.uint8(255)) for name, mask in zip(names, objects.amodal_masks, strict=True)}
    for key, column in about.items():
        if key not in ("covered_by", "amodal_masks") and len(column) != n:
            raise BadInput(f"objects.{key} has {len(column)} rows for {n} objects.")
    return about


def _stored_depth(depth: NDArray[np.float32]) -> tuple[NDArray[np.uint16], float]:
    """Depth [m] as whole numbers of a unit [m], 0 where unknown; what is known stays known."""
    known = np.isfinite(depth) & (depth > 0)
    deepest = float(depth[known].max(initial=0.0))
    unit = STORED_DEPTH_UNIT
    while deepest > _STORED_MAX * unit:
        unit = round(unit * 10, 9)
        if unit > 1:
            raise BadInput(f"a depth of {deepest:.4g} m is no depth in metres.")
    steps = np.clip(np.rint(np.where(known, depth, 0).astype(np.float64) / unit), 1, _STORED_MAX)
    return np.where(known, steps, 0).astype(np.uint16), unit


def _stored_ids(ids: NDArray[np.int32], size: tuple[int, int]) -> NDArray[Any]:
    if ids.shape != size or (ids.size and not 0 <= ids.min() <= ids.max() <= _STORED_MAX):
        raise BadInput(f"ids must be {size[1]}x{size[0]} numbers from 0 to {_STORED_MAX}.")
    return ids.astype(np.uint8 if ids.max(initial=0) <= 255 else np.uint16)


def _stored_share(values: NDArray[np.float32], size: tuple[int, int], name: str) -> NDArray[np.uint8]:
    """Values in [0, 1] in steps of 1/255; what is more than 0 stays so."""
    if values.shape != size:
        raise BadInput(f"{name} of {values.shape} must be {size}.")
    _check_share(values, name)
    return np.where(values > 0, np.clip(np.rint(values / QUALITY_UNIT), 1, 255), 0).astype(np.uint8)


def _check_share(values: NDArray[np.floating], name: str) -> None:
    if not ((values >= 0) & (values <= 1)).all():
        raise BadInput(f"{name} must lie in [0, 1] everywhere; 0 says none.")


def _numbers(values: NDArray[np.floating], digits: int) -> list[Any]:
    """Nested lists of rounded numbers, None for what is not known; no negative zero."""
    rounded = np.round(np.asarray(values, dtype=np.float64), digits) + 0.0
    nested = rounded.astype(object)
    nested[~np.isfinite(rounded)] = None
    return nested.tolist()


def _jpeg(color: NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(color, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()


def _png(image: NDArray[Any]) -> bytes:
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])[1].tobytes()
