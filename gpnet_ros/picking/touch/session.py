"""One touch-off from the first look to its file; broken off, it goes on where it was, if nothing has moved since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell, HandEye, load_hand_eye
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.camera import Camera
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.frame import Frame
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.height_map import height_map
from gpnet_ros.motion import plan_home
from gpnet_ros.picking.runner import PickStatus
from gpnet_ros.picking.touch.on_word import Person, moved
from gpnet_ros.picking.touch.toucher import Toucher, touch_all
from gpnet_ros.pose import invert
from gpnet_ros.safety import check
from gpnet_ros.touch_look import sighting_of, steady_depth
from gpnet_ros.touch_off import Sighting, TouchErrors
from gpnet_ros.touch_record import Checked, TouchRecord, hand_eye_sum, read_record, tcp_of

#: A look shows what an earlier one did if corners are this near [px], and the cylinder [m].
SAME_PIXELS, SAME_PLACE = 1.0, 0.003

#: Finds the board's corners in a frame: in the board's frame (n, 2) [m], and their pixels (n, 2).
Find = Callable[[Frame], tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True)
class Bench:
    """What a check is done with.

    Attributes:
        arm, gripper, camera: the arm and the gripper connected, the camera open.
        camera_serial: of the camera.
        cell: of the cell.
        hand_eye_file: that is checked.
        find: finds the board's corners.
        person: at the robot.
        clock: the time.
        exposures: of the look, whose median counts.
    """

    arm: Arm
    gripper: Gripper
    camera: Camera
    camera_serial: str
    cell: Cell
    hand_eye_file: Path
    find: Find
    person: Person
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    exposures: int = 15


def check_by_touch(bench: Bench, out: Path) -> TouchErrors:
    """Look, touch, write the file, and say how large the errors are.

    Args:
        bench: what is checked with.
        out: file that is written; `unfinished` beside it holds what was measured before it was broken off.

    Raises:
        BadInput: something is missing, or the measurements do not fit to each other.
        DeviceError: arm, gripper or camera did not do what they should; what was measured is kept.
    """
    cell, hand_eye = bench.cell, load_hand_eye(bench.hand_eye_file)
    checked = _what(bench)
    go_home(bench.arm, bench.gripper, cell, bench.person)
    frames = [bench.camera.read() for _ in range(bench.exposures)]
    sighting = _look(bench, frames, hand_eye)
    frame = replace(frames[-1], depth=steady_depth(frames))
    T_base_camera = hand_eye.T_base_camera(sighting.T_base_flange)
    unfinished = out.with_name(out.stem + ".unfinished.yaml")
    record = _begun(unfinished, TouchRecord(checked, sighting), bench.person)
    toucher = Toucher(bench.arm, bench.gripper, cell, height_map(frame, T_base_camera, cell), bench.person)
    record = touch_all(toucher, record, hand_eye, cell, bench.person, lambda kept: kept.write(unfinished))
    errors = record.errors(bench.hand_eye_file)
    record.write(out, errors)
    unfinished.unlink(missing_ok=True)
    return errors


def _what(bench: Bench) -> Checked:
    """What is checked; an empty serial number is none."""
    serial = bench.arm.state().serial
    for name, number, why in (
        ("camera", bench.camera_serial, "give --camera-serial as it stands on the camera"),
        ("arm", serial, "its controller must answer `get serial number` (PolyScope 3.12, 5.6 or newer), after resume"),
    ):
        if not number.strip():
            raise BadInput(f"The {name} tells no serial number, without which the check is of nothing: {why}.")
    tool, tcp = bench.cell.tool, tcp_of(bench.cell)
    if tool != "jaw":
        raise BadInput(f"The cell's tool is {tool!r}: only closed jaws touch; mount the jaw for the check.")
    return Checked(bench.clock(), bench.camera_serial, serial, tool, tcp, hand_eye_sum(bench.hand_eye_file))


def go_home(arm: Arm, gripper: Gripper, cell: Cell, person: Person) -> None:
    """Home on a person's word, where the arm is elsewhere.

    Raises:
        BadInput: the person says no.
        DeviceError: the arm did not get there.
        Unreachable, UnsafePlan: there is no safe way; the message says which joints to jog.
    """
    state = arm.state()
    if np.abs(state.q - np.array(cell.home)).max() <= cell.limits.start_tolerance:
        return
    plan = check(plan_home(state.q, cell, T_base_tcp=state.T_base_tcp), cell, state.q)
    if not person.word("go home, where the arm is out of the camera's view"):
        raise BadInput("Touches begin at home: jog the arm there, or let it go there.")
    result = moved(plan, arm, gripper, cell)
    if result.status is not PickStatus.DONE:
        raise DeviceError(f"The arm is not home ({result.message}): jog it there by hand.")


def _look(bench: Bench, frames: list[Frame], hand_eye: HandEye) -> Sighting:
    """Board and cylinder, by the median of some exposures."""
    points, pixels = _steady_corners([bench.find(frame) for frame in frames])
    state = bench.arm.state()
    flange = state.T_base_tcp @ invert(bench.cell.T_flange_tcp) if hand_eye.mount == "flange" else None
    workspace, camera = bench.cell.workspace, frames[-1].intrinsics
    if camera is not None:
        check_hand_eye(camera, frames[-1].depth, hand_eye.T_parent_camera, workspace, flange)
    return sighting_of(frames, points, pixels, hand_eye.T_base_camera(flange), flange, workspace)


def _steady_corners(
    looks: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners that at least half of the looks show, in the board's frame (n, 2) [m], and their median pixels (n, 2)."""
    seen: dict[tuple[float, float], list[NDArray[np.float64]]] = {}
    for points, pixels in looks:
        for (x, y), pixel in zip(np.round(points, 6).tolist(), pixels, strict=True):
            seen.setdefault((x, y), []).append(pixel)
    kept = {point: found for point, found in seen.items() if 2 * len(found) >= len(looks)}
    if len(kept) < 4:
        raise BadInput(f"Only {len(kept)} corners are seen again and again: look that nothing moves, and at the light.")
    return np.array(list(kept)), np.array([np.median(found, axis=0) for found in kept.values()])


def _begun(file: Path, fresh: TouchRecord, person: Person) -> TouchRecord:
    """What was measured before, if it was of the same, and nothing has moved since; else nothing yet."""
    if not file.is_file():
        return fresh
    try:
        before = read_record(file)
    except BadInput as error:
        person.tell(f"What was begun cannot be gone on with ({error}) All is touched anew.")
        return fresh
    reason = _moved(before, fresh)
    if reason:
        person.tell(f"What was begun is of another {reason}: all is touched anew.")
        return fresh
    person.tell(f"Goes on: {len(before.touches)} corners and {len(before.probes)} places of the cylinder are done.")
    return before


def _moved(before: TouchRecord, fresh: TouchRecord) -> str:
    """What is not as it was; empty when all is."""
    a, b = before.checked, fresh.checked
    if (a.camera_serial, a.arm_serial, a.tool, a.hand_eye) != (b.camera_serial, b.arm_serial, b.tool, b.hand_eye):
        return "camera, arm, tool or hand-eye"
    if np.abs(a.tcp - b.tcp).max() > 1e-5:
        return "TCP"
    old, new = before.sighting, fresh.sighting
    apart = np.linalg.norm(old.points[:, None] - new.points, axis=-1)
    nearest = apart.argmin(axis=1)
    both = apart.min(axis=1) < 1e-4
    if not both.any() or np.abs(old.pixels - new.pixels[nearest])[both].max() > SAME_PIXELS:
        return "place of the board"
    tops = [s.intrinsics.deproject(s.cylinder[:2], s.cylinder[2]) for s in (old, new)]
    return "place of the cylinder" if np.linalg.norm(tops[0] - tops[1]) > SAME_PLACE else ""
