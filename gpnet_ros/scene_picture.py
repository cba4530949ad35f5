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
_LIGHT, _SHADE = np.array([0.3, 0.4, 0.87]), 0.55
#: Corners of the circle that stands for a ball's outline.
_ROUND = 24
_BACKGROUND = (236, 238, 241)

Color = tuple[float, float, float, float]  # red, green, blue and opacity, 0 to 1


class ScenePicture:
    """A picture of a world, drawn piece by piece; what is nearer hides what is farther, whatever the order.

    Opaque pieces first: what shines through shows what was drawn before it.

    Attributes:
        image: (H, W, 3) RGB.
    """

    def __init__(self, camera: Intrinsics, T_world_camera: Transform) -> None:
        """An empty picture, as a camera at T_world_camera (4, 4) [m] sees it."""
        self._camera, self._T_camera_world = camera, invert(T_world_camera)
        self._pixels = np.full((camera.height, camera.width, 3), _BACKGROUND, np.float32)
        self._nearness = np.zeros((camera.height, camera.width), np.float32)  # 1 / depth [1/m]
        self._labels: list[tuple[tuple[int, int], str, tuple[int, int, int]]] = []

    @property
    def image(self) -> NDArray[np.uint8]:
        """What was drawn so far, (H, W, 3) RGB."""
        image, scale = np.rint(self._pixels).astype(np.uint8), self._camera.height / 1600
        for at, text, rgb in self._labels:
            cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, rgb, 1, cv2.LINE_AA)
        return image

    def dots(self, points: ArrayLike, colors: NDArray[np.uint8], size: float) -> None:
        """Points (n, 3) [m] as squares of this size [m], each with its RGB (n, 3)."""
        seen = self._in_camera(points)
        ahead = seen[:, 2] > _NEAR
        seen, colors = seen[ahead], colors[ahead]
        far_first = np.argsort(-seen[:, 2])
        seen, colors = seen[far_first], colors[far_first]
        pixels = np.rint(self._camera.project(seen)).astype(int)
        reach = int(np.clip(np.ceil(size * self._camera.fx / np.median(seen[:, 2]) / 2), 0, 4)) if len(seen) else 0
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
        ends = self._in_camera(np.array([start, end], dtype=np.float64))
        if (ends[:, 2] < _NEAR + radius).any():
            return
        turn = np.linspace(0.0, 2 * np.pi, _ROUND, endpoint=False)
        circle = radius * np.column_stack([np.cos(turn), np.sin(turn), np.full(_ROUND, -0.7)])
        rim = (ends[:, None] + circle).reshape(-1, 3)
        hull = cv2.convexHull(self._camera.project(rim).astype(np.float32), returnPoints=False)[:, 0]
        axis = np.asarray(end, dtype=np.float64) - np.asarray(start, dtype=np.float64)
        along = abs(float(axis @ _LIGHT)) / max(float(np.linalg.norm(axis)), 1e-12)
        self._fill(rim[hull], color, _SHADE + (1.0 - _SHADE) * np.sqrt(max(1.0 - along**2, 0.0)), edge=True)

    def line(self, points: ArrayLike, color: Color, width: int = 2) -> None:
        """A line through points (n, 3) [m], `width` pixels wide."""
        seen = self._in_camera(points)
        for a, b in zip(seen[:-1], seen[1:], strict=True):
            if min(a[2], b[2]) < _NEAR:
                continue
            p, q = self._camera.project(np.array([a, b]))
            across = np.array([p[1] - q[1], q[0] - p[0]])
            across *= width / 2 / max(float(np.linalg.norm(across)), 1e-9)
            self._blend(np.array([p - across, p + across, q + across, q - across]), [a[2], a[2], b[2], b[2]], color)

    def label(self, point: ArrayLike, text: str, color: Color) -> None:
        """Text at a point (3,) [m], over everything that was drawn."""
        seen = self._in_camera(np.asarray(point, dtype=np.float64)[None])[0]
        if seen[2] > _NEAR:
            u, v = (int(x) for x in np.rint(self._camera.project(seen)))
            red, green, blue = (int(255 * c) for c in color[:3])
            self._labels.append(((u, v), text, (red, green, blue)))

    def _in_camera(self, points: ArrayLike) -> NDArray[np.float64]:
        T = self._T_camera_world
        return np.asarray(points, dtype=np.float64) @ T[:3, :3].T + T[:3, 3]

    def _fill(self, corners: NDArray[np.float64], color: Color, lit: float, edge: bool = False) -> None:
        """A convex outline (k, 3) [m] in the camera's frame, filled."""
        if (corners[:, 2] < _NEAR).any():
            return
        r, g, b, opacity = color
        pixels = self._camera.project(corners)
        self._blend(pixels, corners[:, 2], (lit * r, lit * g, lit * b, opacity))
        if edge:
            for k in range(len(pixels)):
                ends = [k, (k + 1) % len(pixels)]
                (u, v), (x, y) = pixels[ends]
                across = np.array([v - y, x - u]) / max(float(np.hypot(x - u, y - v)), 1e-9) / 2
                quad = np.array(
                    [
                        pixels[ends[0]] - across,
                        pixels[ends[0]] + across,
                        pixels[ends[1]] + across,
                        pixels[ends[1]] - across,
                    ]
                )
                self._blend(
                    quad, corners[[ends[0], ends[0], ends[1], ends[1]], 2] - 0.002, (0.5 * r, 0.5 * g, 0.5 * b, opacity)
                )

    def _blend(self, outline: NDArray[np.float64], depths: ArrayLike, color: Color) -> None:
        """A convex outline (k, 2) [px] with the depth [m] of each corner, where nothing nearer is."""
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, (self._camera.width, self._camera.height))
        if (high <= low).any():
            return
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillConvexPoly(mask, np.rint(16 * (outline - low)).astype(np.int32), 1, cv2.LINE_8, shift=4)
        # The nearness of a flat face is linear over the picture.
        rows = np.column_stack([outline, np.ones(len(outline))])
        plane = np.linalg.lstsq(rows, 1.0 / np.asarray(depths, dtype=np.float64), rcond=None)[0]
        v, u = np.nonzero(mask)
        u, v = u + low[0], v + low[1]
        nearness = (plane[0] * u + plane[1] * v + plane[2]).astype(np.float32)
        nearer = nearness >= self._nearness[v, u]
        u, v, nearness = u[nearer], v[nearer], nearness[nearer]
        opacity = color[3]
        self._pixels[v, u] = (1 - opacity) * self._pixels[v, u] + opacity * 255 * np.array(color[:3], np.float32)
        if opacity > 0.95:
            self._nearness[v, u] = nearness
