"""Grades of a jaw that comes down anywhere on the objects of a scene, in every opening direction.

What fingers and palm find room in is worked out once per scene; every view of it then asks with its own points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.settings import GripperGeometry
from gpnet_ros.sim.labels.exact import Solids
from gpnet_ros.sim.labels.finger_room import FingerRooms, surface_lattice
from gpnet_ros.sim.labels.pad_contacts import (
    PAD_MARGINS,
    Descents,
    exits,
    free_to_close,
    leaves_at_centre,
    may_hold,
    pad_contact,
)

#: Opening directions in base, 10 degrees apart: half that error costs a parallel jaw nothing.
YAWS = np.arange(18) * np.pi / 18
_MARGIN_SCORE = (1.0, 0.9, 0.7)  # of `PAD_MARGINS`
#: The tips are raised [m] where the fingers find no room at the full depth, and what that costs of the score.
RAISES = ((0.0, 1.0), (0.005, 0.93), (0.010, 0.85))
BAND_MIN = 0.006  # least height of object between the tips and the surface [m]
OFFSET_MAX, OFFSET_SHARE = 0.004, 0.2  # the centre may lie this far beside the middle: [m], or share of the width
_AT_ONCE = 4096  # jaws that are looked at together: their rays stay in the processor's cache
_TORQUE_ARM = 0.05  # distance of the centre of mass at which gravity's twist halves the score [m]


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """What n pixels show: points (n, 3) in base [m], height of the tips in base (n,) [m], index of the object (n,)."""

    surface: Floats
    tip: Floats
    object: NDArray[np.int32]


class JawGrades:
    """A jaw among solids that stand still."""

    def __init__(self, solids: Solids, gripper: GripperGeometry, friction: float) -> None:
        """Look how much room there is.

        Args:
            solids: what lies and stands there.
            gripper: geometry of the jaw.
            friction: of pad on object that a grasp must hold with.
        """
        T_base_object = np.asarray(solids.T_base_object, dtype=np.float64)
        self._axes = np.array([[np.cos(yaw), np.sin(yaw)] for yaw in YAWS], dtype=np.float32)
        triangles = _triangles(solids, T_base_object)
        self._scene, may = EmbreeScene(), []
        for corners in triangles:  # one geometry per object: the hit's geomID is the object
            met = np.ascontiguousarray(corners, dtype=np.float32)
            TriangleMesh(self._scene, met)
            may.append(may_hold(met, self._axes, friction))
        self._may_hold = np.array(may)
        everything = np.concatenate(triangles).reshape(-1, 3)
        heights = surface_lattice(self._scene, everything.min(axis=0), everything.max(axis=0), solids.table_z)
        self._rooms = FingerRooms(heights, gripper, YAWS)
        self._centres = T_base_object[:, :2, 3].astype(np.float32)
        self._stroke, self._friction = gripper.stroke, friction

    def all_yaws(self, points: SurfacePoints) -> Floats:
        """Score, opening [m] and raise of the tips [m], (3, n, yaws), 0 where there is no grasp."""
        raises, factors = np.array(RAISES, dtype=np.float32).T
        tips, chosen, yaws, rows = self._first_raise(points, raises)
        grades = np.zeros((3, len(points.tip), len(YAWS)), dtype=np.float32)
        for k in range(0, len(rows), _AT_ONCE):
            some = slice(k, k + _AT_ONCE)
            row, yaw, raised = rows[some], yaws[some], chosen[some]
            jaws = Descents(points.surface[row], tips[raised, row], points.object[row], yaw, self._axes[yaw])
            score, opening = self._score(jaws)
            grades[:, row, yaw] = factors[raised] * score, opening, raises[raised] * (score > 0)
        return grades

    def _first_raise(
        self, points: SurfacePoints, raises: Floats
    ) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Heights of the tips (raises, n) [m], and raise, yaw and point (k,) of each jaw that is worth a look.

        An object that lies flat on another one is taken by its upper part: by the least raise that may give room.
        """
        tips = points.tip + raises[:, None]
        worth = self._rooms.possible(points.surface[:, :2], tips)
        worth &= (points.surface[:, 2] - tips >= BAND_MIN)[:, None]
        for k in range(1, len(raises)):
            worth[k] &= ~worth[:k].any(axis=0)
        chosen, yaws, rows = np.nonzero(worth)
        return tips, chosen, yaws, rows

    def _score(self, jaws: Descents) -> tuple[Floats, Floats]:
        """Score and opening [m], (n,) each."""
        stroke = self._stroke
        score, opening = np.zeros((2, len(jaws.tip)), dtype=np.float32)
        rows, ((right, grip_right, area_right), (left, grip_left, area_left)) = self._contacts(jaws)
        width, offset = right + left, np.abs(right - left) / 2
        antipodal = np.minimum(grip_right, grip_left)
        good = width <= stroke - 2 * PAD_MARGINS[-1]
        good &= offset <= np.maximum(OFFSET_MAX, OFFSET_SHARE * width)
        wide, margin = np.zeros_like(width), np.zeros_like(width)
        kept = np.flatnonzero(good)
        wide[kept], margin[kept] = _opening(jaws.rows(rows[kept]), np.maximum(right, left)[kept], self._rooms, stroke)
        kept = kept[margin[kept] > 0]
        for side, contact in ((1, right), (-1, left)):  # a pad that meets another object first takes both, or neither
            gap = np.subtract(wide[kept] / 2, contact[kept], dtype=np.float32)
            kept = kept[free_to_close(self._scene, jaws.rows(rows[kept]), side, contact[kept], gap)]
        some = jaws.rows(rows[kept])
        arm = np.linalg.norm(self._centres[some.object] - some.surface[:, :2], axis=1)
        area = np.minimum(area_right, area_left)[kept]
        parts = antipodal[kept] * (0.5 + 0.5 * area) / (1 + (arm / _TORQUE_ARM) ** 2)
        parts *= margin[kept] * (1 - 0.25 * width[kept] / stroke) * (1 - 20.0 * np.minimum(offset[kept], 0.02))
        # The root spreads the product of five factors over [0, 1] about as the success of executed grasps does.
        score[rows[kept]] = np.sqrt(np.maximum(parts, 0.0))
        opening[rows[kept]] = wide[kept]
        return score, opening

    def _contacts(self, jaws: Descents) -> tuple[NDArray[np.intp], list[tuple[Floats, ...]]]:
        """Rows (k,) of the jaws that may hold, and `pad_contact` of both pads; no ray is cast for a jaw that cannot."""
        rows = np.flatnonzero(self._may_hold[jaws.object, jaws.yaw])
        found: list[tuple[Floats, ...]] = []
        for side in (1, -1):
            distance, cosine = exits(self._scene, jaws.rows(rows), side, self._stroke)
            contact = pad_contact(distance, cosine, self._friction)
            holds = leaves_at_centre(distance) & (contact[1] > 0)
            rows, found = rows[holds], [tuple(part[holds] for part in pad) for pad in (*found, contact)]
        return rows, found


def _opening(jaws: Descents, half: Floats, rooms: FingerRooms, stroke: float) -> tuple[Floats, Floats]:
    """Largest opening [m] that finds room on both sides, and its factor on the score; (n,), 0 if none."""
    opening, factor = np.zeros_like(half), np.zeros_like(half)
    for margin, score in zip(PAD_MARGINS, _MARGIN_SCORE, strict=True):
        rows = np.flatnonzero((factor == 0) & (half + margin <= stroke / 2))
        wide = 2 * (half[rows] + np.float32(margin))
        free = rooms.fits(jaws.surface[rows, :2], jaws.tip[rows], wide, jaws.yaw[rows])
        opening[rows[free]], factor[rows[free]] = wide[free], score
    return opening, factor


def _triangles(solids: Solids, T_base_object: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Triangles (m, 3, 3) in base [m] of each object, then of each obstacle."""
    moved = [(v @ T[:3, :3].T + T[:3, 3], f) for (v, f), T in zip(solids.surfaces, T_base_object, strict=True)]
    return [np.asarray(np.asarray(v, dtype=np.float64)[f]) for v, f in (*moved, *solids.obstacles)]
