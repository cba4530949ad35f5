"""Start and stop, again and again: no process, no socket and no shared memory stays, however it ended.

The long one starts a cell a hundred times; GPNET_CYCLES says otherwise. With a real `launch` the launch file is
started, else the same processes by `starter`.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from gpnet_ros.errors import DeviceError
from gpnet_ros.nodes.processes.running_cell import free_domain
from gpnet_ros.parent import LAUNCHER
from gpnet_ros.sim.cell.door import CellDoor

STARTER = Path(__file__).parents[2] / "support" / "launched_cell.py"
#: Ctrl-C, an orderly end, and the launch killed without a word.
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
#: A busy machine is slow; this is no promise.
PATIENCE = 240.0


def until(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.05)


def memory() -> set[str]:
    """Shared memory; LTTng's file is one of the whole machine, torch's and that of locks those of other tests."""
    others = ("lttng", "torch_", "sem.mp-")
    return {path.name for path in Path("/dev/shm").iterdir() if not path.name.startswith(others)}


@dataclass
class Start:
    """A cell that is being started."""

    number: int
    folder: Path
    how: str
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.domain, self.ip = free_domain(), f"127.3.1.{1 + self.number % 200}"
        words = [self.how, str(self.domain), self.ip, str(self.folder), "oracle"]
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job heeds none
        with (self.folder / "starter.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(STARTER), *words], stdout=log, stderr=log, start_new_session=True
            )
        signal.signal(signal.SIGINT, before)

    def wait_until_ready(self) -> None:
        """Wait until the planner has connected to the arm."""
        until(self.is_ready, (self.folder / "starter.log").read_text)

    def is_ready(self) -> bool:
        assert self.process.poll() is None
        try:
            return bool(CellDoor(self.ip).ask("state")["clients"])
        except DeviceError:  # the cell is not there yet
            return False

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait(PATIENCE)
        until(lambda: not self.processes(), self.processes)
        until(lambda: not self.sockets(), self.sockets)

    def processes(self) -> list[str]:
        """Everybody whom it started, by the mark in their environment."""
        mark, found = f"{LAUNCHER}={self.process.pid}\0".encode(), []
        for each in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (each / "environ").read_bytes() + b"\0":
                    found.append((each / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found

    def sockets(self) -> list[str]:
        """Sockets of its addresses that are listened on or connected, and of its domain's ports."""
        address, ports = ip_word(self.ip), range(7400 + 250 * self.domain, 7650 + 250 * self.domain)
        found = []
        for table in ("tcp", "tcp6", "udp", "udp6"):
            file = Path("/proc/net", table)
            for row in file.read_text().splitlines()[1:] if file.is_file() else []:
                local, state = row.split()[1], row.split()[3]
                is_open = table.startswith("udp") or state in ("01", "0A")
                if is_open and (local.startswith(address) or int(local.split(":")[1], 16) in ports):
                    found.append(f"{table} {local} {state}")
        return found


def ip_word(ip: str) -> str:
    """An address as /proc/net writes it."""
    return bytes(reversed([int(part) for part in ip.split(".")])).hex().upper()


def test_what_is_looked_for_is_seen_while_it_runs_and_gone_when_who_started_it_was_killed(tmp_path: Path) -> None:
    before = memory()
    killed = [Path("/dev/shm", f"fastrtps_{os.getpid():016x}{end}") for end in ("", "_el")]
    for file in killed:  # of an earlier run
        file.write_bytes(b"x")
    start = Start(0, tmp_path / "run", "nodes")
    start.wait_until_ready()
    assert not any(file.exists() for file in killed)
    assert len(start.processes()) >= 4 and start.sockets() and memory() - before
    start.end(signal.SIGKILL)
    until(lambda: not memory() - before, lambda: memory() - before)
    for log in tmp_path.rglob("*_node.log"):
        assert "Traceback" not in log.read_text(), log


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_hundred_starts_leave_nothing(tmp_path: Path) -> None:
    how = "launch" if importlib.util.find_spec("launch_ros") else "nodes"
    before, cycles = memory(), int(os.environ.get("GPNET_CYCLES", "100"))
    for number in range(cycles):
        start, end = Start(number, tmp_path / str(number), how), ENDS[number % 3]
        if number % 5 == 4:  # in the middle of the start, earlier or later
            time.sleep(0.1 * (number % 37))
        else:
            start.wait_until_ready()
            assert len(start.processes()) >= 4 and start.sockets()
        start.end(end)
        until(lambda: not memory() - before, lambda: memory() - before)
        print(f"{number + 1} of {cycles}: {how}, {end.name}: nothing is left", flush=True)
