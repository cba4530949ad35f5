"""The doctor at a camera: what librealsense's own software device says of itself, and what frames are worth."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.doctor_cell import names
from support.software_camera import H, W, streaming

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.devices.doctor.camera import examine_frames, examine_plug
from gpnet_ros.devices.realsense import RealSenseSettings
from gpnet_ros.errors import DeviceError
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import invert

rs = pytest.importorskip("pyrealsense2")

SETTINGS = RealSenseSettings()
CAMERA = Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5)


class Bus:
    """A USB bus with these software devices in it."""

    def __init__(self, *serials: str, **info: str) -> None:
        self._devices = [self._device(serial, info) for serial in serials]

    @staticmethod
    def _device(serial: str, info: dict[str, str]) -> Any:
        told = {"name": "Intel RealSense D435", "firmware_version": "5.16.0.1", "usb_type_descriptor": "3.2",
                "recommended_firmware_version": "5.16.0.1", **info, "serial_number": serial}  # fmt: skip
        device = rs.software_device()
        for name, value in told.items():
            device.register_info(getattr(rs.camera_info, name), value)
        return device

    def query_devices(self) -> list[Any]:
        return self._devices


@pytest.mark.parametrize(
    ("bus", "serial", "found"),
    [
        (Bus("111"), "", []),
        (Bus("111", "222"), "222", []),
        (Bus(), "", ["camera_absent"]),
        (Bus("111"), "222", ["camera_serial"]),
        (Bus(), "222", ["camera_absent"]),
        (Bus("111", "222"), "", ["camera_several"]),
        (Bus("111", usb_type_descriptor="2.1"), "", ["camera_usb2"]),
        (Bus("111", usb_type_descriptor="2.0"), "111", ["camera_usb2"]),
        (Bus("111", firmware_version="5.13.0.50"), "", ["camera_firmware"]),
        (Bus("111", firmware_version="5.9.2", usb_type_descriptor="2.1"), "", ["camera_usb2", "camera_firmware"]),
    ],
)
def test_what_is_plugged_in_is_told(bus: Bus, serial: str, found: list[str]) -> None:
    told, _ = examine_plug(RealSenseSettings(serial=serial), bus)
    assert names(told) == found


def test_the_camera_that_is_wanted_is_chosen() -> None:
    _, plugged = examine_plug(RealSenseSettings(serial="222"), Bus("111", "222"))
    assert plugged is not None and plugged.serial == "222"
    told, plugged = examine_plug(RealSenseSettings(serial="3"), Bus("111", "222"))
    assert plugged is None and "111, 222" in told[0].remedy


def test_without_the_library_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    assert names(examine_plug(SETTINGS)[0]) == ["camera_library"]


# --- frames -------------------------------------------------------------------------------------------------
class Shown:
    """A camera that shows these frames again and again, or fails."""

    def __init__(self, frames: Iterable[Frame], late: float = 0.0, starts: bool = True, own: bool = False) -> None:
        self._frames, self._late, self._starts, self.has_own_clock = list(frames), late, starts, own
        self.is_open = False

    def open(self) -> None:
        if not self._starts:
            raise DeviceError("RealSense camera (any) cannot be started (failed to set power state): it is busy.")
        self.is_open = True

    def read(self, timeout: float | None = None) -> Frame:
        if not self._frames:
            raise DeviceError("The camera delivered no new pair of colour and depth in time.")
        return replace(self._frames[0], stamp=time.time() - self._late)

    def close(self) -> None:
        self.is_open = False


def frame(depth: float = 0.8, holes: float = 0.05, level: int = 120) -> Frame:
    rng = np.random.default_rng(1)
    values = np.full((48, 64), depth, np.float32)
    values[rng.random(values.shape) < holes] = np.nan
    return Frame(np.full((48, 64, 3), level, np.uint8), values, CAMERA)


@pytest.mark.parametrize(
    ("camera", "found"),
    [
        (Shown([frame()]), []),
        (Shown([frame(holes=0.35)]), []),
        (Shown([], starts=False), ["camera_profile"]),
        (Shown([]), ["camera_stalled"]),
        (Shown([frame(holes=0.75)]), ["camera_holes"]),
        (Shown([frame(holes=1.0)]), ["camera_holes"]),
        (Shown([frame(holes=0.5)]), ["camera_sparse"]),
        (Shown([frame(depth=800.0)]), ["camera_range"]),
        (Shown([frame(depth=0.05)]), ["camera_range"]),
        (Shown([replace(frame(), depth=None)]), ["camera_depth"]),
        (Shown([replace(frame(), color=None)]), ["camera_depth"]),
        (Shown([frame(level=2)]), ["camera_light"]),
        (Shown([frame(level=255)]), ["camera_light"]),
        (Shown([frame()], late=30.0), ["clock_camera"]),
        (Shown([frame()], late=-5.0), ["clock_camera"]),
        (Shown([frame()], own=True), ["clock_own"]),
    ],
)
def test_what_frames_are_worth_is_told(camera: Shown, found: list[str]) -> None:
    assert names(examine_frames(camera, (64, 48), None)) == found
    assert not camera.is_open


def raw_depth(holes: float, units: int = 1600) -> np.ndarray:
    """Depth (H, W) of 0.8 m in units of the software device, with a share of it missing."""
    raw = np.full((H, W), units, np.uint16)
    raw[np.random.default_rng(1).random((H, W)) < holes] = 0
    return raw


@pytest.mark.parametrize(
    ("device", "found"),
    [
        ({"raw": raw_depth(0.1), "level": 100}, []),
        ({"raw": raw_depth(0.9), "level": 100}, ["camera_holes"]),
        ({"raw": raw_depth(0.1, 60000), "level": 100}, ["camera_range"]),
        ({"raw": raw_depth(0.1), "level": 1}, ["camera_light"]),
        ({"raw": raw_depth(0.1), "level": 100, "late": 20.0}, ["clock_camera"]),
        ({"raw": raw_depth(0.1), "level": 100, "domain": rs.timestamp_domain.hardware_clock}, ["clock_own"]),
        ({"raw": raw_depth(0.1), "level": 100, "color_format": rs.format.rgba8}, ["camera_stalled"]),
    ],
)
def test_what_comes_through_the_genuine_library_is_told(device: dict[str, Any], found: list[str]) -> None:
    with streaming(**device) as (camera, _):
        assert names(examine_frames(camera, (W, H), None)) == found


def test_another_size_is_told_and_stamps_of_a_recording_are_not_judged() -> None:
    assert names(examine_frames(Shown([frame()]), (640, 480), None)) == ["camera_size"]
    assert names(examine_frames(Shown([frame()], late=1e6), None, None, live=False)) == []


def test_a_camera_that_cannot_be_where_the_hand_eye_says_is_told() -> None:
    cell, T = load_cell(), load_hand_eye().T_base_camera()
    shown = Shown([frame(depth=0.85)])
    assert names(examine_frames(shown, None, (T, cell.workspace, None))) == []
    assert names(examine_frames(shown, None, (invert(T), cell.workspace, None))) == ["camera_place"]
