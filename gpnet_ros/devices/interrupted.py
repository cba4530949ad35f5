"""Ctrl-C while an arm moves: it stops the move in order, and not this program in the middle of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interrupted() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed since: to be asked by whoever waits for a move, as `Arm.move` does."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only that one hears of signals
        yield pressed.is_set
        return
    before = signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
