"""The RealSense camera, with the genuine library fed by its own software device instead of a D435."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.software_camera import BASELINE, FX, PERIOD, UNIT, Feeder, H, SoftwareSource, W, model, streaming

from gpnet_ros.devices import realsense
from gpnet_ros.devices.realsense import RealSenseCamera, RealSenseSettings
from gpnet_ros.errors import DeviceError

rs = pytest.importorskip("pyrealsense2")


def test_frame_has_metres_model_stamp_and_name() -> None:
    with streaming() as (camera, _):
        before = time.time()
        frame = camera.read()
        assert frame.depth is not None and frame.color is not None and frame.intrinsics is not None
        middle = frame.depth[H // 2, W // 2]
        assert middle == pytest.approx(2000 * UNIT, abs=1e-6)  # 1 m by the device's unit, not 2 m
        assert (frame.intrinsics.fx, frame.intrinsics.cx, frame.intrinsics.width) == (FX, 31.5, W)
        assert before - 1.0 < frame.stamp <= time.time() and frame.frame_id == "here"


def test_depth_is_aligned_to_colour() -> None:
    raw = np.full((H, W), 2000, np.uint16)
    raw[:, 40:] = 1200  # an edge at 0.6 m
    with streaming(raw) as (camera, _):
        depth = camera.read().depth
        assert depth is not None
        near = np.flatnonzero(np.abs(depth[H // 2] - 0.6) < 1e-3)
        shift = round(FX * BASELINE / 0.6)
        assert near[0] == pytest.approx(40 + shift, abs=1) and shift >= 1


def test_no_reading_is_nan_and_only_that() -> None:
    raw = np.full((H, W), 2000, np.uint16)
    raw[10:20] = 0
    with streaming(raw) as (camera, _):
        depth = camera.read().depth
        assert depth is not None
        assert np.isnan(depth[12:18]).all() and np.isfinite(depth[25:, 5:]).all()


def test_every_read_is_a_newer_frame_than_what_queued_up() -> None:
    with streaming() as (camera, feeder):
        camera.read()
        asked = feeder.count
        deadline = time.monotonic() + 5
        while feeder.count < asked + 8 and time.monotonic() < deadline:
            time.sleep(0.01)  # frames pile up meanwhile
        queued = feeder.count
        frame = camera.read()
        assert frame.color is not None
        assert frame.color[0, 0, 0] >= queued - 1
        later = camera.read()
        assert later.color is not None and later.color[0, 0, 0] > frame.color[0, 0, 0]
        assert later.stamp > frame.stamp


def test_stalled_camera_is_an_error_and_never_an_old_frame() -> None:
    with streaming() as (camera, feeder):
        camera.read()
        feeder.stop()
        while camera._source.wait(100) is not None:
            pass  # what was still under way when the exposures ended
        with pytest.raises(DeviceError, match="stalled or was unplugged"):
            camera.read(timeout=0.5)
        feeder = Feeder(feeder.source, feeder.raw)
        assert camera.read().depth is not None  # it comes back by itself
        feeder.stop()


class Repeating(SoftwareSource):
    """Delivers its first frameset again and again, as a driver with a stuck buffer does."""

    kept: Any = None

    def wait(self, milliseconds: int) -> Any | None:
        frames = super().wait(milliseconds)
        if self.kept is None and frames is not None and frames.as_frameset().size() == 2:
            self.kept = frames
        return self.kept or frames


def test_repeated_exposure_is_not_returned_again() -> None:
    source = Repeating()
    camera = RealSenseCamera(RealSenseSettings(), source)
    camera.open()
    feeder = Feeder(source, np.full((H, W), 2000, np.uint16))
    try:
        assert camera.read().depth is not None
        with pytest.raises(DeviceError, match="no new pair"):
            camera.read(timeout=0.4)
    finally:
        feeder.stop()
        camera.close()


def test_blue_first_colour_is_turned_round() -> None:
    with streaming(color_format=rs.format.bgr8) as (camera, _):
        color = camera.read().color
        assert color is not None
        assert color[0, 0, 2] > 0 and color[0, 0, 0] == 0  # the feeder counts in the first channel: blue


def test_colour_of_another_format_is_refused() -> None:
    with streaming(color_format=rs.format.rgba8) as (camera, _), pytest.raises(DeviceError, match="rgba8"):
        camera.read()


def record(path: Path, frames: int) -> None:
    """Record a software device as the RealSense viewer records a camera."""
    source, queue = SoftwareSource(), rs.frame_queue(100)
    recorder = rs.recorder(str(path), source._device)
    sensors = list(recorder.query_sensors())
    for sensor in sensors:
        sensor.open(sensor.get_stream_profiles()[0])
        sensor.start(queue)
    for number in range(frames):
        color = np.full((H, W, 3), 10 * number, np.uint8)
        source.feed(np.full((H, W), 2000, np.uint16), color, 1e6 + 33.0 * number)
        for _ in sensors:
            queue.wait_for_frame(2000)
        time.sleep(PERIOD)  # it is played as fast as it was recorded
    for sensor in sensors:
        sensor.stop()
        sensor.close()


def test_recording_plays_through_the_pipeline_with_its_own_stamps(tmp_path: Path) -> None:
    record(tmp_path / "cell.db3", 20)
    camera = RealSenseCamera(RealSenseSettings(bag=str(tmp_path / "cell.db3")))
    camera.open()
    shown: list[int] = []
    with pytest.raises(DeviceError, match="no new pair"):
        show(camera, shown)
    camera.close()
    assert len(shown) >= 3 and shown == sorted(set(shown))


def show(camera: RealSenseCamera, shown: list[int]) -> None:
    """Read to the end."""
    while True:
        frame = camera.read(timeout=1.0)
        assert frame.depth is not None and frame.color is not None
        assert np.nanmedian(frame.depth) == pytest.approx(2000 * UNIT)
        number = int(frame.color[0, 0, 0]) // 10
        assert frame.stamp == pytest.approx(1000.0 + 0.033 * number)  # the recorded time, not now
        shown.append(number)


def test_closed_camera_does_not_read() -> None:
    camera = RealSenseCamera(RealSenseSettings(), SoftwareSource())
    with pytest.raises(DeviceError, match="open"):
        camera.read()
    camera.close()


def test_absent_camera_and_missing_recording_are_told(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="923322071234"):
        RealSenseCamera(RealSenseSettings(serial="923322071234")).open()
    with pytest.raises(DeviceError, match=r"nowhere\.bag"):
        RealSenseCamera(RealSenseSettings(bag=str(tmp_path / "nowhere.bag"))).open()


#: Of a D405's colour, as the SDK tells it; and of a fisheye.
D405, FISHEYE = [-0.0555, 0.0659, 5.7e-05, 0.00144, -0.0213], [0.1, -0.02, 0.003, -0.001, 0.0]


@pytest.mark.parametrize(
    ("name", "coefficients"),
    [
        ("brown_conrady", D405),
        ("inverse_brown_conrady", D405),
        ("modified_brown_conrady", D405),
        ("kannala_brandt4", FISHEYE),
        ("none", D405),
    ],
)
def test_a_lens_bends_a_point_as_the_sdk_does(name: str, coefficients: list[float]) -> None:
    camera = model()
    camera.model, camera.coeffs = getattr(rs.distortion, name), coefficients
    camera.fx = camera.fy = 45.0  # a view as wide as a D405's
    lens = realsense.lens_of_stream(camera)
    for point in ([0.3, 0.2, 0.5], [-0.25, 0.1, 0.45], [0.05, -0.2, 0.4], [0.0, 0.0, 1.0]):
        theirs = rs.rs2_project_point_to_pixel(camera, point)
        np.testing.assert_allclose(lens.project([point])[0], theirs, atol=0.02)


def test_an_unknown_lens_is_refused_not_dropped_and_one_that_does_not_bend_is_straight() -> None:
    camera = model()
    assert realsense.lens_of_stream(camera).is_straight
    camera.model = rs.distortion.ftheta
    assert realsense.lens_of_stream(camera).camera.width == W
    camera.coeffs = [0.0, 0.01, 0.0, 0.0, 0.0]
    with pytest.raises(DeviceError, match="ftheta"):
        realsense.lens_of_stream(camera)


def test_a_bent_picture_comes_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = model()
    monkeypatch.setattr("support.software_camera.model", lambda: camera)
    camera.model, camera.coeffs = rs.distortion.inverse_brown_conrady, [-0.3, 0.0, 0.0, 0.0, 0.0]
    raw = np.full((H, W), 2000, np.uint16)
    raw[:, :8] = 1500  # a straight line in the picture that was taken
    with streaming(raw) as (device, _):
        frame = device.read(timeout=5.0)
    assert frame.depth is not None and frame.intrinsics is not None and frame.intrinsics.fx == FX
    edge = [int(np.argmax(np.nan_to_num(row, nan=0.0) > 0.9)) for row in frame.depth[2:-2]]
    assert len(set(edge)) > 1  # is none any more
