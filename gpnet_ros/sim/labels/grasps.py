"""Dense grasp labels: for every pixel of an object, the best vertical parallel-jaw grasp through it.

The rule of a pixel: the gripper comes down vertically through the surface point that the pixel shows, with its
tips at z_tip = max(z_surface - finger depth, table + clearance), or somewhat higher (`RAISES`) where the fingers
find no room there. Contacts come from rays that leave the object from inside (`pad_contacts`), quality from the
friction cone, room from `finger_room`. Analytic antipodal quality over surface points follows Mahler et al.,
"Dex-Net 2.0" (2017); rays against exact shapes replace their sampled contacts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import Transform, image_angles, invert, transform, wrap_half_turn
from gpnet_ros.settings import GripperGeometry
from gpnet_ros.sim.labels.exact import ExactView, Solids
from gpnet_ros.sim.labels.finger_room import FingerRoom, finger_rooms, surface_lattice
from gpnet_ros.sim.labels.pad_contacts import (
    PAD_MARGINS,
    SurfacePoints,
    between_pads,
    exits_beside,
    free_to_close,
    pad_contact,
)

#: Opening directions in base, 10 degrees apart: half that error costs a parallel jaw nothing.
YAWS = np.arange(18) * np.pi / 18
#: Friction of pad on object that a grasp must hold with; below that of the simulated pads, as a margin.
FRICTION = 0.6
_MARGIN_SCORE = (1.0, 0.9, 0.7)  # of `PAD_MARGINS`
#: The tips are raised [m] where the fingers find no room at the full depth, and what that costs of the score.
RAISES = ((0.0, 1.0), (0.005, 0.93), (0.010, 0.85))
BAND_MIN = 0.006  # least height of object between the tips and the surface [m]
OFFSET_MAX, OFFSET_SHARE = 0.004, 0.2  # the centre may lie this far beside the middle: [m], or share of the width
_TORQUE_ARM = 0.05  # distance of the centre of mass at which gravity's twist halves the score [m]


@dataclass(frozen=True)
class LabelSettings:
    """Gripper and limits of the labels.

    Attributes:
        gripper: its geometry.
        table_clearance: least height of the tips above the table [m].
        grasps_per_object: most entries of `GraspLabels.grasps` per object.
        grasps_apart: those of an object lie at least this far apart [m], or are turned by 40 degrees.
        friction: of pad on object that a grasp must hold with; more finds grasps that labels do not vouch for.
    """

    gripper: GripperGeometry = field(default_factory=GripperGeometry)
    table_clearance: float = 0.004
    grasps_per_object: int = 8
    grasps_apart: float = 0.012
    friction: float = FRICTION


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


def grasp_labels(solids: Solids, view: ExactView, settings: LabelSettings = LabelSettings()) -> GraspLabels:
    """Labels of every pixel of a view, (h, w) maps, and the best grasps in space.

    Raises:
        BadInput: sizes do not fit each other, or an id has no object.
    """
    _check(solids, view)
    height, width = view.ids.shape
    pixels = np.flatnonzero((view.ids > 0) & np.isfinite(view.depth))
    if len(pixels) == 0:
        blank = np.zeros((height, width), dtype=np.float32)
        return GraspLabels(blank, blank.copy(), blank.copy(), blank + np.float32(np.nan), view.ids, ())
    v, u = np.divmod(pixels, width)
    in_camera = view.intrinsics.deproject(np.column_stack([u, v]), view.depth.ravel()[pixels])
    points = _points(in_camera, pixels, solids, view, settings)
    grades = _all_yaws(solids, points, settings)
    best = np.argmax(_prefer(grades[0], points.object, len(solids.surfaces)), axis=1)
    score, opened, raised = grades[:, np.arange(len(pixels)), best]
    tips = points.tip + raised
    maps = np.zeros((4, height * width), dtype=np.float32)
    maps[3] = np.nan
    found = score > 0
    axes = np.column_stack([np.cos(YAWS), np.sin(YAWS), np.zeros(len(YAWS))])[best]
    angle = image_angles(in_camera, axes @ invert(view.T_base_camera)[:3, :3].T, view.intrinsics)
    maps[0, pixels] = score
    maps[1, pixels] = np.where(found, angle, 0.0)
    maps[2, pixels] = opened
    maps[3, pixels] = np.where(found, tips, np.nan)
    grasps = _distinct(SurfacePoints(points.surface, tips, points.object), score, YAWS[best], opened, settings)
    quality, angles, opening, tip = maps.reshape(4, height, width)
    return GraspLabels(quality, angles, opening, tip, view.ids, grasps)


def _points(
    in_camera: NDArray[np.float64], pixels: NDArray[np.int64], solids: Solids, view: ExactView, settings: LabelSettings
) -> SurfacePoints:
    """What the pixels (n,) show, and the height of the tips by the rule of the pixel; `in_camera` (n, 3) [m]."""
    T = view.T_base_camera
    surface = (in_camera @ T[:3, :3].T + T[:3, 3]).astype(np.float32)
    lowest = solids.table_z + settings.table_clearance
    tip = np.maximum(surface[:, 2] - settings.gripper.finger_depth, lowest).astype(np.float32)
    return SurfacePoints(surface, tip, (view.ids.ravel()[pixels] - 1).astype(np.int32))


def _check(solids: Solids, view: ExactView) -> None:
    meshes, poses, greatest = len(solids.surfaces), len(solids.T_base_object), int(view.ids.max(initial=0))
    if meshes != poses or greatest > meshes:
        raise BadInput(
            f"{meshes} meshes came with {poses} poses and ids up to {greatest}: "
            "one pose per mesh is needed, and ids run from 1 to the number of meshes."
        )
    size = (view.intrinsics.height, view.intrinsics.width)
    if view.depth.shape != view.ids.shape or view.ids.shape != size:
        raise BadInput(
            f"Depth {view.depth.shape}, ids {view.ids.shape} and camera model {size} "
            "differ in size: all three must be of one view."
        )


def _triangles(solids: Solids, T_base_object: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Triangles (m, 3, 3) in base [m] of each object, then of each obstacle."""
    moved = [(v @ T[:3, :3].T + T[:3, 3], f) for (v, f), T in zip(solids.surfaces, T_base_object, strict=True)]
    return [np.asarray(np.asarray(v, dtype=np.float64)[f]) for v, f in (*moved, *solids.obstacles)]


def _all_yaws(solids: Solids, points: SurfacePoints, settings: LabelSettings) -> Floats:
    """Score, opening [m] and raise of the tips [m], (3, n, yaws), 0 where there is no grasp."""
    T_base_object = np.asarray(solids.T_base_object, dtype=np.float64)
    triangles = _triangles(solids, T_base_object)
    scene = EmbreeScene()
    for corners in triangles:  # one geometry per object: the hit's geomID is the object
        TriangleMesh(scene, np.ascontiguousarray(corners, dtype=np.float32))
    everything = np.concatenate(triangles).reshape(-1, 3)
    heights = surface_lattice(scene, everything.min(axis=0), everything.max(axis=0), solids.table_z)
    jaw = _Jaw(scene, T_base_object[:, :2, 3].astype(np.float32), settings.gripper, settings.friction)
    grades = np.zeros((3, len(points.tip), len(YAWS)), dtype=np.float32)
    for k, room in enumerate(finger_rooms(heights, settings.gripper, YAWS)):
        tried = np.zeros(len(points.tip), dtype=np.bool_)
        for height, factor in RAISES:  # an object that lies flat on another one is taken by its upper part
            raised = SurfacePoints(points.surface, points.tip + np.float32(height), points.object)
            high_enough = raised.surface[:, 2] - raised.tip >= BAND_MIN
            rows = np.flatnonzero(~tried & high_enough & room.possible(points.surface[:, :2], raised.tip))
            tried[rows] = True
            if len(rows):
                score, opening = jaw.score(raised.rows(rows), room, YAWS[k])
                grades[:, rows, k] = np.float32(factor) * score, opening, np.float32(height) * (score > 0)
    return grades


@dataclass(frozen=True, eq=False)
class _Jaw:
    """A jaw among solids: their triangles, centres of mass (n, 2) in base [m], geometry and friction."""

    scene: EmbreeScene
    centres: Floats
    gripper: GripperGeometry
    friction: float

    def score(self, points: SurfacePoints, room: FingerRoom, yaw: float) -> tuple[Floats, Floats]:
        """Score and opening [m], (n,) each, for one opening direction [rad]."""
        stroke = self.gripper.stroke
        axis = np.array([np.cos(yaw), np.sin(yaw), 0.0], dtype=np.float32)
        score, opening = np.zeros((2, len(points.tip)), dtype=np.float32)
        rows, central = between_pads(self.scene, points, axis, stroke)
        if len(rows) == 0:
            return score, opening
        some = points.rows(rows)
        faces = []
        for side, (distance, cosine) in zip((1, -1), central, strict=True):
            beside = exits_beside(self.scene, some, side * axis, stroke)
            faces.append(pad_contact(np.hstack([distance, beside[0]]), np.hstack([cosine, beside[1]]), self.friction))
        (right, grip_right, area_right), (left, grip_left, area_left) = faces
        width, offset = right + left, np.abs(right - left) / 2
        antipodal = np.minimum(grip_right, grip_left)
        good = (antipodal > 0) & (width <= stroke - 2 * PAD_MARGINS[-1])
        good &= offset <= np.maximum(OFFSET_MAX, OFFSET_SHARE * width)
        wide, margin = np.zeros_like(width), np.zeros_like(width)
        kept = np.flatnonzero(good)
        wide[kept], margin[kept] = _opening(some.rows(kept), np.maximum(right, left)[kept], room, stroke)
        kept = kept[margin[kept] > 0]
        for side, contact in ((1, right), (-1, left)):  # a pad that meets another object first takes both, or neither
            gap = np.subtract(wide[kept] / 2, contact[kept], dtype=np.float32)
            kept = kept[free_to_close(self.scene, some.rows(kept), side * axis, contact[kept], gap)]
        good = np.isin(np.arange(len(good)), kept)
        arm = np.linalg.norm(self.centres[some.object] - some.surface[:, :2], axis=1)
        area = np.minimum(area_right, area_left)
        parts = antipodal * (0.5 + 0.5 * area) / (1 + (arm / _TORQUE_ARM) ** 2)
        parts *= margin * (1 - 0.25 * width / stroke) * (1 - 20.0 * np.minimum(offset, 0.02))
        # The root spreads the product of five factors over [0, 1] about as the success of executed grasps does.
        score[rows] = np.sqrt(np.where(good, np.maximum(parts, 0.0), 0.0))
        opening[rows] = np.where(good, wide, 0.0)
        return score, opening


def _opening(points: SurfacePoints, half: Floats, room: FingerRoom, stroke: float) -> tuple[Floats, Floats]:
    """Largest opening [m] that finds room on both sides, and its factor on the score; (n,), 0 if none."""
    opening, factor = np.zeros_like(half), np.zeros_like(half)
    for margin, score in zip(PAD_MARGINS, _MARGIN_SCORE, strict=True):
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
    points: SurfacePoints, scores: Floats, yaws: NDArray[np.float64], openings: Floats, settings: LabelSettings
) -> tuple[LabelledGrasp, ...]:
    """The best grasps of each object, far enough apart or turned, best first over all objects."""
    chosen: list[LabelledGrasp] = []
    for k in np.unique(points.object):
        rows = np.flatnonzero((points.object == k) & (scores > 0))
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        kept: list[int] = []
        while len(rows) and len(kept) < settings.grasps_per_object:
            kept.append(int(rows[0]))
            away = np.linalg.norm(points.surface[rows, :2] - points.surface[rows[0], :2], axis=1)
            turn = np.abs(wrap_half_turn(yaws[rows] - yaws[rows[0]]))
            rows = rows[~((away < settings.grasps_apart) & (turn < np.deg2rad(40)))]
        chosen += [_in_space(points, row, yaws[row], openings[row], scores[row]) for row in kept]
    return tuple(sorted(chosen, key=lambda grasp: -grasp.score))


def _in_space(points: SurfacePoints, row: int, yaw: float, opening: float, score: float) -> LabelledGrasp:
    x, down = np.array([np.cos(yaw), np.sin(yaw), 0.0]), np.array([0.0, 0.0, -1.0])
    position = [*points.surface[row, :2].astype(float), float(points.tip[row])]
    T = transform(np.column_stack([x, np.cross(down, x), down]), position)
    return LabelledGrasp(T, float(opening), float(score), int(points.object[row]), float(points.surface[row, 2]))
