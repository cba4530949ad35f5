"""How soon a process gets the processor on a busy machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

#: Real-time priorities: of who leads an arm, and of a simulated controller, for which he waits without sleeping.
LEADER, CONTROLLER = 1, 2
_AUTOGROUP = Path("/proc/self/autogroup")


def change_niceness(nice: int) -> None:
    """Change the nice value of this process, where the user may: a negative change needs root or RLIMIT_NICE.

    Linux may share the processor by sessions first (autogroup), where nice values count within one session only; so
    a process that leads a session of its own changes the session's too.
    """
    with contextlib.suppress(OSError):
        os.nice(nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            _AUTOGROUP.write_text(str(nice))


def come_before_leader() -> None:
    """Let this thread, that of a simulated controller, come before who leads its arm, where that is allowed.

    Whoever leads it waits for its answers in real time without sleeping: on all cores at once, two such arms would
    let no ordinary controller answer until the kernel interferes, a second later. What this thread starts is ordinary
    again. Not on one core, where a controller that is too slow for its pace would let nobody else run.
    """
    if len(os.sched_getaffinity(0)) > 1:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(CONTROLLER))
