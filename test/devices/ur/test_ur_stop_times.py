"""What is promised of a stop on a busy machine, in the controller's own time; and who comes first on it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.controller_process import controller
from support.stop_times import FAULTS, LOAD, SPEED, StoppedBeforeError, StopTime, measure, real_time

from gpnet_ros.cell import Cell
from gpnet_ros.devices.ur import scheduling
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.child import FRESH_MOVING
from gpnet_ros.devices.ur.link import CALLER_FRESH
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.plan import Move
from gpnet_ros.ur_controller.arm import BRAKE

# Missing without autogroups, empty where a control group shares out the processor instead.
AUTOGROUP = Path("/proc/self/autogroup")
WATCHDOG = 1.0 / UrSettings().watchdog_hz
#: Without a sign of life for so long [s] the controller ends the program, whatever this machine does.
SILENT = {
    "cancelled": CALLER_FRESH + FRESH_MOVING + WATCHDOG, "planner frozen": FRESH_MOVING + WATCHDOG,
    "planner killed": FRESH_MOVING + WATCHDOG, "child frozen": WATCHDOG, "child killed": WATCHDOG, "safeguard": 0.0,
}  # fmt: skip
#: For the passes of the controller's loop that see it, and the watcher that asks for it [s].
SEEN = 0.1


def may_be_real_time() -> bool:
    allowed = []

    def try_it() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            allowed.append(True)
        except PermissionError:
            pass

    thread = threading.Thread(target=try_it)  # the policy is a thread's, and goes with it
    thread.start()
    thread.join()
    return bool(allowed)


needs_real_time = pytest.mark.skipif(
    not may_be_real_time() or len(os.sched_getaffinity(0)) == 1,
    reason="on one core, or without real-time priority, the simulated controller competes with the load",
)


def measured(fault: str) -> StopTime:
    for _ in range(4):
        try:
            return measure(fault, LOAD)
        except StoppedBeforeError:
            continue
    raise AssertionError("The load stopped every move before the fault came.")


@needs_real_time
@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_stop_comes_in_the_promised_time_on_a_busy_machine(fault: str) -> None:
    found = measured(fault)
    assert found.seconds <= SILENT[fault] + SPEED / BRAKE + SEEN
    assert found.radians <= SPEED * (SILENT[fault] + SEEN) + SPEED**2 / (2 * BRAKE)


@needs_real_time
def test_who_leads_the_arm_comes_before_ordinary_processes() -> None:
    with controller() as running:
        arm = UrArm(UrSettings(robot_ip=running.ip), Cell())
        arm.connect()
        try:
            assert arm._link is not None
            child = arm._link.process.pid
            tasks = [int(task.name) for task in Path(f"/proc/{child}/task").iterdir()]
            assert len(tasks) > 1 and {os.sched_getscheduler(task) for task in tasks} == {os.SCHED_RR}
            listener = arm._link._listener.native_id
            assert listener is not None and os.sched_getscheduler(listener) == os.SCHED_RR
            assert os.sched_getscheduler(0) == os.SCHED_OTHER
            arm.resume()
            q, seen = arm.state().q + [0.0, 0.0, 0.0, 0.0, 0.0, 0.05], set()
            move = Move("turn", "joint", 0.5, 1.0, q=q)
            assert arm.move(move, lambda: bool(seen.add(os.sched_getscheduler(0)))).ok
            assert seen == {os.SCHED_RR}, "the heart beats for who waits for the move"
            assert os.sched_getscheduler(0) == os.SCHED_OTHER
        finally:
            arm.disconnect()


@needs_real_time
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_a_controller_at_the_pace_of_life_comes_before_who_waits_for_it_and_a_faster_one_for_none(
    factor: float,
) -> None:
    """Two leaders that wait without sleeping would else take both cores of a machine from their controllers."""
    with controller(factor=factor) as running:
        running.admin("state")  # it serves
        process, policy = running.process.pid, os.SCHED_RR | os.SCHED_RESET_ON_FORK
        real = os.sched_getscheduler(process) == policy
        assert real == (factor == 1.0)
        assert not real or os.sched_getparam(process).sched_priority > scheduling.LEADER


def test_without_the_right_to_it_everything_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    scheduling.come_first()
    with scheduling.first_meanwhile():
        assert not real_time(1)


@pytest.mark.parametrize(("cores", "waits_here", "comes_first"), [(1, True, False), (1, False, True), (2, True, True)])
def test_on_one_core_nobody_comes_before_the_controller_that_he_waits_for(
    cores: int, waits_here: bool, comes_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: done.append("real time"))
    monkeypatch.setattr(scheduling, "change_niceness", lambda _: done.append("nice"))
    scheduling.come_first(waits_here=waits_here)
    assert done == (["real time"] if comes_first else ["nice"])


ON_ONE_CORE = """
import os
from pathlib import Path
from gpnet_ros.devices.ur.scheduling import come_first
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
come_first(waits_here=True)
print(os.nice(0), Path("/proc/self/autogroup").read_text().split()[-1])
"""


@pytest.mark.skipif(not AUTOGROUP.exists() or not AUTOGROUP.read_text().strip(), reason="no autogroups here")
def test_on_one_core_a_child_comes_before_other_sessions_too() -> None:
    command = [sys.executable, "-c", ON_ONE_CORE]
    nice, session = subprocess.check_output(command, text=True, start_new_session=True).split()
    assert session == nice, "Linux shares the processor by sessions first"
