"""A disk that is full, for one process: its files may not grow any more. Needs no root, unlike a small file system."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

#: Semaphores of multiprocessing are files too, of 32 bytes; nothing that matters is as short as this [bytes].
_NOTHING = 64


def fill(process: int) -> None:
    """From now on each write of the process to a file fails with an OSError."""
    resource.prlimit(process, resource.RLIMIT_FSIZE, (_NOTHING, resource.RLIM_INFINITY))


def make_room(process: int) -> None:
    """The process may write again."""
    resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def full_disk() -> Iterator[None]:
    """The same for this process; what it prints must not go into a file (fixture `capsys`)."""
    fill(os.getpid())
    try:
        yield
    finally:
        make_room(os.getpid())
