"""The lines of a shift: one JSON object each, written as things happen, in the order in which they did.

The first line is the head; a turn of the loop, a state, a refusal, a warning of drift follow. What was written before
a disk was full or the power went can be read.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.file_sum import file_sum
from gpnet_ros.picking.record import PickRecord

FORMAT = "gpnet shift 1"
#: Files of a shift's folder, and the folder of its pictures.
LINES, PAGE, PICTURES = "shift.jsonl", "shift.html", "failures"
#: Decimals of plain values: a tenth of a millimetre, a millisecond.
_DIGITS = 4


@dataclass(frozen=True)
class ShiftHead:
    """What all turns of a shift have in common.

    Attributes:
        started: when, ISO 8601 with the time zone.
        mode: how far it goes, one of `mode_gate.MODES`.
        simulated: whether nothing real moves.
        speed: share of the cell file's speeds by which moves are planned.
        model: of the network.
        cell_file: of the cell; empty for the shipped one.
        check: which check of the calibration holds, see `check_name`; empty without one.
        tool: what hangs at the flange, "jaw" or "suction".
    """

    started: str
    mode: str
    simulated: bool
    speed: float = 1.0
    model: str = ""
    cell_file: str = ""
    check: str = ""
    tool: str = "jaw"

    def line(self) -> dict[str, Any]:
        """The head as a line."""
        return {"kind": "shift", "format": FORMAT, **asdict(self)}


def turn_line(record: PickRecord, at: float, slider: float | None, picture: str) -> dict[str, Any]:
    """A turn of the loop as a line; the loop on a cell of its own and the planner node write the same.

    Args:
        record: as the listener of the loop gets it.
        at: when it ended, seconds since 1970 [s].
        slider: share of the speed slider then; None where nobody tells.
        picture: file name in the shift's folder; empty for none.

    Returns:
        Plain values: lengths in [m], times in [s].
    """
    turn, told = record.turn, record.to_dict()
    kept = ("predicted_width_m", "score", "contact_m", "force_peak_n", "step", "holding", "felt", "time_s")
    line = {
        "kind": "turn", "at": round(at, 3), "status": turn.status, "message": turn.message, "halt": turn.halt,
        "finished": record.finished, "pick": record.pick, "executed": turn.result is not None, "speed": slider,
        "rejected": dict(Counter(r["reason"] for r in told.get("rejected", []))),
        "unseen": len(told.get("unseen", [])), **{name: told[name] for name in kept if name in told},
    }  # fmt: skip
    if "T_base_tcp" in told:
        line["tcp"] = [round(row[3], _DIGITS) for row in told["T_base_tcp"][:3]]
    closed = told.get("widths_m", {}).get("close")
    figures = drift_figures(line, closed)
    return {**line, "closed_m": closed, "drift": figures, "picture": picture}


def drift_figures(line: Mapping[str, Any], closed: float | None) -> dict[str, float]:
    """By how much a pick met its object elsewhere than foreseen; nothing of a turn without a pick that counts.

    Args:
        line: of the turn.
        closed: opening between the pads after closing [m]; None where they did not close.

    Returns:
        The figures of `drift.Drift`, in [m].
    """
    if not line["executed"] or line["status"] not in ("picked", "missed", "slipped", "collision"):
        return {}
    found: dict[str, float] = {"failed": float(line["status"] != "picked")}
    if "step" in line and line.get("tcp") is not None:
        found["contact_m"] = float(line.get("contact_m") or 0.0)
    predicted = line.get("predicted_width_m")
    if closed is not None and predicted is not None and line["status"] in ("picked", "slipped"):
        found["width_m"] = round(closed - predicted, 5)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of a shift; a last one that was cut short does not count.

    Raises:
        BadInput: there is none, or something else; the message names the line.
    """
    path = folder / LINES
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}): name the folder of a shift.") from error
    found: list[dict[str, Any]] = []
    for number, text in enumerate(texts, 1):
        try:
            found.append(_line_of(text))
        except ValueError as error:
            if number == len(texts) and found:
                break
            raise BadInput(f"{path}, line {number} is no line of a shift: leave that folder out.") from error
    if not found or found[0].get("format") != FORMAT:
        raise BadInput(f"{path} does not begin as a shift does ({FORMAT!r} is missing): name the folder of a shift.")
    return found


def _line_of(text: str) -> dict[str, Any]:
    line = json.loads(text)
    if not isinstance(line, dict) or not isinstance(line.get("kind"), str):
        raise ValueError("no object with a kind")
    return line


def earlier_figures(root: Path, check: str) -> Iterator[dict[str, float]]:
    """Figures of drift of all picks in earlier shifts since a check of the calibration, the oldest first.

    Args:
        root: folder of the shifts.
        check: name of the check, see `ShiftHead`; without one no earlier shift counts.
    """
    if not check:
        return
    for folder in sorted(path.parent for path in root.glob(f"*/{LINES}")):
        try:
            lines = read_lines(folder)
        except BadInput:  # what cannot be read is no reason not to pick
            continue
        if lines[0].get("check") == check:
            yield from (line["drift"] for line in lines if line["kind"] == "turn" and line.get("drift"))


def check_name(file: str) -> str:
    """Name of a check of the calibration: the sum of its file; empty where there is none that can be read."""
    return file_sum(Path(file))[:16] if file else ""
