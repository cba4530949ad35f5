"""What a card tells of a judged set."""

from __future__ import annotations

from dataclasses import replace

from support.judged_rows import results, row

from gpnet_ros.evaluation.judging.card_figures import CARD_METRICS, card_figures
from gpnet_ros.evaluation.judging.judgement import JudgedPicture, Verdict

NOTHING = Verdict(
    "nothing_graspable",
    **dict.fromkeys(("on_top", "top", "top50", "any", "object_level", "lift_top", "lift_any"), False),
)


def centred(index: int, on_top: bool | None) -> JudgedPicture:
    """A picture whose argmax and whose grasp of the cell differ in where their centre lies."""
    judged = row(index)
    there = replace(judged.verdicts["cell"], pixel=(1.0, 2.0), on_top=on_top)
    return replace(
        judged, verdicts={"argmax": replace(there, on_top=None if on_top is None else not on_top), "cell": there}
    )


def test_a_card_tells_where_the_centre_lies_as_the_cell_chooses() -> None:
    refused = replace(row(3), verdicts={"argmax": NOTHING, "cell": NOTHING})
    found = card_figures(results([centred(0, True), centred(1, True), centred(2, False), refused]))
    assert (found["on_top"]["decode"], found["on_top"]["rate"], found["on_top"]["n"]) == ("cell", 0.5, 4)
    assert (found["lift"]["decode"], found["lift"]["rate"]) == ("cell", 0.75) and found["top"]["decode"] == "argmax"
    assert set(found) == {*CARD_METRICS, "time_ms"}


def test_a_card_is_silent_on_what_the_set_cannot_tell() -> None:
    found = card_figures(results([centred(0, True), centred(1, None)]))
    assert "on_top" not in found and "lift" in found
    public = [replace(row(0, lift=None), verdicts={"argmax": centred(0, True).verdicts["argmax"]})]
    assert "on_top" not in card_figures(results(public)), "there is no cell to choose"
