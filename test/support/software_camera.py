"""A RealSense without hardware: librealsense's own software device with two streams, exposed in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from gpnet_ros.devices.realsense import RealSenseCamera, RealSenseSettings

rs = pytest.importorskip("pyrealsense2")

W, H, FX, PERIOD = 64, 48, 60.0, 1 / 30
UNIT = 0.0005  # not the usual millimetre, so that an assumed one is noticed
BASELINE = 0.015  # depth to colour along x [m]


def model() -> Any:
    camera = rs.intrinsics()
    camera.width, camera.height, camera.fx, camera.fy = W, H, FX, FX
    camera.ppx, camera.ppy, camera.model, camera.coeffs = 31.5, 23.5, rs.distortion.brown_conrady, [0] * 5
    return camera


class SoftwareSource:
    """A software device with two streams and a syncer, in place of the pipeline."""

    def __init__(self, color_format: Any = None, domain: Any = None) -> None:
        self.domain = domain or rs.timestamp_domain.system_time
        self._device = rs.software_device()
        color_format = color_format or rs.format.rgb8
        self._channels = 4 if color_format == rs.format.rgba8 else 3
        self._depth = self._stream("Stereo Module", rs.stream.depth, 0, rs.format.z16, 2)
        self._color = self._stream("RGB Camera", rs.stream.color, 1, color_format, self._channels)
        self._depth[0].add_read_only_option(rs.option.depth_units, UNIT)
        shift = rs.extrinsics()
        shift.rotation, shift.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [BASELINE, 0, 0]
        self._depth[1].register_extrinsics_to(self._color[1], shift)
        self._device.create_matcher(rs.matchers.dlr_c)
        self._syncer = rs.syncer(100)
        self._number = 0

    def _stream(self, name: str, kind: Any, uid: int, form: Any, size: int) -> tuple[Any, Any, int]:
        stream = rs.video_stream()
        stream.type, stream.index, stream.uid, stream.width, stream.height = kind, 0, uid, W, H
        stream.fps, stream.bpp, stream.fmt, stream.intrinsics = 30, size, form, model()
        sensor = self._device.add_sensor(name)
        return sensor, sensor.add_video_stream(stream), size

    def start(self) -> float:
        for sensor, profile, _ in (self._depth, self._color):
            sensor.open(profile)
            sensor.start(self._syncer)
        return float(self._depth[0].as_depth_sensor().get_depth_scale())

    def wait(self, milliseconds: int) -> Any | None:
        is_there, frames = self._syncer.try_wait_for_frames(milliseconds)
        return frames if is_there else None

    def poll(self) -> Any | None:
        frames = self._syncer.poll_for_frames()
        return frames if frames and frames.as_frameset() else None

    def stop(self) -> None:
        for sensor, _, _ in (self._depth, self._color):
            sensor.stop()
            sensor.close()

    def feed(self, raw: np.ndarray, color: np.ndarray, stamp_ms: float) -> None:
        """One exposure of both streams."""
        self._number += 1
        color = np.dstack([color, color[..., 0]])[..., : self._channels]
        for (sensor, profile, size), pixels in ((self._depth, raw), (self._color, color)):
            frame = rs.software_video_frame()
            frame.pixels, frame.stride, frame.bpp = np.ascontiguousarray(pixels), W * size, size
            frame.frame_number, frame.timestamp = self._number, stamp_ms
            frame.domain, frame.profile = self.domain, profile.as_video_stream_profile()
            if size == 2:
                frame.depth_units = UNIT
            sensor.on_video_frame(frame)


class Feeder:
    """Exposes at 30 Hz in the background; the red of a frame counts up."""

    def __init__(self, source: SoftwareSource, raw: np.ndarray, late: float = 0.0, level: int = 0) -> None:
        self.source, self.raw, self.late, self.level, self.count = source, raw, late, level, 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(PERIOD):
            self.count += 1
            color = np.full((H, W, 3), self.level, np.uint8)
            color[..., 0] = self.count % 256
            self.source.feed(self.raw, color, (time.time() - self.late) * 1000)

    def stop(self) -> None:
        self._end.set()
        self._thread.join(5)


@contextmanager
def streaming(
    raw: np.ndarray | None = None, late: float = 0.0, level: int = 0, **source: Any
) -> Iterator[tuple[RealSenseCamera, Feeder]]:
    """A camera that streams this depth [units] and this gray, stamped so late [s]; source: of the software device."""
    software = SoftwareSource(**source)
    camera = RealSenseCamera(RealSenseSettings(width=640, frame_id="here"), software)
    camera.open()
    feeder = Feeder(software, np.full((H, W), 2000, np.uint16) if raw is None else raw, late, level)
    try:
        yield camera, feeder
    finally:
        feeder.stop()
        camera.close()
