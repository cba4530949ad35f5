"""Frames of a bag as files that `gpnet detect` reads: a folder for each, with color.png, depth and camera.json."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gpnet_ros.data.bags.frames import BagFrames
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame

#: What most cameras count in [m]; depth that it cannot hold becomes depth.npy in metres.
_MILLIMETRE = 0.001


@dataclass(frozen=True)
class ExtractedFrame:
    """A frame that was written: folder, number in the bag, stamp [s], frame_id, and how far depth was apart [ms]."""

    folder: str
    number: int
    stamp: float
    frame_id: str
    apart_ms: float


def extract(frames: BagFrames, folder: Path, numbers: Collection[int] | None = None) -> list[ExtractedFrame]:
    """Write frames by their numbers, all without, and frames.json that lists them.

    Depth is kept as it is: depth.png in millimetres where it is whole millimetres, else depth.npy in metres [m].

    Raises:
        BadInput: the folder cannot be written or is not empty, or the bag holds no such frame.
    """
    frames.require()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput(f"The folder {folder} is not empty: give another --out.")
        written = []
        for messages, frame in frames.frames(numbers):
            name = f"frame_{messages.number:06d}"
            write_frame(folder / name, frame, f"{frames.bag.path.name}, stamp {frame.stamp:.9f}, {frame.frame_id}")
            written.append(
                ExtractedFrame(name, messages.number, frame.stamp, frame.frame_id, messages.pair.apart * 1e-6)
            )
        (folder / "frames.json").write_text(json.dumps([asdict(w) for w in written], indent=1), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be written ({error.strerror}); choose another --out.") from error
    return written


def write_frame(folder: Path, frame: Frame, note: str) -> None:
    """Write one frame with colour, depth and camera model; note is for people."""
    assert frame.color is not None and frame.depth is not None and frame.intrinsics is not None
    folder.mkdir()
    cv2.imwrite(str(folder / "color.png"), frame.color[..., ::-1])
    millimetres = np.nan_to_num(np.round(frame.depth / _MILLIMETRE), nan=0.0)
    whole = (millimetres.clip(0, 65535) * np.float64(_MILLIMETRE)).astype(np.float32)
    if np.array_equal(whole, np.nan_to_num(frame.depth, nan=0.0)):
        cv2.imwrite(str(folder / "depth.png"), millimetres.astype(np.uint16))
    else:
        np.save(folder / "depth.npy", frame.depth)
    camera: dict[str, Any] = {**asdict(frame.intrinsics), "depth_unit_m": _MILLIMETRE, "invalid_depth": 0, "note": note}
    (folder / "camera.json").write_text(json.dumps(camera, indent=1), encoding="utf-8")
