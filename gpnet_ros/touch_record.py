"""The file of a touch-off: what was measured, of which camera, arm, tool and hand-eye; read, it is judged anew.

It holds no verdict that anybody could write: errors follow from the raw measurements and the hand-eye file that it
names by its sum. That finds a file that was edited, that is of another cell, or that two lines pretend. It cannot find
a file that a program made up with care: whoever can write files can lie to this software.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell, load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.file_sum import file_sha256
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, from_rotvec, to_rotvec
from gpnet_ros.touch_off import Probe, Sighting, Touch, TouchErrors, errors_of

FORMAT = "gpnet touch-off 1"
#: A TCP is the same within this [m, rad].
SAME_TCP = 1e-4
_NOT_SUMMED = ("sum", "errors_mm")
_CHECK_ANEW = "do `gpnet check` with what is connected now"


@dataclass(frozen=True, eq=False)
class Checked:
    """What a touch-off is of.

    Attributes:
        date: when it ended, with its time zone.
        camera_serial, arm_serial: serial numbers.
        tool: at the flange.
        tcp: of the closed tips in the flange: x, y, z [m] and rotation vector [rad], (6,).
        hand_eye: SHA-256 of the hand-eye file.
    """

    date: datetime
    camera_serial: str
    arm_serial: str
    tool: str
    tcp: NDArray[np.float64]
    hand_eye: str


@dataclass(frozen=True, eq=False)
class TouchRecord:
    """A touch-off as it is kept: what it is of, and all that was measured, raw."""

    checked: Checked
    sighting: Sighting
    touches: tuple[Touch, ...] = ()
    probes: tuple[Probe, ...] = ()

    def errors(self, hand_eye_file: str | os.PathLike[str]) -> TouchErrors:
        """The errors, by the hand-eye file that the record names.

        Raises:
            BadInput: it is another file, or the measurements do not fit to it or to each other.
        """
        if hand_eye_sum(hand_eye_file) != self.checked.hand_eye:
            raise BadInput(f"It is of another hand-eye file than {hand_eye_file}: {_CHECK_ANEW}.")
        return errors_of(self.sighting, [*self.touches], [*self.probes], load_hand_eye(hand_eye_file))

    def write(self, path: Path, errors: TouchErrors | None = None) -> None:
        """Write it, with the errors for a person to read; nothing reads those."""
        values = _plain(self)
        told = {} if errors is None else {"errors_mm": _told(errors)}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        text = yaml.safe_dump({**values, **told, "sum": _sum(values)}, sort_keys=False, default_flow_style=None)
        part.write_text(text, encoding="utf-8")
        part.replace(path)

    def with_touch(self, touch: Touch) -> TouchRecord:
        """The record with one touch more."""
        return replace(self, touches=(*self.touches, touch))

    def with_probe(self, probe: Probe) -> TouchRecord:
        """The record with one probe of the cylinder more."""
        return replace(self, probes=(*self.probes, probe))


def hand_eye_sum(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a hand-eye file.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        return file_sha256(Path(path))
    except OSError as error:
        raise BadInput(f"The hand-eye file {path} cannot be read ({error.strerror}): name one that can.") from error


def tcp_of(cell: Cell) -> NDArray[np.float64]:
    """The TCP in the flange: x, y, z [m] and rotation vector [rad], (6,)."""
    return to_rotvec(cell.T_flange_tcp)


def read_record(path: str | os.PathLike[str]) -> TouchRecord:
    """Read a record; it is not judged yet.

    Raises:
        BadInput: it cannot be read, is no record of this format, or was changed since it was written.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise BadInput(f"{path} is no file of `gpnet check` ({FORMAT!r} is missing): {_CHECK_ANEW}.")
        if values.get("sum") != _sum({key: value for key, value in values.items() if key not in _NOT_SUMMED}):
            raise BadInput(f"{path} was changed since `gpnet check` wrote it: {_CHECK_ANEW}.")
        record = _record(values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, LookupError, ArithmeticError, TypeError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as a file of `gpnet check` ({error!r}): {_CHECK_ANEW}.") from error
    return record


def _plain(record: TouchRecord) -> dict[str, Any]:
    """Plain values, as they are written."""
    c, s, i = record.checked, record.sighting, record.sighting.intrinsics
    flange = None if s.T_base_flange is None else _pose(s.T_base_flange)
    return {
        "format": FORMAT,
        "date": c.date.isoformat(timespec="seconds"),
        "camera_serial": c.camera_serial,
        "arm_serial": c.arm_serial,
        "tool": c.tool,
        "tcp": _numbers(c.tcp),
        "hand_eye_sha256": c.hand_eye,
        "camera": {"size": [i.width, i.height], "focal": [i.fx, i.fy], "centre": [i.cx, i.cy]},
        "T_base_flange": flange,
        "plane": _numbers(s.plane),
        "corners": [_numbers([*p, *uv]) for p, uv in zip(s.points, s.pixels, strict=True)],
        "cylinder": _numbers(s.cylinder),
        "touches": [[t.corner, *_pose(t.T_base_tcp), round(t.force, 2), *_numbers(t.aside)] for t in record.touches],
        "probes": [[int(p.hit), *_pose(p.T_base_tcp), round(p.force, 2)] for p in record.probes],
    }


def _record(values: dict[str, Any]) -> TouchRecord:
    (width, height), (fx, fy), (cx, cy) = (values["camera"][key] for key in ("size", "focal", "centre"))
    rows = np.array(values["corners"], dtype=np.float64).reshape(-1, 4)
    flange = None if values["T_base_flange"] is None else from_rotvec(values["T_base_flange"])
    sighting = Sighting(
        Intrinsics(int(width), int(height), float(fx), float(fy), float(cx), float(cy)),
        flange,
        np.array(values["plane"], dtype=np.float64),
        rows[:, :2],
        rows[:, 2:],
        np.array(values["cylinder"], dtype=np.float64),
    )
    date = datetime.fromisoformat(str(values["date"]))
    if date.tzinfo is None:
        raise ValueError("date without a time zone")
    checked = Checked(
        date, str(values["camera_serial"] or ""), str(values["arm_serial"] or ""), str(values["tool"]),
        np.array(values["tcp"], dtype=np.float64).reshape(6), str(values["hand_eye_sha256"]),
    )  # fmt: skip
    touches = tuple(
        Touch(int(row[0]), from_rotvec(row[1:7]), float(row[7]), np.array(row[8:10], dtype=np.float64))
        for row in values["touches"]
    )
    probes = tuple(Probe(from_rotvec(row[1:7]), bool(row[0]), float(row[7])) for row in values["probes"])
    return TouchRecord(checked, sighting, touches, probes)


def _sum(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _told(errors: TouchErrors) -> dict[str, Any]:
    rows = [[round(float(v) * 1e3, 2) for v in row] for row in errors.points]
    return {
        "mean": [round(float(v) * 1e3, 2) for v in errors.mean],
        "tips_beside_the_axis": [round(float(v) * 1e3, 2) for v in errors.tips],
        "corners": rows[:-1],
        "cylinder": rows[-1],
    }


def _numbers(values: ArrayLike) -> list[float]:
    """Six decimals: micrometres, and a millionth of a pixel or radian."""
    return [round(float(v), 6) + 0.0 for v in np.asarray(values, dtype=np.float64)]


def _pose(T: Transform) -> list[float]:
    return _numbers(to_rotvec(T))
