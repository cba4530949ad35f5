"""Pictures of a scene as an aligned RGB-D camera would take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform
from gpnet_ros.sim.camera.raycast import CHUNK, Hits, PlacedScene, RayScene, pixel_rays
from gpnet_ros.sim.camera.shading import expose, radiance
from gpnet_ros.sim.camera.visibility import visibility
from gpnet_ros.sim.looks.decals import lay
from gpnet_ros.sim.looks.style import Style

Quality = Literal["fast", "high"]

#: Shadow rays per light and pixel of the half-size grid, and extra rays per pixel on an edge.
_RAYS: dict[str, tuple[int, int]] = {"fast": (1, 2), "high": (6, 3)}

#: Where the extra rays of an edge pixel go [px].
_OFFSETS = np.array([[-0.28, -0.18], [0.3, -0.22], [0.02, 0.33]])


#: Floor that pictures show beside the table [m]; the height of a work table, EN ISO 14738.
_FLOOR_Z = -0.75


@dataclass(frozen=True, eq=False)
class View:
    """A rendered view. Depth and ids are the truth: they are for scoring and labels only.

    Attributes:
        color: (H, W, 3) uint8, RGB.
        depth: (H, W) float32 exact depth [m], NaN where nothing was hit.
        ids: (H, W) int32, 0 for table, robot and nothing, 1..n for objects.
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.float32]
    ids: NDArray[np.int32]


def render(
    scene: RayScene,
    T_base_mesh: Sequence[Transform],
    intrinsics: Intrinsics,
    T_base_camera: Transform,
    style: Style,
    quality: Quality = "fast",
    rng: np.random.Generator | None = None,
) -> View:
    """Colour, exact depth and ids of a scene.

    Args:
        scene: what there is.
        T_base_mesh: where it is, one pose per mesh.
        intrinsics: camera model.
        T_base_camera: pose of the camera's optical frame.
        style: lights, table and camera look.
        quality: "fast" for a live picture, "high" for data sets and demo pictures.
        rng: of shadow jitter and sensor noise; None takes the style's seed, so that the same
            call gives the same picture.

    Raises:
        BadInput: poses do not fit the scene, or an unknown quality.
    """
    if quality not in _RAYS:
        raise BadInput(f"Quality '{quality}' is not known: use 'fast' or 'high'.")
    rng = np.random.default_rng(style.seed) if rng is None else rng
    light, hits = linear_light(scene.place(T_base_mesh), intrinsics, T_base_camera, style, quality, rng)
    return View(expose(light, style, rng), hits.z, hits.id)


def linear_light(
    placed: PlacedScene,
    intrinsics: Intrinsics,
    T_base_camera: Transform,
    style: Style,
    quality: Quality,
    rng: np.random.Generator,
) -> tuple[Floats, Hits]:
    """Light (H, W, 3) that reaches the camera, before exposure, and what its rays met; arguments as `render`."""
    rays, extra = _RAYS[quality]
    hits = placed.cast(intrinsics, T_base_camera)
    edges = _edges(hits)
    seen = _half_size_visibility(placed, hits, edges, style, rays, rng)
    eye = T_base_camera[:3, 3].astype(np.float32)
    flat, bevelled = _bevelled(hits, edges)
    light = _light(placed, flat, seen.reshape(len(flat.mesh), -1), eye, style)
    rows = np.flatnonzero(edges.ravel())
    beside = placed.trace(_rays_beside(rows, intrinsics, extra), T_base_camera)
    pixel = np.repeat(rows, extra)
    lent = _lend(seen, hits, pixel, beside)
    keep = np.flatnonzero(bevelled[pixel] & (beside.mesh == flat.mesh[pixel]))
    beside.normals[keep] = flat.normals[pixel[keep]]
    light[rows] = _mean_light(light[rows], _light(placed, beside, lent, eye, style))
    return light.reshape(hits.normals.shape), hits


def _light(placed: PlacedScene, hits: Hits, seen: Floats, eye: Floats, style: Style) -> Floats:
    """Linear light (n, 3) from flat hits; where nothing was hit, the floor and a dim room."""
    albedo, finish = _surfaces(placed, hits, style)
    missed = np.flatnonzero(hits.mesh < 0)
    if len(missed):
        hits, seen = _on_floor(hits, seen, missed, eye)
        side = np.full(len(missed), 4, dtype=np.int8)
        albedo[missed], finish[missed] = style.floor.surface(hits.points[missed], side)
    light = radiance(hits, albedo, finish, seen, eye, style)
    above = missed[hits.points[missed, 2] > _FLOOR_Z + 0.01]
    light[above] = np.multiply(style.ground, 0.3 * style.ambient)
    return light


def _surfaces(placed: PlacedScene, hits: Hits, style: Style) -> tuple[Floats, Floats]:
    """Linear albedo (n, 3), and gloss and metallic (n, 2), of flat hits; 0 where nothing was hit."""
    albedo = np.zeros((len(hits.mesh), 3), dtype=np.float32)
    finish = np.zeros((len(hits.mesh), 2), dtype=np.float32)
    for k, mesh in enumerate(placed.scene.meshes):
        everywhere = np.flatnonzero(hits.mesh == k)
        texture = mesh.texture or style.table
        for first in range(0, len(everywhere), CHUNK):
            rows = everywhere[first : first + CHUNK]
            local = hits.local[rows]
            albedo[rows], finish[rows] = texture.surface(local, hits.side[rows], placed.scene.bounds[k])
            if mesh.texture is None and style.decals:
                albedo[rows] = lay(style.decals, local, albedo[rows])
    return albedo, finish


def _on_floor(hits: Hits, seen: Floats, missed: NDArray[np.int64], eye: Floats) -> tuple[Hits, Floats]:
    """The same hits and visibility with rays that missed everything going on to a floor below the table.

    Only pictures show this floor: depth and ids know nothing of it.
    """
    points, normals, seen = hits.points.copy(), hits.normals.copy(), seen.copy()
    ray = points[missed] - eye
    reach = np.where(ray[:, 2] < -0.05, (_FLOOR_Z - eye[2]) / np.minimum(ray[:, 2], -0.05), 1.0)
    points[missed] = eye + ray * reach.astype(np.float32)[:, None]
    normals[missed] = (0.0, 0.0, 1.0)
    seen[missed] = 0.5  # the table keeps light from it
    return replace(hits, points=points, normals=normals), seen


def _bevelled(hits: Hits, edges: NDArray[np.bool_]) -> tuple[Hits, NDArray[np.bool_]]:
    """Flat hits whose normals turn over a pixel or two where a body has an outer edge, and where (n,) they do.

    No real edge is as sharp as those of the meshes: worn and moulded edges catch the light. The normals there are
    means, shorter than 1.
    """
    mesh = hits.mesh.astype(np.float32)
    cross = np.ones((3, 3), np.uint8)
    inside = edges & (cv2.erode(mesh, cross) == cv2.dilate(mesh, cross)) & (hits.mesh >= 0)
    inside[[0, -1]] = inside[:, [0, -1]] = False
    rows, cols = np.nonzero(inside)
    outer = np.zeros(len(rows), dtype=np.float32)
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        turn = hits.normals[rows, cols] - hits.normals[rows + down, cols + right]
        step = hits.points[rows, cols] - hits.points[rows + down, cols + right]
        outer += np.einsum("nj,nj->n", turn, step)
    inside[rows, cols] = outer > 0
    normals = hits.normals.copy()
    normals[inside] = cv2.blur(hits.normals, (3, 3))[inside]
    return replace(hits, normals=normals).flat(), inside.ravel()


def _half_size_visibility(
    placed: PlacedScene, hits: Hits, edges: NDArray[np.bool_], style: Style, rays: int, rng: np.random.Generator
) -> Floats:
    """`visibility` (H, W, lights + 1), traced on every second pixel and spread along surfaces."""
    coarse = hits.part(np.s_[::2, ::2])
    small = visibility(placed, coarse.flat(), style, rays, rng).reshape(*coarse.mesh.shape, -1)
    for axis in (0, 1):
        small = _spread(small, coarse, axis)
    return _enlarge(small, coarse, hits, edges)


def _likeness(normals: Floats, mesh: NDArray[np.int32], normals2: Floats, mesh2: NDArray[np.int32]) -> Floats:
    """How far two pixels show the same surface: 0 for other meshes, falling with the turn of the normal."""
    dot = np.einsum("...j,...j->...", normals, normals2)
    like: Floats = (np.clip(dot, 0.0, 1.0) ** 16 * (mesh == mesh2)).astype(np.float32)
    return like


def _spread(small: Floats, coarse: Hits, axis: int, reach: int = 2) -> Floats:
    """Mean along one axis over neighbours on the same surface; hides the grain of few rays."""
    total, weight = small.copy(), np.ones((*small.shape[:2], 1), dtype=np.float32)
    for step in range(1, reach + 1):
        head, tail = _neighbours(axis, step)
        like = _likeness(coarse.normals[head], coarse.mesh[head], coarse.normals[tail], coarse.mesh[tail])[..., None]
        total[head] += like * small[tail]
        total[tail] += like * small[head]
        weight[head] += like
        weight[tail] += like
    return np.divide(total, weight, dtype=np.float32)


def _neighbours(axis: int, step: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Indices of all pixels that have a neighbour `step` before them along the axis, and of those."""
    whole = (slice(None),) * axis
    return (*whole, slice(step, None)), (*whole, slice(None, -step))


def _enlarge(small: Floats, coarse: Hits, hits: Hits, edges: NDArray[np.bool_]) -> Floats:
    """From every second pixel to all: linear, and joint bilateral (Kopf et al. 2007) near edges."""
    height, width = hits.mesh.shape
    grow = np.array([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    layers = [cv2.warpAffine(layer, grow, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
              for layer in np.ascontiguousarray(np.moveaxis(small, 2, 0))]  # fmt: skip
    large: Floats = np.stack(layers, axis=2).astype(np.float32)
    rows, cols = np.nonzero(cv2.dilate(edges.astype(np.uint8), np.ones((5, 5), np.uint8)))
    total = np.zeros((len(rows), small.shape[2]), dtype=np.float32)
    weight = np.full((len(rows), 1), 1e-6, dtype=np.float32)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        r = np.minimum((rows + down) // 2, small.shape[0] - 1)
        c = np.minimum((cols + right) // 2, small.shape[1] - 1)
        here = hits.normals[rows, cols], hits.mesh[rows, cols]
        like = _likeness(*here, coarse.normals[r, c], coarse.mesh[r, c])[:, None] + np.float32(1e-5)
        total += like * small[r, c]
        weight += like
    large[rows, cols] = total / weight
    return large


def _edges(hits: Hits) -> NDArray[np.bool_]:
    """Pixels (H, W) beside which another surface begins."""
    edge = np.zeros(hits.mesh.shape, dtype=bool)
    z = np.nan_to_num(hits.z, nan=99.0)
    for axis in (0, 1):
        head, tail = _neighbours(axis, 1)
        turned = np.einsum("...j,...j->...", hits.normals[head], hits.normals[tail]) < 0.8
        step = np.abs(z[head] - z[tail]) > 0.02 * z[tail]
        change = (hits.mesh[head] != hits.mesh[tail]) | turned | step
        edge[head] |= change
        edge[tail] |= change
    return edge


def _rays_beside(rows: NDArray[np.int64], intrinsics: Intrinsics, extra: int) -> Floats:
    """`extra` rays beside each of the flat pixels `rows`; see `pixel_rays`."""
    rays = np.repeat(pixel_rays(intrinsics)[rows], extra, axis=0)
    offsets = np.tile(_OFFSETS[:extra] / [intrinsics.fx, intrinsics.fy], (len(rows), 1))
    rays[:, :2] += offsets.astype(np.float32)
    return rays


def _lend(seen: Floats, hits: Hits, pixel: NDArray[np.int64], beside: Hits) -> Floats:
    """Visibility of rays beside pixels: that of the pixel or its neighbours, as far as they show the same surface.

    Args:
        seen: (H, W, lights + 1) of `hits`.
        hits: (H, W).
        pixel: (n,) flat pixel beside which each ray goes.
        beside: (n,) what the rays met.
    """
    height, width = hits.mesh.shape
    v, u = np.divmod(pixel, width)
    total = np.zeros((len(pixel), seen.shape[2]), dtype=np.float32)
    weight = np.full((len(pixel), 1), 1e-9, dtype=np.float32)
    for down, right in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        r, c = np.clip(v + down, 0, height - 1), np.clip(u + right, 0, width - 1)
        like = _likeness(beside.normals, beside.mesh, hits.normals[r, c], hits.mesh[r, c])[:, None] + np.float32(1e-5)
        total += like * seen[r, c]
        weight += like
    return total / weight


def _mean_light(centre: Floats, beside: Floats) -> Floats:
    """Light (n, 3) of edge pixels: the mean over their centres (n, 3) and the rays beside them (n * extra, 3)."""
    if len(centre) == 0:
        return centre
    # A glint in one of few rays would stand out as a white dot.
    beside = np.minimum(beside, 4.0 * np.median(centre) + 1.0).reshape(len(centre), -1, 3)
    return (centre + beside.sum(axis=1)) / np.float32(1 + beside.shape[1])
