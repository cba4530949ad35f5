"""Where the camera of a scene stands, and what camera it is."""

from __future__ import annotations

import numpy as np

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, invert, look_at
from gpnet_ros.sim.heap.heap import Heap

#: Focal length over the shorter side of the picture: the colour camera of a D435 at 640x480, cropped (Intel RealSense
#: D400 series data sheet: 69 x 42 degrees at 16:9), and how far units and lenses are spread about it.
FOCAL_SHARE, FOCAL_JITTER = 615.0 / 480.0, 0.15
_ASPECT_JITTER = 0.005  # between fx and fy
_CENTRE_JITTER = 0.02  # of the principal point, as a share of the side
HEIGHT_RANGE = (0.4, 1.1)  # of the camera above the table [m]; the greater one is also its greatest distance
TILT, TILT_MORE, TILT_BIN = np.deg2rad(20.0), np.deg2rad(50.0), np.deg2rad(30.0)  # from straight down [rad]
_TILT_MORE_SHARE = 0.2  # of the views; into a bin nobody looks from the side
_ROLL = np.deg2rad(3.0)  # standard deviation [rad]
_AIM = 0.02  # the camera looks this far beside the heap's middle, at most [m]
_SEEN_SHARE = 0.9  # of the heap that must be in the picture
_TRIES = 20


def random_camera(rng: np.random.Generator, heap: Heap, size: tuple[int, int]) -> tuple[Intrinsics, Transform]:
    """A camera that looks at a heap: its model and T_base_camera.

    Args:
        rng: draws model and place.
        heap: what to look at.
        size: width and height of the picture [px].
    """
    intrinsics = _random_model(rng, size)
    lowest = HEIGHT_RANGE[0]
    for _ in range(_TRIES):
        height, T_base_camera = _random_place(rng, heap, lowest)
        if seen_share(heap, intrinsics, T_base_camera) >= _SEEN_SHARE:
            break
        lowest = height  # too near
    return intrinsics, T_base_camera


def seen_share(heap: Heap, intrinsics: Intrinsics, T_base_camera: Transform) -> float:
    """Share of the heap in the picture, hidden or not: the mean over the objects, by their vertices."""
    T_camera_base, shares = invert(T_base_camera), []
    for model, T in zip(heap.objects, heap.T_base_object, strict=True):
        T_camera_object = T_camera_base @ T
        pixels = intrinsics.project(model.vertices @ T_camera_object[:3, :3].T + T_camera_object[:3, 3])
        inside = (pixels > -0.5) & (pixels < np.array([intrinsics.width, intrinsics.height]) - 0.5)
        shares.append(float(inside.all(axis=1).mean()))
    return float(np.mean(shares)) if shares else 1.0


def _random_model(rng: np.random.Generator, size: tuple[int, int]) -> Intrinsics:
    width, height = size
    fx = FOCAL_SHARE * min(size) * float(rng.uniform(1 - FOCAL_JITTER, 1 + FOCAL_JITTER))
    fy = fx * float(rng.uniform(1 - _ASPECT_JITTER, 1 + _ASPECT_JITTER))
    du, dv = (float(d) for d in rng.uniform(-_CENTRE_JITTER, _CENTRE_JITTER, 2) * size)
    return Intrinsics(width, height, fx, fy, (width - 1) / 2 + du, (height - 1) / 2 + dv)


def _random_place(rng: np.random.Generator, heap: Heap, lowest: float) -> tuple[float, Transform]:
    """Height above the heap's middle [m], at least `lowest` where the tilt allows it, and T_base_camera."""
    tilt = float(rng.uniform(0.0, TILT))
    if rng.random() < _TILT_MORE_SHARE:
        tilt = float(rng.uniform(TILT, TILT_BIN if heap.bin is not None else TILT_MORE))
    most = HEIGHT_RANGE[1] * np.cos(tilt)
    height = float(rng.uniform(min(lowest, most), most))
    azimuth, roll = float(rng.uniform(-np.pi, np.pi)), float(rng.normal(0.0, _ROLL))
    target = heap.T_base_object[:, :3, 3].mean(axis=0)
    target[:2] += rng.uniform(-_AIM, _AIM, 2)
    away = (height - target[2]) * np.tan(tilt)
    eye = [target[0] + away * np.cos(azimuth), target[1] + away * np.sin(azimuth), height]
    right = (-np.sin(azimuth + roll), np.cos(azimuth + roll), 0.0)
    return height, look_at(eye, target, right)
