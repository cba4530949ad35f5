"""The cell, measured: tote, keep-out boxes and home with tips led by a person's hand, the table by guarded touches.

What was measured is kept after each item in `measured.yaml` of the folder: a later call goes on. Led by hand, the arm
is only watched; on its own it moves for the touches of the table, each on a person's word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.cell_measure import (
    TablePlane,
    agreed,
    home_fault,
    measured_box,
    measured_tote,
    seen_table,
    table_plane,
    with_measured,
)
from gpnet_ros.cell_picture import draw_cell
from gpnet_ros.devices.arm import Arm, ArmState
from gpnet_ros.devices.camera import Camera
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.errors import BadInput, DeviceError, Unreachable, UnsafePlan
from gpnet_ros.frame import Frame
from gpnet_ros.height_map import height_map
from gpnet_ros.picking.touch.measured_file import MeasuredFile, sum_of
from gpnet_ros.picking.touch.on_word import Person, home_after
from gpnet_ros.picking.touch.session import go_home
from gpnet_ros.picking.touch.toucher import Toucher, yaw_pose
from gpnet_ros.pose import Transform, distance, invert
from gpnet_ros.touch_look import steady_depth

#: What can be measured, in the order in which it is.
ITEMS = ("tote", "keep_out", "home", "table")
#: Those that are held against what the camera sees: by another hand-eye that has to be done anew.
_SEEN = ("table",)
#: Places of the workspace at which the table is touched, in half sides from its middle.
PLACES = ((-0.7, -0.7), (0.7, -0.7), (0.7, 0.7), (-0.7, 0.7))


class Surveyor(Person, Protocol):
    """Who leads the arm by hand."""

    def name(self, what: str) -> str:
        """A word; empty when there is none."""


@dataclass(frozen=True)
class Survey:
    """What a cell is measured with.

    Attributes:
        arm, gripper: connected; they are made ready by `ready` only, which asks a person.
        camera: open.
        cell: as the file has it now; values: that file's plain values; file: its name.
        hand_eye: of the cell.
        person: at the robot.
        ready: makes arm and gripper ready on a person's word.
        exposures: of a look, whose median counts.
    """

    arm: Arm
    gripper: Gripper
    camera: Camera
    cell: Cell
    values: dict[str, Any]
    hand_eye: HandEye
    person: Surveyor
    ready: Callable[[], None]
    exposures: int = 15
    file: str = "cell.yaml"


def measure_cell(survey: Survey, folder: Path, items: tuple[str, ...] = ITEMS) -> Cell:
    """Measure what is not measured yet, write `cell.yaml` and a picture of it into the folder.

    Args:
        survey: what is measured with.
        folder: of the cell; made if it is not there.
        items: what is measured, of `ITEMS`.

    Raises:
        BadInput: what was measured cannot be, or is of another cell file, or the person ended it; what was measured
            before is kept.
        DeviceError: arm, gripper or camera did not do what they should.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "measured.yaml"
    begun = MeasuredFile(kept, ITEMS, survey.file, survey.values)
    found, eye = begun.found, sum_of(asdict(survey.hand_eye))
    for item in (item for item in ITEMS if item in items):
        if item in found and not (item in _SEEN and not begun.is_seen_by(item, eye)):
            survey.person.tell(f"{item}: was measured before; take it out of {kept} to measure it anew.")
            continue
        if item in found:
            survey.person.tell(f"{item}: was held against the camera by another hand-eye; it is measured anew.")
        value = _MEASURES[item](survey, _cell(survey.cell, found))
        _cell(survey.cell, {**found, item: value})  # refuses what cannot be before it is kept
        begun.keep(item, value, eye if item in _SEEN else "")
    cell = _cell(survey.cell, found)
    values = with_measured(survey.values, cell, {*found})
    text = yaml.safe_dump(values, sort_keys=False, default_flow_style=None)
    head = f"# Written by `gpnet cell`; measured: {', '.join(found) or 'nothing'}. In base, metres and radians.\n"
    (folder / "cell.yaml").write_text(head + text, encoding="utf-8")
    begun.made(values)
    _picture(survey, cell, folder / "cell.png")
    return cell


def _cell(before: Cell, found: dict[str, Any]) -> Cell:
    """The cell with what was found in its place.

    Raises:
        BadInput: it cannot be.
    """
    cell = before
    if "table" in found:
        plane = table_plane(found["table"], cell.workspace)
        if plane.refusal:
            raise BadInput(plane.refusal)
        cell = replace(cell, workspace=replace(cell.workspace, table_z=round(plane.z, 4)))
    if "tote" in found:
        cell = replace(cell, tote=measured_tote(found["tote"]["rim"], float(found["tote"]["floor"]), cell.tote))
    if "keep_out" in found:
        boxes = [measured_box(each["name"], each["points"], cell.workspace.table_z) for each in found["keep_out"]]
        anew = {box.name for box in boxes}
        cell = replace(cell, keep_out=(*(box for box in before.keep_out if box.name not in anew), *boxes))
    if "home" in found:
        cell = replace(cell, home=tuple(float(v) for v in found["home"]))
    return cell


def _tote(survey: Survey, cell: Cell) -> dict[str, Any]:
    rim = [_led(survey, cell, f"inner upper corner {i + 1} of 4 of the tote").tolist() for i in range(4)]
    return {"rim": rim, "floor": float(_led(survey, cell, "the tote's floor, inside of it")[2])}


def _keep_out(survey: Survey, cell: Cell) -> list[dict[str, Any]]:
    """Box after box, until no further name is given; the camera of a fixed hand-eye and its mast are some of them.

    Those of the cell file stay, but for the names that are measured anew: what is not named here is still there.
    """
    told = ", ".join(box.name for box in survey.cell.keep_out) or "none"
    survey.person.tell(f"Keep-out boxes of the cell file, which stay unless their names are measured anew: {told}.")
    boxes: list[dict[str, Any]] = []
    while name := survey.person.name("Name of something that the arm must not hit, such as mast (Enter: no more)"):
        points = [_led(survey, cell, f"the outermost points of {name}, one after the other: the first").tolist()]
        while len(points) < 2 or survey.person.word(f"another point of {name} (s: that was all)"):
            points.append(_led(survey, cell, f"the next point of {name}, such as the opposite and uppermost").tolist())
        boxes.append({"name": name, "points": points})
    return boxes


def _home(survey: Survey, cell: Cell) -> list[float]:
    while True:
        if not survey.person.word("Lead the arm home: tips 0.3 m over the middle of the tote, pointing straight down"):
            raise BadInput("Without a home there is no cell: call again to go on.")
        state = _at_rest(survey, cell)
        fixed = survey.hand_eye.mount == "fixed"
        camera = survey.camera.read().intrinsics if fixed else None
        fault = home_fault(state.q, cell, survey.hand_eye.T_base_camera() if fixed else None, camera)
        if not fault:
            return [round(float(v), 4) for v in state.q]
        survey.person.tell(fault)


def _table(survey: Survey, cell: Cell) -> list[list[float]]:
    """Points of the table by guarded touches, held against the depth image."""
    survey.ready()
    go_home(survey.arm, survey.gripper, cell, survey.person)
    frame, T_base_camera = _look(survey, cell)
    if frame.depth is None or frame.intrinsics is None:
        raise BadInput("The table is held against the depth image, and the camera gives none: use an RGB-D camera.")
    seen_points = seen_table(frame.depth, frame.intrinsics, T_base_camera, cell.workspace)
    seen = table_plane(seen_points, cell.workspace)
    toucher = Toucher(survey.arm, survey.gripper, cell, height_map(frame, T_base_camera, cell), survey.person)
    with home_after(toucher.home, survey.person.tell):
        points = _touched(toucher, seen_points, cell)
    touched = table_plane(points, cell.workspace)
    fault = touched.refusal or agreed(touched, seen)
    survey.person.tell(_told(touched, seen))
    if fault:
        raise BadInput(fault)
    return points


def _touched(toucher: Toucher, seen: NDArray[np.float64], cell: Cell) -> list[list[float]]:
    half, centre = cell.workspace.side / 2, np.array(cell.workspace.centre)
    turn = cell.kinematics.forward(cell.home)
    yaw = float(np.arctan2(turn[1, 0], turn[0, 0]))
    points: list[list[float]] = []
    for k, place in enumerate(PLACES):
        xy = centre + half * np.array(place)
        near = np.linalg.norm(seen[:, :2] - xy, axis=1) < 0.02
        z = float(np.median(seen[near, 2])) if near.any() else float(np.median(seen[:, 2]))
        try:
            plan = toucher.plan(yaw_pose(np.array([*xy, z]), yaw))
        except (Unreachable, UnsafePlan) as error:
            raise BadInput(f"The table cannot be touched at ({xy[0]:.2f}, {xy[1]:.2f}) m: {error}") from error
        met = toucher.touch(plan, f"table, place {k + 1} of {len(PLACES)}, at ({xy[0]:.2f}, {xy[1]:.2f}) m")
        if met is None:
            continue
        if not met.hit:
            raise DeviceError(
                "The table was not met where the camera sees it: calibrate the hand-eye, and see tcp_offset in "
                "cell.yaml."
            )
        points.append([round(float(v), 5) for v in met.T_base_tcp[:3, 3]])
    return points


def _told(touched: TablePlane, seen: TablePlane) -> str:
    return (
        f"table: z = {touched.z * 1e3:.1f} mm, tilted by {np.rad2deg(touched.tilt):.2f} degrees; the camera sees it at "
        f"{seen.z * 1e3:.1f} mm, tilted by {np.rad2deg(seen.tilt):.2f} degrees"
    )


def _led(survey: Survey, cell: Cell, what: str) -> NDArray[np.float64]:
    """Where the closed tips are (3,) [m] that a person has led somewhere."""
    if not survey.person.word(f"Lead the middle between the closed tips by hand onto {what}; Enter when they touch it"):
        raise BadInput(f"{what[0].upper()}{what[1:]} is needed: call again to go on.")
    return np.round(_at_rest(survey, cell).T_base_tcp[:3, 3], 5)


def _at_rest(survey: Survey, cell: Cell) -> ArmState:
    """The state of an arm that stands still and whose controller has our TCP."""
    state = survey.arm.state()
    if not state.is_still:
        raise DeviceError("The arm moves: let it come to rest, then call again to go on.")
    away, turned = distance(cell.kinematics.forward(state.q) @ cell.T_flange_tcp, state.T_base_tcp)
    if not (away <= cell.arm_tolerance and turned <= cell.arm_tolerance_angle):
        raise BadInput(
            f"The controller's TCP is {away * 1e3:.0f} mm and {np.rad2deg(turned):.1f} degrees from that of the cell "
            f"file: set the TCP of its installation to X 0, Y 0, Z {cell.hand.tcp_offset * 1e3:.1f} mm, or correct "
            "tcp_offset."
        )
    return state


def _look(survey: Survey, cell: Cell) -> tuple[Frame, Transform]:
    frames = [survey.camera.read() for _ in range(survey.exposures)]
    flange = None
    if survey.hand_eye.mount == "flange":
        flange = survey.arm.state().T_base_tcp @ invert(cell.T_flange_tcp)
    return replace(frames[-1], depth=steady_depth(frames)), survey.hand_eye.T_base_camera(flange)


def _picture(survey: Survey, cell: Cell, file: Path) -> None:
    frame, T_base_camera = _look(survey, cell)
    if not cv2.imwrite(str(file), draw_cell(frame, cell, T_base_camera)[..., ::-1]):
        raise BadInput(f"{file} cannot be written; is its folder there?")
    survey.person.tell(f"{file}: what is believed, over what the camera sees; look whether both agree.")


_MEASURES: dict[str, Callable[[Survey, Cell], Any]] = {
    "tote": _tote,
    "keep_out": _keep_out,
    "home": _home,
    "table": _table,
}
