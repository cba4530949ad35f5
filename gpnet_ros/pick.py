"""The five words put together: frame → maps → grasp → pose → motion, once, for every path that picks.

`decide` looks at one frame and either returns a plan that the safety check has passed, or says why
there is none; every candidate that lost keeps its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.errors import Unreachable, UnsafePlan
from gpnet_ros.fit import LEFT_HEIGHT, Fit, Memory, fit_in_cell, likeliest_first
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected, SelectSettings, candidates
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.height_map import HeightMap, height_map
from gpnet_ros.maps import Maps
from gpnet_ros.motion import Plan, plan_hover, plan_pick
from gpnet_ros.pose import Transform
from gpnet_ros.safety import check

#: Something is left if this much area [m^2] of the workspace stands `LEFT_HEIGHT` over the table.
LEFT_AREA = 0.5e-4
#: Status of a decision.
DecisionStatus = Literal["grasp", "nothing_left", "nothing_graspable"]


@dataclass(frozen=True, eq=False)
class Decision:
    """Decision on one frame: a grasp with its plan, or why there is none.

    Attributes:
        status: `grasp` when there is a plan; `nothing_left`: the table is empty; `nothing_graspable`:
            there is something, but no candidate passed.
        rejected: every candidate that lost, with its reason, in the order in which they were tried.
        grasp: the chosen grasp in the image.
        T_base_grasp: its pose; the origin is the surface point under the pixel.
        T_base_tcp: the TCP when the jaws close, `insertion` further along the approach.
        opening: to which the jaws open before the descent [m].
        plan: checked; None where no arm is planned for.
    """

    status: DecisionStatus
    rejected: tuple[Rejected, ...] = ()
    grasp: Grasp | None = None
    T_base_grasp: Transform | None = None
    T_base_tcp: Transform | None = None
    opening: float | None = None
    plan: Plan | None = None

    @property
    def insertion(self) -> float:
        """Depth [m] of the fingertips below the surface point when the jaws close."""
        assert self.T_base_grasp is not None and self.T_base_tcp is not None
        return float(self.T_base_grasp[2, 3] - self.T_base_tcp[2, 3])


def decide(
    frame: Frame,
    maps: Maps,
    T_base_camera: Transform,
    cell: Cell,
    q_start: ArrayLike | None,
    *,
    memory: Memory | None = None,
    select: SelectSettings | None = None,
    hover: bool = False,
    spot: int = 0,
) -> Decision:
    """The best grasp of a frame that fits, can be reached and is safe.

    Args:
        frame: colour, depth and camera model of one exposure.
        maps: of this very frame.
        T_base_camera: hand-eye at the exposure.
        cell: the cell.
        q_start: joints from which the arm starts, (6,) [rad]; None plans for the gripper alone.
        memory: grasps that failed before.
        select: how candidates are selected.
        hover: plan to stay above the grasp and never grip.
        spot: which of the tote's spots.

    Raises:
        FrameRefused: the frame has no depth or no camera model.
        HandEyeRefused: the camera cannot be where T_base_camera says; nothing can be said of the table then.
    """
    if frame.intrinsics is not None:
        check_hand_eye(frame.intrinsics, frame.depth, T_base_camera, cell.workspace)
    heights = height_map(frame, T_base_camera, cell)
    if not something_left(heights, cell):
        return Decision("nothing_left")
    settings = select or SelectSettings()
    fits = (
        each if isinstance(each, Rejected) else fit_in_cell(each, frame, heights, T_base_camera, cell, memory)
        for each in candidates(maps, frame, settings)
    )
    rejected: list[Rejected] = []
    for fit in likeliest_first(fits, settings.compare):
        found = fit if isinstance(fit, Rejected) else _planned(fit, q_start, cell, heights, hover, spot)
        if isinstance(found, Decision):
            return replace(found, rejected=tuple(rejected))
        rejected.append(found)
    return Decision("nothing_graspable", tuple(rejected))


def something_left(heights: HeightMap, cell: Cell) -> bool:
    """Whether anything stands on the table within the workspace."""
    y, x = np.mgrid[0 : heights.z.shape[0], 0 : heights.z.shape[1]]
    half = cell.workspace.side / 2
    inside = (np.abs(heights.origin[0] + x * heights.side - cell.workspace.centre[0]) <= half) & (
        np.abs(heights.origin[1] + y * heights.side - cell.workspace.centre[1]) <= half
    )
    # The noise of a D435 is patchy: only the mean over a fingertip's size tells table from object.
    z: NDArray[np.float32] = np.nan_to_num(heights.z, nan=cell.workspace.table_z).astype(np.float32)
    smooth = cv2.blur(cv2.medianBlur(z, 5), (7, 7))
    near_table = z[inside & (np.abs(z - cell.workspace.table_z) < LEFT_HEIGHT)]
    table = float(np.median(near_table)) if near_table.size else cell.workspace.table_z
    return float(((smooth - table > LEFT_HEIGHT) & inside).sum()) * heights.side**2 >= LEFT_AREA


def _planned(
    fit: Fit, q_start: ArrayLike | None, cell: Cell, heights: HeightMap, hover: bool, spot: int
) -> Decision | Rejected:
    """The decision for a fit, with the arm's way there if an arm is planned for, or why not."""
    clear, plan = fit.clear, None
    if q_start is not None:
        try:
            plan = safe_plan(clear.T_base_tcp, clear.opening, q_start, cell, heights, hover, spot)
        except Unreachable as error:
            return Rejected(fit.grasp.pixel, "unreachable", str(error))
        except UnsafePlan as error:
            return Rejected(fit.grasp.pixel, "unsafe", str(error))
    return Decision("grasp", (), fit.grasp, fit.T_base_grasp, clear.T_base_tcp, clear.opening, plan)


def safe_plan(
    T_base_tcp: Transform,
    opening: float,
    q_start: ArrayLike,
    cell: Cell,
    heights: HeightMap,
    hover: bool = False,
    spot: int = 0,
) -> Plan:
    """The arm's way to a grasp and to the tote, if the safety check passes it.

    T_base_tcp is the TCP (4, 4) when the jaws close, opening [m] that of the jaws before the descent; the other
    arguments are those of `decide`.

    Raises:
        Unreachable: the arm cannot get there.
        UnsafePlan: names the move and the limit.
    """
    if hover:
        return check(plan_hover(T_base_tcp, q_start, cell, heights.top), cell, q_start, heights)
    return check(plan_pick(T_base_tcp, opening, q_start, cell, heights.top, spot), cell, q_start, heights)
