"""A start of the simulated cell, told to pick at once: what happened when. Slow: a whole pick; no time is asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from gpnet_ros.nodes.measured.start import IN_TOTE, measure_start


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_happens_from_the_start_to_the_first_object_in_the_tote_is_told_in_order(tmp_path: Path) -> None:
    said: list[str] = []
    at = measure_start(1, "gpnet", tmp_path, said.append)
    order = ["simulated cell is there", "start is granted", "planner is looking", "planner is moving", IN_TOTE]
    assert [at[name] for name in order] == sorted(at[name] for name in order)
    assert at["first maps"] <= at["planner is deciding"]
    assert max(at, key=at.__getitem__) == IN_TOTE
    assert len(said) == len(at)
