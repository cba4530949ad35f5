"""Does the grasp lie on an object that may be taken, in real frames with hand-drawn outlines?

Each frame goes the way of `gpnet detect`: the whole frame is seen, without hand-eye or workspace. Two readings: the
decision, with all checks that detect makes before it answers (what the robot would do), and the plain argmax of Q*
(what the network says). Only the centre is judged: whether the fingers would hold, no outline can say.

Exit status: 0 done, 1 fewer hits of the decision than --at-least, 2 bad input.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from gpnet_ros.commands.detect import choose
from gpnet_ros.devices.recorded import load_frame
from gpnet_ros.errors import BadInput, FrameRefused
from gpnet_ros.evaluation.intervals import share
from gpnet_ros.evaluation.real_frames.outlines import Outline, outlined_at, read_outlines
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected, SelectSettings, candidates
from gpnet_ros.maps import Maps

#: "object": one that may be taken; "not_graspable": an outlined one that may not; "elsewhere": table, wall, tray.
Outcome = Literal["object", "not_graspable", "elsewhere", "no_grasp", "frame_refused"]

_FRAMES = Path(__file__).parents[2] / "test" / "data" / "real_frames"


@dataclass(frozen=True)
class Reading:
    """Where one way of reading the maps puts the grasp.

    Attributes:
        outcome: see `Outcome`.
        hit: name of the object under the centre; empty if none.
        grasp: what was chosen; None if nothing was, or if it could not be decoded there.
        pixel: (u, v) of the centre in the colour image [px]; None without one.
    """

    outcome: Outcome
    hit: str = ""
    grasp: Grasp | None = None
    pixel: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """One frame, read twice.

    Attributes:
        decision: with detect's checks; argmax: the highest Q*, unchecked.
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench real`."""
    parser.add_argument(
        "--frames", type=Path, default=_FRAMES, metavar="DIR",
        help="folder with outlines.json and the frame folders (the 16 frames of the repository)",
    )  # fmt: skip
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda", "auto"], help="where the network runs (cpu)")
    parser.add_argument(
        "--min-quality", type=float, default=SelectSettings.quality_min, help="smallest Q* (%(default)s)"
    )
    parser.add_argument("--sheet", type=Path, metavar="PATH", help="picture of all frames to write, jpg or png")
    parser.add_argument("--at-least", type=int, default=0, metavar="N", help="exit 1 with fewer hits than this (0)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Judge all frames and print the table."""
    from gpnet_ros.evaluation.real_frames.sheet import FORMATS, write_sheet
    from gpnet_ros.network.detector import Detector

    if args.sheet is not None and args.sheet.suffix not in FORMATS:
        raise BadInput(f"--sheet {args.sheet} has no known ending; allowed are {', '.join(FORMATS)}.")
    settings = SelectSettings(quality_min=args.min_quality)
    outlines = read_outlines(args.frames / "outlines.json")
    detector = Detector(args.model, device=args.device)
    judged = [
        judge(name, load_folder(args.frames / name), outlines[name], detector, settings)
        for name in tqdm(outlines, unit="frame", disable=None)
    ]
    print(table(judged))
    totals = {way: total([getattr(each, way) for each in judged]) for way in ("decision", "argmax")}
    for way, found in totals.items():
        print(f"{way}: {found['hits']} of {found['n']} on an object that may be taken, {_interval(found)}")
    if args.sheet is not None:
        write_sheet(args.sheet, judged)
    if args.json:
        print(json.dumps({"model": args.model, **totals, "frames": [_plain(each) for each in judged]}))
    return 1 if totals["decision"]["hits"] < args.at_least else 0


def load_folder(folder: Path) -> Frame:
    """The frame of a folder with color.*, depth.* and camera.json.

    Raises:
        BadInput: one of them is missing or not what it should be.
    """
    found = [next(iter(sorted(folder.glob(pattern))), None) for pattern in ("color.*", "depth.*", "camera.json")]
    if None in found:
        raise BadInput(f"Frame folder {folder} is not complete: it needs color.*, depth.* and camera.json.")
    return load_frame(*found)


def judge(
    name: str,
    frame: Frame,
    outlines: Sequence[Outline],
    detector: Callable[[Frame], Maps],
    settings: SelectSettings,
) -> Judged:
    """Find the grasp as `gpnet detect` does and look up what lies under its centre."""
    try:
        frame.check()
    except FrameRefused as refusal:
        nothing = Reading("frame_refused")
        return Judged(name, frame, tuple(outlines), nothing, nothing, refused=str(refusal))
    maps = detector(frame)
    grasp, rejected = choose(maps, frame, settings)
    decision = Reading("no_grasp") if grasp is None else _looked_up(grasp, outlines)
    peak = next(candidates(maps, frame, replace(settings, quality_min=0.0)))
    counts = dict(Counter(each.reason for each in rejected))
    return Judged(name, frame, tuple(outlines), decision, _looked_up(peak, outlines), maps, counts)


def total(readings: Sequence[Reading]) -> dict[str, Any]:
    """Hits with Wilson's interval, and how often each outcome came."""
    hits = sum(reading.outcome == "object" for reading in readings)
    return {"hits": hits, **share(hits, len(readings)), "outcomes": dict(Counter(r.outcome for r in readings))}


def table(judged: Sequence[Judged]) -> str:
    """One Markdown row per frame."""
    lines = ["| frame | decision | argmax of Q* | refused before |", "|---|---|---|---|"]
    for each in judged:
        before = each.refused or ", ".join(f"{reason} {count}" for reason, count in each.reasons.items())
        lines.append(f"| {each.name} | {_word(each.decision)} | {_word(each.argmax)} | {before} |")
    return "\n".join(lines)


def _looked_up(found: Grasp | Rejected, outlines: Sequence[Outline]) -> Reading:
    under = outlined_at(outlines, found.pixel)
    outcome: Outcome = "elsewhere" if under is None else "object" if under.graspable else "not_graspable"
    grasp = found if isinstance(found, Grasp) else None
    return Reading(outcome, "" if under is None else under.name, grasp, found.pixel)


def _word(reading: Reading) -> str:
    words = reading.outcome.replace("_", " ")
    return f"{words}: {reading.hit}" if reading.hit else words


def _interval(found: dict[str, Any]) -> str:
    return "nothing was judged" if not found["n"] else f"95 % interval {found['low']:.0%} to {found['high']:.0%}"


def _plain(each: Judged) -> dict[str, Any]:
    answer: dict[str, Any] = {"frame": each.name, "reasons": each.reasons, "refused": each.refused or None}
    for way, reading in (("decision", each.decision), ("argmax", each.argmax)):
        answer[way] = {
            "outcome": reading.outcome,
            "object": reading.hit or None,
            "pixel": None if reading.pixel is None else [round(x, 1) for x in reading.pixel],
            "q_star": None if reading.grasp is None else round(reading.grasp.score, 4),
        }
    return answer
