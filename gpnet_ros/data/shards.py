"""Shards: files of about a hundred encoded training pictures, written whole or not at all."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput

VERSION = 1
DEPTH_UNIT = 1e-4  # of stored depth [m]; 0 is unknown
QUALITY_UNIT = 1 / 255
ANGLE_UNIT = np.pi / 256  # of stored angles, counted from -pi/2 [rad]
OPENING_UNIT = 5e-4  # [m]
#: Order of the channels of `Record.labels`.
IDS, QUALITY, ANGLE, OPENING = range(4)
_JPEG_QUALITY = 93
_IMAGES = ("color", "depth", "labels")


@dataclass(frozen=True, eq=False)
class Record:
    """One picture with its labels, in the compact types that are kept on disk and in memory.

    Attributes:
        color: (h, w, 3) uint8 RGB.
        depth: (h, w) uint16, exact depth in `DEPTH_UNIT`, 0 unknown.
        labels: (h, w, 4) uint8: object id (0 none), quality, angle, opening in their units above.
        meta: plain numbers: heap, camera, seed, layer per object; see `gpnet generate`.
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.uint16]
    labels: NDArray[np.uint8]
    meta: dict[str, Any]


def record(
    color: NDArray[np.uint8],
    depth: NDArray[np.floating],
    ids: NDArray[np.integer],
    quality: NDArray[np.floating],
    angle: NDArray[np.floating],
    opening: NDArray[np.floating],
    meta: dict[str, Any],
) -> Record:
    """Record of a picture in SI units: depth and opening [m], angle [rad], quality in [0, 1]; see `Record`."""
    steps = np.rint((np.asarray(angle) + np.pi / 2) / ANGLE_UNIT).astype(np.int64) % 256
    # A grasp of low quality must not become "no grasp" by rounding.
    levels = np.where(quality > 0, np.clip(np.rint(quality / QUALITY_UNIT), 1, 255), 0)
    planes = [ids, levels, steps, np.clip(np.rint(opening / OPENING_UNIT), 0, 255)]
    raw = np.clip(np.nan_to_num(depth, nan=0.0) / DEPTH_UNIT + 0.5, 0, 65535)
    labels = np.stack([np.asarray(p).astype(np.uint8) for p in planes], axis=-1)
    return Record(color, raw.astype(np.uint16), labels, meta)


def write_shard(path: Path, records: Sequence[Record]) -> None:
    """Write records to `path` (.npz); a crash leaves the old file or none, never half of one."""
    arrays: dict[str, NDArray[Any]] = {}
    for name in _IMAGES:
        blobs = [_encode(name, getattr(r, name)) for r in records]
        arrays[name] = np.concatenate(blobs)
        arrays[f"{name}_end"] = np.cumsum([len(b) for b in blobs])
    text = json.dumps({"version": VERSION, "records": [r.meta for r in records]})
    arrays["meta"] = np.frombuffer(text.encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_shard(path: Path) -> list[Record]:
    """The records of a shard.

    Raises:
        BadInput: not a shard of this version, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        stored = json.loads(arrays["meta"].tobytes())
        if stored["version"] != VERSION:
            raise BadInput(f"Shard {path} has version {stored['version']}, {VERSION} is needed: generate it again.")
        images = [_decode_all(arrays[name], arrays[f"{name}_end"]) for name in _IMAGES]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, cv2.error) as error:
        raise BadInput(f"Shard {path} cannot be read ({error}): delete it and run gpnet generate --resume.") from error
    return [
        Record(cv2.cvtColor(color, cv2.COLOR_BGR2RGB), depth, labels, meta)
        for color, depth, labels, meta in zip(*images, stored["records"], strict=True)
    ]


def shard_path(folder: Path, number: int) -> Path:
    """File of the shard `number`."""
    return folder / f"shard_{number:05d}.npz"


def shard_paths(folder: Path) -> list[Path]:
    """All finished shards of a data set, in order.

    Raises:
        BadInput: there is none.
    """
    paths = sorted(folder.glob("shard_*.npz"))
    if not paths:
        raise BadInput(f"There is no training data in {folder}: make some with gpnet generate --out {folder}.")
    return paths


def _encode(name: str, image: NDArray[Any]) -> NDArray[np.uint8]:
    if name == "color":
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, blob = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    else:
        _, blob = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    return np.asarray(blob).ravel()


def _decode_all(blob: NDArray[np.uint8], ends: NDArray[np.integer]) -> list[NDArray[Any]]:
    starts = np.concatenate([[0], ends[:-1]])
    images: list[NDArray[Any]] = []
    for start, end in zip(starts, ends, strict=True):
        image = cv2.imdecode(blob[start:end], cv2.IMREAD_UNCHANGED)
        if image is None:
            raise ValueError("an image is damaged")
        images.append(image)
    return images
