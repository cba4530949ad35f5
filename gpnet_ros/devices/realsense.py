"""An Intel RealSense (D435) through pyrealsense2: live by serial number, or from its recording.

Depth is aligned to the colour stream by the library, in metres by the device's own scale. `read`
throws away what has queued up and waits for the next exposure, so that it never returns a stale one.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gpnet_ros.devices.camera import stall_limit
from gpnet_ros.errors import DeviceError
from gpnet_ros.frame import CAMERA_FRAME, Frame, Intrinsics, depth_from_raw
from gpnet_ros.lens import Lens, straight_frame
from gpnet_ros.settings import setting, validate

#: Exposure and white balance settle in about half a second after the start.
WARM_UP_FRAMES = 15
#: One wait for frames [ms]; short, so that the time limit of `read` is kept.
_WAIT_MS = 100
#: Distortion models of the SDK, and as OpenCV and ROS call them.
_MODELS = {
    "brown_conrady": "plumb_bob",
    "inverse_brown_conrady": "plumb_bob",
    "modified_brown_conrady": "plumb_bob",
    "kannala_brandt4": "equidistant",
}


@dataclass(frozen=True)
class RealSenseSettings:
    """The camera or recording to open, and its streams."""

    serial: str = setting("", "Serial number; empty for the only camera there is.")
    bag: str = setting("", "A recording (.bag, .db3) to play instead of a live camera.")
    width: int = setting(640, "Of both streams.", unit="px", low=160, high=1920)
    height: int = setting(480, "Of both streams.", unit="px", low=120, high=1080)
    fps: int = setting(30, "Frames per second.", unit="Hz", low=1, high=90)
    frame_id: str = setting(CAMERA_FRAME, "Name of the colour optical frame.")

    def __post_init__(self) -> None:
        validate(self)


class FramesetSource(Protocol):
    """A source of framesets: a pipeline, or a software device with a syncer."""

    def start(self) -> float:
        """Begin; returns the depth scale [m per unit]."""

    def wait(self, milliseconds: int) -> Any | None:
        """The next frameset, or None."""

    def poll(self) -> Any | None:
        """A frameset that is there already, or None."""

    def stop(self) -> None:
        """Stop the streams."""


class PipelineSource:
    """A live camera or a recording, through `rs.pipeline`."""

    def __init__(self, settings: RealSenseSettings) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._pipeline: Any = None
        self.serial = settings.serial

    def start(self) -> float:
        """Open the device and start both streams; the depth scale [m per unit].

        Raises:
            DeviceError: no such camera or file, or the streams are not offered.
        """
        import pyrealsense2 as rs

        settings = self._settings
        config, self._pipeline = rs.config(), rs.pipeline()
        if settings.bag:
            config.enable_device_from_file(settings.bag, repeat_playback=False)
        else:
            if settings.serial:
                config.enable_device(settings.serial)
            size = (settings.width, settings.height)
            config.enable_stream(rs.stream.color, *size, rs.format.rgb8, settings.fps)
            config.enable_stream(rs.stream.depth, *size, rs.format.z16, settings.fps)
        try:
            if not config.can_resolve(rs.pipeline_wrapper(self._pipeline)):  # start would wait 15 s first
                raise RuntimeError("no such device, or it lacks these streams")
            profile = self._pipeline.start(config)
            device = profile.get_device()
            scale = float(device.first_depth_sensor().get_depth_scale())
            if device.supports(rs.camera_info.serial_number):
                self.serial = device.get_info(rs.camera_info.serial_number)
            for _ in range(0 if settings.bag else WARM_UP_FRAMES):
                self._pipeline.wait_for_frames()
        except RuntimeError as error:
            raise DeviceError(f"{self._name()} cannot be started ({error}): {self._advice(rs)}") from error
        return scale

    def wait(self, milliseconds: int) -> Any | None:
        """The next frameset within the time given [ms], or None."""
        is_there, frames = self._pipeline.try_wait_for_frames(milliseconds)
        return frames if is_there else None

    def poll(self) -> Any | None:
        """A frameset in the queue; of a recording, which plays in real time, none is thrown away."""
        if self._settings.bag:
            return None
        frames = self._pipeline.poll_for_frames()
        return frames if frames and frames.size() else None

    def stop(self) -> None:
        """Stop the pipeline and release the device."""
        if self._pipeline is not None:
            with contextlib.suppress(RuntimeError):  # never started, or the device is gone
                self._pipeline.stop()
            self._pipeline = None

    def _name(self) -> str:
        if self._settings.bag:
            return f"Recording {self._settings.bag!r}"
        return f"RealSense camera {self._settings.serial or '(any)'}"

    def _advice(self, rs: Any) -> str:
        if self._settings.bag:
            return "give a recording of the RealSense viewer (.bag, .db3) with colour and depth."
        serials = [device.get_info(rs.camera_info.serial_number) for device in rs.context().query_devices()]
        return f"connected are {', '.join(serials) or 'none'}; check USB 3 cable, serial number and stream sizes."


class RealSenseCamera:
    """Implements the Camera Protocol."""

    def __init__(self, settings: RealSenseSettings, source: FramesetSource | None = None) -> None:
        """Use a pipeline, or another source of framesets."""
        self.settings = settings
        self._source: FramesetSource = source or PipelineSource(settings)
        self._scale: float | None = None
        self._align: Any = None
        self._last = -1.0  # stamp of the last frame that was returned, in the camera's clock [ms]
        self.has_own_clock = False  # whether its stamps say nothing to anybody else, and arrival stands for exposure

    @property
    def serial(self) -> str:
        """Serial number of the camera, once it was opened; empty where it tells none."""
        return str(getattr(self._source, "serial", ""))

    def open(self) -> None:
        """Start to stream colour and depth."""
        import pyrealsense2 as rs

        if self._scale is not None:
            return
        try:
            self._scale = self._source.start()
        except DeviceError:
            self._source.stop()
            raise
        self._align = rs.align(rs.stream.color)
        self._last = -1.0

    def read(self, timeout: float | None = None) -> Frame:
        """The next exposure of colour and depth, waiting at most timeout [s]."""
        if self._scale is None:
            raise DeviceError("The camera is not open: call open first.")
        limit = stall_limit(1.0 / self.settings.fps)
        end = time.monotonic() + min(limit, limit if timeout is None else timeout)
        try:
            while self._source.poll() is not None:
                pass
            while time.monotonic() < end:
                frames = self._source.wait(_WAIT_MS)
                frame = None if frames is None else self._frame(frames, self._scale)
                if frame is not None:
                    return frame
        except RuntimeError as error:
            raise DeviceError(f"The camera failed ({error}): check its cable, then open it again.") from error
        raise DeviceError(
            "The camera delivered no new pair of colour and depth in time: it has stalled or was unplugged; "
            "check its cable, then open it again."
        )

    def close(self) -> None:
        """Stop the stream; harmless when not open."""
        if self._scale is not None:
            self._scale = None
            self._source.stop()

    def _frame(self, frames: Any, scale: float) -> Frame | None:
        """Aligned colour and depth; None for half a pair or one that was returned before."""
        frameset = frames.as_frameset()
        if not (frameset and frameset.get_color_frame() and frameset.get_depth_frame()):
            return None
        aligned = self._align.process(frameset)
        color, depth = aligned.get_color_frame(), aligned.get_depth_frame()
        if not color or not depth or color.get_timestamp() <= self._last:
            return None
        self._last = color.get_timestamp()
        return straight_frame(
            _rgb(color),
            depth_from_raw(np.asanyarray(depth.get_data()), scale),
            lens_of_stream(color.profile.as_video_stream_profile().get_intrinsics()),
            self._stamp(color),
            self.settings.frame_id,
        )

    def _stamp(self, color: Any) -> float:
        """Time of exposure on the host's clock [s]; of a recording, the recorded one."""
        import pyrealsense2 as rs

        if self.settings.bag or color.get_frame_timestamp_domain() != rs.timestamp_domain.hardware_clock:
            return float(color.get_timestamp()) / 1000.0
        self.has_own_clock = True
        # A clock that counts from the camera's power-up says nothing to anybody else.
        arrival = rs.frame_metadata_value.time_of_arrival
        if color.supports_frame_metadata(arrival):
            return float(color.get_frame_metadata(arrival)) / 1000.0
        return time.time()


def _rgb(color: Any) -> np.ndarray:
    import pyrealsense2 as rs

    pixels, form = np.asanyarray(color.get_data()), color.profile.format()
    if form == rs.format.rgb8:
        return pixels
    if form == rs.format.bgr8:
        return np.ascontiguousarray(pixels[..., ::-1])
    raise DeviceError(f"Colour comes as {form}; allowed are rgb8 and bgr8: record or configure one of them.")


def lens_of_stream(model: Any) -> Lens:
    """Camera model of a stream's intrinsics, with its distortion.

    Of the SDK's Brown-Conrady, inverse Brown-Conrady and modified Brown-Conrady all bend a point's pixel as OpenCV's
    plumb_bob does, to 0.02 px (a test asks the SDK); depth is aligned to colour by that.

    Raises:
        DeviceError: a distortion that is not known here.
    """
    camera = Intrinsics(model.width, model.height, model.fx, model.fy, model.ppx, model.ppy)
    name = str(model.model).rsplit(".", 1)[-1]
    if name == "none" or not any(model.coeffs):
        return Lens(camera)
    if name not in _MODELS:
        raise DeviceError(
            f"The camera's colour carries a lens distortion {list(model.coeffs)} of model {name!r}, allowed are "
            f"{', '.join(_MODELS)}; use realsense2_camera with image_proc and remap to its rectified topics."
        )
    count = 4 if _MODELS[name] == "equidistant" else 5
    return Lens(camera, _MODELS[name], tuple(float(c) for c in model.coeffs[:count]))
