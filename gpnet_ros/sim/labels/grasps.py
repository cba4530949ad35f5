"""Dense grasp labels: for every pixel of an object, the best vertical parallel-jaw grasp through it.

The rule of a pixel: the gripper comes down vertically through the surface point that the pixel shows, with its
tips at z_tip = max(z_surface - finger depth, table + clearance), or somewhat higher (`jaw_grades.RAISES`) where the
fingers find no room there. Contacts come from rays that leave the object from inside (`pad_contacts`), quality from the
friction cone, room from `finger_room`. Analytic antipodal quality over surface points follows Mahler et al.,
"Dex-Net 2.0" (2017); rays against exact shapes replace their sampled contacts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import Transform, image_angles, invert, transform, wrap_half_turn
from gpnet_ros.settings import GripperGeometry
from gpnet_ros.sim.labels.exact import ExactView, Solids
from gpnet_ros.sim.labels.jaw_grades import YAWS, JawGrades, SurfacePoints

#: Friction of pad on object that a grasp must hold with; below that of the simulated pads, as a margin.
FRICTION = 0.6


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
    return GraspLabeller(solids, settings).labels(view)


class GraspLabeller:
    """Labels views of solids that stand still: what all views share is worked out once."""

    def __init__(self, solids: Solids, settings: LabelSettings = LabelSettings()) -> None:
        """Take what lies there, and gripper and limits of the labels; nothing is computed yet."""
        self._solids, self._settings = solids, settings

    @cached_property
    def _jaw(self) -> JawGrades:
        return JawGrades(self._solids, self._settings.gripper, self._settings.friction)

    def labels(self, view: ExactView) -> GraspLabels:
        """As `grasp_labels`, with the same errors."""
        _check(self._solids, view)
        height, width = view.ids.shape
        pixels = np.flatnonzero((view.ids > 0) & np.isfinite(view.depth))
        if len(pixels) == 0:
            blank = np.zeros((height, width), dtype=np.float32)
            return GraspLabels(blank, blank.copy(), blank.copy(), blank + np.float32(np.nan), view.ids, ())
        v, u = np.divmod(pixels, width)
        in_camera = view.intrinsics.deproject(np.column_stack([u, v]), view.depth.ravel()[pixels])
        points = self._points(in_camera, pixels, view)
        grades = self._jaw.all_yaws(points)
        best = np.argmax(_prefer(grades[0], points.object, len(self._solids.surfaces)), axis=1)
        score, opened, raised = grades[:, np.arange(len(pixels)), best]
        tips = points.tip + raised
        axes = np.column_stack([np.cos(YAWS), np.sin(YAWS), np.zeros(len(YAWS))])[best]
        angle = image_angles(in_camera, axes @ invert(view.T_base_camera)[:3, :3].T, view.intrinsics)
        found = score > 0
        maps = np.zeros((4, height * width), dtype=np.float32)
        maps[3] = np.nan
        maps[:, pixels] = score, np.where(found, angle, 0.0), opened, np.where(found, tips, np.nan)
        points = SurfacePoints(points.surface, tips, points.object)
        grasps = _distinct(points, score, YAWS[best], opened, self._settings)
        quality, angles, opening, tip = maps.reshape(4, height, width)
        return GraspLabels(quality, angles, opening, tip, view.ids, grasps)

    def _points(self, in_camera: NDArray[np.float64], pixels: NDArray[np.int64], view: ExactView) -> SurfacePoints:
        """What the pixels (n,) show, and the height of the tips by the rule of the pixel; `in_camera` (n, 3) [m]."""
        T = view.T_base_camera
        surface = (in_camera @ T[:3, :3].T + T[:3, 3]).astype(np.float32)
        lowest = self._solids.table_z + self._settings.table_clearance
        tip = np.maximum(surface[:, 2] - self._settings.gripper.finger_depth, lowest).astype(np.float32)
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
    c, s = np.cos(yaw), np.sin(yaw)
    position = [*points.surface[row, :2].astype(float), float(points.tip[row])]
    T = transform([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]], position)  # x along the opening, z down
    return LabelledGrasp(T, float(opening), float(score), int(points.object[row]), float(points.surface[row, 2]))
