"""A frame: what the camera saw at one instant, and the camera model it was seen with."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.errors import FrameRefused

#: Name of the frame in which colour images are seen (REP 103 optical frame), as realsense2_camera calls it.
CAMERA_FRAME = "camera_color_optical_frame"
#: Plausible range of a frame's median depth [m]: nearer than the D435's minimum range, or
#: farther than a table-top camera can be, means a wrong unit or a wrong camera.
MEDIAN_DEPTH_RANGE = (0.15, 3.0)
#: Frames with a smaller share of valid depth pixels are refused, unless a parameter says otherwise.
VALID_SHARE_MIN = 0.3
#: Least focal length per pixel of the longer side: a pinhole camera that sees 157 degrees, wider than any lens that a
#: pinhole model describes. What is shorter is no number of pixels.
FOCAL_SHARE_MIN = 0.1


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera model. Integer pixel coordinates are pixel centres.

    Attributes:
        width, height: image size [px].
        fx, fy: focal lengths [px].
        cx, cy: principal point [px].
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        values = (self.width, self.height, self.fx, self.fy, self.cx, self.cy)
        if not all(np.isfinite(values)) or min(self.width, self.height, self.fx, self.fy) <= 0:
            raise FrameRefused(
                f"Camera model {values} is not usable: width, height, fx and fy must be positive "
                "and finite; take them from the camera's own camera_info."
            )
        if min(self.fx, self.fy) < FOCAL_SHARE_MIN * max(self.width, self.height):
            raise FrameRefused(
                f"The focal lengths fx {self.fx:.4g} and fy {self.fy:.4g} px are too short for a picture of "
                f"{self.width}x{self.height} px: they must be in pixels, not shares of the picture's size nor "
                "millimetres; take fx, fy, cx and cy from the camera's own camera_info."
            )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The camera matrix K, (3, 3) [px]."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels (..., 2) of points (..., 3) [m] given in the camera frame."""
        p = np.asarray(points, dtype=np.float64)
        z = p[..., 2]
        return np.stack([self.fx * p[..., 0] / z + self.cx, self.fy * p[..., 1] / z + self.cy], axis=-1)

    def deproject(self, pixels: ArrayLike, z: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 3) [m] in the camera frame of pixels (..., 2) at depth z (...) [m]."""
        uv = np.asarray(pixels, dtype=np.float64)
        depth = np.asarray(z, dtype=np.float64)
        return np.stack(
            [(uv[..., 0] - self.cx) / self.fx * depth, (uv[..., 1] - self.cy) / self.fy * depth, depth],
            axis=-1,
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """Aligned colour and depth of one exposure; at least one of the two.

    Attributes:
        color: (H, W, 3) uint8, RGB, or None.
        depth: (H, W) float32 [m], NaN where unknown, or None.
        intrinsics: model of the colour camera, to which depth is aligned; None if not known.
        stamp: time of exposure [s].
        frame_id: name of the camera's optical frame.
        region: whether each pixel (H, W) counts: outside nothing is grasped, nor depth asked for; None counts all.
    """

    color: NDArray[np.uint8] | None
    depth: NDArray[np.float32] | None
    intrinsics: Intrinsics | None = None
    stamp: float = 0.0
    frame_id: str = CAMERA_FRAME
    region: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.color is None and self.depth is None:
            raise FrameRefused("A frame needs colour or depth; both are missing.")
        if self.color is not None:
            if self.color.ndim != 3 or self.color.shape[2] != 3 or self.color.dtype != np.uint8:
                raise FrameRefused(
                    f"Colour of shape {self.color.shape} and type {self.color.dtype} is not an image: "
                    "it must be (H, W, 3) uint8 in RGB order."
                )
            object.__setattr__(self, "color", _frozen(self.color))
        if self.depth is not None:
            if self.depth.ndim != 2 or self.depth.dtype != np.float32:
                raise FrameRefused(
                    f"Depth of shape {self.depth.shape} and type {self.depth.dtype} is not a depth image: "
                    "it must be (H, W) float32 in metres; convert with depth_from_raw()."
                )
            object.__setattr__(self, "depth", _frozen(self.depth))
        if self.color is not None and self.depth is not None and self.color.shape[:2] != self.depth.shape:
            raise FrameRefused(
                f"Colour {self.color.shape[1]}x{self.color.shape[0]} and depth {self.depth.shape[1]}x"
                f"{self.depth.shape[0]} differ in size: align depth to colour first."
            )
        if self.intrinsics is not None and (self.intrinsics.height, self.intrinsics.width) != self.shape:
            raise FrameRefused(
                f"The camera model is for {self.intrinsics.width}x{self.intrinsics.height}, the image is "
                f"{self.shape[1]}x{self.shape[0]}: use the camera_info of this very stream."
            )
        if self.region is not None:
            if self.region.shape != self.shape or self.region.dtype != np.bool_ or not self.region.any():
                raise FrameRefused(
                    f"A region of shape {self.region.shape} and type {self.region.dtype} is none of an image of "
                    f"{self.shape}: it must be bool of the image's size, and somewhere true."
                )
            object.__setattr__(self, "region", _frozen(self.region))

    @property
    def shape(self) -> tuple[int, int]:
        """Size of the images as (height, width) [px]."""
        image = self.color if self.color is not None else self.depth
        assert image is not None
        return int(image.shape[0]), int(image.shape[1])

    @property
    def is_gray(self) -> bool:
        """Whether there is colour whose three channels are one and the same."""
        return self.color is not None and bool((self.color == self.color[..., :1]).all())

    def check(self, valid_share_min: float = VALID_SHARE_MIN) -> None:
        """Refuse a frame whose depth cannot be right, where it counts.

        Args:
            valid_share_min: smallest accepted share of pixels with depth, in [0, 1].

        Raises:
            FrameRefused: too few valid pixels, or a median depth outside `MEDIAN_DEPTH_RANGE`.
        """
        if self.depth is None:
            return
        depth = self.depth if self.region is None else self.depth[self.region]
        valid = np.isfinite(depth) & (depth > 0)
        share = float(valid.mean())
        if share < valid_share_min:
            where = "" if self.region is None else " that count"
            raise FrameRefused(
                f"Only {share:.0%} of the depth pixels{where} are valid, {valid_share_min:.0%} are needed: "
                "check exposure, distance and the emitter of the camera."
            )
        median = float(np.median(depth[valid]))
        low, high = MEDIAN_DEPTH_RANGE
        if not low <= median <= high:
            raise FrameRefused(
                f"The median depth is {median:.4g} m, allowed is {low} to {high} m: the depth unit "
                "(millimetres taken for metres?) or the camera is wrong; check depth_unit_m."
            )


def depth_from_raw(raw: NDArray[np.generic], unit: float) -> NDArray[np.float32]:
    """Depth in metres with NaN for "no reading", from what a camera or file delivers.

    Args:
        raw: (H, W) integer or float; 0, negative, NaN and infinity mean unknown.
        unit: metres per raw unit (0.001 for millimetres).

    Raises:
        FrameRefused: wrong shape or unit.
    """
    if raw.ndim != 2:
        raise FrameRefused(f"Depth of shape {raw.shape} is not a depth image: it must have two axes.")
    if not (np.isfinite(unit) and unit > 0):
        raise FrameRefused(f"Depth unit {unit} m is not usable: it must be positive, 0.001 for millimetres.")
    metres = (raw.astype(np.float64) * unit).astype(np.float32)
    metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
    return metres


def fill_nearest(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) with each NaN replaced by the nearest known value.

    Raises:
        FrameRefused: nothing is known.
    """
    known = np.isfinite(values)
    if known.all():
        return values
    if not known.any():
        raise FrameRefused("The view holds no depth at all: check the camera and the hand-eye file.")
    holes = np.where(known, 0, 255).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(holes, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    return values[known][labels - 1]


def _frozen(array: NDArray) -> NDArray:
    """The array itself if nobody can write to it, else a read-only copy."""
    if not array.flags.writeable and array.flags.c_contiguous:
        return array
    copy = np.ascontiguousarray(array).copy()
    copy.setflags(write=False)
    return copy
