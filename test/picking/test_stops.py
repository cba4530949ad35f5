"""After a stop in the middle of a pick `resume` makes ready and nothing more; on both simulated controllers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.fault_rig import FaultRig
from support.moving_arm import CB3, E_SERIES

FAST = 1.0  # rad/s: full speed of a joint move is 1.4
WATCHED = 1.5  # s, in which whatever wakes up would move


@pytest.fixture(params=[CB3, E_SERIES])
def rig(request: pytest.FixtureRequest) -> Iterator[FaultRig]:
    it = FaultRig(request.param)
    try:
        yield it
    finally:
        it.close()


def test_a_guard_that_closes_by_itself_in_mid_pick_needs_a_resume_and_then_a_start(rig: FaultRig) -> None:
    rig.resume()
    since = len(rig.planner.news)
    assert rig.planner.ask("start")[0]
    rig.truth.until(lambda now: now.speed > FAST)
    rig.admin("safeguard")
    rig.admin("release", resumes=True)
    assert rig.planner.wait("result", since=since)["status"] == "stopped"
    rig.truth.standstill(len(rig.truth.trace) - 1)
    rig.planner.wait("state", "needs_resume", since=since)
    accepted, why = rig.planner.ask("start")
    assert not accepted and "resume" in why
    first = rig.truth.rest_for(WATCHED)
    rig.resume()
    rig.truth.rest_for(WATCHED)
    assert rig.truth.way(first) == 0.0, "resume makes ready and nothing more"
    assert rig.planner.ask("pick")[0]
    rig.truth.until(lambda now: now.speed > FAST)
