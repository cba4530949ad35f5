"""How soon a process gets the processor on a busy machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")


def change_priority(nice: int) -> None:
    """Change the nice value of this process, where the user may: a negative change needs root or RLIMIT_NICE.

    Linux may share the processor by sessions first (autogroup), where nice values count within one session only; so
    a process that leads a session of its own changes the session's too.
    """
    with contextlib.suppress(OSError):
        os.nice(nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            _AUTOGROUP.write_text(str(nice))
