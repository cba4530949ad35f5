"""How fast the nodes are: figures and bars of exposures that went through them. Nothing here needs ROS."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import build, save

#: Smallest share of exposures that reach the network, and of those that it could answer.
REACH_MIN, ANSWERED_MIN = 0.99, 0.95
#: Longest median time from stamp to published maps less the network's own [ms], and from launch to tote [s].
EXTRA_MS_MAX, START_MAX = 15.0, 30.0
#: Other programs that take more than this share of one core disturb the figures.
IDLE_MAX = 0.2
#: Stage -> what it begins and ends with, of what was noted of an answer.
_STEPS = {
    "camera to network": ("stamp", "complete"),
    "wait for the network": ("complete", "taken"),
    "messages to frame": ("taken", "framed"),
    "frame to maps": ("framed", "answered"),
    "maps to messages": ("answered", "published"),
}
#: Parts of "frame to maps" by the detector's own stopwatch; what is left are checks and priority.
_PARTS = ("grid", "normalise", "net")


@dataclass(frozen=True)
class Machine:
    """Where it was measured.

    Attributes:
        cores: that this process may use.
        load: average number of waiting or running programs in the last minute before.
        others: CPU time that other programs took meanwhile, in cores.
    """

    cores: int
    load: float
    others: float

    @property
    def is_idle(self) -> bool:
        """Whether nothing else ran that would count."""
        return self.others <= IDLE_MAX

    def __str__(self) -> str:
        told = f"{self.cores} cores, load average {self.load:.2f} before, other programs took {self.others:.2f} cores"
        return told if self.is_idle else f"{told}: NOT IDLE, times are too long"


@dataclass(frozen=True)
class Span:
    """A time over many exposures [ms].

    Attributes:
        p50, p95: its median and its 95th percentile [ms].
        cpu: CPU time of the thread, median [ms]; None where it is not one thread's.
    """

    p50: float
    p95: float
    cpu: float | None = None

    @staticmethod
    def of(seconds: Sequence[float] | np.ndarray, cpu: np.ndarray | None = None) -> Span:
        """Of times [s], any number of them (n,)."""
        middle, late = (float(v) for v in np.percentile(1e3 * np.asarray(seconds), (50, 95)))
        return Span(round(middle, 2), round(late, 2), None if cpu is None else round(1e3 * float(np.median(cpu)), 2))


@dataclass(frozen=True)
class StreamSpeed:
    """How exposures went through the nodes with one model.

    Attributes:
        model: name or path; seconds: how long was counted [s]; rate: exposures a second that were asked for.
        sent: exposures; reached: share that came to the network whole; answered: a second, with maps.
        arrived: maps a second in a third process.
        network: the network's own time; extra: from stamp to published maps, less that.
        stages: by name; cpu: cores that each process took.
    """

    model: str
    seconds: float
    rate: float
    sent: int
    reached: float
    answered: float
    arrived: float
    network: Span
    extra: Span
    stages: dict[str, Span] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def answered_min(self) -> float:
        """Bar of answers a second."""
        return ANSWERED_MIN * min(self.rate, 1e3 / max(self.network.p50, 1e-3))

    def missed(self) -> list[str]:
        """Each bar that is missed, in words."""
        bars = {
            f"{self.reached:.1%} of the exposures reach the network, bar {REACH_MIN:.0%}": self.reached >= REACH_MIN,
            f"{self.answered:.1f} answers a second, bar {self.answered_min:.1f}": self.answered >= self.answered_min,
            f"{self.extra.p50:.1f} ms beside the network, bar {EXTRA_MS_MAX:.0f}": self.extra.p50 <= EXTRA_MS_MAX,
        }
        return [f"{self.model}: {told}" for told, holds in bars.items() if not holds]


def late_start(seconds: float) -> list[str]:
    """The bar of a start, in words, if it took longer [s]."""
    if seconds <= START_MAX:
        return []
    return [f"the first object was in the tote after {seconds:.1f} s, bar {START_MAX:.0f} s"]


def stream_speed(model: str, rate: float, record: Any) -> StreamSpeed:
    """Figures of what was noted while exposures went through.

    Args:
        model: which.
        rate: exposures a second that were asked for.
        record: with begin, end [s], camera, inference, arrived, cpu: see `nodes.measured_stream.StreamRecord`.
    """
    seconds = record.end - record.begin

    def counts(stamp: float) -> bool:
        return bool(record.begin <= stamp < record.end)

    sent = [each for each in record.camera["sent"] if counts(each["stamp"])]
    complete = {stamp: at for stamp, at in record.inference["complete"] if counts(stamp)}
    answers = [
        {**each, "complete": complete[each["stamp"]]} for each in record.inference["answers"] if counts(each["stamp"])
    ]
    # `or [0.0]`: where nothing came through, the bars say so
    noted = {name: np.array([a[name] for a in answers] or [0.0]) for name in (answers[0] if answers else _names())}
    return StreamSpeed(
        model=model,
        seconds=seconds,
        rate=rate,
        sent=len(sent),
        reached=len(complete) / max(len(sent), 1),
        answered=round(len(answers) / seconds, 2),
        arrived=round(sum(counts(stamp) for stamp, _ in record.arrived) / seconds, 2),
        network=Span.of(noted["net"]),
        extra=Span.of(noted["published"] - noted["stamp"] - noted["net"]),
        stages=_stages(noted, sent),
        cpu={name: round(taken / seconds, 3) for name, taken in record.cpu.items()},
    )


def _names() -> set[str]:
    return {name for step in _STEPS.values() for name in step} | set(_PARTS)


def _stages(noted: dict[str, np.ndarray], sent: list[dict[str, float]]) -> dict[str, Span]:
    found = {}
    if sent:
        took = np.array([each["sent"] - each["stamp"] for each in sent])
        found["camera publishes"] = Span.of(took, np.array([each["cpu"] for each in sent]))
    for name, (begin, end) in _STEPS.items():
        known = f"cpu_{begin}" in noted and f"cpu_{end}" in noted
        cpu = noted[f"cpu_{end}"] - noted[f"cpu_{begin}"] if known else None
        found[name] = Span.of(noted[end] - noted[begin], cpu)
        if name == "frame to maps":
            found |= {f"  {part}": Span.of(noted[part]) for part in _PARTS}
            parts = sum(noted[part] for part in _PARTS)
            found["  checks, priority"] = Span.of(noted[end] - noted[begin] - parts)
    return found


def stream_table(speed: StreamSpeed) -> str:
    """A table for a person."""
    lines = [
        f"{speed.model}: {speed.sent} exposures in {speed.seconds:g} s; {speed.reached:.1%} reach the network, "
        f"{speed.answered:.1f} answered a second (bar {speed.answered_min:.1f}), {speed.arrived:.1f} arrive elsewhere",
        f"  network {speed.network.p50:.1f} ms; stamp to maps published less that: p50 {speed.extra.p50:.1f} ms, "
        f"p95 {speed.extra.p95:.1f} ms (bar of p50 {EXTRA_MS_MAX:.0f} ms)",
        f"  {'stage [ms]':24}{'p50':>8}{'p95':>8}{'CPU':>8}",
    ]
    for name, span in speed.stages.items():
        cpu = "" if span.cpu is None else f"{span.cpu:8.2f}"
        lines.append(f"  {name:24}{span.p50:8.2f}{span.p95:8.2f}{cpu}")
    lines.append("  cores taken: " + ", ".join(f"{name} {cores:.2f}" for name, cores in speed.cpu.items()))
    return "\n".join(lines)


def write_fast_model(folder: Path) -> Path:
    """A small network that nobody has trained, for what the nodes take beside one; returns the folder."""
    torch.manual_seed(0)
    card = Card("gpnet", {"widths": [8, 16, 32]}, "rgbd")
    save(build(card), card, folder)
    return folder


class MachineWatch:
    """Tells afterwards what other programs took meanwhile."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._busy, self._own = _busy_time(), sum(os.times()[:4])
        self._began = os.times().elapsed

    def machine(self) -> Machine:
        """What was seen since; processes of ours must have ended, so that their time is known."""
        elapsed = os.times().elapsed - self._began
        others = _busy_time() - self._busy - (sum(os.times()[:4]) - self._own)
        return Machine(len(os.sched_getaffinity(0)), round(self._load, 2), round(max(others / elapsed, 0.0), 2))


def _busy_time() -> float:
    """CPU time [s] that all programs of this machine have taken since it was started."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _wait, interrupts, soft, stolen = fields
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
