"""Results of a judged model, made by hand, for tests of whoever reads them."""

from __future__ import annotations

from collections.abc import Sequence

from gpnet_ros.evaluation.judging.evaluation import Results
from gpnet_ros.evaluation.judging.judge import JudgeSettings
from gpnet_ros.evaluation.judging.judgement import JudgedPicture, Verdict
from gpnet_ros.network.card import Card

CARD = Card("gpnet", {}, "rgbd", recipe={"steps": 500, "batch": 16}, data={"views": 100})


def row(index: int, *, lift: bool | None = True, top: bool | None = True, any: bool = True) -> JudgedPicture:
    """A picture: both decodes do the same."""
    verdict = Verdict("grasp", lift_top=lift, lift_any=lift, top=top, top50=top, any=any, any50=any, object_level=top)
    return JudgedPicture(
        index, f"scene-{index}", True, {"argmax": verdict, "cell": verdict}, {"net": 10.0, "path": 40.0}
    )


def results(rows: Sequence[JudgedPicture], card: Card = CARD) -> Results:
    """Rows as the results of some model."""
    return Results("model", card, "stack-test", JudgeSettings(), tuple(rows))
