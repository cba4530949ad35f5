"""A simulated controller in its own process, and clients in theirs, for the tests of both sides.

Own processes because ur_rtde's constructors hold the GIL while they wait, and can crash or block for ever.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpnet_ros.parent import LAUNCHER

ROOT = Path(__file__).parents[2]
ADMIN_PORT, GRIPPER_PORT, RTDE_PORT = 29998, 63352, 30004
#: What follows `python -m` to start the controller alone, and the cell.
CONTROLLER, CELL = ("gpnet_ros.ur_controller",), ("gpnet_ros.cli", "sim")

#: What a client's text finds: the ur_rtde interfaces as functions, `admin`, `until`, and `done` to answer.
PRELUDE = """
import json, socket, sys, time
ip = sys.argv[1]

def receive():
    import rtde_receive
    return rtde_receive.RTDEReceiveInterface(ip)

def control(*arguments):
    import rtde_control
    return rtde_control.RTDEControlInterface(ip, *arguments)

def outputs():
    import rtde_io
    return rtde_io.RTDEIOInterface(ip)

def dashboard():
    import dashboard_client
    client = dashboard_client.DashboardClient(ip)
    client.connect()
    return client

def admin(command, **arguments):
    with socket.create_connection((ip, 29998), timeout=5) as link:
        link.sendall(json.dumps({"command": command, **arguments}).encode() + b"\\n")
        return json.loads(link.makefile().readline())

def until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.002)

def far(a, b):
    return max(abs(x - y) for x, y in zip(a, b))

def done(**answer):
    import os
    print(json.dumps(answer), flush=True)
    os._exit(0)  # ur_rtde's destructors may block or abort after a fault; they are not what is tested
"""


@dataclass(frozen=True)
class Running:
    """A controller that serves."""

    ip: str
    process: subprocess.Popen[str]

    def admin(self, command: str, **arguments: Any) -> dict[str, Any]:
        """One request to the admin port."""
        with socket.create_connection((self.ip, ADMIN_PORT), timeout=10) as link:
            link.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            return json.loads(link.makefile().readline())

    def client(self, text: str, limit: float = 60.0) -> dict[str, Any]:
        """Run a client's text in a process of its own; what it hands to `done`."""
        finished = subprocess.run(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(text), self.ip],
            cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return json.loads(finished.stdout.splitlines()[-1])


@contextmanager
def controller(*arguments: str, factor: float = 1.0, program: Sequence[str] = CONTROLLER) -> Iterator[Running]:
    """Start a controller on a loopback address of its own.

    In a session of its own, as the nodes' starter has it: Linux shares the processor by sessions first, and in that of
    a busy test the priority that a simulated controller gives itself would count for nothing.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", LAUNCHER: str(os.getpid())}
    for _ in range(5):
        ip = f"127.{random.randint(20, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
        command = ["-m", *program, "--ip", ip, "--factor", str(factor), *arguments]
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        ready = process.stdout.readline()
        if ready:
            break
        process.wait(10)
    try:
        assert json.loads(ready)["ready"]
        yield Running(ip, process)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
