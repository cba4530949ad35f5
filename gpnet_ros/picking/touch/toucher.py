"""The touch-off on the arm: down to each point on a person's word, and what was met is written down at once.

Every motion is planned as a touch and judged by the safety check; what is broken off goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.devices.arm import Arm, ArmState
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.errors import BadInput, DeviceError, Unreachable, UnsafePlan
from gpnet_ros.height_map import HeightMap
from gpnet_ros.picking.runner import PickStatus
from gpnet_ros.picking.touch.on_word import Person, goes, home_after, moved
from gpnet_ros.plan import Move, Plan
from gpnet_ros.pose import Transform, transform
from gpnet_ros.safety import check
from gpnet_ros.touch_look import chosen_corners
from gpnet_ros.touch_off import CORNERS_LEAST, SIDE_KNOWN, Probe, Sighting, Touch
from gpnet_ros.touch_plan import TOUCH_REACH, plan_touch, plan_untouch
from gpnet_ros.touch_record import TouchRecord

#: Corners that are touched, where as many can be.
CORNERS = 6
#: A side of the cylinder is looked for so far around where the camera has it [m].
SIDE_AROUND = 0.008


@dataclass(frozen=True, eq=False)
class Met:
    """How one descent ended: the TCP there (4, 4), whether contact ended it, and the greatest force [N]."""

    T_base_tcp: Transform
    hit: bool
    force: float


class Toucher:
    """Takes closed jaws down to points of the table, one at a time."""

    def __init__(
        self,
        arm: Arm,
        gripper: Gripper,
        cell: Cell,
        heights: HeightMap,
        person: Person,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Nothing moves; heights: of board, cylinder and table, as the camera sees them now."""
        self._arm, self._gripper, self._cell, self._heights = arm, gripper, cell, heights
        self._person, self._cancelled = person, cancelled
        self._top = heights.top_to_pass(cell.workspace.table_z + cell.limits.unknown_height)

    def plan(self, T_base_tcp_touch: Transform) -> Plan:
        """A plan to touch there from where the arm stands, which the safety check has passed.

        Raises:
            Unreachable, UnsafePlan: it cannot be.
        """
        state = self._arm.state()
        plan = plan_touch(T_base_tcp_touch, state.q, self._cell, self._top, state.T_base_tcp)
        return check(plan, self._cell, state.q, self._heights)

    def touch(self, plan: Plan, what: str) -> Met | None:
        """Go down on a person's word; None without it. The arm stays where it met something.

        Raises:
            DeviceError: the arm did not do what it should; the message says why.
        """
        if not self._person.word(what):
            return None
        result = moved(plan, self._arm, self._gripper, self._cell, self._cancelled)
        if result.status is PickStatus.COLLISION:
            raise DeviceError(
                f"{result.message} That was more than {TOUCH_REACH * 1e3:.0f} mm above where the camera has the point: "
                "calibrate the hand-eye, see tcp_offset in cell.yaml, and clear the way."
            )
        if result.status is not PickStatus.DONE:
            raise DeviceError(f"The touch ended with {result.status.value} ({result.message}): see to it, then go on.")
        if self._gripper.state().object_detected:
            raise DeviceError("Something is between the closed pads: take it out; tips that are apart find no point.")
        limit = next(s.force_limit for s in plan.steps if isinstance(s, Move) and s.kind == "descend") or 0.0
        return Met(self._arm.state().T_base_tcp, result.force_peak > limit, result.force_peak)

    def home(self) -> None:
        """Straight up and home on a person's word; without it the arm stays, and nothing is asked where it is home.

        An arm that was stopped is made ready first, on a word of its own.

        Raises:
            DeviceError: there is no safe way, or the arm did not become ready, or did not get there.
        """
        state, stays = self._arm.state(), "(s and q leave the arm where it is)"
        if self._is_home(state):
            return
        ready = state.status in ("ready", "moving") or self._made_ready(f"{_stand(state)}. {state.message}", stays)
        state = self._arm.state()  # whoever has seen to a stop may have jogged the arm
        if ready and self._is_home(state):
            return
        if not (ready and goes(self._person, f"{_stand(state)}: straight up and home {stays}")):
            self._person.tell(f"{_stand(state)}, and stay there: the next call asks again, or jog the arm up by hand.")
            return
        try:
            plan = plan_untouch(state.q, self._cell, self._top, state.T_base_tcp)
            check(plan, self._cell, state.q, self._heights)
        except (Unreachable, UnsafePlan) as error:
            raise DeviceError(f"There is no safe way home: {error} Jog the arm up by hand.") from error
        result = moved(plan, self._arm, self._gripper, self._cell)
        if result.status is not PickStatus.DONE:
            raise DeviceError(f"The arm is not home ({result.message}): jog it there by hand.")

    def _is_home(self, state: ArmState) -> bool:
        return bool(np.abs(state.q - np.array(self._cell.home)).max() <= self._cell.limits.start_tolerance)

    def _made_ready(self, why: str, stays: str) -> bool:
        what = "See to it, then make the arm ready; it powers on where it must, and its brakes click"
        if not goes(self._person, f"{why} {what} {stays}"):
            return False
        self._arm.resume()
        return True


def yaw_pose(point: NDArray[np.float64], yaw: float) -> Transform:
    """T_base_tcp (4, 4) with the tips at a point (3,) [m], straight down, their x turned by yaw [rad] about base z."""
    c, s = np.cos(yaw), np.sin(yaw)
    return transform([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]], point)


def touch_all(
    toucher: Toucher,
    record: TouchRecord,
    hand_eye: HandEye,
    cell: Cell,
    person: Person,
    keep: Callable[[TouchRecord], None],
) -> TouchRecord:
    """Touch corners and cylinder, as far as the record does not hold them yet.

    Args:
        toucher: moves.
        record: what was measured so far.
        hand_eye, cell: of the cell.
        person: is asked before each descent.
        keep: told the record after each descent.

    Raises:
        DeviceError: a descent did not end as it should; what was measured before is kept.
        BadInput: too few corners can be touched.
    """
    T_home = cell.kinematics.forward(cell.home)
    yaw = float(np.arctan2(T_home[1, 0], T_home[0, 0]))
    with home_after(toucher.home, person.tell):
        record = _touch_corners(toucher, record, hand_eye, cell, person, keep, yaw)
        record = _touch_cylinder(toucher, record, hand_eye, cell, keep, yaw)
    return record


def _touch_corners(
    toucher: Toucher,
    record: TouchRecord,
    hand_eye: HandEye,
    cell: Cell,
    person: Person,
    keep: Callable[[TouchRecord], None],
    yaw: float,
) -> TouchRecord:
    corners, why = record.sighting.corners(hand_eye), ""
    done = {touch.corner for touch in record.touches}
    beside = _under_the_palm(corners, record.sighting.cylinder_top(hand_eye), record.sighting.cylinder[3], cell)
    for row in chosen_corners(corners, cell.workspace):
        if len(record.touches) >= CORNERS:
            break
        if row in done or row in beside:
            continue
        turned = yaw + len(record.touches) * np.pi / 2
        try:
            plan = toucher.plan(yaw_pose(corners[row], turned))
        except (Unreachable, UnsafePlan) as error:
            why = str(error)
            continue
        met = toucher.touch(plan, f"corner {len(record.touches) + 1} of {CORNERS}, at {_at(corners[row])}")
        if met is None:
            continue
        _require_hit(met, "board")
        aside = np.array(person.aside(_corner_name(record.sighting, row)))
        record = record.with_touch(Touch(row, met.T_base_tcp, met.force, aside))
        keep(record)
    if len(record.touches) < CORNERS_LEAST:
        raise BadInput(
            f"Only {len(record.touches)} corners were touched, {CORNERS_LEAST} are needed: lay the board flat into the "
            f"middle of the workspace, and the cylinder beside it. {why}".strip()
        )
    return record


def _under_the_palm(corners: NDArray[np.float64], top: NDArray[np.float64], radius: float, cell: Cell) -> set[int]:
    """Rows of corners at which the palm would come near a cylinder that is as tall as the fingers are long."""
    near = float(np.hypot(*cell.gripper.palm)) / 2 + radius + cell.arm_tolerance
    tall = top[2] - corners[:, 2] > cell.gripper.finger_length - 2 * TOUCH_REACH
    return {int(i) for i in np.flatnonzero(tall & (np.linalg.norm(corners[:, :2] - top[:2], axis=1) < near))}


def _touch_cylinder(
    toucher: Toucher,
    record: TouchRecord,
    hand_eye: HandEye,
    cell: Cell,
    keep: Callable[[TouchRecord], None],
    yaw: float,
) -> TouchRecord:
    """The middle of the top, then each of four sides between where the jaws meet it and where they go past."""
    top, radius = record.sighting.cylinder_top(hand_eye), float(record.sighting.cylinder[3])
    R = yaw_pose(top, yaw)[:3, :2]
    halves = (cell.gripper.finger_thickness, cell.gripper.pad_width / 2)

    def probe(beside: NDArray[np.float64], what: str) -> bool:
        nonlocal record
        known = [p for p in record.probes if np.abs((p.T_base_tcp[:3, 3] - top) @ R - beside).max() < 0.0005]
        if not known:
            met = toucher.touch(toucher.plan(yaw_pose(top + R @ beside, yaw)), what)
            if met is None:
                raise BadInput("The check needs all sides of the cylinder: begin again to go on.")
            known = [Probe(met.T_base_tcp, met.hit, met.force)]
            record = record.with_probe(known[0])
            keep(record)
        return known[0].hit

    if not probe(np.zeros(2), "middle of the cylinder's top"):
        raise DeviceError(f"Nothing was met within {TOUCH_REACH * 1e3:.0f} mm of the cylinder's top: look at both.")
    for axis, sign in ((0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)):
        way = sign * np.eye(2)[axis]

        def meets(at: float, way: NDArray[np.float64] = way) -> bool:
            return probe(at * way, f"side of the cylinder, {at * 1e3:.0f} mm from its middle")

        side_of(meets, radius + halves[axis])
    return record


def side_of(meets: Callable[[float], bool], expected: float) -> tuple[float, float]:
    """The last place [m] along a way from the middle that meets the cylinder, and the first that does not.

    Args:
        meets: whether jaws that go down there meet its top.
        expected: where the camera has the side [m].
    """
    inner, outer = max(expected - SIDE_AROUND, 0.0), expected + SIDE_AROUND
    met, missed = inner == 0.0, False  # the middle of the top was met
    while outer <= expected + 3 * SIDE_AROUND:
        while outer - inner > 2 * SIDE_KNOWN:
            middle = (inner + outer) / 2
            if meets(middle):
                inner, met = middle, True
            else:
                outer, missed = middle, True
        if not met and not meets(inner):
            inner, outer, missed = max(inner - SIDE_AROUND, 0.0), inner, True
            met = inner == 0.0
        elif not missed and meets(outer):
            inner, outer, met = outer, outer + SIDE_AROUND, True
        else:
            break
    return inner, outer


def _require_hit(met: Met, what: str) -> None:
    if not met.hit:
        raise DeviceError(
            f"Nothing was met within {TOUCH_REACH * 1e3:.0f} mm below where the camera has the {what}: calibrate the "
            "hand-eye, and see tcp_offset in cell.yaml."
        )


def _stand(state: ArmState) -> str:
    return f"The tips stand at {_at(state.T_base_tcp[:3, 3])}"


def _at(point: NDArray[np.float64]) -> str:
    return "({:.3f}, {:.3f}, {:.3f}) m in base".format(*point)


def _corner_name(sighting: Sighting, row: int) -> str:
    x, y = sighting.points[row] * 1e3
    return f"the inner corner {x:.0f} mm along x and {y:.0f} mm along y of the print"
