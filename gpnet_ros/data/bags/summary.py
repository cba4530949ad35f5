"""What a bag holds, in plain values and for a person: topics, rates, frames, depth, camera, and what is missing."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.cell_check import check_camera
from gpnet_ros.data.bags.frames import BagFrames, nearest_sentence
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.region import counted_in_workspace

#: So many frames, evenly spread, are unpacked for depth and camera model.
LOOKED_AT = 20


@dataclass(frozen=True)
class TopicSummary:
    """A topic: name, type, number of messages, and messages per second of the bag's duration [1/s]."""

    name: str
    type: str
    count: int
    rate: float | None


@dataclass(frozen=True)
class PairSummary:
    """Frames that are made of the images.

    Attributes:
        color, depth: images.
        paired: frames; exact: those of one stamp.
        apart_ms_max: greatest difference of the stamps of a frame [ms].
        color_alone, depth_alone: images without a partner.
    """

    color: int
    depth: int
    paired: int
    exact: int
    apart_ms_max: float
    color_alone: int
    depth_alone: int


@dataclass(frozen=True)
class SeenSummary:
    """What the frames show that were looked at.

    Attributes:
        frames: that were unpacked; usable: those that pass `Frame.check`.
        valid_share: smallest, middle and greatest share of pixels with depth, in [0, 1].
        median_depth_m: middle of the frames' median depths [m]; None without depth.
        frame_id: of the first; camera: its model, focal lengths and principal point in pixels.
    """

    frames: int
    usable: int
    valid_share: tuple[float, float, float]
    median_depth_m: float | None
    frame_id: str
    camera: dict[str, float]


@dataclass(frozen=True)
class BagSummary:
    """A bag in plain values.

    Attributes:
        path, storage, bytes: of its files.
        start, end, duration: of the recording [s].
        topics: all of them.
        camera: topics of color, depth and info; empty where there is none.
        pairs, seen: None while a topic is missing.
        missing: one sentence for each reason why frames cannot be used.
    """

    path: str
    storage: str
    bytes: int
    start: float
    end: float
    duration: float
    topics: tuple[TopicSummary, ...]
    camera: dict[str, str]
    pairs: PairSummary | None
    seen: SeenSummary | None
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return asdict(self)


def summarise(bag: Bag, frames: BagFrames, cell: Cell | None = None, hand_eye: HandEye | None = None) -> BagSummary:
    """What an open bag holds; with cell and hand-eye also whether its camera is theirs."""
    topics = frames.topics
    missing = list(topics.missing)
    pairs = _pairs(frames) if topics.color and topics.depth else None
    if pairs is not None and not pairs.paired:
        missing.append(f"No image has a partner: {nearest_sentence(frames)}")
    seen = None
    if not missing:
        seen, reasons = _look(frames, cell, hand_eye)
        missing += reasons
    duration = (bag.end - bag.start) * 1e-9
    return BagSummary(
        path=str(bag.path),
        storage=bag.storage,
        bytes=bag.size,
        start=bag.start * 1e-9,
        end=bag.end * 1e-9,
        duration=duration,
        topics=tuple(
            TopicSummary(t.name, t.type, t.count, (t.count - 1) / duration if t.count > 1 and duration > 0 else None)
            for t in bag.topics.values()
        ),
        camera={"color": topics.color, "depth": topics.depth, "info": topics.info},
        pairs=pairs,
        seen=seen,
        missing=tuple(missing),
    )


def _pairs(frames: BagFrames) -> PairSummary:
    pairs = frames.pairs
    colors, depths = (len(frames.stamps[name]) for name in (frames.topics.color, frames.topics.depth))
    return PairSummary(
        color=colors,
        depth=depths,
        paired=len(pairs),
        exact=sum(p.apart == 0 for p in pairs),
        apart_ms_max=max((p.apart for p in pairs), default=0) * 1e-6,
        color_alone=colors - len(pairs),
        depth_alone=depths - len(pairs),
    )


def _look(frames: BagFrames, cell: Cell | None, hand_eye: HandEye | None) -> tuple[SeenSummary | None, list[str]]:
    """Unpack some frames; and why none of them can be used, the first reason."""
    shares: list[float] = []
    medians: list[float] = []
    reasons: list[str] = []
    usable, first = 0, None
    for messages in frames.messages(evenly(len(frames.pairs), LOOKED_AT)):
        try:
            frame = frames.frame(messages)
            first = first or frame
            shares.append(_valid_share(frame))
            medians.append(_median_depth(frame))
            if cell is not None and hand_eye is not None:
                check_camera(frame, cell, hand_eye)
                if hand_eye.mount == "fixed":
                    frame = counted_in_workspace(frame, hand_eye.T_base_camera(), cell.workspace)
            frame.check()
            usable += 1
        except BadInput as error:
            reasons.append(str(error))
    if first is None:
        return None, reasons[:1]
    known = [m for m in medians if np.isfinite(m)]
    middle = float(np.median(known)) if known else None
    share = (min(shares), float(np.median(shares)), max(shares))
    camera = {} if first.intrinsics is None else _plain(first.intrinsics)
    seen = SeenSummary(len(shares), usable, share, middle, first.frame_id, camera)
    return seen, reasons[:1] if not usable else []


def evenly(count: int, most: int) -> list[int]:
    """At most `most` numbers below count, evenly spread, the first and the last among them."""
    return sorted({round(x) for x in np.linspace(0, count - 1, min(count, most))}) if count else []


def _valid_share(frame: Frame) -> float:
    return float(np.isfinite(frame.depth).mean()) if frame.depth is not None else 0.0


def _median_depth(frame: Frame) -> float:
    known = frame.depth[np.isfinite(frame.depth)] if frame.depth is not None else np.zeros(0)
    return float(np.median(known)) if known.size else float("nan")


def _plain(camera: Intrinsics) -> dict[str, float]:
    return {key: round(value, 4) for key, value in asdict(camera).items()}


def summary_text(s: BagSummary) -> str:
    """The summary for a person."""
    longest = max((len(t.name) for t in s.topics), default=0) + 2
    lines = [
        f"{s.path}: {s.storage}, {s.bytes / 1e6:.1f} MB, {s.duration:.2f} s, {_date(s.start)} to {_date(s.end)} UTC",
        *(
            f"  {t.name:{longest}}{t.type:32}{t.count:7}{'' if t.rate is None else f'  {t.rate:.1f} Hz'}"
            for t in s.topics
        ),
        *(f"{word}: {name or '-'}" for word, name in s.camera.items()),
    ]
    if s.pairs is not None:
        p = s.pairs
        lines.append(
            f"frames: {p.paired} of {p.color} colour and {p.depth} depth images, {p.exact} of one stamp"
            + (f", the others at most {p.apart_ms_max:.1f} ms apart" if p.exact < p.paired else "")
            + f"; {p.color_alone} colour and {p.depth_alone} depth images are alone"
        )
    if s.seen is not None:
        low, middle, high = s.seen.valid_share
        depth = "none" if s.seen.median_depth_m is None else f"{s.seen.median_depth_m:.3f} m"
        camera = " ".join(f"{key} {value:g}" for key, value in s.seen.camera.items())
        lines += [
            f"depth: valid pixels {low:.0%} to {high:.0%}, middle {middle:.0%}; median {depth} (in {s.seen.frames} "
            f"frames, of which {s.seen.usable} can be used)",
            f"camera: {camera}; frame_id {s.seen.frame_id!r}",
        ]
    return "\n".join([*lines, *(f"missing: {sentence}" for sentence in s.missing)])


def _rate(topic: TopicSummary) -> str:
    return "" if topic.rate is None else f"  {topic.rate:.1f} Hz"


def _date(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
