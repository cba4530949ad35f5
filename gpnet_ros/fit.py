"""Fits: whether the open jaw fits around a grasp, which fit is the likeliest to succeed, and which grasps failed.

A grasp is a pixel, an angle and a width. Whether the fingers find room there is measured in the height map, with the
hand-eye in `fit_in_cell`, along the optical axis without one in `fit_in_view`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.clearance import Clearance, finger_clearance, tip_height
from gpnet_ros.errors import NoClearance, NotSeen
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import Grasp, Rejected
from gpnet_ros.height_map import MAP_BORDER, HeightMap, height_map
from gpnet_ros.holes import unexplained_holes
from gpnet_ros.pose import Transform, lift, transform
from gpnet_ros.settings import GripperGeometry, Workspace
from gpnet_ros.standing import LEFT_HEIGHT

#: Predicted openings up to this many strokes are tried with the jaws fully open.
WIDTH_DOUBT = 1.6
#: With every further share of this that crowds the fingers, a pick is e times less likely to succeed.
CROWDED = 0.04
#: P counts this many times beside Q*: it is nearly the chance that nothing lies on an object, and Q* says much else.
TURN = 3
#: Where no hand-eye is known, nothing moves: only what is outside of the picture refuses, and holes so wide [m].
FELT_IN_VIEW = 0.3


@dataclass
class Memory:
    """What is known of a task beside the present frame.

    Grasps that failed since the heap last changed are not tried again the same way.

    Attributes:
        radius: grasps whose TCPs are nearer than this [m] may be the same ...
        turn: ... if their yaw differs by less than this [rad].
        failed: TCPs (4, 4) of the grasps that failed.
        standing: spots (x, y) in base [m] around the workspace where something stood when the task began, or when the
            workspace was changed, or may have stood unseen since; None: nobody has looked, and nothing is fetched.
        unseen: those of them at which nothing was seen to stand, and no bare table either; see `strays.note_standing`.
    """

    radius: float = 0.010
    turn: float = 0.35
    failed: list[Transform] = field(default_factory=list)
    standing: tuple[tuple[float, float], ...] | None = None
    unseen: tuple[tuple[float, float], ...] = ()

    def remember(self, T_base_tcp: Transform) -> None:
        """Note that a pick at this grasp, (4, 4) in base, failed."""
        self.failed.append(T_base_tcp.copy())

    def forget(self) -> None:
        """Forget all failed grasps: the heap has changed."""
        self.failed.clear()

    def begin(self) -> None:
        """Forget everything: a task begins, and nobody knows what happened in between."""
        self.failed.clear()
        self.standing, self.unseen = None, ()

    def knows(self, T_base_tcp: Transform, any_yaw: bool = False) -> bool:
        """Whether a grasp like this one, (4, 4) in base, failed before; yaw plus 180 degrees is the same grasp.

        Args:
            T_base_tcp: the grasp.
            any_yaw: its yaw does not matter, as that of a round cup.
        """
        for T in self.failed:
            near = np.linalg.norm(T[:2, 3] - T_base_tcp[:2, 3]) < self.radius
            if near and (any_yaw or abs(T[:3, 0] @ T_base_tcp[:3, 0]) > np.cos(self.turn)):
                return True
        return False


@dataclass(frozen=True, eq=False)
class Fit:
    """A candidate around which the jaw fits.

    Attributes:
        grasp: the candidate.
        clear: the open jaw there.
        T_base_grasp: its pose; the origin is the surface point under the pixel. None where no hand-eye is known.
        felt: ground under the jaw was not seen, and the way down is felt, see `HeightMap.felt`.
    """

    grasp: Grasp
    clear: Clearance
    T_base_grasp: Transform | None = None
    felt: bool = False

    @property
    def T_base_tcp(self) -> Transform:
        """The TCP (4, 4) [m] when the jaws close."""
        return self.clear.T_base_tcp

    @property
    def opening(self) -> float:
        """To which the jaws open before the descent [m]."""
        return self.clear.opening

    @property
    def chance(self) -> float:
        """How likely a pick is to succeed, compared with the other fits of the same frame; not a probability.

        P counts more than in Q*: Q differs more between objects than their chances do, since it also says how
        many of a pixel's neighbours have a true grasp. docs/notebook.md holds what each factor is worth.
        """
        return self.grasp.score * self.grasp.priority**TURN * math.exp(-self.clear.crowding / CROWDED)


def likeliest_first(fits: Iterable[Fit | Rejected], compare: int) -> Iterator[Fit | Rejected]:
    """Candidates in the order to try: the likeliest of the next `compare` fits first, rejected ones as they come.

    Q* knows nothing of the fingers. So the first few candidates around which the jaw fits are compared, and not more,
    since looking at a candidate takes milliseconds.

    Args:
        fits: candidates by falling Q*, each with its jaw or the reason why it has none.
        compare: how many fits are compared before one is taken; 1 takes the first.
    """
    waiting: list[Fit] = []
    for each in fits:
        if isinstance(each, Rejected):
            yield each
            continue
        waiting.append(each)
        if len(waiting) >= compare:
            yield waiting.pop(_likeliest(waiting))
    while waiting:
        yield waiting.pop(_likeliest(waiting))


def _likeliest(fits: Sequence[Fit]) -> int:
    return max(range(len(fits)), key=lambda k: fits[k].chance)


def fit_jaw(grasp: Grasp, heights: HeightMap, T_base_tcp: Transform, gripper: GripperGeometry) -> Clearance | Rejected:
    """The open jaw around a grasp, or why it does not fit.

    A width somewhat beyond the stroke is tried with the jaws fully open: whether the fingers then have
    room is measured, the width is only predicted.

    Args:
        grasp: with its predicted width.
        heights: measured surface.
        T_base_tcp: TCP of the grasp, (4, 4), with the approach along -z of the frame of `heights`.
        gripper: geometry and stroke.
    """
    assert grasp.width is not None
    if grasp.width > WIDTH_DOUBT * gripper.stroke:
        detail = f"The opening would be {grasp.width * 1e3:.0f} mm, the stroke is {gripper.stroke * 1e3:.0f} mm."
        return Rejected(grasp.pixel, "width", detail)
    try:
        width = min(grasp.width, gripper.stroke)
        return finger_clearance(heights, T_base_tcp, width, gripper)
    except NotSeen as error:
        return Rejected(grasp.pixel, "not_seen", str(error))
    except NoClearance as error:
        return Rejected(grasp.pixel, "clearance", str(error))


def fit_in_cell(
    grasp: Grasp, frame: Frame, heights: HeightMap, T_base_camera: Transform, cell: Cell, memory: Memory | None
) -> Fit | Rejected:
    """The jaw around one candidate in the cell, or why it does not fit.

    Args:
        grasp: with depth and width.
        frame: from which it was made.
        heights: of this frame.
        T_base_camera: hand-eye at the exposure, (4, 4).
        cell: for workspace and gripper.
        memory: grasps that failed before; None knows of none.
    """
    assert frame.intrinsics is not None and grasp.depth is not None and grasp.width is not None
    T_base_grasp = T_base_camera @ lift(grasp.pixel, grasp.angle, grasp.depth, frame.intrinsics, T_base_camera)
    T_base_tcp = T_base_grasp.copy()
    T_base_tcp[2, 3] = tip_height(float(T_base_grasp[2, 3]), cell)
    refused = refused_place(grasp.pixel, T_base_grasp, T_base_tcp, cell, memory)
    if refused is not None:
        return refused
    return _fit(grasp, heights, T_base_tcp, cell.limits.felt_width, cell.gripper, T_base_grasp)


def _fit(
    grasp: Grasp,
    heights: HeightMap,
    T_base_tcp: Transform,
    felt_width: float,
    gripper: GripperGeometry,
    T_base_grasp: Transform | None = None,
) -> Fit | Rejected:
    """The jaw around a grasp on ground that was seen, else on ground that may be felt for."""
    clear = fit_jaw(grasp, heights, T_base_tcp, gripper)
    felt = isinstance(clear, Rejected) and clear.reason == "not_seen" and felt_width > 0.0
    if felt:
        clear = fit_jaw(grasp, heights.felt(felt_width), T_base_tcp, gripper)
    return clear if isinstance(clear, Rejected) else Fit(grasp, clear, T_base_grasp, felt)


def refused_place(
    pixel: tuple[float, float],
    T_base_grasp: Transform,
    T_base_tcp: Transform,
    cell: Cell,
    memory: Memory | None,
    rises: float = 0.0,
) -> Rejected | None:
    """Why nothing is picked at a place at all: off the workspace, the table itself, or failed before; None: it may be.

    Args:
        pixel: of the candidate [px].
        T_base_grasp: its surface point, (4, 4).
        T_base_tcp: the TCP of its grasp, (4, 4).
        cell: for the workspace.
        memory: grasps that failed before; None knows of none.
        rises: how far the object that is seen there stands above the place [m]: a plate's bottom is as low as the
            table's noise, its rim is not. 0 where no object is known.
    """
    x, y, z = T_base_grasp[:3, 3]
    half = cell.workspace.side / 2
    if abs(x - cell.workspace.centre[0]) > half or abs(y - cell.workspace.centre[1]) > half:
        return Rejected(pixel, "outside", f"({x:.3f}, {y:.3f}) m lies outside the workspace.")
    over = z - cell.workspace.table_z
    if over < 0.5 * LEFT_HEIGHT and not (over > 0 and over + rises >= LEFT_HEIGHT):
        return Rejected(pixel, "outside", f"The surface is {z * 1e3:.1f} mm high: that is the table.")
    if memory is not None and memory.knows(T_base_tcp, any_yaw=cell.tool == "suction"):
        return Rejected(pixel, "failed_before", "This grasp failed since the heap last changed.")
    return None


def fit_in_view(
    grasp: Grasp, frame: Frame, gripper: GripperGeometry, holes: NDArray[np.bool_] | None = None
) -> Fit | Rejected:
    """The jaw around a grasp where no hand-eye is known: the approach is the optical axis, and there is no table.

    Args:
        grasp: with depth.
        frame: with depth and camera model.
        gripper: geometry.
        holes: pixels (H, W) that may hide anything; None finds them, see `holes.unexplained_holes`.
    """
    assert grasp.depth is not None and frame.intrinsics is not None
    T_camera_grasp = lift(grasp.pixel, grasp.angle, grasp.depth, frame.intrinsics)
    T_view_camera = transform(np.diag([1.0, -1.0, -1.0]), (0.0, 0.0, 0.0))  # z against the optical axis
    T_view_tcp = T_view_camera @ T_camera_grasp
    x, y, z = T_view_tcp[:3, 3]
    around = Workspace((float(x), float(y)), side=0.05)  # and the border of every height map: palm and fingers
    reach = (0.05 + MAP_BORDER) * frame.intrinsics.fx / max(grasp.depth - gripper.finger_depth, 0.1)
    if holes is None:
        assert frame.depth is not None
        holes = unexplained_holes(frame.depth, frame.intrinsics)
    near, hidden = _cut(frame, holes, grasp.pixel, reach, grasp.depth + 0.06)
    heights = height_map(near, T_view_camera, Cell(workspace=around, gripper=gripper), hidden)
    T_view_tcp[2, 3] = z - gripper.finger_depth
    return _fit(grasp, heights, T_view_tcp, FELT_IN_VIEW, gripper)


def _cut(
    frame: Frame, holes: NDArray[np.bool_], pixel: tuple[float, float], reach: float, deepest: float
) -> tuple[Frame, NDArray[np.bool_]]:
    """Depth and holes (h, w) within `reach` [px] of a pixel, with their own camera model: a map costs a tenth."""
    assert frame.depth is not None and frame.intrinsics is not None
    u, v = (max(round(x - reach), 0) for x in pixel)
    part = slice(v, round(pixel[1] + reach) + 1), slice(u, round(pixel[0] + reach) + 1)
    depth = frame.depth[part]
    depth = np.minimum(depth, np.float32(deepest))  # how far the background is does not matter to a finger
    c = frame.intrinsics
    model = Intrinsics(depth.shape[1], depth.shape[0], c.fx, c.fy, c.cx - u, c.cy - v)
    return Frame(None, depth, model, frame.stamp, frame.frame_id), holes[part]
