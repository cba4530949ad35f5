"""Memory that killed processes left: Fast DDS takes its own away at an orderly end only. Nothing here needs ROS."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import threading
from pathlib import Path

_FOLDER = Path("/dev/shm")
#: A segment or a port of Fast DDS 3 (Kilted) or 2 (Jazzy), and the file that its owner holds locked while it lives.
_LOCK = re.compile(r"(fast(?:dds|rtps)_(?:[0-9a-f]{16}|port\d+))_el")
#: A lock file is made first and locked then; who does not hold it now and so much later [s] does not live.
_MOMENT = 0.5


def remove_dead_memory(folder: Path = _FOLDER) -> list[str]:
    """Remove segments and ports whose owner has died, of whatever run; the names of those that were removed.

    Nobody can join a segment of the dead, and who has it mapped keeps it. A port that somebody has open stays: who
    sends to it would go on sending to the file that was taken away.

    Args:
        folder: where shared memory is.
    """
    found = (match for path in folder.glob("fast*_el") if (match := _LOCK.fullmatch(path.name)))
    dead = [match[1] for match in found if _is_dead(folder, match[1])]
    if dead:
        threading.Event().wait(_MOMENT)
    dead = [name for name in dead if _is_dead(folder, name)]
    for path in (folder / file for name in dead for file in (name, f"sem.{name}_mutex", f"{name}_el")):
        with contextlib.suppress(OSError):
            path.unlink()
    return dead


def is_used(path: Path) -> bool:
    """Whether any process has the file open or mapped."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(path) in (process / "maps").read_text():
                return True
            if any(os.readlink(fd) == str(path) for fd in (process / "fd").iterdir()):
                return True
    return False


def _is_dead(folder: Path, name: str) -> bool:
    """Whether a segment has no owner, or a port neither an owner nor anybody who has it open."""
    return _is_free(folder / f"{name}_el") and ("_port" not in name or not is_used(folder / name))


def _is_free(path: Path) -> bool:
    """Whether the lock could be had."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:  # gone meanwhile, or of another user
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True
