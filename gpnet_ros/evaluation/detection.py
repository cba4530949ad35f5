"""The grasp in one frame of a camera, without a robot: where it is, or why there is none."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.run_folder.pictures import save_overview
from gpnet_ros.fit import Fit, fit_in_view, likeliest_first
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected, SelectSettings, candidates, outside_region
from gpnet_ros.holes import unexplained_holes
from gpnet_ros.maps import Maps
from gpnet_ros.network.detector import Detector
from gpnet_ros.pose import lift, to_xyz_quat
from gpnet_ros.settings import GripperGeometry


@dataclass(frozen=True, eq=False)
class Detection:
    """A grasp that was looked for in one frame.

    Attributes:
        frame: that was seen; maps: that the network made of it.
        grasp: the likeliest one; None if no candidate passed.
        rejected: candidates that did not pass before it.
        time_ms: of the stages grid, normalise, net and decode [ms].
    """

    frame: Frame
    maps: Maps
    grasp: Grasp | None
    rejected: list[Rejected]
    time_ms: dict[str, float]


@dataclass(frozen=True)
class PoseAnswer:
    """Pose of a grasp: position [m] and quaternion xyzw in the frame of that name."""

    position: list[float]
    quaternion: list[float]
    frame: str


@dataclass(frozen=True)
class RejectedAnswer:
    """A candidate at pixel (u, v) [px] that was rejected, with the check that did so and its figures."""

    pixel: list[float]
    reason: str
    detail: str


@dataclass(frozen=True)
class DetectionAnswer:
    """A detection in plain rounded values, as JSON has them; None where a value is not known.

    Attributes:
        status: whether there is a grasp.
        pixel: (u, v) of the centre in the colour image [px].
        angle_deg: of the opening axis, from +u towards +v, in [-90, 90).
        width_m: to which the jaws open [m].
        quality, priority, q_star: Q, P and Q* at the centre, in [0, 1].
        pose: in the camera's optical frame; its origin is the surface point under the pixel.
        rejected: candidates that did not pass before it.
    """

    status: Literal["grasp", "no_grasp"] = "no_grasp"
    pixel: list[float] | None = None
    angle_deg: float | None = None
    width_m: float | None = None
    quality: float | None = None
    priority: float | None = None
    q_star: float | None = None
    pose: PoseAnswer | None = None
    rejected: tuple[RejectedAnswer, ...] = ()


def detect(frame: Frame, detector: Detector, settings: SelectSettings) -> Detection:
    """Look for the grasp in a frame, in its region if it has one."""
    maps = detector(frame)
    started = time.perf_counter()
    grasp, rejected = choose_in_view(maps, frame, settings)
    decode = round((time.perf_counter() - started) * 1e3, 2)
    return Detection(frame, maps, grasp, rejected, {**detector.time_ms, "decode": decode})


def choose_in_view(maps: Maps, frame: Frame, settings: SelectSettings) -> tuple[Grasp | None, list[Rejected]]:
    """The likeliest candidate around which the open jaw fits, and all that were rejected before it.

    Peaks outside the frame's region come first.

    Without depth or camera model nothing is known of the surroundings: the best candidate is taken.
    """
    gripper = GripperGeometry()
    rejected = outside_region(maps, frame, settings)
    found = candidates(maps, frame, settings)
    if frame.depth is None or frame.intrinsics is None:
        best = next(found)
        return (None, [*rejected, best]) if isinstance(best, Rejected) else (best, rejected)
    holes = unexplained_holes(frame.depth, frame.intrinsics)
    fits = (each if isinstance(each, Rejected) else fit_in_view(each, frame, gripper, holes) for each in found)
    for fit in likeliest_first(fits, settings.compare):
        if isinstance(fit, Fit):
            return replace(fit.grasp, width=fit.clear.opening), rejected
        rejected.append(fit)
    return None, rejected


def answer_of(grasp: Grasp | None, rejected: list[Rejected], frame: Frame) -> DetectionAnswer:
    """The grasp of a frame, and what was rejected before it, in plain values."""
    others = tuple(RejectedAnswer([round(x, 2) for x in r.pixel], r.reason, r.detail) for r in rejected)
    if grasp is None:
        return DetectionAnswer(rejected=others)
    return DetectionAnswer(
        status="grasp",
        pixel=[round(x, 2) for x in grasp.pixel],
        angle_deg=_rounded_angle(grasp.angle_deg),
        width_m=None if grasp.width is None else round(grasp.width, 5),
        quality=round(grasp.quality, 4),
        priority=round(grasp.priority, 4),
        q_star=round(grasp.score, 4),
        pose=_pose_of(grasp, frame),
        rejected=others,
    )


def _rounded_angle(angle_deg: float) -> float:
    """To two digits, still in [-90, 90)."""
    rounded = round(angle_deg, 2)
    return rounded - 180.0 if rounded >= 90.0 else rounded


def _pose_of(grasp: Grasp, frame: Frame) -> PoseAnswer | None:
    if grasp.depth is None or frame.intrinsics is None:
        return None
    position, quaternion = to_xyz_quat(lift(grasp.pixel, grasp.angle, grasp.depth, frame.intrinsics))
    return PoseAnswer(_six_digits(position), _six_digits(quaternion), frame.frame_id)


def _six_digits(values: Iterable[float]) -> list[float]:
    return [round(float(x), 6) for x in values]


def detection_sentence(answer: DetectionAnswer) -> str:
    """The answer as one sentence for a person."""
    if answer.status == "no_grasp":
        return "no grasp: " + "; ".join(f"{r.reason} at {r.pixel}: {r.detail}" for r in answer.rejected)
    width = "unknown (no depth)" if answer.width_m is None else f"{answer.width_m * 1e3:.0f} mm"
    where = "no pose (no depth or camera model)"
    if answer.pose is not None:
        where = f"position {answer.pose.position} m in {answer.pose.frame}"
    return (
        f"grasp at pixel {answer.pixel}, angle {answer.angle_deg} deg, width {width}, "
        f"Q* {answer.q_star:.2f} (quality {answer.quality:.2f}, priority {answer.priority:.2f}); {where}"
    )


def save_detection(folder: Path, found: Detection) -> dict[str, str]:
    """Write overlay.png, in which a person sees at once what was meant, and maps.npz.

    Returns:
        The paths of the two files, by "overlay" and "maps".

    Raises:
        BadInput: the folder cannot be written.
    """
    overlay, arrays, maps = folder / "overlay.png", folder / "maps.npz", found.maps
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            arrays,
            quality=maps.quality,
            priority=maps.priority,
            q_star=maps.q_star,
            cos2=maps.cos2,
            sin2=maps.sin2,
            width=maps.width,
            grid_scale=maps.grid.scale,
            grid_origin=np.array(maps.grid.origin),
        )
        save_overview(overlay, found.frame, maps, found.grasp, found.rejected)
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be written ({error.strerror}); choose another --out.") from error
    return {"overlay": str(overlay), "maps": str(arrays)}
