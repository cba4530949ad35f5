"""The five words put together: frame → maps → grasp → pose → motion, once, for every path that picks.

`decide` looks at one frame and either returns a plan that the safety check has passed, or says why
there is none; every candidate that lost keeps its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike

from gpnet_ros.cell import Cell
from gpnet_ros.clearance import free_height
from gpnet_ros.cup import CupGrasp
from gpnet_ros.cup_fit import CupFit
from gpnet_ros.detections import Detections
from gpnet_ros.errors import Unreachable, UnsafePlan
from gpnet_ros.fit import Fit, Memory, fit_in_cell, likeliest_first
from gpnet_ros.frame import Frame
from gpnet_ros.free_objects import free_first
from gpnet_ros.grasp import Grasp, Rejected, SelectSettings, candidates
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.height_map import HeightMap, height_map
from gpnet_ros.maps import Maps
from gpnet_ros.motion import Plan, plan_hover, plan_pick, ways
from gpnet_ros.pose import Transform
from gpnet_ros.safety import check
from gpnet_ros.standing import in_workspace, standing_cells
from gpnet_ros.strays import around, fetching, stray_fits, strays

#: Something is left if this much area [m^2] of the workspace stands on the table.
LEFT_AREA = 0.5e-4
#: A way down is felt from this far [m] above what may stand on unseen ground: the arm's poses are rounded.
FELT_SPARE = 0.002
#: What a person is told of a place to which the way cannot be felt for; why not comes after it.
NO_FELT_WAY = "Not all of the ground under the jaw was seen, and no way down feels for it."
#: Status of a decision.
DecisionStatus = Literal["grasp", "nothing_left", "nothing_graspable", "not_seen"]


@dataclass(frozen=True)
class Unseen:
    """A part of the workspace of which nobody knows what stands there: the camera gave no depth, or does not see it.

    Attributes:
        centre: x, y of its middle in base [m].
        size: along x and y of base [m].
        area: [m^2].
    """

    centre: tuple[float, float]
    size: tuple[float, float]
    area: float

    def __str__(self) -> str:
        x, y = self.centre
        wide, deep = (1e3 * side for side in self.size)
        return f"{wide:.0f} x {deep:.0f} mm around ({x:.3f}, {y:.3f}) m, {self.area * 1e4:.1f} cm^2"


@dataclass(frozen=True, eq=False)
class Decision:
    """Decision on one frame: a grasp with its plan, or why there is none and what was not seen.

    Attributes:
        status: `grasp` when there is a plan; `nothing_left`: the table is empty; `nothing_graspable`:
            there is something, but no candidate passed; `not_seen`: nothing that was seen stands on the table, but
            parts of the workspace were not seen, and something may be there.
        rejected: every candidate that lost, with its reason, in the order in which they were tried.
        grasp: the chosen grasp in the image.
        T_base_grasp: its pose; the origin is the surface point under the pixel.
        T_base_tcp: the TCP when the jaws close, or the lip holds, `insertion` further along the approach.
        opening: to which the jaws open before the descent [m]; of a cup the width that lets go.
        plan: checked; None where no arm is planned for.
        unseen: parts of the workspace that were not seen, the largest first.
        cup: instead of `grasp`, where a suction cup was decided on.
        felt: ground under the jaw was not seen, and the way down is felt, see `HeightMap.felt`.
    """

    status: DecisionStatus
    rejected: tuple[Rejected, ...] = ()
    grasp: Grasp | None = None
    T_base_grasp: Transform | None = None
    T_base_tcp: Transform | None = None
    opening: float | None = None
    plan: Plan | None = None
    unseen: tuple[Unseen, ...] = ()
    cup: CupGrasp | None = None
    felt: bool = False

    @property
    def unseen_sentence(self) -> str:
        """What was not seen and what to do about it, for a person; empty when all of the workspace was seen."""
        if not self.unseen:
            return ""
        where = "; ".join(str(each) for each in self.unseen[:3])
        more = f" and {len(self.unseen) - 3} more" if len(self.unseen) > 3 else ""
        return (
            f"The camera did not see {where}{more} of the workspace (in base): a black, glossy or transparent object "
            "may stand there. Look, and take it out by hand, or light it otherwise."
        )

    @property
    def insertion(self) -> float:
        """Depth [m] below the surface point of the fingertips when the jaws close, or of the lip when it is pressed."""
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
    detections: Detections | None = None,
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
        detections: of this very frame, by the second network: which objects are free then decides whose turn it is
            (priority `graspnext`) instead of the maps' own P.

    Raises:
        BadInput: the detections are of a picture of another size.
        FrameRefused: the frame has no depth or no camera model.
        HandEyeRefused: the camera cannot be where T_base_camera says; nothing can be said of the table then.
    """
    settings = select or SelectSettings()

    def fits(heights: HeightMap) -> Iterator[Fit | Rejected]:
        found = (
            each if isinstance(each, Rejected) else fit_in_cell(each, frame, heights, T_base_camera, cell, memory)
            for each in candidates(maps if detections is None else free_first(maps, frame, detections), frame, settings)
        )
        return likeliest_first(found, settings.compare)

    decision = first_planned(frame, fits, T_base_camera, cell, q_start, hover, spot)
    if decision.status in ("nothing_left", "nothing_graspable") and memory is not None and cell.fetch_border > 0:
        return _fetched(decision, frame, T_base_camera, cell, q_start, memory, hover, spot)
    return decision


def _fetched(
    decision: Decision,
    frame: Frame,
    T_base_camera: Transform,
    cell: Cell,
    q_start: ArrayLike | None,
    memory: Memory,
    hover: bool,
    spot: int,
) -> Decision:
    """The decision to fetch what strayed from the workspace since the task began, else the one that was made there."""
    wide = fetching(cell)
    heights = height_map(frame, T_base_camera, wide)
    found = [] if memory.standing is None else strays(heights, cell)
    new = [stray for stray in found if not stray.is_beside(memory.standing or ())]
    for stray in new:
        part = around(heights, stray, cell)
        for fit in stray_fits(stray, frame, part, T_base_camera, wide, memory):
            plan = fit if isinstance(fit, Rejected) else _planned(fit, q_start, wide, part, hover, spot)
            if isinstance(plan, Decision):
                return replace(plan, rejected=decision.rejected, unseen=decision.unseen)
    return decision


def first_planned(
    frame: Frame,
    fits: Callable[[HeightMap], Iterator[Fit | CupFit | Rejected]],
    T_base_camera: Transform,
    cell: Cell,
    q_start: ArrayLike | None,
    hover: bool,
    spot: int,
) -> Decision:
    """The decision for the first fit that can be reached and is safe, whatever tool it is of.

    Args:
        frame: colour, depth and camera model of one exposure.
        fits: from the height map of this frame to what is tried, best first, each loser with its reason.
        T_base_camera, cell, q_start, hover, spot: as `decide` has them; so are the errors.
    """
    if frame.intrinsics is not None:
        check_hand_eye(frame.intrinsics, frame.depth, T_base_camera, cell.workspace)
    heights = height_map(frame, T_base_camera, cell)
    unseen = unseen_parts(heights, cell)
    if not something_left(heights, cell):
        return Decision("not_seen" if unseen else "nothing_left", unseen=unseen)
    rejected: list[Rejected] = []
    for fit in fits(heights):
        found = fit if isinstance(fit, Rejected) else _planned(fit, q_start, cell, heights, hover, spot)
        if isinstance(found, Decision):
            return replace(found, rejected=tuple(rejected), unseen=unseen)
        rejected.append(found)
    return Decision("nothing_graspable", tuple(rejected), unseen=unseen)


def something_left(heights: HeightMap, cell: Cell) -> bool:
    """Whether anything that was seen stands on the table within the workspace; `unseen_parts` tells what was not."""
    stands, _ = standing_cells(heights, cell)
    return float((stands & in_workspace(heights, cell)).sum()) * heights.side**2 >= LEFT_AREA


def unseen_parts(heights: HeightMap, cell: Cell) -> tuple[Unseen, ...]:
    """The parts of the workspace that are unknown and large enough for something to be there, the largest first."""
    unknown = (in_workspace(heights, cell) & ~np.isfinite(heights.z)).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(unknown, connectivity=8)
    found = []
    for left, top, width, height, cells in stats[1:].tolist():  # the first is everything else
        middle = (left + (width - 1) / 2, top + (height - 1) / 2)
        centre = tuple(o + heights.side * m for o, m in zip(heights.origin, middle, strict=True))
        size = (width * heights.side, height * heights.side)
        found.append(Unseen((centre[0], centre[1]), size, cells * heights.side**2))
    return tuple(sorted((u for u in found if u.area >= LEFT_AREA), key=lambda u: -u.area))


def _planned(
    fit: Fit | CupFit, q_start: ArrayLike | None, cell: Cell, heights: HeightMap, hover: bool, spot: int
) -> Decision | Rejected:
    """The decision for a fit, with the arm's way there if an arm is planned for, or why not."""
    plan, felt = None, isinstance(fit, Fit) and fit.felt
    if q_start is not None:
        try:
            plan = safe_plan(fit.T_base_tcp, fit.opening, q_start, cell, heights, hover, spot, felt)
        except Unreachable as error:
            return _no_way(Rejected(fit.grasp.pixel, "unreachable", str(error)), felt)
        except UnsafePlan as error:
            return _no_way(Rejected(fit.grasp.pixel, "unsafe", str(error)), felt)
    found = Decision("grasp", (), None, fit.T_base_grasp, fit.T_base_tcp, fit.opening, plan, felt=felt)
    return replace(found, grasp=fit.grasp) if isinstance(fit, Fit) else replace(found, cup=fit.grasp)


def _no_way(refused: Rejected, felt: bool) -> Rejected:
    """A place to which no way leads; one to which it would be felt counts as not seen: another exposure may show it."""
    return replace(refused, reason="not_seen", detail=f"{NO_FELT_WAY} {refused.detail}") if felt else refused


def safe_plan(
    T_base_tcp: Transform,
    opening: float,
    q_start: ArrayLike,
    cell: Cell,
    heights: HeightMap,
    hover: bool = False,
    spot: int = 0,
    felt: bool = False,
) -> Plan:
    """The arm's way to a grasp and to the tote, if the safety check passes it.

    T_base_tcp is the TCP (4, 4) when the jaws close, opening [m] that of the jaws before the descent; felt: not all of
    the ground below was seen, and the way down is guarded from the height of what may stand there. The other arguments
    are those of `decide`.

    Raises:
        Unreachable: the arm cannot get there.
        UnsafePlan: names the move and the limit.
    """
    top = heights.top_to_pass(cell.workspace.table_z + cell.limits.unknown_height)
    if hover:
        return check(plan_hover(T_base_tcp, q_start, cell, top), cell, q_start, heights)
    free_z = free_height(heights, T_base_tcp, opening, cell.gripper)
    felt_from = cell.workspace.table_z + cell.limits.unknown_height + FELT_SPARE if felt else None
    refusals: list[Unreachable | UnsafePlan] = []
    for way in ways(cell):
        try:
            plan = plan_pick(T_base_tcp, opening, q_start, way, top, spot, free_z, felt_from)
            return check(plan, cell, q_start, heights)
        except (Unreachable, UnsafePlan) as refusal:  # the short way is not safe here: a longer one may be
            refusals.append(refusal)
    raise refusals[-2]  # of the longest way itself; the last is that of its higher variant
