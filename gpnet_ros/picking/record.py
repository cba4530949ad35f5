"""What one turn of the picking loop came to: typed for the loop, as JSON for topics, run folders and people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.cup import CupGrasp, CupSelect
from gpnet_ros.grasp import Grasp, SelectSettings
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.runner import PickResult
from gpnet_ros.pose import Transform


@dataclass
class LoopTally:
    """Counts of the loop: picks of this task, failures in a row, objects put into the tote since the start."""

    picks: int = 0
    failures: int = 0
    placed: int = 0


@dataclass(frozen=True, eq=False)
class DecisionBasis:
    """What a decision depended on beside frame and maps; with these it can be made again.

    Attributes:
        q_start: joints from which the arm was planned for, (6,) [rad].
        T_base_camera: the camera at the decision, (4, 4) [m].
        remembered: TCPs (4, 4) [m] of grasps that had failed.
        spot: which of the tote's spots; hover: whether it stayed above.
        select: how candidates were selected; select_cup: how places for a cup were.
        standing: spots (x, y) in base [m] around the workspace from which nothing is fetched, see `fit.Memory`.
        cell: the cell then; not among `to_dict`, a bag tells it once.
    """

    q_start: NDArray[np.float64]
    T_base_camera: Transform
    remembered: tuple[Transform, ...] = ()
    spot: int = 0
    hover: bool = False
    select: SelectSettings = field(default_factory=SelectSettings)
    cell: Cell | None = None
    select_cup: CupSelect = field(default_factory=CupSelect)
    standing: tuple[tuple[float, float], ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, to the last bit."""
        return {
            "q_start": [float(q) for q in self.q_start],
            "T_base_camera": self.T_base_camera.tolist(),
            "remembered": [T.tolist() for T in self.remembered],
            "spot": self.spot,
            "hover": self.hover,
            "select": asdict(self.select),
            **({} if self.standing is None else {"standing": [list(spot) for spot in self.standing]}),
            **(
                {"select_cup": asdict(self.select_cup)} if self.cell is not None and self.cell.tool == "suction" else {}
            ),
        }


@dataclass(frozen=True, eq=False)
class Turn:
    """One turn of the loop: what was seen, decided and done, and how it ended.

    Attributes:
        status: value of a `PickStatus`, or proposed (nothing has moved yet), dry_run, no_frame, hand_eye (its
            calibration cannot be true), nothing_left, nothing_graspable, not_seen or defect.
        message: one sentence for a person.
        times: wall time [s] of each step, by its name.
        sight, decision, result: as far as the turn came.
        basis: what the decision depended on.
        finished: why the whole task ends with this turn; None when it does not.
        halt: why nothing may move until a person resumes; empty when it may.
    """

    status: str
    message: str
    times: dict[str, float] = field(default_factory=dict)
    sight: Sight | None = None
    decision: Decision | None = None
    result: PickResult | None = None
    finished: str | None = None
    halt: str = ""
    basis: DecisionBasis | None = None


@dataclass(frozen=True, eq=False)
class PickRecord:
    """A turn with the counts of the loop after it, as it is published and stored.

    Attributes:
        turn: what happened.
        mode: how far the planner goes, one of `mode_gate.MODES`.
        pick, failures, placed: see `LoopTally`.
        finished: why the task has ended; None while it goes on.
    """

    turn: Turn
    mode: str
    pick: int
    failures: int
    placed: int
    finished: str | None

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values: metres, pixels of the colour image, poses as 4x4 in the controller's base."""
        turn = self.turn
        return {
            "status": turn.status, "message": turn.message, "mode": self.mode, "pick": self.pick,
            "failures": self.failures, "placed": self.placed, "finished": self.finished,
            "time_s": {name: round(seconds, 3) for name, seconds in turn.times.items()},
            "stamp": None if turn.sight is None else turn.sight.frame.stamp,
            "by_detections": turn.sight is not None and turn.sight.detections is not None,
            **({} if turn.decision is None else decision_values(turn.decision)),
            **({} if turn.basis is None else {"basis": turn.basis.to_dict()}),
            **({} if turn.result is None else _result(turn.result)),
        }  # fmt: skip


class LoopListener(Protocol):
    """Listener of the loop: told of states, decisions and results."""

    def state(self, state: str) -> None:
        """The loop has a new state."""

    def refused(self, reason: str) -> None:
        """A frame was not used, or a person's wish was not granted."""

    def decided(self, decision: Decision, sight: Sight, basis: DecisionBasis) -> None:
        """A decision was made on a frame, by what else it depended on."""

    def result(self, record: PickRecord) -> None:
        """A turn, and perhaps the task, has ended."""


def rejected_reasons(decision: Decision) -> list[dict[str, Any]]:
    """Pixel (u, v), reason and one sentence of every candidate that lost, in the order in which they were tried."""
    return [{"pixel": list(r.pixel), "reason": r.reason, "detail": r.detail} for r in decision.rejected]


def decision_values(decision: Decision) -> dict[str, Any]:
    """A decision as the record has it: pixels of the colour image, lengths in [m], poses (4, 4) in base."""
    values: dict[str, Any] = {"rejected": rejected_reasons(decision)}
    if decision.unseen:
        values["unseen"] = [
            {"centre": [round(v, 3) for v in u.centre], "size_m": list(u.size), "area_m2": round(u.area, 6)}
            for u in decision.unseen
        ]
    grasp, T = decision.grasp or decision.cup, decision.T_base_grasp
    if grasp is not None and T is not None and decision.T_base_tcp is not None:
        values |= {
            "pixel": [round(v, 2) for v in grasp.pixel],
            "angle_deg": round(grasp.angle_deg, 2),
            "score": round(grasp.score, 4),
            **(_of_cup(grasp) if isinstance(grasp, CupGrasp) else _of_jaw(grasp)),
            "width_m": decision.opening,
            "T_base_grasp": np.round(T, 6).tolist(),
            "T_base_tcp": np.round(decision.T_base_tcp, 6).tolist(),
            "insertion_m": round(decision.insertion, 5),
        }
    if decision.felt:
        values["felt"] = True
    return values


def where_chosen(values: Mapping[str, Any]) -> str:
    """Where the grasp of `decision_values` is, for a person: pixel (u, v), and its point in base [mm]."""
    (u, v), (x, y, z) = values["pixel"], (row[3] * 1e3 for row in values["T_base_grasp"][:3])
    return f"at pixel ({u:.0f}, {v:.0f}), base ({x:.0f}, {y:.0f}, {z:.0f}) mm"


def how_chosen(values: Mapping[str, Any]) -> str:
    """How the grasp of `decision_values` takes its object, for a person: opening [mm] of jaws, seal of a cup.

    And whether not all of the ground beside it was seen, so that the way down is felt.
    """
    if "suction" in values:
        return f"suction {values['suction']:.2f}, score {values['score']:.2f}"
    felt = ", feels its way down past ground that was not seen" if values.get("felt") else ""
    return (
        f"turned {values['angle_deg']:.0f} deg, opening {values['width_m'] * 1e3:.0f} mm, score {values['score']:.2f}"
        f"{felt}"
    )


def _of_jaw(grasp: Grasp) -> dict[str, Any]:
    told = {"quality": round(grasp.quality, 4), "priority": round(grasp.priority, 4)}
    return told if grasp.width is None else {**told, "predicted_width_m": round(grasp.width, 4)}


def _of_cup(cup: CupGrasp) -> dict[str, Any]:
    return {
        "object": cup.index,
        "suction": round(cup.suction, 4),
        "mass_distance_m": round(cup.arm, 4),
        "unevenness_m": round(cup.unevenness, 5),
        "normal_camera": [round(float(v), 4) for v in cup.normal],
    }


def _result(result: PickResult) -> dict[str, Any]:
    return {
        "step": result.step,
        "holding": result.holding,
        "force_peak_n": round(result.force_peak, 2),
        "contact_m": None if result.contact is None else round(result.contact, 5),
        "widths_m": {name: round(width, 4) for name, width in result.widths.items()},
    }
