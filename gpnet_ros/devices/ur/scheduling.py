"""Let those who lead a UR arm run in time on a busy machine."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gpnet_ros.scheduling import LEADER, change_niceness

#: Change of the nice value in its place, that of a simulated controller too.
_NICE = -10


def come_first(collects: bool = True, waits_here: bool = False) -> None:
    """Let this thread, and those that it starts from now on, come before ordinary ones, where that is allowed.

    It takes root, CAP_SYS_NICE, or a line `rtprio` in /etc/security/limits.conf. Without it the controller's watchdog
    stops a move whose leader comes late: no stop comes later, but more of them come.

    Args:
        collects: whether the process goes on to pause for its garbage; not needed where nothing refers in circles.
        waits_here: whether it waits for a controller on this computer. ur_rtde waits without sleeping: on the only core
            a simulated controller, which is an ordinary process, would then get no turn to answer for a second.
    """
    if not collects:
        gc.collect()
        gc.freeze()
        gc.disable()
    if waits_here and len(os.sched_getaffinity(0)) == 1:
        change_niceness(_NICE)  # and that of its session, which it leads: alone, a nice value counts within that only
        return
    with suppress(OSError):  # the lowest comes before every ordinary process, and after the kernel's own
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(LEADER))


@contextmanager
def first_meanwhile() -> Iterator[None]:
    """Let this thread come before ordinary ones for as long as it leads a move, where that is allowed.

    The heart beats for who asks how the move goes: one that comes late to ask, for a busy machine, stops the arm.
    """
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(LEADER))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameter)
