"""Whether the grasp in a real frame lies on an object that may be taken, by hand-drawn outlines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from gpnet_ros.errors import FrameRefused
from gpnet_ros.evaluation.detection import choose_in_view
from gpnet_ros.evaluation.intervals import share
from gpnet_ros.evaluation.real_frames.frames import load_frame_folder
from gpnet_ros.evaluation.real_frames.outlines import Outline, outlined_at, read_outlines
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected, SelectSettings, candidates
from gpnet_ros.maps import Maps

#: What lies under a centre. "object": one that may be taken; "not_graspable": an outlined one that may not;
#: "elsewhere": table, wall, tray.
UnderCentre = Literal["object", "not_graspable", "elsewhere", "no_grasp", "frame_refused"]


@dataclass(frozen=True)
class Reading:
    """A grasp centre that was read from the maps in one way, and what lies under it.

    Attributes:
        outcome: what lies under the centre, or why there is no centre.
        hit: name of the object under the centre; empty if none.
        grasp: what was chosen; None if nothing was, or if it could not be decoded there.
        pixel: (u, v) of the centre in the colour image [px]; None without one.
    """

    outcome: UnderCentre
    hit: str = ""
    grasp: Grasp | None = None
    pixel: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The reading as JSON has it."""
        return {
            "outcome": self.outcome,
            "object": self.hit or None,
            "pixel": None if self.pixel is None else [round(x, 1) for x in self.pixel],
            "q_star": None if self.grasp is None else round(self.grasp.score, 4),
        }

    def __str__(self) -> str:
        words = self.outcome.replace("_", " ")
        return f"{words}: {self.hit}" if self.hit else words


@dataclass(frozen=True, eq=False)
class JudgedFrame:
    """One real frame, read twice.

    Attributes:
        name: of its folder; frame and outlines: what is in it.
        decision: the grasp that passes the checks of `gpnet detect`; argmax: the highest Q*, unchecked.
        maps: that the network made of it; None if the frame was refused.
        reasons: how often each check refused a candidate before the decision.
        refused: sentence with which the frame as a whole was refused; empty if it was not.
    """

    name: str
    frame: Frame
    outlines: tuple[Outline, ...]
    decision: Reading
    argmax: Reading
    maps: Maps | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    refused: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The judged frame as JSON has it."""
        about = {"frame": self.name, "reasons": self.reasons, "refused": self.refused or None}
        return {**about, "decision": self.decision.to_dict(), "argmax": self.argmax.to_dict()}


@dataclass(frozen=True)
class FrameTally:
    """Readings of several frames, counted.

    Attributes:
        hits: centres on an object that may be taken.
        frames: number of readings.
        outcomes: how often each outcome came.
    """

    hits: int
    frames: int
    outcomes: dict[str, int]

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> FrameTally:
        """Count the outcomes of readings."""
        outcomes = Counter[str](reading.outcome for reading in readings)
        return cls(outcomes["object"], len(readings), dict(outcomes))

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON has them, with the rate of hits and Wilson's 95 % interval."""
        return {"hits": self.hits, **share(self.hits, self.frames), "outcomes": self.outcomes}

    def __str__(self) -> str:
        found = share(self.hits, self.frames)
        sure = "nothing was judged"
        if self.frames:
            sure = f"95 % interval {found['low']:.0%} to {found['high']:.0%}"
        return f"{self.hits} of {self.frames} on an object that may be taken, {sure}"


def judge_frames(root: Path, detector: Callable[[Frame], Maps], settings: SelectSettings) -> list[JudgedFrame]:
    """Judge a network on all frames that the outlines of a folder name.

    Args:
        root: folder with outlines.json and a folder for each frame.
        detector: the network.
        settings: of the decision.

    Raises:
        BadInput: outlines or a frame cannot be read.
    """
    outlines = read_outlines(root / "outlines.json")
    return [
        judge_frame(name, load_frame_folder(root / name), outlines[name], detector, settings)
        for name in tqdm(outlines, unit="frame", disable=None)
    ]


def judge_frame(
    name: str,
    frame: Frame,
    outlines: Sequence[Outline],
    detector: Callable[[Frame], Maps],
    settings: SelectSettings,
) -> JudgedFrame:
    """Look for the grasp as `gpnet detect` does, and look up what lies under its centre."""
    try:
        frame.check()
    except FrameRefused as refusal:
        nothing = Reading("frame_refused")
        return JudgedFrame(name, frame, tuple(outlines), nothing, nothing, refused=str(refusal))
    maps = detector(frame)
    grasp, rejected = choose_in_view(maps, frame, settings)
    decision = Reading("no_grasp") if grasp is None else _looked_up(grasp, outlines)
    peak = next(candidates(maps, frame, replace(settings, quality_min=0.0)))
    counts = dict(Counter(each.reason for each in rejected))
    return JudgedFrame(name, frame, tuple(outlines), decision, _looked_up(peak, outlines), maps, counts)


def _looked_up(found: Grasp | Rejected, outlines: Sequence[Outline]) -> Reading:
    under = outlined_at(outlines, found.pixel)
    outcome: UnderCentre = "elsewhere" if under is None else "object" if under.graspable else "not_graspable"
    grasp = found if isinstance(found, Grasp) else None
    return Reading(outcome, "" if under is None else under.name, grasp, found.pixel)


def frames_table(judged: Sequence[JudgedFrame]) -> str:
    """A Markdown table with one row per frame."""
    lines = ["| frame | decision | argmax of Q* | refused before |", "|---|---|---|---|"]
    for each in judged:
        before = each.refused or ", ".join(f"{reason} {count}" for reason, count in each.reasons.items())
        lines.append(f"| {each.name} | {each.decision} | {each.argmax} | {before} |")
    return "\n".join(lines)
