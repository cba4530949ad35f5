"""Frames from files: what is good becomes a frame, and every bad file is told in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gpnet_ros.devices.camera import stall_limit
from gpnet_ros.devices.recorded import RecordedCamera, load_frame
from gpnet_ros.errors import BadInput, DeviceError

FRAMES = Path(__file__).parents[1] / "data" / "real_frames"
RECORDED = sorted(p for p in FRAMES.iterdir() if p.is_dir())
SCENES = [p for p in RECORDED if p.name.startswith("d435_")]
MODEL = {"width": 8, "height": 6, "fx": 9.0, "fy": 9.0, "cx": 3.5, "cy": 2.5, "depth_unit_m": 0.001}


def files(scene: Path) -> tuple[Path, Path, Path]:
    return scene / "color.jpg", scene / "depth.png", scene / "camera.json"


class Folder:
    """A small good frame on disk, to be spoilt one file at a time."""

    def __init__(self, root: Path) -> None:
        self.color, self.depth, self.camera = root / "color.png", root / "depth.png", root / "camera.json"
        self.red = np.zeros((6, 8, 3), np.uint8)
        self.red[..., 2] = 200  # OpenCV writes BGR
        self.raw = np.full((6, 8), 700, np.uint16)
        self.raw[0, 0] = 0
        self.write(self.color, self.red)
        self.write(self.depth, self.raw)
        self.describe()

    @staticmethod
    def write(path: Path, image: np.ndarray) -> None:
        assert cv2.imwrite(str(path), image)

    def describe(self, **changes: Any) -> None:
        self.camera.write_text(json.dumps({**MODEL, **changes}))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("scene", SCENES, ids=lambda p: p.name)
def test_real_d435_frame(scene: Path) -> None:
    frame = load_frame(*files(scene))
    assert frame.shape == (720, 1280) and frame.depth is not None and frame.intrinsics is not None
    frame.check()
    assert 0.3 < np.nanmedian(frame.depth) < 1.0
    raw = cv2.imread(str(files(scene)[1]), cv2.IMREAD_UNCHANGED)
    assert (np.isnan(frame.depth) == (raw == 0)).all()
    assert np.allclose(frame.depth[raw > 0], raw[raw > 0] / 1000.0)


def test_colour_is_rgb_and_zero_depth_unknown(folder: Folder) -> None:
    frame = load_frame(folder.color, folder.depth, folder.camera)
    assert frame.color is not None and frame.depth is not None
    assert tuple(frame.color[3, 3]) == (200, 0, 0)
    assert np.isnan(frame.depth[0, 0]) and frame.depth[3, 3] == np.float32(0.7)


def test_colour_alone_is_a_frame(folder: Folder) -> None:
    frame = load_frame(folder.color)
    assert frame.depth is None and frame.intrinsics is None


def test_millimetres_and_metres_are_the_same_frame(folder: Folder, tmp_path: Path) -> None:
    floats = tmp_path / "depth.npy"
    np.save(floats, folder.raw.astype(np.float32) / 1000)
    by_unit, by_metres = load_frame(folder.color, folder.depth, folder.camera), load_frame(folder.color, floats)
    assert by_unit.depth is not None and by_metres.depth is not None
    assert np.array_equal(by_unit.depth, by_metres.depth, equal_nan=True)


def test_another_mark_of_unknown_depth(folder: Folder) -> None:
    folder.describe(invalid_depth=700)
    depth = load_frame(folder.color, folder.depth, folder.camera).depth
    assert depth is not None and np.isnan(depth).all()


def spoil_missing_color(f: Folder) -> None:
    f.color.unlink()


def spoil_text_color(f: Folder) -> None:
    f.color.write_text("no image")


def spoil_empty_depth(f: Folder) -> None:
    f.depth.write_bytes(b"")


def spoil_swapped(f: Folder) -> None:
    f.write(f.color, f.raw)


def spoil_colour_as_depth(f: Folder) -> None:
    f.write(f.depth, f.red)


def spoil_eight_bits(f: Folder) -> None:
    f.write(f.depth, f.red[..., 0])


def spoil_other_size(f: Folder) -> None:
    f.write(f.depth, f.raw[:5])


def spoil_other_camera(f: Folder) -> None:
    f.describe(width=640)


def spoil_no_json(f: Folder) -> None:
    f.camera.write_text("{")


def spoil_list(f: Folder) -> None:
    f.camera.write_text("[1]")


def spoil_word(f: Folder) -> None:
    f.describe(fx="wide")


def spoil_nan(f: Folder) -> None:
    f.describe(cy=float("nan"))


def spoil_zero(f: Folder) -> None:
    f.describe(fy=0)


def spoil_unit(f: Folder) -> None:
    f.describe(depth_unit_m=None)


def spoil_negative_unit(f: Folder) -> None:
    f.describe(depth_unit_m=-0.001)


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (spoil_missing_color, "does not exist"),
        (spoil_text_color, "not an image"),
        (spoil_empty_depth, "not an image"),
        (spoil_swapped, "depth file"),
        (spoil_colour_as_depth, "colour file"),
        (spoil_eight_bits, "uint8"),
        (spoil_other_size, "differ in size"),
        (spoil_other_camera, "640x6"),
        (spoil_no_json, "cannot be read"),
        (spoil_list, "list"),
        (spoil_word, "wide"),
        (spoil_nan, "cy"),
        (spoil_zero, "positive"),
        (spoil_unit, "depth_unit_m"),
        (spoil_negative_unit, "-0.001"),
    ],
)
def test_bad_file_is_one_clear_sentence(folder: Folder, spoil: Any, word: str) -> None:
    spoil(folder)
    with pytest.raises(BadInput, match=word) as told:
        load_frame(folder.color, folder.depth, folder.camera)
    assert "\n" not in str(told.value)


def test_sixteen_bits_need_a_unit(folder: Folder) -> None:
    with pytest.raises(BadInput, match="depth_unit_m"):
        load_frame(folder.color, folder.depth)


def test_pickled_array_is_not_opened(folder: Folder, tmp_path: Path) -> None:
    path = tmp_path / "depth.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match=r"depth\.npy"):
        load_frame(folder.color, path)


def test_recording_plays_every_folder_once_or_for_ever() -> None:
    once, always = RecordedCamera(FRAMES, repeat=False), RecordedCamera(FRAMES)
    with pytest.raises(DeviceError, match="open"):
        once.read()
    once.open()
    stamps = [once.read().stamp for _ in RECORDED]
    assert stamps == sorted(stamps) and stamps[0] > 1e9
    with pytest.raises(DeviceError, match="ended"):
        once.read()
    always.open()
    depths = [always.read().depth for _ in range(len(RECORDED) + 1)]
    assert depths[0] is not None and depths[-1] is not None
    assert np.array_equal(depths[0], depths[-1], equal_nan=True)
    always.close()
    with pytest.raises(DeviceError):
        always.read()


def test_folder_without_frames_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no frame"):
        RecordedCamera(tmp_path).open()


@pytest.mark.parametrize(("period", "limit"), [(1 / 30, 2.0), (1.0, 3.0), (2 / 3, 2.0)])
def test_stall_is_two_seconds_or_three_periods(period: float, limit: float) -> None:
    assert stall_limit(period) == pytest.approx(limit)


def test_gray_is_three_equal_channels(folder: Folder) -> None:
    folder.write(folder.color, folder.red[..., 2])
    color = load_frame(folder.color, folder.depth, folder.camera).color
    assert color is not None
    assert color.shape == (6, 8, 3)
    assert (color == 200).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.uint32, np.int64])
@pytest.mark.parametrize("axes", [2, 3])
def test_whole_numbers_are_depth_in_units(folder: Folder, tmp_path: Path, dtype: Any, axes: int) -> None:
    path = tmp_path / "depth.npy"
    np.save(path, folder.raw.astype(dtype).reshape((6, 8, 1)[:axes]))
    depth = load_frame(folder.color, path, folder.camera).depth
    assert depth is not None
    assert np.isnan(depth[0, 0]) and depth[3, 3] == np.float32(0.7)
    with pytest.raises(BadInput, match="depth_unit_m"):
        load_frame(folder.color, path)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("axes", [2, 3])
def test_floats_are_depth_in_metres(folder: Folder, tmp_path: Path, dtype: Any, axes: int) -> None:
    path = tmp_path / "depth.npy"
    np.save(path, (folder.raw / 1000).astype(dtype).reshape((6, 8, 1)[:axes]))
    depth = load_frame(folder.color, path).depth
    assert depth is not None
    assert np.isnan(depth[0, 0]) and depth[3, 3] == pytest.approx(0.7, abs=1e-3)


@pytest.mark.parametrize(("shape", "dtype"), [((6, 8, 2), np.uint16), ((6, 8), np.uint8), ((6, 8), np.bool_)])
def test_other_arrays_are_no_depth(folder: Folder, tmp_path: Path, shape: tuple[int, ...], dtype: Any) -> None:
    path = tmp_path / "depth.npy"
    np.save(path, np.ones(shape, dtype))
    with pytest.raises(BadInput, match="one channel"):
        load_frame(folder.color, path, folder.camera)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"distortion": [0.1, -0.2, 0, 0, 0]}, r"distortion is \[0.1, -0.2, 0, 0, 0\].*rectify"),
        ({"coeffs": [0.0, 1e-9]}, "coeffs.*rectify"),
        ({"D": 0.3}, "D is 0.3.*rectify"),
        ({"depth_scale": 0.001}, "unknown keys 'depth_scale'; allowed are width, height"),
        ({"K": [1], "invalid": 3}, "unknown keys 'K', 'invalid'"),
    ],
)
def test_no_key_of_the_camera_file_is_skipped(folder: Folder, more: dict[str, Any], words: str) -> None:
    folder.describe(**more)
    with pytest.raises(BadInput, match=words):
        load_frame(folder.color, folder.depth, folder.camera)


def test_remarks_and_no_distortion_are_allowed(folder: Folder) -> None:
    folder.describe(note="mine", origin="here", licence="MIT", distortion=[0, 0.0, 0], invalid_depth=0)
    assert load_frame(folder.color, folder.depth, folder.camera).intrinsics is not None


@pytest.mark.parametrize("focal", [(0.7195, 1.279), (1.93, 1.93), (9.0, 0.7)])
def test_focal_lengths_that_are_no_pixels_are_told(folder: Folder, focal: tuple[float, float]) -> None:
    wide = np.zeros((386, 516, 3), np.uint8)
    folder.write(folder.color, wide)
    folder.describe(fx=focal[0], fy=focal[1], width=516, height=386)
    with pytest.raises(BadInput, match=rf"fx {focal[0]:g} and fy {focal[1]:g} px.*in pixels"):
        load_frame(folder.color, None, folder.camera)


@pytest.mark.parametrize("unit", [0.0001, 1.0, 0.01])
def test_a_wrong_depth_unit_is_told(folder: Folder, unit: float) -> None:
    folder.describe(depth_unit_m=unit)
    with pytest.raises(BadInput, match="check depth_unit_m"):
        load_frame(folder.color, folder.depth, folder.camera).check()
