"""The simulated cell and the three nodes, running and followed: what `gpnet demo` and the benchmark sit on."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gpnet_ros.errors import DeviceError
from gpnet_ros.nodes.processes.starter import RunningNodes, start_nodes
from gpnet_ros.nodes.processes.table import RunSettings
from gpnet_ros.sim.cell.door import CellDoor

if TYPE_CHECKING:
    from gpnet_ros.nodes.bags.recording import Recording
    from gpnet_ros.nodes.processes.client import PlannerClient
    from gpnet_ros.sim.heap.heap import Heap

#: Longest wait for the first maps after the processes were started [s]: on a busy machine torch alone takes 20.
FIRST_MAPS = 120.0
#: Longest wait for another heap and for the first maps of it [s].
NEXT_HEAP = 120.0
#: Private ROS domains; a shell has 0.
_DOMAINS = range(20, 100)
#: UDP ports of a domain, counted from 7400 + 250 * domain, one of which each of its participants holds.
_PARTICIPANTS = range(10, 250, 2)


@dataclass
class RunningCell:
    """The simulated cell and its nodes, running.

    Attributes:
        running: the processes.
        client: calls the planner's services.
        recording: hands out what the planner decided and did.
        door: the truth of the cell, for scoring.
    """

    running: RunningNodes
    client: PlannerClient
    recording: Recording
    door: CellDoor

    def start(self) -> None:
        """Tell the planner to pick until the round ends; reports of an earlier round are forgotten."""
        self.recording.drain()
        self.client.call("start", timeout=30.0)

    def check(self) -> str:
        """What the planner is doing, in words.

        Raises:
            DeviceError: a process has ended.
        """
        self.running.require_alive()
        return f"its state is {self.client.state!r}, its last refusal {self.client.refused!r}"

    def quiet(self) -> float:
        """For how long the arm has not moved [s]."""
        return self.client.quiet()

    def load_heap(self, seed: int, objects: int) -> None:
        """Put another heap into the cell, and wait until the network has seen it.

        Raises:
            DeviceError: heap or maps did not come in time.
        """
        self.door.load_heap(seed, objects, NEXT_HEAP)
        self.wait_for_maps(self.door.truth().time, NEXT_HEAP)

    def put_heap(self, heap: Heap) -> None:
        """Put a heap that was made before into the cell, and wait until the network has seen it.

        Raises:
            DeviceError: heap or maps did not come in time.
        """
        self.door.put_heap(heap.to_dict(), NEXT_HEAP)
        self.wait_for_maps(self.door.truth().time, NEXT_HEAP)

    def wait_for_maps(self, after: float, limit: float) -> None:
        """Wait for maps of a frame exposed after `after` [s of simulated time].

        Raises:
            DeviceError: a process has ended, or none came within `limit` [s].
        """
        end = time.monotonic() + limit
        while not self.recording.wait_for_maps(after, timeout=1.0):
            self.running.require_alive()
            if time.monotonic() > end:
                raise DeviceError(f"No maps came within {limit:.0f} s; see {self.running.folder}.")


@contextmanager
def open_cell(
    run: RunSettings, folder: Path, planner: dict[str, Any], say: Callable[[str], None] | None = None
) -> Iterator[RunningCell]:
    """Start cell and nodes on a private ROS domain and loopback address, ready to pick; all ends with the context.

    Args:
        run: what to start; address and run folder are filled in.
        folder: for logs, recorded states and the parameter file.
        planner: parameters of planner_node.
        say: told what is waited for.

    Raises:
        DeviceError: something did not start in time.
    """
    try:
        from gpnet_ros.nodes.bags.recording import Recording
        from gpnet_ros.nodes.processes.client import PlannerClient
    except ImportError as error:
        raise DeviceError(f"ROS 2 cannot be imported ({error}); run `make setup`, or source a ROS 2.") from error
    say = say or (lambda _: None)
    folder.mkdir(parents=True, exist_ok=True)
    parameters = folder / "planner.yaml"
    parameters.write_text(yaml.safe_dump({"planner_node": {"ros__parameters": planner}}), encoding="utf-8")
    run = replace(
        run, sim=True, robot_ip=free_address(), run_dir=str(folder / "cell"), params_file=str(parameters.resolve())
    )
    say(f"makes the heap and starts cell and nodes on {run.robot_ip}")
    with (
        one_interrupt(),
        start_nodes(run, free_domain(), folder / "logs") as running,
        PlannerClient(namespace=run.namespace) as client,
    ):
        recording = Recording(client.node)
        cell = RunningCell(running, client, recording, CellDoor(run.robot_ip))
        say("cell is ready; waits for the first maps of the network")
        cell.wait_for_maps(-1.0, FIRST_MAPS)
        yield cell


@contextmanager
def one_interrupt() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt once; a second one must not spoil the orderly end.

    The processes live in sessions of their own: what ends this one without its `finally` would leave them behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(*_: object) -> None:
        for kind in kinds:
            signal.signal(kind, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {kind: signal.signal(kind, interrupt) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def free_address() -> str:
    """A loopback address on which no controller listens yet."""
    for k in range(1000):
        number = (os.getpid() + 31 * k) % (250 * 250)
        ip = f"127.1.{number // 250 + 1}.{number % 250 + 1}"
        if _can_bind(socket.SOCK_STREAM, ip, CellDoor.PORT):
            return ip
    raise DeviceError("No free loopback address was found; end other simulated cells first.")


def free_domain() -> int:
    """A ROS domain in which nobody is: its first participant may have left before the others, so each port counts."""
    for k in range(len(_DOMAINS)):
        domain = _DOMAINS[(os.getpid() + k) % len(_DOMAINS)]
        if all(_can_bind(socket.SOCK_DGRAM, "", 7400 + 250 * domain + port) for port in _PARTICIPANTS):
            return domain
    raise DeviceError("No free ROS domain was found; end other demos first.")


def _can_bind(kind: socket.SocketKind, ip: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((ip, port))
        except OSError:
            return False
    return True
