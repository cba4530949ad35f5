"""The picking loop with a suction cup: it decides on detections, and never on the jaw's maps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.cup_scenes import CELL as CUP_CELL
from support.cup_scenes import Slab, cup_scene
from support.loop_bench import Bench, bench
from support.scenes import CENTRE, HEIGHT, SIZE

from gpnet_ros.picking.attention import Sight


def with_detections(sight: Sight) -> Sight:
    """The loop's box, as the second network sees it; no maps."""
    box = cup_scene(Slab((*CENTRE, HEIGHT), (*SIZE, HEIGHT))).detections
    return replace(sight, maps=None, detections=box)


def first_result(cell: Any, spoil: Any, object_width: float | None = 0.03) -> tuple[dict[str, Any], Bench]:
    with bench(cell=cell, object_width=object_width) as b:
        b.eyes.spoil = spoil
        b.loop.start()
        return b.result(), b


def test_a_cup_picks_what_the_second_network_sees() -> None:
    result, b = first_result(CUP_CELL, with_detections)
    assert result["status"] == "picked", result
    assert result["object"] == 0 and result["suction"] == 1.0 and len(result["normal_camera"]) == 3
    assert b.gripper.commands[:3] == [CUP_CELL.gripper.stroke, 0.0, CUP_CELL.gripper.stroke]
    assert b.notes.decisions[0].cup is not None and b.notes.decisions[0].grasp is None


def test_what_the_vacuum_does_not_hold_is_missed_and_remembered() -> None:
    with bench(cell=CUP_CELL, object_width=None) as b:
        b.eyes.spoil = with_detections
        b.loop.start()
        assert b.result(0)["status"] == "missed"
        assert "failed_before" in str(b.result(1)["rejected"])


@pytest.mark.parametrize(
    ("cell", "spoil", "word"),
    [
        (CUP_CELL, lambda s: s, "without detections"),
        (replace(CUP_CELL, tool="jaw"), with_detections, "without maps"),
    ],
)
def test_without_what_its_tool_is_decided_on_nothing_moves(cell: Any, spoil: Any, word: str) -> None:
    result, b = first_result(cell, spoil)
    assert result["status"] == "no_frame" and word in result["message"]
    assert "descend" not in b.names()
