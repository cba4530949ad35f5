"""Dense grasp labels: for every pixel of an object, the best vertical parallel-jaw grasp through it.

The rule of a pixel: the gripper comes down vertically through the surface point that the pixel shows, with its
tips at z_tip = max(z_surface - finger depth, table + clearance), or somewhat higher (`RAISES`) where the fingers
find no room there. Contacts come from rays that leave the object
from inside, quality from the friction cone, room from `clearance`. Analytic antipodal quality over surface
points follows Mahler et al., "Dex-Net 2.0" (2017); rays against exact shapes replace their sampled contacts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, image_angles, invert, transform, wrap_half_turn
from gpnet_ros.settings import GripperGeometry
from gpnet_ros.sim.labels.finger_room import SAFETY, FingerRoom, finger_rooms, height_map

Floats = NDArray[np.float32]

#: Opening directions in base, 10 degrees apart: half that error costs a parallel jaw nothing.
YAWS = np.arange(18) * np.pi / 18
#: Friction of pad on object that a grasp must hold with; below that of the simulated pads, as a margin.
FRICTION = 0.6
MARGINS = (0.010, 0.006, 0.003)  # free space between pad and object on either side, best first [m]
_MARGIN_SCORE = (1.0, 0.9, 0.7)
#: The tips are raised [m] where the fingers find no room at the full depth, and what that costs of the score.
RAISES = ((0.0, 1.0), (0.005, 0.93), (0.010, 0.85))
BAND_MIN = 0.006  # least height of object between the tips and the surface [m]
CONTACT_DEPTH = 0.0015  # pads and objects give: exits this near to the farthest one touch as well [m]
OFFSET_MAX, OFFSET_SHARE = 0.004, 0.2  # the centre may lie this far beside the middle: [m], or share of the width
_HEIGHTS = (0.2, 0.5, 0.8)  # where in the band rays run, from the tips up
_LATERAL = (0.0, -0.007, 0.007)  # beside the centre, on the pads [m]
#: Where on the pads, above the tips and beside the centre [m], nothing else may be met while the jaw closes.
_PAD_HEIGHTS, _PAD_LATERAL = (-SAFETY, 0.008, 0.020, 0.036), (-0.0105, -0.0052, 0.0, 0.0052, 0.0105)
_TORQUE_ARM = 0.05  # distance of the centre of mass at which gravity's twist halves the score [m]


@dataclass(frozen=True, eq=False)
class LabelledGrasp:
    """One grasp in space.

    Attributes:
        T_base_tcp: pose of the closed fingertips, z down, x along the opening.
        opening: that is commanded [m].
        score: in (0, 1].
        object: index of the object.
        surface: height in base of the object's point above the fingertips that the picture shows [m].
    """

    T_base_tcp: Transform
    opening: float
    score: float
    object: int
    surface: float


@dataclass(frozen=True, eq=False)
class GraspLabels:
    """Best grasp per pixel; all maps (h, w).

    Attributes:
        quality: float32 in [0, 1], 0 where there is no grasp.
        angle: float32 opening axis in the image, from +u towards +v, [-pi/2, pi/2) [rad]; 0 without grasp.
        opening: float32 opening that is commanded [m]; 0 without grasp.
        tip: float32 height of the fingertips in base [m]; NaN without grasp.
        ids: int32, 0 for no object, else index of the object + 1.
        grasps: the best distinct grasps of each object, best first.
    """

    quality: Floats
    angle: Floats
    opening: Floats
    tip: Floats
    ids: NDArray[np.int32]
    grasps: tuple[LabelledGrasp, ...]


@dataclass(frozen=True, eq=False)
class _Points:
    """Surface points under test, flat: position (n, 3), tip height (n,), object (n,)."""

    surface: Floats
    tip: Floats
    object: NDArray[np.int32]

    def rows(self, index: NDArray[np.int64]) -> _Points:
        return _Points(self.surface[index], self.tip[index], self.object[index])


def grasp_labels(
    meshes: Sequence[tuple[NDArray[np.float64], NDArray[np.integer]]],
    T_base_object: Sequence[Transform] | NDArray[np.float64],
    depth: Floats,
    ids: NDArray[np.int32],
    intrinsics: Intrinsics,
    T_base_camera: Transform,
    gripper: GripperGeometry,
    table_z: float = 0.0,
    table_clearance: float = 0.004,
    grasps_per_object: int = 8,
    grasps_apart: float = 0.012,
    obstacles: Sequence[tuple[NDArray[np.float64], NDArray[np.integer]]] = (),
    friction: float = FRICTION,
) -> GraspLabels:
    """Labels of a view.

    Args:
        meshes: closed outer surface of each object, vertices (n, 3) about its centre of mass [m], faces (m, 3).
        T_base_object: pose of each.
        depth: (h, w) exact depth [m], NaN where unknown.
        ids: (h, w), index of the object + 1, 0 elsewhere.
        intrinsics: camera model of depth and ids.
        T_base_camera: hand-eye.
        gripper: its geometry.
        table_z: height of the table [m].
        table_clearance: of the tips above the table [m].
        grasps_per_object: most entries of `grasps` per object.
        grasps_apart: those of an object lie at least this far apart [m], or are turned by 40 degrees.
        obstacles: closed surfaces that stand still, such as the walls of a bin: vertices (n, 3) in base [m],
            faces (m, 3). Neither fingers nor palm may come down on them, and they have no grasps.
        friction: of pad on object that a grasp must hold with; more finds places that labels do not vouch for.

    Raises:
        BadInput: sizes do not fit each other, or an id has no mesh.
    """
    _check(len(meshes), len(T_base_object), depth, ids, intrinsics)
    height, width = ids.shape
    pixels = np.flatnonzero((ids > 0) & np.isfinite(depth))
    if len(pixels) == 0:
        blank = np.zeros((height, width), dtype=np.float32)
        return GraspLabels(blank, blank.copy(), blank.copy(), blank + np.float32(np.nan), ids, ())
    v, u = np.divmod(pixels, width)
    in_camera = intrinsics.deproject(np.column_stack([u, v]), depth.ravel()[pixels])
    surface = (in_camera @ T_base_camera[:3, :3].T + T_base_camera[:3, 3]).astype(np.float32)
    lowest = np.maximum(surface[:, 2] - gripper.finger_depth, table_z + table_clearance).astype(np.float32)
    points = _Points(surface, lowest, (ids.ravel()[pixels] - 1).astype(np.int32))
    centres = np.asarray(T_base_object, dtype=np.float64)[:, :2, 3].astype(np.float32)
    T_all = np.asarray(T_base_object, dtype=np.float64)
    solids = [_corners(v @ T[:3, :3].T + T[:3, 3], f) for (v, f), T in zip(meshes, T_all, strict=True)]
    solids += [_corners(v, f) for v, f in obstacles]
    grades = _all_yaws(solids, points, centres, gripper, table_z, friction)
    best = np.argmax(_prefer(grades[0], points.object, len(meshes)), axis=1)
    score, opened, raised = grades[:, np.arange(len(pixels)), best]
    tips = points.tip + raised
    maps = np.zeros((4, height * width), dtype=np.float32)
    maps[3] = np.nan
    found = score > 0
    axes = np.column_stack([np.cos(YAWS), np.sin(YAWS), np.zeros(len(YAWS))])[best]
    angle = image_angles(in_camera, axes @ invert(T_base_camera)[:3, :3].T, intrinsics)
    maps[0, pixels] = score
    maps[1, pixels] = np.where(found, angle, 0.0)
    maps[2, pixels] = opened
    maps[3, pixels] = np.where(found, tips, np.nan)
    grasps = _distinct(
        _Points(surface, tips, points.object), score, YAWS[best], opened, grasps_per_object, grasps_apart
    )
    quality, angles, opening, tip = maps.reshape(4, height, width)
    return GraspLabels(quality, angles, opening, tip, ids, grasps)


def _check(meshes: int, poses: int, depth: Floats, ids: NDArray[np.int32], intrinsics: Intrinsics) -> None:
    if meshes != poses or int(ids.max(initial=0)) > meshes:
        raise BadInput(
            f"{meshes} meshes came with {poses} poses and ids up to {int(ids.max(initial=0))}: "
            "one pose per mesh is needed, and ids run from 1 to the number of meshes."
        )
    if depth.shape != ids.shape or ids.shape != (intrinsics.height, intrinsics.width):
        raise BadInput(
            f"Depth {depth.shape}, ids {ids.shape} and camera model {(intrinsics.height, intrinsics.width)} "
            "differ in size: all three must be of one view."
        )


def _corners(vertices: NDArray[np.float64], faces: NDArray[np.integer]) -> NDArray[np.float64]:
    """Corners (m, 3, 3) [m] of the triangles of a mesh."""
    return np.asarray(np.asarray(vertices, dtype=np.float64)[faces])


def _all_yaws(
    solids: Sequence[NDArray[np.float64]],
    points: _Points,
    centres: Floats,
    gripper: GripperGeometry,
    table_z: float,
    friction: float,
) -> Floats:
    """Score, opening [m] and raise of the tips [m], (3, n, yaws), 0 where there is no grasp.

    `solids` are triangles (m, 3, 3) in base of the objects first, then of what stands still.
    """
    scene = EmbreeScene()
    for triangles in solids:  # one geometry per object: the hit's geomID is the object
        TriangleMesh(scene, np.ascontiguousarray(triangles, dtype=np.float32))
    everything = np.concatenate(solids).reshape(-1, 3)
    heights = height_map(scene, everything.min(axis=0), everything.max(axis=0), table_z)
    grades = np.zeros((3, len(points.tip), len(YAWS)), dtype=np.float32)
    for k, room in enumerate(finger_rooms(heights, gripper, YAWS)):
        tried = np.zeros(len(points.tip), dtype=np.bool_)
        for height, factor in RAISES:  # an object that lies flat on another one is taken by its upper part
            raised = _Points(points.surface, points.tip + np.float32(height), points.object)
            high_enough = raised.surface[:, 2] - raised.tip >= BAND_MIN
            rows = np.flatnonzero(~tried & high_enough & room.possible(points.surface[:, :2], raised.tip))
            tried[rows] = True
            if len(rows):
                score, opening = _score(scene, raised.rows(rows), centres, room, gripper, YAWS[k], friction)
                grades[:, rows, k] = np.float32(factor) * score, opening, np.float32(height) * (score > 0)
    return grades


def _score(
    scene: EmbreeScene,
    points: _Points,
    centres: Floats,
    room: FingerRoom,
    gripper: GripperGeometry,
    yaw: float,
    friction: float,
) -> tuple[Floats, Floats]:
    """Score and opening [m], (n,) each, for one opening direction."""
    axis = np.array([np.cos(yaw), np.sin(yaw), 0.0], dtype=np.float32)
    score, opening = np.zeros((2, len(points.tip)), dtype=np.float32)
    rows, central = _between(scene, points, axis, gripper)
    if len(rows) == 0:
        return score, opening
    some = points.rows(rows)
    faces = []
    for side, (distance, cosine) in zip((1, -1), central, strict=True):
        beside = _exits(scene, some, side * axis, _LATERAL[1:], gripper.stroke)
        faces.append(_contact(np.hstack([distance, beside[0]]), np.hstack([cosine, beside[1]]), friction))
    (right, grip_right, area_right), (left, grip_left, area_left) = faces
    width, offset = right + left, np.abs(right - left) / 2
    antipodal = np.minimum(grip_right, grip_left)
    good = (antipodal > 0) & (width <= gripper.stroke - 2 * MARGINS[-1])
    good &= offset <= np.maximum(OFFSET_MAX, OFFSET_SHARE * width)
    wide, margin = np.zeros_like(width), np.zeros_like(width)
    kept = np.flatnonzero(good)
    wide[kept], margin[kept] = _opening(some.rows(kept), np.maximum(right, left)[kept], room, gripper.stroke)
    kept = kept[margin[kept] > 0]
    for side, contact in ((1, right), (-1, left)):  # a pad that meets another object first takes both, or neither
        gap = np.subtract(wide[kept] / 2, contact[kept], dtype=np.float32)
        kept = kept[_free_to_close(scene, some.rows(kept), side * axis, contact[kept], gap)]
    good = np.isin(np.arange(len(good)), kept)
    arm = np.linalg.norm(centres[some.object] - some.surface[:, :2], axis=1)
    area = np.minimum(area_right, area_left)
    parts = antipodal * (0.5 + 0.5 * area) / (1 + (arm / _TORQUE_ARM) ** 2)
    parts *= margin * (1 - 0.25 * width / gripper.stroke) * (1 - 20.0 * np.minimum(offset, 0.02))
    # The root spreads the product of five factors over [0, 1] about as the success of executed grasps does.
    score[rows] = np.sqrt(np.where(good, np.maximum(parts, 0.0), 0.0))
    opening[rows] = np.where(good, wide, 0.0)
    return score, opening


def _between(
    scene: EmbreeScene, points: _Points, axis: Floats, gripper: GripperGeometry
) -> tuple[NDArray[np.int64], list[tuple[Floats, Floats]]]:
    """Points whose object leaves on both sides, within the stroke, by the centre rays alone: most are ruled out.

    Returns:
        Their rows (k,), and for +axis and -axis distances and cosines (k, heights) as of `_exits`.
    """
    rows = np.arange(len(points.tip))
    found: list[tuple[Floats, Floats]] = []
    for side in (1, -1):
        one = _exits(scene, points.rows(rows), side * axis, _LATERAL[:1], gripper.stroke)
        leaves = np.isfinite(one[0]).any(axis=1)
        rows = rows[leaves]
        found = [*((d[leaves], c[leaves]) for d, c in found), (one[0][leaves], one[1][leaves])]
    reach = [np.where(np.isfinite(d), d, 0.0).max(axis=1, initial=0.0) for d, _ in found]
    narrow = reach[0] + reach[1] <= gripper.stroke - 2 * MARGINS[-1]
    return rows[narrow], [(d[narrow], c[narrow]) for d, c in found]


def _exits(
    scene: EmbreeScene, points: _Points, direction: Floats, lateral: Sequence[float], reach: float
) -> tuple[Floats, Floats]:
    """Where rays from inside an object leave it.

    Returns:
        Distance [m] and cosine between normal and ray, (n, heights * laterals); infinite and 0 where the ray
        did not start inside the object of the point, or leaves it beyond `reach`.
    """
    across = np.array([-direction[1], direction[0], 0.0], dtype=np.float32)
    band = points.surface[:, 2] - points.tip
    n, m = len(band), len(_HEIGHTS) * len(lateral)
    origins = np.empty((n, len(lateral), len(_HEIGHTS), 3), dtype=np.float32)
    for k, share in enumerate(_HEIGHTS):
        beside = np.array(lateral, dtype=np.float32)[None, :, None] * across[:2]
        origins[:, :, k, :2] = points.surface[:, None, :2] + beside
        origins[:, :, k, 2] = (points.tip + np.float32(share) * band)[:, None]
    rays = np.empty((n * m, 3), dtype=np.float32)
    rays[:] = direction
    hit = scene.run(origins.reshape(-1, 3), rays, output=1)
    normal = hit["Ng"]
    cosine = (normal @ direction) / np.maximum(np.linalg.norm(normal, axis=1), 1e-20)
    # A ray that starts outside meets a face that looks towards it, or another object, first.
    inside = (hit["geomID"] == np.repeat(points.object, m)) & (cosine > 0) & (hit["tfar"] < reach)
    distance = np.where(inside, hit["tfar"], np.inf).astype(np.float32)
    return distance.reshape(n, m), np.where(inside, cosine, 0.0).astype(np.float32).reshape(n, m)


def _free_to_close(
    scene: EmbreeScene, points: _Points, direction: Floats, contact: Floats, gap: Floats
) -> NDArray[np.bool_]:
    """Whether the pad on one side meets nothing but the object of its point (n,) while the jaw closes.

    Args:
        scene: all solids.
        points: between the pads.
        direction: from the points towards this pad, (3,).
        contact: distance at which it touches the object (n,) [m].
        gap: how far it stands from there while open (n,) [m].
    """
    across = np.array([-direction[1], direction[0]], dtype=np.float32)
    n, m = len(gap), len(_PAD_HEIGHTS) * len(_PAD_LATERAL)
    origins = np.empty((n, len(_PAD_LATERAL), len(_PAD_HEIGHTS), 3), dtype=np.float32)
    xy = points.surface[:, :2] + (contact + gap)[:, None] * direction[:2]
    for k, lateral in enumerate(_PAD_LATERAL):
        origins[:, k, :, :2] = (xy + np.float32(lateral) * across)[:, None]
    origins[..., 2] = points.tip[:, None, None] + np.array(_PAD_HEIGHTS, dtype=np.float32)
    rays = np.empty((n * m, 3), dtype=np.float32)
    rays[:] = -direction
    hit = scene.run(origins.reshape(-1, 3), rays, output=1)
    reach = np.repeat(gap + np.float32(CONTACT_DEPTH), m)
    other = (hit["geomID"] >= 0) & (hit["geomID"] != np.repeat(points.object, m)) & (hit["tfar"] < reach)
    return np.asarray(~other.reshape(n, m).any(axis=1))


def _contact(distance: Floats, cosine: Floats, friction: float) -> tuple[Floats, Floats, Floats]:
    """What a flat pad touches first when it comes in from outside: the farthest exits.

    Returns:
        Distance [m] of the pad, margin to the friction cone in [0, 1], share of the rays that touch; (n,) each.
    """
    distance = np.where(np.isfinite(distance), distance, -np.inf)
    pad = distance.max(axis=1)
    touches = distance >= pad[:, None] - np.float32(CONTACT_DEPTH)
    count = touches.sum(axis=1)
    mean = np.where(touches, cosine, 0.0).sum(axis=1) / count
    cone = 1.0 / np.sqrt(1.0 + friction**2)
    margin = np.clip((mean - cone) / (1.0 - cone), 0.0, 1.0)
    return pad.astype(np.float32), margin.astype(np.float32), (count / distance.shape[1]).astype(np.float32)


def _opening(points: _Points, half: Floats, room: FingerRoom, stroke: float) -> tuple[Floats, Floats]:
    """Largest opening [m] that finds room on both sides, and its factor on the score; (n,), 0 if none."""
    opening, factor = np.zeros_like(half), np.zeros_like(half)
    for margin, score in zip(MARGINS, _MARGIN_SCORE, strict=True):
        rows = np.flatnonzero((factor == 0) & (half + margin <= stroke / 2))
        wide = 2 * (half[rows] + np.float32(margin))
        free = room.fits(points.surface[rows, :2], points.tip[rows], wide)
        opening[rows[free]], factor[rows[free]] = wide[free], score
    return opening, factor


def _prefer(scores: Floats, objects: NDArray[np.int32], count: int) -> Floats:
    """Scores (n, yaws) by which the yaw of a pixel is chosen.

    Neighbouring yaws count in (robust against a turned gripper), and so does what the whole object favours:
    without that, equal choices (a square block, a ball) would flicker from pixel to pixel.
    """
    smooth = 0.5 * scores + 0.25 * (np.roll(scores, 1, axis=1) + np.roll(scores, -1, axis=1))
    favour = np.zeros((count, scores.shape[1]), dtype=np.float32)
    np.add.at(favour, objects, smooth)
    favour /= np.maximum(favour.max(axis=1, keepdims=True), 1e-9)
    return np.where(scores > 0, smooth * (0.7 + 0.3 * favour[objects]), 0.0).astype(np.float32)


def _distinct(
    points: _Points, scores: Floats, yaws: NDArray[np.float64], openings: Floats, most: int, apart: float
) -> tuple[LabelledGrasp, ...]:
    """The best grasps of each object, at least `apart` [m] or 40 degrees apart, best first over all objects."""
    chosen: list[LabelledGrasp] = []
    for k in np.unique(points.object):
        rows = np.flatnonzero((points.object == k) & (scores > 0))
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        kept: list[int] = []
        while len(rows) and len(kept) < most:
            kept.append(int(rows[0]))
            near = np.linalg.norm(points.surface[rows, :2] - points.surface[rows[0], :2], axis=1) < apart
            turn = np.abs(wrap_half_turn(yaws[rows] - yaws[rows[0]]))
            rows = rows[~(near & (turn < np.deg2rad(40)))]
        chosen += [_in_space(points, row, yaws[row], openings[row], scores[row]) for row in kept]
    return tuple(sorted(chosen, key=lambda grasp: -grasp.score))


def _in_space(points: _Points, row: int, yaw: float, opening: float, score: float) -> LabelledGrasp:
    x, down = np.array([np.cos(yaw), np.sin(yaw), 0.0]), np.array([0.0, 0.0, -1.0])
    position = [*points.surface[row, :2].astype(float), float(points.tip[row])]
    T = transform(np.column_stack([x, np.cross(down, x), down]), position)
    return LabelledGrasp(T, float(opening), float(score), int(points.object[row]), float(points.surface[row, 2]))
