"""What is said of one picture: the grasp that a model chooses, whether it is right, and what lifts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

#: How a grasp is chosen from the maps. argmax: the argmax of Q*, as the network says it, opened by the least margin
#: that the cell tries first. cell: the likeliest of the first few candidates around which the jaw fits on the measured
#: depth, as `pick.decide` takes it; the reach of an arm is left out.
Decode = Literal["argmax", "cell"]
DECODES: tuple[Decode, ...] = get_args(Decode)
#: What may be asked of a picture; the help of `gpnet evaluate` explains them.
Metric = Literal["lift", "lift_clean", "lift_any", "top", "any", "object", "top50", "any50", "on_top"]
METRICS: tuple[Metric, ...] = get_args(Metric)


@dataclass(frozen=True)
class Verdict:
    """Whether one chosen grasp is right: False where there is no grasp, None where the data set does not say.

    Attributes:
        status: "grasp", or why nothing is executed: "hole", "nothing_left", "nothing_graspable", "not_seen".
        pixel: (u, v) in the picture [px]; angle [rad]; opening_px in the picture [px].
        opening: to which the jaws open [m]; depth: of the surface [m].
        score: Q*; quality, priority: Q and P there.
        rank: candidates that were rejected before it.
        object: id on which the centre lies, 0 for none, None without a grasp; on_top: whether it is a topmost one.
        top, any, object_level, top50, any50: the rectangle rule, see `Metric`; 50: overlap above 0.5.
        lift: status of the execution; lift_top, lift_clean, lift_any: whether a topmost object, nothing but topmost
            ones, or any, came up.
        disturbed: another object was moved by more than 2 cm.
        failure: class of what went wrong, a key of `failures.FAILURES`; None where the grasp was right.
        reason: one sentence with the figures.
    """

    status: str
    pixel: tuple[float, float] | None = None
    angle: float | None = None
    opening_px: float | None = None
    opening: float | None = None
    depth: float | None = None
    score: float | None = None
    quality: float | None = None
    priority: float | None = None
    rank: int = 0
    object: int | None = None
    on_top: bool | None = None
    top: bool | None = None
    any: bool | None = None
    object_level: bool | None = None
    top50: bool | None = None
    any50: bool | None = None
    lift: str | None = None
    lift_top: bool | None = None
    lift_clean: bool | None = None
    lift_any: bool | None = None
    disturbed: bool | None = None
    failure: str | None = None
    reason: str = ""

    def won(self, metric: Metric) -> bool | None:
        """Whether the grasp counts by a metric; None where the data set does not say."""
        name = {"lift": "lift_top", "object": "object_level"}.get(metric, metric)
        value: bool | None = getattr(self, name)
        return value

    def blamed(self, failure: str | None, reason: str) -> Verdict:
        """The same verdict with a class of failure and the reason."""
        return replace(self, failure=failure, reason=reason)


@dataclass(frozen=True)
class JudgedPicture:
    """Verdicts on the grasps that a model chooses in one picture.

    Attributes:
        index: of the picture in its set; name: of the picture.
        possible: a topmost object has a true grasp in this picture; None where that is not known.
        verdicts: one for each decode.
        time_ms: of the stages: grid, normalise, net, and path: all from the frame to the decision.
    """

    index: int
    name: str
    possible: bool | None
    verdicts: dict[Decode, Verdict]
    time_ms: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The picture as JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> JudgedPicture:
        """Read what `to_dict` wrote."""
        verdicts = {decode: Verdict(**_tuples(verdict)) for decode, verdict in stored["verdicts"].items()}
        return cls(**{**stored, "verdicts": verdicts})


def _tuples(stored: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where there were tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()}
