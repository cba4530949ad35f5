"""What came of a frame against what was expected of it: each deviation is one sentence, and a picture of both."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.evaluation.replay_testing.expectation import FrameAnswer, Tolerances
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp
from gpnet_ros.overlay import base_image, draw_grasp


def deviations(expected: FrameAnswer, found: FrameAnswer, tolerance: Tolerances) -> list[str]:
    """What of a frame is not as expected; empty when all is."""
    if expected.stamp != found.stamp:
        return [f"the frame's stamp is {_seconds(found)} s, expected {_seconds(expected)} s: the bag is another one"]
    if expected.status != found.status:
        why = f" ({found.reason})" if found.reason else ""
        return [f"status is {found.status}{why}, expected {expected.status}"]
    told = _rejected(expected, found, tolerance.rejected)
    if expected.status != "grasp":
        return told
    off = float(np.linalg.norm(np.subtract(found.pixel, expected.pixel)))
    turned = _half_turn(found.angle_deg - expected.angle_deg)
    wider = abs(found.width_mm - expected.width_mm)
    measures = [
        ("pixel", off, tolerance.pixel_px, "px", found.pixel, expected.pixel),
        ("angle", turned, tolerance.angle_deg, "deg", found.angle_deg, expected.angle_deg),
        ("width", wider, tolerance.width_mm, "mm", found.width_mm, expected.width_mm),
        *_pose(expected, found, tolerance),
    ]
    far = [
        f"{name} is {_plain(now)}, expected {_plain(then)}: {by:.2f} {unit} apart, {most:g} allowed"
        for name, by, most, unit, now, then in measures
        if not by <= most
    ]
    if expected.frame != found.frame:
        far.append(f"the pose is in {found.frame}, expected in {expected.frame}")
    return far + told


def _pose(
    expected: FrameAnswer, found: FrameAnswer, tolerance: Tolerances
) -> list[tuple[str, float, float, str, object, object]]:
    if not expected.position_mm or not found.position_mm:
        return []
    moved = float(np.linalg.norm(np.subtract(found.position_mm, expected.position_mm)))
    between = Rotation.from_quat(expected.quaternion).inv() * Rotation.from_quat(found.quaternion)
    half = Rotation.from_rotvec([0.0, 0.0, np.pi])  # the jaws are the same, turned half round
    turned = min(np.degrees(turn.magnitude()) for turn in (between, half * between))
    return [
        ("position", moved, tolerance.position_mm, "mm", found.position_mm, expected.position_mm),
        ("rotation", float(turned), tolerance.rotation_deg, "deg", found.quaternion, expected.quaternion),
    ]


def _rejected(expected: FrameAnswer, found: FrameAnswer, most: int) -> list[str]:
    reasons = sorted(expected.rejected.keys() | found.rejected.keys())
    counts = [(r, int(found.rejected.get(r, 0)), int(expected.rejected.get(r, 0))) for r in reasons]
    return [
        f"{now} candidates are rejected for {r}, expected {then}" for r, now, then in counts if abs(now - then) > most
    ]


def _half_turn(degrees: float) -> float:
    """Angle between two axes [deg], in [0, 90]."""
    return abs((degrees + 90.0) % 180.0 - 90.0)


def save_both(path: Path, frame: Frame, expected: FrameAnswer, found: FrameAnswer) -> None:
    """Write a picture with what was expected on the left and what was found on the right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    both = np.hstack([_drawn(frame, expected, "expected"), _drawn(frame, found, "found")])
    cv2.imwrite(str(path), both[..., ::-1])


def _drawn(frame: Frame, answer: FrameAnswer, title: str) -> NDArray[np.uint8]:
    """The camera image with a grasp, its title and its figures, (H, W, 3) RGB."""
    image = base_image(frame)
    thick = max(1, round(image.shape[1] / 400))
    if answer.status == "grasp":
        centre = (float(answer.pixel[0]), float(answer.pixel[1]))
        grasp = Grasp(centre, float(np.radians(answer.angle_deg)), answer.opening_px, None, None, 0.0, 0.0, 0.0)
        draw_grasp(image, grasp, 1.0, thick)
        words = f"{title}: {answer.angle_deg:.1f} deg, {answer.width_mm:.1f} mm"
    else:
        words = f"{title}: {answer.status}"
    lost = ", ".join(f"{count} {reason}" for reason, count in answer.rejected.items())
    for line, text in enumerate([words, f"rejected: {lost or 'none'}"]):
        at = (8 * thick, (18 + 18 * line) * thick)
        for color, weight in (((0, 0, 0), 3 * thick), ((255, 255, 255), thick)):
            cv2.putText(image, text, at, 0, 0.5 * thick, color, weight, cv2.LINE_AA)
    return image


def _seconds(answer: FrameAnswer) -> str:
    return f"{answer.stamp // 10**9}.{answer.stamp % 10**9:09d}"


def _plain(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else f"{value:g}"
