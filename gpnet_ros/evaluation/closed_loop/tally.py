"""What is counted over rounds of the closed loop, for a person and for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.rows import RoundRow
from gpnet_ros.evaluation.intervals import share

#: Path of rounds on a person's own cell; the others are simulated.
OWN_CELL = "own"


@dataclass
class RoundTally:
    """Numbers of rounds, objects and picks, summed over rounds."""

    rounds: int = 0
    rounds_cleared: int = 0
    rounds_broken: int = 0
    rounds_all_right: int = 0
    objects: int = 0
    objects_removed: int = 0
    picks: int = 0
    picks_ok: int = 0
    picks_topmost: int = 0
    refusals: int = 0

    def add(self, other: RoundTally) -> None:
        """Add the counts of further rounds."""
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))

    @classmethod
    def of(cls, row: RoundRow) -> RoundTally:
        """The counts of one round."""
        picks = [p for p in row.picks if p.executed]
        return cls(
            rounds=1,
            rounds_cleared=int(row.cleared),
            rounds_broken=int(row.failed),
            rounds_all_right=int(row.all_right),
            objects=row.objects,
            objects_removed=len(row.removed),
            picks=len(picks),
            picks_ok=sum(bool(p.ok) for p in picks),
            picks_topmost=sum(bool(p.topmost) for p in picks),
            refusals=sum(p.fault == "nothing_graspable" for p in row.picks),
        )


def counted(rows: Sequence[RoundRow]) -> dict[str, Any]:
    """Counts over rounds: those of `RoundTally`, rates with intervals, and what went wrong how often."""
    tally = RoundTally()
    for row in rows:
        tally.add(RoundTally.of(row))
    whole = [row for row in rows if not row.failed]
    lost = [row for row in whole if not row.all_right]
    wrong = [(pick.fault, pick.details.get("target_topmost")) for row in rows for pick in row.picks if pick.fault]
    return {
        **asdict(tally),
        "cleared": share(tally.rounds_cleared, len(whole)),
        "all_right": share(tally.rounds_all_right, len(whole)),
        "pick_rate": share(tally.picks_ok, tally.picks),
        "faults": _tally_of(fault for row in rows for fault in row.faults),
        "rounds_lost_by": _tally_of(row.faults[0] if row.faults else "unknown" for row in lost),
        "faults_by_target": {
            aim: _tally_of(fault for fault, target in wrong if target is meant)
            for aim, meant in (("topmost", True), ("not_topmost", False))
        },
    }


def _tally_of(words: Iterable[str]) -> dict[str, int]:
    """How often each word came, the most frequent first."""
    return dict(Counter(words).most_common())


def rounds_answer(rows: Sequence[RoundRow], policy: Policy, heaps: str, seed: int, factor: float) -> dict[str, Any]:
    """The counts of `gpnet bench clearing` as plain values.

    Figures of time are given only where simulated time runs as fast as the wall clock.

    Args:
        rows: at least one.
        policy: who picked.
        heaps: "seeds" or "frozen".
        seed: of the first heap.
        factor: simulated seconds per second of wall time.
    """
    counts = sorted({row.objects for row in rows})
    found = counted(rows)
    at_speed = policy.path in ("cell", OWN_CELL) or (policy.path == "ros" and factor == 1.0)
    seconds = sum(row.seconds for row in rows)
    return {
        "path": policy.path,
        "heaps": heaps,
        "gripper": policy.gripper,
        "priority": policy.priority,
        "model": policy.model,
        "scene_model": policy.scene_model,
        "min_quality": policy.threshold,
        "seed": seed,
        "objects_per_round": counts[0] if len(counts) == 1 else counts,
        **found,
        "picks_per_hour": round(3600.0 * found["picks"] / seconds, 1) if at_speed and seconds > 0 else None,
        "objects_per_hour": round(3600.0 * found["picks_ok"] / seconds, 1) if at_speed and seconds > 0 else None,
        "time_ms": {} if policy.path == "ros" and not at_speed else stage_medians(rows),
    }


def stage_medians(rows: Sequence[RoundRow]) -> dict[str, float]:
    """Median over all picks of the time of each stage and of whole picks, and over all rounds [ms]."""
    stages: dict[str, list[float]] = {}
    for row in rows:
        for told in (p.details for p in row.picks if p.executed and "time_s" in p.details):
            for name, seconds in {**told["time_s"], "pick": told["seconds"]}.items():
                stages.setdefault(name.replace(" ", "_"), []).append(seconds)
        stages.setdefault("round", []).append(row.seconds)
    return {name: round(1e3 * float(np.median(values)), 1) for name, values in stages.items()}


def speed_lines(answer: dict[str, Any]) -> str:
    """Picks an hour and the median of each stage [s], one a line; empty where the answer has no times of a robot."""
    if answer["picks_per_hour"] is None:
        return ""
    stages = [f"{name} {ms / 1e3:.2f}" for name, ms in answer["time_ms"].items() if name != "round"]
    pace = f"{answer['picks_per_hour']:.0f} picks an hour, {answer['objects_per_hour']:.0f} that brought an object"
    return f"{pace}; medians [s]: {', '.join(stages)}"


def rounds_sentence(answer: dict[str, Any]) -> str:
    """The answer of `rounds_answer` in one sentence."""

    def part(name: str, whole: str) -> str:
        return f"{answer[name]} of {answer[whole]} ({answer[name] / max(answer[whole], 1):.0%})"

    right = answer["all_right"]
    between = "" if right["rate"] is None else f" [{right['low']:.0%}, {right['high']:.0%}]"
    faults = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in answer["faults"].items()) or "none"
    return (
        f"{'real' if answer['path'] == OWN_CELL else 'simulated'}, path {answer['path']}, {answer['gripper']}, "
        f"priority {answer['priority']}, "
        f"K = {answer['objects_per_round']}: "
        f"rounds cleared {part('rounds_cleared', 'rounds')}, all right {part('rounds_all_right', 'rounds')}{between}; "
        f"objects removed {part('objects_removed', 'objects')}; "
        f"picks that brought an object {part('picks_ok', 'picks')}, a topmost one {part('picks_topmost', 'picks')}; "
        f"refusals {answer['refusals']}; faults: {faults}"
        + (f"; {answer['rounds_broken']} rounds broke" if answer["rounds_broken"] else "")
    )
