"""Starts the node processes of `nodes/processes/table.py` without `ros2`, and ends them in order."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from gpnet_ros.errors import DeviceError
from gpnet_ros.nodes.processes.node_process import NodeProcess
from gpnet_ros.nodes.processes.shared_memory import is_used, remove_dead_memory
from gpnet_ros.nodes.processes.table import RunSettings, environment, node_processes, simulation_command
from gpnet_ros.nodes.processes.transport import loopback_environment
from gpnet_ros.parent import LAUNCHER

#: After SIGINT a process has this long [s] before it is killed.
PATIENCE = 20.0
#: Name of the simulated cell among the processes.
SIM = "sim"
#: Making a heap is the longest part of the simulation's start [s].
SIM_TIMEOUT = 90.0
#: Nodes that take so long to start that they do not wait for the simulated cell.
SLOW = ("inference_node",)


@dataclass
class RunningNodes:
    """Processes of one run.

    Attributes:
        run: what was asked for.
        domain_id: ROS_DOMAIN_ID of the nodes.
        folder: logs/<name>.log of each process are in it.
        simulation: the ready line of the simulated cell, empty without one.
        processes: by name.
    """

    run: RunSettings
    domain_id: int
    folder: Path
    simulation: dict[str, Any] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def require_alive(self) -> None:
        """Raise when a process has ended by itself.

        Raises:
            DeviceError: names it, with the last line of its log.
        """
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise DeviceError(f"{name} has ended with status {process.returncode}: {self.last_line(name)}")

    def last_line(self, name: str) -> str:
        """The last line that a process has logged."""
        lines = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "its log is empty"


@contextlib.contextmanager
def start_nodes(run: RunSettings, domain_id: int, logs: Path) -> Iterator[RunningNodes]:
    """The processes of a run: slow nodes and the simulated cell, then the others; all of them end with the context.

    The environment of this process gets the same Fast DDS profile, domain and discovery range, for a client in it.

    Args:
        run: what to start.
        domain_id: private ROS_DOMAIN_ID, 0 to 101.
        logs: folder for the logs.

    Raises:
        DeviceError: the simulated cell did not start.
    """
    logs.mkdir(parents=True, exist_ok=True)
    os.environ.update(ros_environment(domain_id))
    running = RunningNodes(run, domain_id, logs)
    remove_dead_memory()  # of what was killed together, with nobody left to tidy
    shared = _shared_memory(domain_id)
    try:
        nodes = node_processes(run)
        early = [node for node in nodes if run.sim and node.name in SLOW]
        _start_all(running, early)
        if run.sim:
            running.simulation = _start_simulation(running)
        _start_all(running, [node for node in nodes if node not in early])
        yield running
    finally:
        end_processes(running.processes)
        _clean_shared_memory(domain_id, shared)
        remove_dead_memory()


@contextlib.contextmanager
def simulation(run: RunSettings, logs: Path) -> Iterator[RunningNodes]:
    """The simulated cell of a run alone, once it is ready; it ends with the context, logs/sim.log stays.

    Raises:
        DeviceError: it did not start.
    """
    logs.mkdir(parents=True, exist_ok=True)
    os.environ[LAUNCHER] = str(os.getpid())  # it ends with this process, however that ends
    running = RunningNodes(run, 0, logs)
    try:
        running.simulation = _start_simulation(running)
        yield running
    finally:
        end_processes(running.processes)


def ros_environment(domain_id: int) -> dict[str, str]:
    """Environment variables of all nodes and clients of a private ROS graph that stays on this machine."""
    variables = {"ROS_DOMAIN_ID": str(domain_id), "PYTHONUNBUFFERED": "1"}
    return {**environment(), **loopback_environment(), **variables}


def node_command(node: NodeProcess, namespace: str = "") -> list[str]:
    """Command line of a node, as `ros2 run` would give it."""
    words = [sys.executable, "-m", f"gpnet_ros.nodes.{node.executable}", "--ros-args", "-r", f"__node:={node.name}"]
    if namespace:
        words += ["-r", f"__ns:=/{namespace.strip('/')}"]
    for name, other in node.remaps.items():
        words += ["-r", f"{name}:={other}"]
    for file in node.files:
        words += ["--params-file", str(file)]
    for name, value in node.overrides.items():
        words += ["-p", f"{name}:={json.dumps(value)}"]
    return [*words, "--log-level", node.log_level]


def end_processes(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    """Interrupt all nodes, kill what does not end in time; the simulation goes after them, so that no link breaks."""
    for group in ([p for name, p in processes.items() if name != SIM], [p for n, p in processes.items() if n == SIM]):
        for process in group:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        end = time.monotonic() + PATIENCE
        for process in group:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(end - time.monotonic(), 0.1))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its children too
            process.wait()


def _start_all(running: RunningNodes, nodes: list[NodeProcess]) -> None:
    for node in nodes:
        running.processes[node.name] = _start(running, node.name, node_command(node, running.run.namespace))


def _start(running: RunningNodes, name: str, command: list[str], output: Any = None) -> subprocess.Popen[bytes]:
    """One process in a session of its own, so that Ctrl-C reaches it once and through us."""
    log: IO[bytes]
    with (running.folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output or log, stderr=log, start_new_session=True
        )


def _start_simulation(running: RunningNodes) -> dict[str, Any]:
    """The simulated cell, once it has said that it is ready."""
    process = _start(running, SIM, simulation_command(running.run), subprocess.PIPE)
    running.processes[SIM] = process
    lines: queue.Queue[bytes] = queue.Queue()
    assert process.stdout is not None
    threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True).start()
    try:
        return json.loads(lines.get(timeout=SIM_TIMEOUT))
    except (queue.Empty, ValueError) as error:
        cause = running.last_line(SIM)
        raise DeviceError(f"The simulated cell did not become ready in {SIM_TIMEOUT:.0f} s: {cause}") from error


def _read_lines(stream: IO[bytes], lines: queue.Queue[bytes]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(b"")


def _shared_memory(domain_id: int) -> set[Path]:
    """Files of Fast DDS 3 (Kilted) and 2 (Jazzy): the ports of one domain, and all segments, which bear no domain."""
    found = set()
    for path in Path("/dev/shm").iterdir():
        port = re.search(r"_port(\d+)", path.name)
        if re.match(r"(sem\.)?fast(dds|rtps)_", path.name) is None:
            continue
        # A domain has 250 ports from 7400 on (RTPS 2.2, section 9.6.1.1). Never touch those of others: a lock
        # file that is taken away from living processes silences them.
        if port is None or (int(port[1]) - 7400) // 250 == domain_id:
            found.add(path)
    return found


def _clean_shared_memory(domain_id: int, before: set[Path]) -> None:
    """Remove what our own processes left behind: files that are new and that nobody has open or mapped."""
    for path in _shared_memory(domain_id) - before:
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > 2.0 and not is_used(path):
                path.unlink()
