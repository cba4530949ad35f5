"""One row of the table of picks: what the planner reported, judged by what really happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpnet_ros.pose import to_xyz_quat
from gpnet_ros.sim.cell.report import TruthReport

#: What the planner tells of a cup's place only.
_OF_CUP = ("suction", "mass_distance_m", "unevenness_m")


@dataclass(frozen=True)
class Judgement:
    """True effect of a pick, from the truth of the simulated cell.

    Attributes:
        objects: indices of the objects that came up with the gripper.
        families: of these objects.
        in_tote: whether at least one of them lies in the tote now.
        topmost: whether all of them were topmost before; None when none came up.
        grips: how many grips there were when this was judged.
    """

    objects: tuple[int, ...] = ()
    families: tuple[str, ...] = ()
    in_tote: bool = False
    topmost: bool | None = None
    grips: int = 0


def judge_pick(truth: TruthReport, grips_before: int) -> Judgement:
    """Judge the pick to which all grips after the first `grips_before` belong.

    Args:
        truth: of the simulated cell, after the pick.
        grips_before: how many grips there were before this pick.
    """
    lifting, count = [g for g in truth.grips[grips_before:] if g.lifted], len(truth.grips)
    if not lifting:
        return Judgement(grips=count)
    objects = sorted({i for g in lifting for i in g.lifted})
    return Judgement(
        tuple(objects),
        tuple(truth.objects[i].family for i in objects),
        any(i in truth.in_tote for i in objects),
        all(g.took_top_level for g in lifting),
        count,
    )


@dataclass(frozen=True)
class RosPick:
    """A pick, or a look without one, as the planner reported it and as the truth judges it.

    Attributes:
        number: from 1.
        record: the planner's result, as published.
        truth: the judgement; None where there is no truth to ask.
        seconds: from the result before (or the start) to this one, wall time.
        picture: file name in the run folder; empty when there is none.
    """

    number: int
    record: dict[str, Any]
    truth: Judgement | None
    seconds: float
    picture: str = ""

    @property
    def executed(self) -> bool:
        """Whether the arm moved for this pick; `nothing_left`, `not_seen` and the like are looks, no picks."""
        return "step" in self.record

    @property
    def ok(self) -> bool:
        """Whether the pick brought an object into the tote; without truth, what the planner believes."""
        if self.truth is not None:
            return self.executed and self.truth.in_tote
        return self.record["status"] == "picked"

    @property
    def topmost(self) -> bool:
        """Whether all objects that came up with this pick were topmost before."""
        return self.executed and self.truth is not None and bool(self.truth.topmost)

    @property
    def verdict(self) -> str:
        """The result of the pick in words: status, objects, tote, order."""
        status = str(self.record["status"]).replace("_", " ")
        if self.truth is None or not self.truth.objects:
            return status
        what = " and ".join(self.truth.families)
        where = "in the tote" if self.truth.in_tote else "not in the tote"
        order = "topmost" if self.truth.topmost else "not topmost"
        return f"{status}: {what} {where}, {order}"

    def line(self) -> str:
        """The pick in one line, for terminal and log."""
        r = self.record
        why = "" if self.ok or not r.get("message") else f" ({r['message']})"
        if not self.executed:
            return f"{'look' if 'rejected' in r else '':<9}{self.verdict}{why}"
        grasp = "no grasp"
        if "pixel" in r:
            u, v = r["pixel"]
            what = f"opening {r['width_m'] * 1e3:3.0f} mm  Q* {r['score']:.2f}"
            if "suction" in r:  # a cup
                what = f"suction {r['suction']:.2f}  worth {r['score']:.2f}"
            grasp = f"pixel ({u:3.0f}, {v:3.0f})  {what}"
        return f"pick {self.number:<3} {grasp}  {self.seconds:5.1f} s  {self.verdict}{why}"

    def row(self) -> dict[str, Any]:
        """Plain values: one object of picks.json. Metres, radians unless the name says otherwise; null is unknown."""
        r = self.record
        truth = self.truth or Judgement()
        known = self.truth is not None
        return {
            "pick": self.number,
            "result": r["status"],
            "message": r["message"],
            "executed": self.executed,
            "in_tote": truth.in_tote if known else None,
            "topmost": truth.topmost,
            "objects": list(truth.families),
            **{name: r.get(name) for name in ("pixel", "angle_deg", "width_m", "score", "quality", "priority")},
            **{name: r[name] for name in _OF_CUP if name in r},
            "tcp_in_base": pose_values(r.get("T_base_tcp")),
            "tcp_in_base_link": pose_values(r.get("T_base_link_tcp")),
            "insertion_m": r.get("insertion_m"),
            "felt": bool(r.get("felt", False)),
            "force_peak_n": r.get("force_peak_n"),
            "seconds": round(self.seconds, 2),
            "time_s": r.get("time_s", {}),
            "stamp": r.get("stamp"),
            "rejected": r.get("rejected", []),
            "finished": r.get("finished"),
            "picture": self.picture or None,
        }


def pose_values(T: list[list[float]] | None) -> dict[str, list[float]] | None:
    """Position [m] and quaternion xyzw of a 4x4 transform in plain values; None of None."""
    if T is None:
        return None
    position, quaternion = to_xyz_quat(np.array(T))
    return {"position": [round(float(v), 5) for v in position], "quaternion": [round(float(v), 5) for v in quaternion]}


#: Columns of picks.csv that are single values of `RosPick.row`.
_PLAIN = ("pick", "result", "in_tote", "topmost", "score", "quality", "priority", "angle_deg", "width_m")


def csv_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of picks.csv from one of picks.json: one number per column, empty where unknown."""
    flat: dict[str, Any] = {name: row[name] for name in _PLAIN}
    flat["pixel_u"], flat["pixel_v"] = row["pixel"] or (None, None)
    for frame in ("base", "base_link"):
        pose = row[f"tcp_in_{frame}"] or {"position": [None] * 3, "quaternion": [None] * 4}
        flat |= {f"{frame}_{axis}": value for axis, value in zip("xyz", pose["position"], strict=True)}
        flat |= {f"{frame}_q{axis}": value for axis, value in zip("xyzw", pose["quaternion"], strict=True)}
    flat["objects"] = " ".join(row["objects"])
    flat["seconds"] = row["seconds"]
    flat["time_s"] = " ".join(f"{name.replace(' ', '_')}={value}" for name, value in row["time_s"].items())
    flat["rejected"] = len(row["rejected"])
    flat["message"] = row["message"]
    return flat
