"""Every test, and every process that one starts, speaks ROS on the loopback interface only; no test is timed."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from support.stalls import StallWitness

from gpnet_ros.nodes.processes.transport import loopback_environment

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling
    from xdist.workermanage import WorkerController

os.environ.update(loopback_environment())
os.environ.pop("PYTEST_ADDOPTS", None)  # colcon's, for this pytest alone, not for those that tests start

# A busy machine is slow: a law that holds late, holds.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


#: What waits for processes that keep time, robots and nodes, and what looks through the sockets and the shared memory
#: of the whole machine: one after the other, in one worker that the others leave the machine to.
TOGETHER = (
    *("test/nodes/", "test/devices/", "test/picking/", "test/sim/cell/", "test/ur_controller/"),
    *("test/commands/test_demo.py", "test/test_parent.py"),
)


def piece_of(nodeid: str) -> str:
    """What stays together when several workers share the tests; else a file, whose tests share what they start."""
    return "together" if nodeid.startswith(TOGETHER) else nodeid.split("::", maxsplit=1)[0]


def pytest_configure(config: pytest.Config) -> None:
    """The first worker gets the largest piece, which is the one above; whoever computes meanwhile gives way to it."""
    if getattr(config, "workerinput", {"workerid": "gw0"})["workerid"] != "gw0":
        os.nice(5)


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist nobody asks
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Hand out whole pieces, the largest first."""
    from xdist.scheduler import LoadScopeScheduling

    class Pieces(LoadScopeScheduling):
        @property
        def nodes(self) -> list[WorkerController]:
            return sorted(super().nodes, key=lambda worker: worker.gateway.id)  # else by who was ready first

        def _split_scope(self, nodeid: str) -> str:
            return piece_of(nodeid)

    return Pieces(config, log)


#: How often a test that keeps time is tried again when the machine stood still while it ran.
TRIES_AFTER_A_STALL = 3
#: A stall explains a failure that comes within this long [s] after it: the longest wait for a condition.
EXPLAINS = 60.0


class _Attempt:
    """The witness, from the first test that keeps time, and the beginning of the present attempt [s, monotonic]."""

    witness: StallWitness | None = None
    start = 0.0


def machine_stalled() -> bool:
    """Whether the machine stood still during this attempt, and not long ago, so that its failure says nothing."""
    since = max(_Attempt.start, time.monotonic() - EXPLAINS)
    return _Attempt.witness is not None and _Attempt.witness.longest_since(since) > 0.0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What keeps time is tried again after a stall, if pytest-rerunfailures is here, and the report says so."""
    if not config.pluginmanager.hasplugin("rerunfailures"):
        return
    for item in items:
        if piece_of(item.nodeid) == "together":
            item.add_marker(pytest.mark.flaky(reruns=TRIES_AFTER_A_STALL, condition=machine_stalled))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Every attempt begins here, before its fixtures."""
    if item.get_closest_marker("flaky") is not None and _Attempt.witness is None:
        _Attempt.witness = StallWitness()
    _Attempt.start = time.monotonic()


def pytest_unconfigure() -> None:
    """The witness goes with the tests."""
    if _Attempt.witness is not None:
        _Attempt.witness.close()
        _Attempt.witness = None
