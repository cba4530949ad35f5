"""Examine the camera: which one is plugged in and how, and what its frames are worth. Any `Camera` can be looked at."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.computer import short, version_of
from gpnet_ros.devices.camera import Camera
from gpnet_ros.devices.realsense import RealSenseSettings
from gpnet_ros.errors import DeviceError, FrameRefused, HandEyeRefused
from gpnet_ros.finding import Finding, Trouble, well
from gpnet_ros.frame import MEDIAN_DEPTH_RANGE, VALID_SHARE_MIN, Frame
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.pose import Transform
from gpnet_ros.settings import Workspace

CAMERA_LIBRARY = Trouble(
    "camera", "camera_library", "fault", "pyrealsense2 cannot be imported",
    "Install it for Python 3.11 or 3.12 (pip install pyrealsense2), and libusb-1.0-0 by apt.",
)  # fmt: skip
CAMERA_ABSENT = Trouble(
    "camera", "camera_absent", "fault", "no RealSense camera is plugged in, or nobody may open it",
    "Plug it into a USB 3 port with its own cable, install librealsense's udev rules, and pass /dev/bus/usb on to a "
    "container.",
)  # fmt: skip
CAMERA_SERIAL = Trouble(
    "camera", "camera_serial", "fault", "the camera of this serial number is not there, others are",
    "Set `serial` to one of {serials}, or plug in the camera for which the hand-eye was measured.",
)  # fmt: skip
CAMERA_SEVERAL = Trouble(
    "camera", "camera_several", "warning", "several cameras are plugged in, and none is named",
    "Set `serial` to that of the camera whose hand-eye is on file: {serials}.",
)  # fmt: skip
CAMERA_USB2 = Trouble(
    "camera", "camera_usb2", "fault", "the camera is connected by USB 2",
    "Use a USB 3 port (blue, or SS) and the cable that came with the camera; plug it in swiftly, or turned round.",
)  # fmt: skip
CAMERA_FIRMWARE = Trouble(
    "camera", "camera_firmware", "warning", "the camera's firmware is older than what its library recommends",
    "Update it: rs-fw-update -f the file of version {wanted} from Intel RealSense's firmware page.",
)  # fmt: skip
CAMERA_PROFILE = Trouble(
    "camera", "camera_profile", "fault", "the camera does not start with these streams, or another process has it",
    "End the process that uses it (camera_node, realsense-viewer), or set width, height and fps to what rs-enumerate-"
    "devices lists for colour and depth alike.",
)  # fmt: skip
CAMERA_STALLED = Trouble(
    "camera", "camera_stalled", "fault", "the camera starts, and sends no pairs of colour and depth",
    "Unplug it and plug it in again, without a hub; a longer cable than 2 m must be an active one.",
)  # fmt: skip
CAMERA_HOLES = Trouble(
    "camera", "camera_holes", "fault", "less than 30 % of the depth is known: every frame is refused",
    "Clean the lenses, see that the emitter is on and nothing is nearer than 0.3 m, and keep sunlight off the table.",
)  # fmt: skip
CAMERA_SPARSE = Trouble(
    "camera", "camera_sparse", "warning", "less than 60 % of the depth is known",
    "Bring the camera to 0.4 to 1 m above the table, more light without glare, and see that the emitter is on.",
)  # fmt: skip
CAMERA_RANGE = Trouble(
    "camera", "camera_range", "fault", "the median depth is none that a camera over a table measures",
    "See that the camera looks at the table, and that depth is in metres (depth_unit_m of files and bags).",
)  # fmt: skip
CAMERA_DEPTH = Trouble(
    "camera", "camera_depth", "fault", "frames come without colour, depth or camera model",
    "Start both streams, with depth aligned to colour (realsense2_camera: align_depth.enable:=true).",
)  # fmt: skip
CAMERA_LIGHT = Trouble(
    "camera", "camera_light", "warning", "the picture is almost black, or almost white",
    "Take the cap off, switch the light on or shade it, and leave exposure to the camera (auto exposure).",
)  # fmt: skip
CAMERA_SIZE = Trouble(
    "camera", "camera_size", "warning", "frames have another size than was asked for",
    "Set width and height to one that the camera offers for colour and depth alike, such as 640 and 480.",
)  # fmt: skip
CAMERA_PLACE = Trouble(
    "camera", "camera_place", "fault", "the camera cannot be where the hand-eye file says",
    "Give the hand-eye file the pose of the colour optical frame in its parent, or measure it anew.",
)  # fmt: skip
CLOCK_CAMERA = Trouble(
    "clock", "clock_camera", "fault", "frames are stamped with a time that is not the computer's",
    "Let the camera stamp by the host (RealSense: global time enabled), and let every computer of the cell follow one "
    "time server (chrony).",
)  # fmt: skip
CLOCK_OWN = Trouble(
    "clock", "clock_own", "warning", "the camera stamps by a clock of its own, and arrival is taken for exposure",
    "Enable global time on the depth sensor (global_time_enabled), so that a moving camera is where its frame is from.",
)  # fmt: skip

#: Frames that are looked at, and how long each may take [s].
FRAMES, PATIENCE = 5, 5.0
#: Letters of a device's own words that are told.
_WORDS = 300
#: A smaller share of known depth than this is told.
SPARSE = 0.6
#: Medians of colour outside of these are no picture, 0 to 255.
DARK, BRIGHT = 12.0, 247.0
#: A frame is at most so old when it is read, and comes at most so long before its exposure [s].
OLD, EARLY = 1.5, 0.1


@dataclass(frozen=True)
class PluggedCamera:
    """A camera as its USB descriptor and firmware tell; empty where they do not."""

    name: str
    serial: str
    firmware: str
    recommended: str
    usb: str


def plugged_cameras(context: Any = None) -> list[PluggedCamera]:
    """The RealSense cameras that this machine sees; context: of pyrealsense2, None for a new one.

    Raises:
        ImportError: pyrealsense2 is not there.
    """
    import pyrealsense2 as rs

    kinds = (rs.camera_info.name, rs.camera_info.serial_number, rs.camera_info.firmware_version,
             rs.camera_info.recommended_firmware_version, rs.camera_info.usb_type_descriptor)  # fmt: skip
    devices = (rs.context() if context is None else context).query_devices()
    return [PluggedCamera(*(d.get_info(kind) if d.supports(kind) else "" for kind in kinds)) for d in devices]


def examine_plug(settings: RealSenseSettings, context: Any = None) -> tuple[list[Finding], PluggedCamera | None]:
    """Which camera is plugged in and how; None where the one that is wanted is not there."""
    try:
        cameras = plugged_cameras(context)
    except ImportError as error:
        return [CAMERA_LIBRARY.found(f"pyrealsense2 cannot be imported ({short(str(error))}).")], None
    except RuntimeError as error:
        return [CAMERA_ABSENT.found(f"The USB bus cannot be looked at ({short(str(error))}).")], None
    serials = ", ".join(camera.serial for camera in cameras)
    if not cameras:
        return [CAMERA_ABSENT.found("No RealSense camera is plugged in.")], None
    chosen = next((camera for camera in cameras if camera.serial == settings.serial), None)
    if settings.serial and chosen is None:
        says = f"Camera {settings.serial} is not plugged in; there are {serials}."
        return [CAMERA_SERIAL.found(says, serials=serials)], None
    found = []
    if chosen is None and len(cameras) > 1:
        says = f"{len(cameras)} cameras are plugged in ({serials}), and none is named."
        found.append(CAMERA_SEVERAL.found(says, serials=serials))
    camera = chosen or cameras[0]
    told = f"{camera.name or 'Camera'} {camera.serial}"
    if camera.usb and version_of(camera.usb) < (3,):
        found.append(CAMERA_USB2.found(f"{told} is connected by USB {camera.usb}."))
    if camera.firmware and camera.recommended and version_of(camera.firmware) < version_of(camera.recommended):
        says = f"{told} has firmware {camera.firmware}; its library recommends {camera.recommended}."
        found.append(CAMERA_FIRMWARE.found(says, wanted=camera.recommended))
    return found, camera


@dataclass(frozen=True)
class StreamTroubles:
    """What is wrong with a camera that does not start, that sends nothing, and whose frames cannot be used."""

    closed: Trouble = CAMERA_PROFILE
    silent: Trouble = CAMERA_STALLED
    unusable: Trouble = CAMERA_DEPTH


def examine_frames(
    camera: Camera, size: tuple[int, int] | None, place: tuple[Transform, Workspace, Transform | None] | None,
    told: str = "The camera", live: bool = True, troubles: StreamTroubles = StreamTroubles(),
) -> list[Finding]:  # fmt: skip
    """Open a camera, read some frames, close it, and judge what came.

    Args:
        camera: any.
        size: width and height that were asked for [px]; None for any.
        place: T_parent_camera of the hand-eye, the workspace, and T_base_flange for a camera on the flange.
        told: what to call it.
        live: whether stamps are of this computer's time; those of a recording or of a simulation are not.
        troubles: of its kind of stream.
    """
    frames, ages = [], []
    try:
        camera.open()
    except DeviceError as error:
        return [troubles.closed.found(f"{told} does not start: {short(str(error), _WORDS)}.")]
    try:
        for _ in range(FRAMES):
            frames.append(camera.read(PATIENCE))
            ages.append(time.time() - frames[-1].stamp)
    except DeviceError as error:
        if not frames:
            return [troubles.silent.found(f"{told} sends nothing: {short(str(error), _WORDS)}.")]
    except FrameRefused as error:
        return [troubles.unusable.found(f"{told} sends frames that cannot be used: {short(str(error), _WORDS)}.")]
    finally:
        camera.close()
    found = judge_frames(frames, size, place, told)
    return [*found, *(judge_stamps(ages, bool(getattr(camera, "has_own_clock", False))) if live else [])]


def judge_frames(
    frames: list[Frame], size: tuple[int, int] | None, place: tuple[Transform, Workspace, Transform | None] | None,
    told: str,
) -> list[Finding]:  # fmt: skip
    """What frames are worth; see `examine_frames`."""
    found = [*_depth(frames, told), *_picture(frames, size, told), *_place(frames[-1], place)]
    shape = f"{frames[0].shape[1]}x{frames[0].shape[0]}"
    return found or [well("camera", f"{told}: {shape}, {_share(frames):.0%} of the aligned depth is known.")]


def _share(frames: list[Frame]) -> float:
    return float(np.median([np.isfinite(frame.depth).mean() for frame in frames if frame.depth is not None]))


def _depth(frames: list[Frame], told: str) -> list[Finding]:
    if any(frame.depth is None or frame.color is None or frame.intrinsics is None for frame in frames):
        return [CAMERA_DEPTH.found(f"{told} sends frames without colour, depth or camera model.")]
    share = _share(frames)
    says = f"{told}: {share:.0%} of the depth is known (median of {len(frames)} frames)."
    if share < VALID_SHARE_MIN:
        return [CAMERA_HOLES.found(says)]
    known = [frame.depth[np.isfinite(frame.depth)] for frame in frames if frame.depth is not None]
    median = float(np.median(np.concatenate(known)))
    if not MEDIAN_DEPTH_RANGE[0] <= median <= MEDIAN_DEPTH_RANGE[1]:
        return [CAMERA_RANGE.found(f"{told}: the median depth is {median:.3g} m.")]
    return [CAMERA_SPARSE.found(says)] if share < SPARSE else []


def _picture(frames: list[Frame], size: tuple[int, int] | None, told: str) -> list[Finding]:
    found = []
    colors: list[NDArray[np.uint8]] = [frame.color for frame in frames if frame.color is not None]
    level = float(np.median(colors[-1])) if colors else DARK
    if not DARK <= level <= BRIGHT:
        found.append(CAMERA_LIGHT.found(f"{told}: the median of its picture is {level:.0f} of 255."))
    height, width = frames[0].shape
    if size is not None and (width, height) != size:
        says = f"{told} sends {width}x{height}, asked for were {size[0]}x{size[1]}."
        found.append(CAMERA_SIZE.found(says))
    return found


def _place(frame: Frame, place: tuple[Transform, Workspace, Transform | None] | None) -> list[Finding]:
    if place is None or frame.intrinsics is None:
        return []
    T_parent_camera, workspace, T_base_flange = place
    try:
        check_hand_eye(frame.intrinsics, frame.depth, T_parent_camera, workspace, T_base_flange, by_surface=False)
    except HandEyeRefused as error:
        return [CAMERA_PLACE.found(str(error))]
    except FrameRefused:
        return []
    return []


def judge_stamps(ages: list[float], own: bool = False) -> list[Finding]:
    """Whether frames are stamped by this computer's time.

    Args:
        ages: of frames when they were read [s]; the smallest counts, as one may come late.
        own: whether the camera's own clock stamps them.
    """
    age = min(ages, key=abs)
    if not -EARLY <= age <= OLD:
        says = f"Frames are stamped {age:+.3f} s before they are read by the computer's clock."
        return [CLOCK_CAMERA.found(says)]
    if own:
        return [CLOCK_OWN.found("The camera stamps by its own clock; their arrival stands for the time of exposure.")]
    return [well("clock", f"Frames are stamped {age * 1000:.0f} ms before they are read.")]
