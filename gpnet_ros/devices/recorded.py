"""Frames from files: a colour image, a depth image, and a small JSON file with the camera model."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.frame import Frame, Intrinsics, depth_from_raw

PathLike = str | os.PathLike[str]
_MODEL = ("width", "height", "fx", "fy", "cx", "cy")
_DEPTH_KEYS = ("depth_unit_m", "invalid_depth")
_REMARKS = ("origin", "licence", "note")  # for people
_STRAIGHT = ("distortion", "distortion_coefficients", "coeffs", "D", "d")  # usable if all zero
_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}  # by number of channels
_ADVICE = f"it must be a JSON object with numbers {', '.join(_MODEL)} and depth_unit_m"


def load_frame(color: PathLike | None, depth: PathLike | None = None, camera: PathLike | None = None) -> Frame:
    """A frame from files.

    Args:
        color: 8-bit colour or gray image (PNG, JPEG, ...); gray gives three equal channels.
        depth: whole numbers in `depth_unit_m` (16-bit PNG, .npy of integers), or floats in metres, (H, W) or
            (H, W, 1); None for colour only.
        camera: JSON with width, height, fx, fy, cx, cy [px], depth_unit_m [m], invalid_depth; origin, licence and
            note are for people, and distortion may be there if it is all zero. Other keys are refused.

    Raises:
        BadInput: a file is missing or is not what it should be; FrameRefused when the parts do not fit.
    """
    model = {} if camera is None else _read_camera(Path(camera))
    intrinsics = Intrinsics(*(_number(model, key, camera) for key in _MODEL)) if model else None  # type: ignore[arg-type]
    if intrinsics is not None:
        intrinsics = replace(intrinsics, width=int(intrinsics.width), height=int(intrinsics.height))
    pixels = None if color is None else _read_color(Path(color))
    metres = None if depth is None else _read_depth(Path(depth), model, camera)
    return Frame(pixels, metres, intrinsics)


class RecordedCamera:
    """Plays frame folders (color.*, depth.*, camera.json); implements the Camera Protocol.

    Each frame is stamped with the time at which it is read, as if it were exposed then.
    """

    def __init__(self, folder: PathLike, repeat: bool = True) -> None:
        """Play `folder` itself, or each of its sub-folders in order of name."""
        self._folder, self._repeat = Path(folder), repeat
        self._scenes: list[Path] = []
        self._next = 0

    def open(self) -> None:
        """Look for frames in the folder."""
        candidates = [self._folder, *sorted(p for p in self._folder.glob("*") if p.is_dir())]
        self._scenes = [p for p in candidates if any(p.glob("color.*"))]
        self._next = 0
        if not self._scenes:
            raise DeviceError(
                f"Folder {self._folder} holds no frame: it needs color.png or color.jpg, or folders of them."
            )

    def read(self, timeout: float | None = None) -> Frame:
        """The next frame of the recording, at once whatever the timeout [s]."""
        if not self._scenes:
            raise DeviceError("The recording is not open: call open first.")
        if self._next == len(self._scenes) and not self._repeat:
            raise DeviceError(f"The recording {self._folder} has ended: give repeat to play it again.")
        scene = self._scenes[self._next % len(self._scenes)]
        self._next = self._next % len(self._scenes) + 1
        files = [next(iter(sorted(scene.glob(pattern))), None) for pattern in ("color.*", "depth.*", "camera.json")]
        return replace(load_frame(*files), stamp=time.time())

    def close(self) -> None:
        """Forget the frames of the folder."""
        self._scenes = []


def _read_camera(path: Path) -> dict[str, Any]:
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"Camera file {path} cannot be read ({error}): {_ADVICE}.") from error
    if not isinstance(model, dict):
        raise BadInput(f"Camera file {path} holds {type(model).__name__}: {_ADVICE}.")
    _refuse_unknown(model, path)
    return model


def _refuse_unknown(model: dict[str, Any], path: Path) -> None:
    """What is not understood could change where every pixel looks, so nothing is skipped."""
    for key in (key for key in _STRAIGHT if key in model):
        values = model[key] if isinstance(model[key], list) else [model[key]]
        if any(value not in (0, None) for value in values):
            raise BadInput(
                f"Camera file {path}: {key} is {model[key]!r}, but only pictures without distortion can be used: "
                "rectify colour and depth first (cv2.undistort, or image_proc), and give the model of the result."
            )
    known = (*_MODEL, *_DEPTH_KEYS, *_REMARKS, *_STRAIGHT)
    if unknown := [key for key in model if key not in known]:
        raise BadInput(
            f"Camera file {path} has unknown keys {', '.join(map(repr, unknown))}; allowed are "
            f"{', '.join((*_MODEL, *_DEPTH_KEYS, *_REMARKS))}: put remarks into note and leave the others out."
        )


def _number(model: dict[str, Any], key: str, path: PathLike | None) -> float:
    value = model.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        raise BadInput(f"Camera file {path}: {key} is {value!r}; {_ADVICE}.")
    return value


def _read_image(path: Path, what: str) -> NDArray[Any]:
    if not path.is_file():
        raise BadInput(f"{what} file {path} does not exist: check its path.")
    image = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise BadInput(f"{what} file {path} is not an image that can be read: give a PNG, JPEG or TIFF file.")
    return image


def _read_color(path: Path) -> NDArray[np.uint8]:
    image = _read_image(path, "Colour")
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype != np.uint8 or channels not in _TO_RGB:
        raise BadInput(
            f"Colour file {path} has shape {image.shape} and type {image.dtype}: give an 8-bit colour or gray image "
            "(is it the depth file?)."
        )
    return cv2.cvtColor(image, _TO_RGB[channels]).astype(np.uint8, copy=False)


def _read_depth(path: Path, model: dict[str, Any], camera: PathLike | None) -> NDArray[np.float32]:
    raw = _read_npy(path) if path.suffix == ".npy" else _read_image(path, "Depth")
    if raw.ndim == 3 and raw.shape[2] == 1:
        raw = raw[..., 0]
    whole = np.issubdtype(raw.dtype, np.integer) and raw.dtype.itemsize > 1  # 8 bits are a picture, not depth
    if raw.ndim != 2 or not (whole or np.issubdtype(raw.dtype, np.floating)):
        raise BadInput(
            f"Depth file {path} has shape {raw.shape} and type {raw.dtype}: give one channel of whole numbers of 16 "
            "bits or more (PNG or .npy in depth_unit_m) or of floats in metres (is it the colour file?)."
        )
    if not whole:
        return depth_from_raw(raw, 1.0)
    if camera is None:
        raise BadInput(f"Depth file {path} holds whole numbers: give a camera file that states depth_unit_m.")
    unit = _number(model, "depth_unit_m", camera)
    invalid = model.get("invalid_depth", 0)
    return depth_from_raw(np.where(raw == invalid, 0, raw), unit)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError) as error:
        raise BadInput(f"Depth file {path} cannot be read ({error}): give a .npy file of numbers.") from error
