"""A process that was started for a run ends with who started it, however that one ended."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

#: Environment variable with the process id of who starts a run.
LAUNCHER = "GPNET_LAUNCHER"
#: How often the parent is looked at, and how long an orderly end may take before it is forced [s].
PERIOD, PATIENCE = 0.2, 15.0


def end_with_parent(always: bool = True) -> None:
    """From now on end this process by SIGTERM, then for good, once its parent or its launcher is gone.

    Args:
        always: watch the parent too; else only the launcher that the environment names, if it names one.
    """
    launcher = int(os.environ.get(LAUNCHER, "0"))
    parent = os.getppid() if always or launcher else 0
    if parent or launcher:
        threading.Thread(target=_watch, args=(parent, launcher), name="end_with_parent", daemon=True).start()


def _watch(parent: int, launcher: int) -> None:
    pause = threading.Event()
    while (not parent or os.getppid() == parent) and (not launcher or _lives(launcher)):
        pause.wait(PERIOD)
    os.kill(os.getpid(), signal.SIGTERM)
    pause.wait(PATIENCE)
    os.kill(os.getpid(), signal.SIGKILL)


def _lives(process: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
