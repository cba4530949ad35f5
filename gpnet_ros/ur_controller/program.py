"""A running program: cooperative threads that each get one turn per control cycle."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from gpnet_ros.ur_controller.tokens import ScriptError

# Ours: loop passes of one program within one cycle; a real controller also ends a program that never waits.
_PASSES = 20_000


class Thread:
    """One thread of a program."""

    def __init__(self, steps: Generator[None, None, Any]) -> None:
        """Wrap a generator that yields once per cycle."""
        self.steps = steps
        self.alive = True

    def kill(self) -> None:
        """End the thread where it stands."""
        self.alive = False


class Program:
    """A program and its threads; `current` is the thread that has its turn."""

    def __init__(self, name: str, text: str) -> None:
        """Make a program that has not started; `start` hands in its main generator."""
        self.name, self.text = name, text
        self.threads: list[Thread] = []
        self.current: Thread | None = None
        self.mover: Thread | None = None
        self._passes = 0

    @property
    def running(self) -> bool:
        """Whether the main thread is alive; the other threads end with it."""
        return bool(self.threads) and self.threads[0].alive

    def start(self, main: Callable[[], Generator[None, None, Any]]) -> None:
        """Add the main thread."""
        self.threads.append(Thread(main()))

    def cycle(self) -> None:
        """Give each thread its turn, those included that start in this very cycle.

        Raises:
            ScriptError: a runtime exception ended the program.
        """
        self._passes, self.mover = 0, None
        for thread in self.threads:  # grows while it is walked
            if not thread.alive:
                continue
            self.current = thread
            try:
                next(thread.steps)
            except StopIteration:
                thread.alive = False
            except ScriptError:
                raise
            except Exception as error:  # whatever a client's text does wrong ends its program, not the controller
                raise ScriptError(f"Runtime exception in {self.name}: {type(error).__name__} {error}.") from error
            if not self.running:
                return
        self.threads = [thread for thread in self.threads if thread.alive]

    def run(self, function: Callable[..., Generator[None, None, Any]], *arguments: Any) -> Thread:
        """Start a thread of the program: `run thread()`."""
        thread = Thread(function(*arguments))
        self.threads.append(thread)
        return thread

    @staticmethod
    def kill(handle: Any) -> None:
        """End a thread: `kill handle`; a handle that is no thread (0: never started) is ignored."""
        if isinstance(handle, Thread):
            handle.kill()

    @staticmethod
    def join(handle: Any) -> Iterator[None]:
        """Wait until a thread has ended: `join handle`."""
        while isinstance(handle, Thread) and handle.alive:
            yield

    def tick(self) -> None:
        """Count one pass of a loop.

        Raises:
            ScriptError: the program loops without waiting.
        """
        self._passes += 1
        if self._passes > _PASSES:
            raise ScriptError(f"Infinite loop detected in {self.name}: wait with sync() or sleep() inside loops.")

    def claim_motion(self) -> None:
        """Note that the current thread moves the arm in this cycle.

        Raises:
            ScriptError: another thread already did.
        """
        if self.mover is not None and self.mover is not self.current and self.mover.alive:
            raise ScriptError("Another thread is already controlling the robot; stop it before the next move.")
        self.mover = self.current

    def halt(self) -> None:
        """End the program after this turn: `halt`."""
        for thread in self.threads:
            thread.kill()
