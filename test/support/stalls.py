"""Whether the machine itself stood still: a process that only sleeps tells by how much it overslept.

Watchdogs of 0.2 s are part of what is tested, and a shared machine may stop everybody for longer. Such a stop says
nothing about the code: the test is tried again, and only then; without a stall every failure stays one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

#: An oversleep [s] that the watchdogs of 0.2 s may not survive: what they watch passes through two or three processes.
STALL = 0.08
#: How long the witness sleeps at a time [s].
NAP = 0.01

_PROGRAM = """
import os, sys, time
parent, nap, stall = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
before = time.monotonic()
os.write(1, b"0 0\\n")
while os.getppid() == parent:
    time.sleep(nap)
    now = time.monotonic()
    if now - before - nap > stall:
        os.write(1, f"{now} {now - before - nap}\\n".encode())
    before = now
"""


class StallWitness:
    """The sleeping process, and what it told."""

    def __init__(self, stall: float = STALL) -> None:
        """Start it; it ends with this process."""
        self._stalls: list[tuple[float, float]] = []  # end [s, time.monotonic()], length [s]
        self._rest = b""
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM, str(os.getpid()), str(NAP), str(stall)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.process.stdout.readline()  # it sleeps from here on
        os.set_blocking(self.process.stdout.fileno(), False)

    def longest_since(self, start: float) -> float:
        """Length [s] of the longest stall that ended after `start` [s, time.monotonic()]; 0 without one."""
        time.sleep(5 * NAP)  # a stall that is just over may not have been told
        self._read()
        return max((length for end, length in self._stalls if end > start), default=0.0)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while heard := self.process.stdout.read(65536):  # None while nothing is there
            *lines, self._rest = (self._rest + heard).split(b"\n")
            self._stalls += [(float(end), float(length)) for end, length in (line.split() for line in lines)]
