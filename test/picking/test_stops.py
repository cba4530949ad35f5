"""After a stop in the middle of a pick `resume` makes ready and nothing more; on both simulated controllers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.fault_rig import FaultRig
from support.fault_rows import PICKED, Fault, opened, play
from support.moving_arm import CB3, E_SERIES


@pytest.fixture(params=[CB3, pytest.param(E_SERIES, marks=pytest.mark.slow)])
def rig(request: pytest.FixtureRequest) -> Iterator[FaultRig]:
    it = FaultRig(request.param)
    try:
        yield it
    finally:
        it.close()


def test_a_guard_that_closes_by_itself_in_mid_pick_needs_a_resume_and_then_a_start(rig: FaultRig) -> None:
    rig.resume()
    row = play(rig, Fault("guard for one cycle", opened(0.0), "safeguard", word="start"), "approach")
    assert row.said.startswith("stopped") and "safeguard" in row.said, row
    assert row.again == 0.0, f"nobody said a word: {row}"
    assert row.by_resume == 0.0, f"resume makes ready and nothing more: {row}"
    assert row.then.startswith(PICKED), row
