"""A camera whose lens bends: its pictures made straight once, at the edge, so that all else knows pinholes only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame, Intrinsics

#: Distortion models (sensor_msgs/distortion_models.hpp) -> how many coefficients one may have.
_BROWN = (4, 5, 8, 12, 14)
MODELS = {"plumb_bob": _BROWN, "rational_polynomial": _BROWN, "equidistant": (4,), "fisheye": (4,)}
_FISHEYE = ("equidistant", "fisheye")


@dataclass(frozen=True)
class Lens:
    """A camera model with distortion.

    realsense2_camera calls "plumb_bob" what its SDK calls Brown-Conrady, inverse or not: the SDK bends the pixel of a
    point by one and the same formula with both, and aligns depth to colour by it.

    Attributes:
        camera: pinhole model of the picture that was made straight; it keeps size, focal lengths and principal point.
        model: one of `MODELS`; empty for none.
        coefficients: in the order of OpenCV.
    """

    camera: Intrinsics
    model: str = ""
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.is_straight:
            return
        if self.model not in MODELS or not np.isfinite(self.coefficients).all():
            raise FrameRefused(
                f"camera_info carries a lens distortion {list(self.coefficients)} of model {self.model!r}, allowed are "
                f"finite ones of {', '.join(MODELS)}: rectify colour and depth first (image_proc) and remap to the "
                "rectified topics."
            )
        if len(self.coefficients) not in MODELS[self.model]:
            raise FrameRefused(
                f"camera_info carries {len(self.coefficients)} coefficients of the distortion {self.model!r}, allowed "
                f"are {', '.join(map(str, MODELS[self.model]))}: calibrate again, or take the camera's own camera_info."
            )

    @property
    def is_straight(self) -> bool:
        """Whether this is a pinhole camera."""
        return not any(self.coefficients) and self.model not in _FISHEYE  # theirs bends without coefficients, too

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels (n, 2) of the picture as it was taken, of points (n, 3) [m] in the camera frame."""
        given = np.asarray(points, np.float64).reshape(-1, 1, 3)
        if self.is_straight:
            return self.camera.project(given[:, 0])
        call = cv2.fisheye.projectPoints if self.model in _FISHEYE else cv2.projectPoints
        seen, _ = call(given, np.zeros(3), np.zeros(3), self.camera.matrix, np.array(self.coefficients))
        return np.asarray(seen, np.float64).reshape(-1, 2)

    def straight(
        self, color: NDArray[np.uint8] | None, depth: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.uint8] | None, NDArray[np.float32] | None]:
        """Colour (H, W, 3) and depth (H, W) [m] as a pinhole camera would have taken them.

        Depth stays as it was measured and is not mixed over edges; what the lens does not show is black and NaN.
        """
        if self.is_straight:
            return color, depth
        u, v = _origins(self)
        if color is not None:
            color = np.asarray(cv2.remap(color, u, v, cv2.INTER_LINEAR), np.uint8)
        if depth is not None:
            depth = np.asarray(cv2.remap(depth, u, v, cv2.INTER_NEAREST, borderValue=(np.nan,) * 4), np.float32)
        return color, depth


def straight_frame(
    color: NDArray[np.uint8] | None,
    depth: NDArray[np.float32] | None,
    lens: Lens | None,
    stamp: float,
    frame_id: str,
) -> Frame:
    """The frame of pictures as they were taken.

    Args:
        color: (H, W, 3) RGB, or None.
        depth: (H, W) [m], NaN where unknown, or None.
        lens: of both; None if not known.
        stamp: time of exposure [s].
        frame_id: name of the camera's optical frame.

    Raises:
        FrameRefused: sizes differ.
    """
    frame = Frame(color, depth, None if lens is None else lens.camera, stamp, frame_id)
    if lens is None or lens.is_straight:
        return frame
    return Frame(*lens.straight(color, depth), lens.camera, stamp, frame_id)


@lru_cache(maxsize=8)
def _origins(lens: Lens) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where each pixel of the straight picture comes from, u and v (H, W) [px]; outside where no lens bends like that.

    Far from the axis a polynomial of the distortion may turn back and show the middle again: there nothing is seen.
    """
    camera, size = lens.camera, (lens.camera.width, lens.camera.height)
    k, d = camera.matrix, np.array(lens.coefficients)
    make = cv2.fisheye.initUndistortRectifyMap if lens.model in _FISHEYE else cv2.initUndistortRectifyMap
    u, v = make(k, d, np.eye(3), k, size, cv2.CV_32FC1)
    (u_down, u_right), (v_down, v_right) = np.gradient(u), np.gradient(v)
    turns_back = (u_right * v_down - u_down * v_right <= 0) | _beyond_turn(lens)
    u[turns_back], v[turns_back] = -1e4, -1e4
    u.setflags(write=False)
    v.setflags(write=False)
    return u, v


def _beyond_turn(lens: Lens) -> NDArray[np.bool_]:
    """Pixels (H, W) that are farther from the axis than where the distortion first turns back."""
    camera = lens.camera
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    radius = np.hypot((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy)
    steps = np.linspace(0.0, float(radius.max()), 2000)
    ray = np.stack([steps, np.zeros_like(steps), np.ones_like(steps)], axis=-1)
    bent = lens.project(ray)[:, 0]
    turn = np.flatnonzero(np.diff(bent) <= 0)
    return radius > (steps[turn[0]] if turn.size else np.inf)
