"""The five words put together: frame → maps → grasp → pose → motion, once, for every path that picks.

`decide` looks at one frame and either returns a plan that the safety check has passed, or says why
there is none; every candidate that lost keeps its reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.clearance import Clearance, finger_clearance, tip_height
from gpnet_ros.errors import NoClearance, Unreachable, UnsafePlan
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import Grasp, Rejected, SelectSettings, candidates
from gpnet_ros.height_map import MAP_BORDER, HeightMap, height_map
from gpnet_ros.maps import Maps
from gpnet_ros.motion import Plan, plan_hover, plan_pick
from gpnet_ros.pose import Transform, lift, transform
from gpnet_ros.safety import check
from gpnet_ros.settings import GripperGeometry, Workspace

#: Extra opening per side [m] that is tried around the width that the network asks for, best first.
OPENING_MARGINS = (0.004, 0.0)
#: Predicted openings up to this many strokes are tried with the jaws fully open.
WIDTH_DOUBT = 1.6
#: With every further share of this that crowds the fingers, a pick is e times less likely to succeed.
CROWDED = 0.04
#: Something is left if this much area [m^2] of the workspace stands this high [m] over the table.
LEFT_HEIGHT, LEFT_AREA = 0.012, 0.5e-4
#: Status of a decision.
Status = Literal["grasp", "nothing_left", "nothing_graspable"]


@dataclass
class Memory:
    """Grasps that failed since the heap last changed; they are not tried again the same way.

    Attributes:
        radius: two grasps nearer than this are the same place [m].
        turn: and nearer than this the same angle [rad].
    """

    radius: float = 0.010
    turn: float = 0.35
    failed: list[Transform] = field(default_factory=list)

    def remember(self, T_base_tcp: Transform) -> None:
        """A pick here has failed."""
        self.failed.append(T_base_tcp.copy())

    def forget(self) -> None:
        """The heap has changed."""
        self.failed.clear()

    def knows(self, T_base_tcp: Transform) -> bool:
        """Whether this very grasp has failed; yaw plus 180 degrees is the same grasp."""
        for T in self.failed:
            near = np.linalg.norm(T[:2, 3] - T_base_tcp[:2, 3]) < self.radius
            if near and abs(T[:3, 0] @ T_base_tcp[:3, 0]) > np.cos(self.turn):
                return True
        return False


@dataclass(frozen=True, eq=False)
class Place:
    """A candidate around which the jaw fits.

    Attributes:
        grasp: the candidate.
        clear: the open jaw there.
        T_base_grasp: its pose; the origin is the surface point under the pixel. None where no hand-eye is known.
    """

    grasp: Grasp
    clear: Clearance
    T_base_grasp: Transform | None = None

    @property
    def chance(self) -> float:
        """How likely a pick here is to succeed, against other places of the same frame.

        P counts once more than in Q*: Q differs more between objects than their chances do, since it also says how
        many of a pixel's neighbours have a true grasp. docs/results.md holds what each factor is worth.
        """
        return self.grasp.score * self.grasp.priority * math.exp(-self.clear.crowding / CROWDED)


@dataclass(frozen=True, eq=False)
class Decision:
    """What to do about one frame.

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

    status: Status
    rejected: tuple[Rejected, ...] = ()
    grasp: Grasp | None = None
    T_base_grasp: Transform | None = None
    T_base_tcp: Transform | None = None
    opening: float | None = None
    plan: Plan | None = None

    @property
    def insertion(self) -> float:
        """How far the fingertips go below the surface point [m]."""
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
    """
    heights = height_map(frame, T_base_camera, cell)
    if not something_left(heights, cell):
        return Decision("nothing_left")
    settings = select or SelectSettings()
    places = (
        candidate if isinstance(candidate, Rejected) else _place(candidate, frame, heights, T_base_camera, cell, memory)
        for candidate in candidates(maps, frame, settings)
    )
    rejected: list[Rejected] = []
    for place in likeliest_first(places, settings.compare):
        found = place if isinstance(place, Rejected) else _planned(place, q_start, cell, heights, hover, spot)
        if isinstance(found, Decision):
            return replace(found, rejected=tuple(rejected))
        rejected.append(found)
    return Decision("nothing_graspable", tuple(rejected))


def likeliest_first(places: Iterable[Place | Rejected], compare: int) -> Iterator[Place | Rejected]:
    """Places where the jaw fits, the likeliest of the next `compare` first; what was rejected as soon as it is met.

    Q* knows nothing of the fingers. So the first few candidates around which the jaw fits are compared, and not more,
    since looking at a candidate takes milliseconds.

    Args:
        places: by falling Q*.
        compare: how many are looked at before one is taken; 1 takes the first that fits.
    """
    waiting: list[Place] = []
    for place in places:
        if isinstance(place, Rejected):
            yield place
            continue
        waiting.append(place)
        if len(waiting) >= compare:
            yield waiting.pop(_likeliest(waiting))
    while waiting:
        yield waiting.pop(_likeliest(waiting))


def _likeliest(places: Sequence[Place]) -> int:
    return max(range(len(places)), key=lambda k: places[k].chance)


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


def fit(grasp: Grasp, heights: HeightMap, T_base_tcp: Transform, gripper: GripperGeometry) -> Clearance | Rejected:
    """The open jaw around a grasp, or why it does not fit.

    A width somewhat beyond the stroke is tried with the jaws fully open: whether the fingers then have
    room is measured, the width is only predicted.
    """
    assert grasp.width is not None
    if grasp.width > WIDTH_DOUBT * gripper.stroke:
        detail = f"The opening would be {grasp.width * 1e3:.0f} mm, the stroke is {gripper.stroke * 1e3:.0f} mm."
        return Rejected(grasp.pixel, "width", detail)
    try:
        return finger_clearance(heights, T_base_tcp, min(grasp.width, gripper.stroke), gripper, OPENING_MARGINS)
    except NoClearance as error:
        return Rejected(grasp.pixel, "clearance", str(error))


def place_in_view(grasp: Grasp, frame: Frame, gripper: GripperGeometry) -> Place | Rejected:
    """The jaw around a grasp where no hand-eye is known: the approach is the optical axis, and there is no table.

    Args:
        grasp: with depth.
        frame: with depth and camera model.
        gripper: geometry.
    """
    assert grasp.depth is not None and frame.intrinsics is not None
    T_camera_grasp = lift(grasp.pixel, grasp.angle, grasp.depth, frame.intrinsics)
    T_view_camera = transform(np.diag([1.0, -1.0, -1.0]), (0.0, 0.0, 0.0))  # z against the optical axis
    T_view_tcp = T_view_camera @ T_camera_grasp
    x, y, z = T_view_tcp[:3, 3]
    around = Workspace((float(x), float(y)), side=0.05)  # and the border of every height map: palm and fingers
    reach = (0.05 + MAP_BORDER) * frame.intrinsics.fx / max(grasp.depth - gripper.finger_depth, 0.1)
    heights = height_map(
        _cut(frame, grasp.pixel, reach, grasp.depth + 0.06), T_view_camera, Cell(workspace=around, gripper=gripper)
    )
    T_view_tcp[2, 3] = z - gripper.finger_depth
    clear = fit(grasp, heights, T_view_tcp, gripper)
    return clear if isinstance(clear, Rejected) else Place(grasp, clear)


def _cut(frame: Frame, pixel: tuple[float, float], reach: float, deepest: float) -> Frame:
    """The depth within `reach` [px] of a pixel, with its own camera model: a map of it costs a tenth."""
    assert frame.depth is not None and frame.intrinsics is not None
    u, v = (max(round(x - reach), 0) for x in pixel)
    depth = frame.depth[v : round(pixel[1] + reach) + 1, u : round(pixel[0] + reach) + 1]
    depth = np.minimum(depth, np.float32(deepest))  # how far the background is does not matter to a finger
    c = frame.intrinsics
    model = Intrinsics(depth.shape[1], depth.shape[0], c.fx, c.fy, c.cx - u, c.cy - v)
    return Frame(None, depth, model, frame.stamp, frame.frame_id)


def _place(
    grasp: Grasp, frame: Frame, heights: HeightMap, T_base_camera: Transform, cell: Cell, memory: Memory | None
) -> Place | Rejected:
    """Where the jaw goes for one candidate, or why it cannot."""
    assert frame.intrinsics is not None and grasp.depth is not None and grasp.width is not None
    T_base_grasp = T_base_camera @ lift(grasp.pixel, grasp.angle, grasp.depth, frame.intrinsics, T_base_camera)
    x, y, z = T_base_grasp[:3, 3]
    half = cell.workspace.side / 2
    if abs(x - cell.workspace.centre[0]) > half or abs(y - cell.workspace.centre[1]) > half:
        return Rejected(grasp.pixel, "outside", f"({x:.3f}, {y:.3f}) m lies outside the workspace.")
    if z < cell.workspace.table_z + 0.5 * LEFT_HEIGHT:
        return Rejected(grasp.pixel, "outside", f"The surface is {z * 1e3:.1f} mm high: that is the table.")
    T_base_tcp = T_base_grasp.copy()
    T_base_tcp[2, 3] = tip_height(float(z), cell)
    if memory is not None and memory.knows(T_base_tcp):
        return Rejected(grasp.pixel, "failed_before", "This grasp failed since the heap last changed.")
    clear = fit(grasp, heights, T_base_tcp, cell.gripper)
    return clear if isinstance(clear, Rejected) else Place(grasp, clear, T_base_grasp)


def _planned(
    place: Place, q_start: ArrayLike | None, cell: Cell, heights: HeightMap, hover: bool, spot: int
) -> Decision | Rejected:
    """The decision for a place, with the arm's way there if an arm is planned for, or why not."""
    clear, plan = place.clear, None
    if q_start is not None:
        try:
            plan = safe_plan(clear.T_base_tcp, clear.opening, q_start, cell, heights, hover, spot)
        except Unreachable as error:
            return Rejected(place.grasp.pixel, "unreachable", str(error))
        except UnsafePlan as error:
            return Rejected(place.grasp.pixel, "unsafe", str(error))
    return Decision("grasp", (), place.grasp, place.T_base_grasp, clear.T_base_tcp, clear.opening, plan)


def safe_plan(
    T_base_tcp: Transform,
    opening: float,
    q_start: ArrayLike,
    cell: Cell,
    heights: HeightMap,
    hover: bool = False,
    spot: int = 0,
) -> Plan:
    """The arm's way to a grasp and to the tote, if the safety check passes it; arguments as of `decide`.

    Raises:
        Unreachable: the arm cannot get there.
        UnsafePlan: names the move and the limit.
    """
    if hover:
        return check(plan_hover(T_base_tcp, q_start, cell, heights.top), cell, q_start, heights)
    return check(plan_pick(T_base_tcp, opening, q_start, cell, heights.top, spot), cell, q_start, heights)
