"""Find the grasp in one colour and depth image, without ROS.

Prints where to grasp, or why not; with --out also writes overlay.png and the maps. The whole frame
is seen; the grasp is along the optical axis.

Exit status: 0 a grasp was found, 1 there is none (each candidate's reason is printed), 2 bad input.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.devices.recorded import load_frame
from gpnet_ros.errors import BadInput
from gpnet_ros.fit import Fit, fit_in_view, likeliest_first
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected, SelectSettings, candidates
from gpnet_ros.maps import Maps
from gpnet_ros.network.detector import Detector
from gpnet_ros.pose import lift, to_xyz_quat
from gpnet_ros.settings import GripperGeometry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet detect`."""
    parser.add_argument("color", type=Path, metavar="COLOR", help="colour image (png, jpg)")
    parser.add_argument("depth", type=Path, metavar="DEPTH", nargs="?", help="aligned depth image (16 bit png)")
    parser.add_argument("--camera", type=Path, help="JSON with fx, fy, cx, cy, width, height, depth_unit_m")
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda", "auto"], help="where the network runs (cpu)")
    parser.add_argument(
        "--min-quality", type=float, default=SelectSettings.quality_min, help="smallest Q* (%(default)s)"
    )
    parser.add_argument("--out", type=Path, help="folder for overlay.png and maps.npz")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Detect and report; 0 grasp, 1 none."""
    started = time.perf_counter()
    settings = SelectSettings(quality_min=args.min_quality)
    frame = load_frame(args.color, args.depth, args.camera)
    frame.check()
    time_ms = {"read": _ms(started)}
    detector = Detector(args.model, device=args.device)
    maps = detector(frame)
    time_ms |= detector.time_ms
    started = time.perf_counter()
    grasp, rejected = choose(maps, frame, settings)
    answer = report(grasp, rejected, frame)
    answer["time_ms"] = {**time_ms, "decode": _ms(started)}
    if args.out is not None:
        answer["files"] = write_files(args.out, frame, maps, grasp, rejected)
    print(json.dumps(answer) if args.json else sentence(answer))
    return 0 if grasp is not None else 1


def choose(maps: Maps, frame: Frame, settings: SelectSettings) -> tuple[Grasp | None, list[Rejected]]:
    """The likeliest candidate around which the open jaw fits, and all that were rejected before it.

    Without depth or camera model nothing is known of the surroundings: the best candidate it is.
    """
    gripper = GripperGeometry()
    rejected: list[Rejected] = []
    found = candidates(maps, frame, settings)
    if frame.depth is None or frame.intrinsics is None:
        best = next(found)
        return (None, [best]) if isinstance(best, Rejected) else (best, [])
    fits = (each if isinstance(each, Rejected) else fit_in_view(each, frame, gripper) for each in found)
    for fit in likeliest_first(fits, settings.compare):
        if isinstance(fit, Fit):
            return replace(fit.grasp, width=fit.clear.opening), rejected
        rejected.append(fit)
    return None, rejected


def report(grasp: Grasp | None, rejected: list[Rejected], frame: Frame) -> dict[str, Any]:
    """The answer as plain values; what is not known is null."""
    answer: dict[str, Any] = {"status": "no_grasp" if grasp is None else "grasp"}
    for key in ("pixel", "angle_deg", "width_m", "quality", "priority", "q_star", "pose"):
        answer[key] = None
    if grasp is not None:
        answer |= {
            "pixel": [round(x, 2) for x in grasp.pixel],
            "angle_deg": _rounded_angle(grasp.angle_deg),
            "width_m": None if grasp.width is None else round(grasp.width, 5),
            "quality": round(grasp.quality, 4),
            "priority": round(grasp.priority, 4),
            "q_star": round(grasp.score, 4),
            "pose": pose_of(grasp, frame),
        }
    answer["rejected"] = [
        {"pixel": [round(x, 2) for x in r.pixel], "reason": r.reason, "detail": r.detail} for r in rejected
    ]
    return answer


def _rounded_angle(angle_deg: float) -> float:
    """To two digits, still in [-90, 90)."""
    rounded = round(angle_deg, 2)
    return rounded - 180.0 if rounded >= 90.0 else rounded


def pose_of(grasp: Grasp, frame: Frame) -> dict[str, Any] | None:
    """Pose in the camera's optical frame; its origin is the surface point under the pixel."""
    if grasp.depth is None or frame.intrinsics is None:
        return None
    position, quaternion = to_xyz_quat(lift(grasp.pixel, grasp.angle, grasp.depth, frame.intrinsics))
    return {
        "position": [round(float(x), 6) for x in position],
        "quaternion": [round(float(x), 6) for x in quaternion],
        "frame": frame.frame_id,
    }


def write_files(
    folder: Path, frame: Frame, maps: Maps, grasp: Grasp | None, rejected: list[Rejected]
) -> dict[str, str]:
    """overlay.png (a person sees at once what was meant) and maps.npz."""
    from gpnet_ros.evaluation.run_folder.pictures import save_overview

    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            folder / "maps.npz",
            quality=maps.quality,
            priority=maps.priority,
            q_star=maps.q_star,
            cos2=maps.cos2,
            sin2=maps.sin2,
            width=maps.width,
            grid_scale=maps.grid.scale,
            grid_origin=np.array(maps.grid.origin),
        )
        save_overview(folder / "overlay.png", frame, maps, grasp, rejected)
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be written ({error.strerror}); choose another --out.") from error
    return {"overlay": str(folder / "overlay.png"), "maps": str(folder / "maps.npz")}


def sentence(answer: dict[str, Any]) -> str:
    """The answer for a person."""
    if answer["status"] == "no_grasp":
        reasons = "; ".join(f"{r['reason']} at {r['pixel']}: {r['detail']}" for r in answer["rejected"])
        return f"no grasp: {reasons}"
    width = "unknown (no depth)" if answer["width_m"] is None else f"{answer['width_m'] * 1e3:.0f} mm"
    where = "no pose (no depth or camera model)"
    if answer["pose"] is not None:
        where = f"position {answer['pose']['position']} m in {answer['pose']['frame']}"
    return (
        f"grasp at pixel {answer['pixel']}, angle {answer['angle_deg']} deg, width {width}, "
        f"Q* {answer['q_star']:.2f} (quality {answer['quality']:.2f}, priority {answer['priority']:.2f}); {where}"
    )


def _ms(since: float) -> float:
    return round((time.perf_counter() - since) * 1e3, 2)
