"""A picture of a scene in space without a graphics card: points, flat faces, capsules, lines and labels, nearest first.

It draws what RViz would show of the planner's messages, for documents and for machines without a display.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, invert

#: What is nearer than this [m] is behind the picture.
_NEAR = 0.05
#: Direction to the light in the world, and how dark a face turned away from it is.
_LIGHT, _SHADE = np.array([0.35, -0.25, 0.9]), 0.5
_BACKGROUND = (236, 238, 241)
#: Everything is drawn so many times finer in both directions, then averaged: edges are smooth.
_FINER = 2

Color = tuple[float, float, float, float]  # red, green, blue and opacity, 0 to 1
Label = tuple[tuple[int, int], str, tuple[int, int, int]]  # pixel, text, RGB


class ScenePicture:
    """A picture of a world, drawn piece by piece; what is nearer hides what is farther, whatever the order.

    Opaque pieces first: what shines through shows what was drawn before it.

    Attributes:
        image: (H, W, 3) RGB.
    """

    def __init__(self, camera: Intrinsics, T_world_camera: Transform) -> None:
        """An empty picture, as a camera at T_world_camera (4, 4) [m] sees it."""
        self._camera, self._T_camera_world = _finer(camera), invert(T_world_camera)
        shape = (self._camera.height, self._camera.width)
        self._pixels = np.full((*shape, 3), _BACKGROUND, np.float32)
        self._nearness = np.zeros(shape, np.float32)  # 1 / depth [1/m]
        self._labels: list[Label] = []

    @property
    def image(self) -> NDArray[np.uint8]:
        """What was drawn so far, (H, W, 3) RGB; the labels on top, moved down where they would cover each other."""
        size = (self._camera.width // _FINER, self._camera.height // _FINER)
        averaged = cv2.resize(self._pixels, size, interpolation=cv2.INTER_AREA)
        image = np.rint(averaged).clip(0, 255).astype(np.uint8)
        write(image, self._labels)
        return image

    def dots(self, points: ArrayLike, colors: NDArray[np.uint8], size: float) -> None:
        """Points (n, 3) [m] as squares of this size [m], each with its RGB (n, 3)."""
        seen = self._in_camera(points)
        ahead = seen[:, 2] > _NEAR
        seen, colors = seen[ahead], colors[ahead]
        far_first = np.argsort(-seen[:, 2])
        seen, colors = seen[far_first], colors[far_first]
        pixels = np.rint(self._camera.project(seen)).astype(int)
        reach = (
            int(np.clip(np.ceil(size * self._camera.fx / np.median(seen[:, 2]) / 2), 0, 4 * _FINER)) if len(seen) else 0
        )
        for dv in range(-reach, reach + 1):
            for du in range(-reach, reach + 1):
                self._put(pixels + np.array([du, dv]), 1.0 / seen[:, 2], colors)

    def _put(self, pixels: NDArray[np.int_], nearness: NDArray[np.float64], colors: NDArray[np.uint8]) -> None:
        u, v = pixels.T
        inside = (u >= 0) & (u < self._camera.width) & (v >= 0) & (v < self._camera.height)
        u, v, nearness, colors = u[inside], v[inside], nearness[inside], colors[inside]
        nearer = nearness > self._nearness[v, u]
        self._pixels[v[nearer], u[nearer]] = colors[nearer]
        self._nearness[v[nearer], u[nearer]] = nearness[nearer]

    def face(self, corners: ArrayLike, color: Color) -> None:
        """A flat convex face with corners (k, 3) [m] in their order round it, lit by its direction."""
        world = np.asarray(corners, dtype=np.float64)
        normal = np.cross(world[1] - world[0], world[2] - world[0])
        lit = abs(float(normal @ _LIGHT)) / max(float(np.linalg.norm(normal)), 1e-12)
        self._fill(self._in_camera(world), color, _SHADE + (1.0 - _SHADE) * lit)

    def box(self, T_world_box: Transform, size: ArrayLike, color: Color) -> None:
        """A box of this size (3,) [m] with its centre at T_world_box (4, 4)."""
        half = np.asarray(size, dtype=np.float64) / 2
        for axis in range(3):
            one, other = (axis + 1) % 3, (axis + 2) % 3
            for side in (-1.0, 1.0):
                corners = np.zeros((4, 3))
                corners[:, axis] = side * half[axis]
                corners[:, one], corners[:, other] = (
                    half[one] * np.array([-1, 1, 1, -1]),
                    half[other] * np.array([-1, -1, 1, 1]),
                )
                self.face(corners @ T_world_box[:3, :3].T + T_world_box[:3, 3], color)

    def capsule(self, start: ArrayLike, end: ArrayLike, radius: float, color: Color) -> None:
        """A cylinder with round ends between two points (3,) [m] with this radius [m]."""
        a, b = self._in_camera(np.array([start, end], dtype=np.float64))
        if min(a[2], b[2]) < _NEAR + radius:
            return
        around = radius * np.array([[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1]])
        low, high = self._box_of(self._camera.project(np.concatenate([a + around, b + around])))
        if (high <= low).any():
            return
        u, v = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        rays = self._camera.deproject(np.stack([u, v], axis=-1), np.ones(u.shape))
        depth = capsule_depth(rays, a, b, radius)
        hit = np.isfinite(depth)
        points = rays[hit] * depth[hit][:, None]
        along = np.clip((points - a) @ (b - a) / max(float((b - a) @ (b - a)), 1e-12), 0.0, 1.0)
        normals = (points - a - along[:, None] * (b - a)) / radius
        lit = _SHADE + (1.0 - _SHADE) * np.clip(normals @ (self._T_camera_world[:3, :3] @ _LIGHT), 0.0, 1.0)
        self._mix(u[hit], v[hit], 1.0 / depth[hit], lit[:, None] * np.array(color[:3]), color[3])

    def line(self, points: ArrayLike, color: Color, width: int = 2) -> None:
        """A line through points (n, 3) [m], `width` pixels wide."""
        seen = self._in_camera(points)
        for a, b in zip(seen[:-1], seen[1:], strict=True):
            if min(a[2], b[2]) < _NEAR:
                continue
            p, q = self._camera.project(np.array([a, b]))
            across = np.array([p[1] - q[1], q[0] - p[0]])
            across *= _FINER * width / 2 / max(float(np.linalg.norm(across)), 1e-9)
            self._blend(np.array([p - across, p + across, q + across, q - across]), [a[2], a[2], b[2], b[2]], color)

    def label(self, point: ArrayLike, text: str, color: Color) -> None:
        """Text at a point (3,) [m], over everything that was drawn."""
        seen = self._in_camera(np.asarray(point, dtype=np.float64)[None])[0]
        if seen[2] > _NEAR:
            u, v = (int(x) for x in np.rint(self._camera.project(seen) / _FINER))
            red, green, blue = (int(255 * c) for c in color[:3])
            self._labels.append(((u, v), text, (red, green, blue)))

    def _in_camera(self, points: ArrayLike) -> NDArray[np.float64]:
        T = self._T_camera_world
        return np.asarray(points, dtype=np.float64) @ T[:3, :3].T + T[:3, 3]

    def _fill(self, corners: NDArray[np.float64], color: Color, lit: float) -> None:
        """A convex outline (k, 3) [m] in the camera's frame, filled."""
        if (corners[:, 2] < _NEAR).any():
            return
        r, g, b, opacity = color
        self._blend(self._camera.project(corners), corners[:, 2], (lit * r, lit * g, lit * b, opacity))

    def _blend(self, outline: NDArray[np.float64], depths: ArrayLike, color: Color) -> None:
        """A convex outline (k, 2) [px] with the depth [m] of each corner, where nothing nearer is."""
        low, high = self._box_of(outline)
        if (high <= low).any():
            return
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillConvexPoly(mask, np.rint(16 * (outline - low)).astype(np.int32), 1, cv2.LINE_8, shift=4)
        # The nearness of a flat face is linear over the picture.
        rows = np.column_stack([outline, np.ones(len(outline))])
        plane = np.linalg.lstsq(rows, 1.0 / np.asarray(depths, dtype=np.float64), rcond=None)[0]
        v, u = np.nonzero(mask)
        u, v = u + low[0], v + low[1]
        self._mix(u, v, plane[0] * u + plane[1] * v + plane[2], np.array(color[:3]), color[3])

    def _mix(
        self,
        u: NDArray[np.int_],
        v: NDArray[np.int_],
        nearness: NDArray[np.float64],
        rgb: NDArray[np.float64],
        opacity: float,
    ) -> None:
        """Color (3,) or (n, 3) in [0, 1] into pixels (n,) where nothing nearer is; opaque ones hide what follows."""
        nearness = nearness.astype(np.float32)
        nearer = nearness >= self._nearness[v, u]
        u, v, rgb = u[nearer], v[nearer], rgb[nearer] if rgb.ndim == 2 else rgb
        self._pixels[v, u] = (1 - opacity) * self._pixels[v, u] + opacity * 255 * rgb.astype(np.float32)
        if opacity > 0.95:
            self._nearness[v, u] = nearness[nearer]

    def _box_of(self, outline: NDArray[np.float64]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        """The pixels around an outline (k, 2) [px] within the picture: the first, and one behind the last."""
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, (self._camera.width, self._camera.height))
        return low, high


def capsule_depth(
    rays: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], radius: float
) -> NDArray[np.float64]:
    """How far along rays (..., 3) of z = 1 from the origin a capsule is met, (...) [m]; NaN where it is not.

    A point t·ray lies on its cylinder where its distance to the axis through a and b (3,) [m] is the radius [m], on a
    ball where that to an end is: in both a quadratic equation in t, of which the smaller root is in front.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = np.minimum.reduce([_ball_depth(rays, end, radius) for end in (a, b)], initial=np.inf)
        length = float(np.linalg.norm(b - a))
        if length > 1e-9:
            axis = (b - a) / length
            across, to_a = rays - (rays @ axis)[..., None] * axis, a - (a @ axis) * axis
            squared = (across * across).sum(axis=-1)
            half = across @ to_a
            t = (half - np.sqrt(half**2 - squared * (to_a @ to_a - radius**2))) / squared
            beside = np.abs(t * (rays @ axis) - (a @ axis) - length / 2) <= length / 2
            depth = np.where(beside & (t > 0), np.fmin(depth, t), depth)
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.nan)


def _ball_depth(rays: NDArray[np.float64], centre: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    squared, half = (rays * rays).sum(axis=-1), rays @ centre
    t = (half - np.sqrt(half**2 - squared * (centre @ centre - radius**2))) / squared
    return np.where(np.isfinite(t), t, np.inf)


def write(image: NDArray[np.uint8], labels: list[Label], scale: float = 0.45) -> None:
    """Write labels into an RGB image (H, W, 3), each beside its point, moved down where it would cover another."""
    taken: list[tuple[int, int, int, int]] = []
    for (u, v), text, rgb in sorted(labels, key=lambda label: label[0][1]):
        (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        left, top = u + 4, v - height
        while any(
            left < x + w and x < left + width and top < y + h and y < top + height + below for x, y, w, h in taken
        ):
            top += 2
        taken.append((left, top, width, height + below))
        for color, thick in (((255, 255, 255), 3), (rgb, 1)):
            cv2.putText(image, text, (left, top + height), cv2.FONT_HERSHEY_SIMPLEX, scale, color, thick, cv2.LINE_AA)


def _finer(camera: Intrinsics) -> Intrinsics:
    k, half = _FINER, (_FINER - 1) / 2
    return Intrinsics(
        k * camera.width, k * camera.height, k * camera.fx, k * camera.fy, k * camera.cx + half, k * camera.cy + half
    )
