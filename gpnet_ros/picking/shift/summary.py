"""What a shift came to, counted from its lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from gpnet_ros.drift import Drift

#: States of the loop in which it picks; in the others it waits for a person.
PICKING = ("looking", "deciding", "moving")
#: Ends of a turn after which the arm stands until a person has looked.
_STOPS = ("stopped", "link_lost", "refused", "timeout", "cancelled", "defect", "hand_eye", "no_frame")


@dataclass(frozen=True)
class ShiftSummary:
    """Counts of a shift.

    Attributes:
        head: its first line.
        picks: executed; placed: of these, those that let go of something over the tote.
        picking_s: time in which it picked, not waited for a person [s].
        wall_s: from the first line to the last [s].
        results: how often each status of an executed pick came.
        looks: how often each status of a turn without a pick came.
        rejected: how often candidates lost for each reason.
        refused: how often a frame or a wish was refused, by the sentence without its numbers.
        stops: time since the start [s], status and sentence of each stop.
        stage_s: median time of each step [s].
        sliders: shares of the speed slider that were used, least and greatest; None where nobody tells.
        drift: the figures of this shift alone.
        failures: lines of the turns that failed and have a picture.
    """

    head: Mapping[str, Any]
    picks: int
    placed: int
    picking_s: float
    wall_s: float
    results: Mapping[str, int]
    looks: Mapping[str, int]
    rejected: Mapping[str, int]
    refused: Mapping[str, int]
    stops: tuple[tuple[float, str, str], ...]
    stage_s: Mapping[str, float]
    sliders: tuple[float, float] | None
    drift: Drift
    warnings: tuple[str, ...] = ()
    failures: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def per_hour(self) -> float | None:
        """Objects in the tote per hour of picking (MPPH) at the speed that was used; None before the first second."""
        return None if self.picking_s <= 0 else 3600.0 * self.placed / self.picking_s

    @property
    def headline(self) -> str:
        """The shift in one sentence."""
        rate = "" if self.per_hour is None or not self.picks else f": {self.per_hour:.0f} an hour"
        time = f"{self.picking_s / 60.0:.1f} min of picking"
        return f"{self.placed} of {self.picks} picks brought an object in {time}{rate}{self.at_speed}."

    @property
    def at_speed(self) -> str:
        """At which speed, in words."""
        share = float(self.head.get("speed", 1.0))
        told = "" if self.sliders is None else f", speed slider {_span(self.sliders)}"
        return f" at {share:.0%} of the cell's speeds{told}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a program; times in [s]."""
        return {
            "simulated": self.head.get("simulated"), "mode": self.head.get("mode"), "speed": self.head.get("speed"),
            "picks": self.picks, "placed": self.placed, "picking_s": round(self.picking_s, 1),
            "wall_s": round(self.wall_s, 1), "mpph": None if self.per_hour is None else round(self.per_hour, 1),
            "results": dict(self.results), "looks": dict(self.looks), "rejected": dict(self.rejected),
            "refused": dict(self.refused), "stops": [list(stop) for stop in self.stops],
            "stage_s": dict(self.stage_s), "drift": self.drift.sentence, "warnings": list(self.warnings),
        }  # fmt: skip


def _span(sliders: tuple[float, float]) -> str:
    low, high = sliders
    return f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"


def summarise(lines: Sequence[Mapping[str, Any]]) -> ShiftSummary:
    """Count the lines of a shift, the head first."""
    head, turns = lines[0], [line for line in lines if line["kind"] == "turn"]
    done = [line for line in turns if line["executed"]]
    began = next((line["at"] for line in lines if "at" in line), 0.0)
    ended = next((line["at"] for line in reversed(lines) if "at" in line), began)
    used = [line["speed"] for line in done if line.get("speed") is not None]
    drift = Drift(str(head.get("tool", "jaw")))
    for line in turns:
        drift.note(line.get("drift") or {})
    return ShiftSummary(
        head, len(done), sum(line["status"] == "picked" for line in done),
        picking_seconds(lines), ended - began,
        _counts(line["status"] for line in done), _counts(line["status"] for line in turns if not line["executed"]),
        _added(line["rejected"] for line in turns),
        _added({_numberless(line["reason"]): line["count"]} for line in lines if line["kind"] == "refused"),
        tuple((at["at"] - began, at["status"], at["halt"] or at["message"]) for at in turns if _stopped(at)),
        _medians(done), (min(used), max(used)) if used else None, drift,
        tuple(line["sentence"] for line in lines if line["kind"] == "drift"),
        tuple(line for line in turns if line.get("picture")),
    )  # fmt: skip


def picking_seconds(lines: Sequence[Mapping[str, Any]]) -> float:
    """Wall time [s] in the states of `PICKING`, by the lines that tell of states; the last state lasts to the end."""
    timed = [line for line in lines if "at" in line]
    found, since = 0.0, None
    for line in timed:
        if line["kind"] != "state":
            continue
        if since is not None:
            found, since = found + line["at"] - since, None
        if line["state"] in PICKING:
            since = line["at"]
    return found if since is None else found + timed[-1]["at"] - since


def _stopped(line: Mapping[str, Any]) -> bool:
    return bool(line["halt"]) or line["status"] in _STOPS


def _counts(words: Any) -> dict[str, int]:
    return dict(Counter(words).most_common())


def _added(parts: Any) -> dict[str, int]:
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part)
    return dict(found.most_common())


def _numberless(sentence: str) -> str:
    return re.sub(r"-?\d+(\.\d+)?", "#", sentence)


def _medians(done: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    stages: dict[str, list[float]] = {}
    for line in done:
        for name, seconds in line.get("time_s", {}).items():
            stages.setdefault(name, []).append(seconds)
    return {name: round(median(values), 3) for name, values in stages.items()}
