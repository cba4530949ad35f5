"""A simulated cell and its nodes, started and told to pick as soon as they offer it; what happened when."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import String

from gpnet_ros.errors import DeviceError
from gpnet_ros.nodes.arriving.sights import MAPS_INFO
from gpnet_ros.nodes.processes.client import PlannerClient
from gpnet_ros.nodes.processes.running_cell import free_address, free_domain
from gpnet_ros.nodes.processes.start import LATCHED_QOS, SENSOR_QOS
from gpnet_ros.nodes.processes.starter import end_processes, ros_environment, start_nodes
from gpnet_ros.nodes.processes.table import RunSettings
from gpnet_ros.settings import resource_dir
from gpnet_ros.sim.cell.door import CellDoor

#: The first object must be in the tote after so long [s]; on a busy machine everything takes long.
_LIMIT = 300.0
#: What ends a start.
IN_TOTE = "first object in the tote"


class _Times:
    """Seconds since the start at which things happened for the first time."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.at: dict[str, float] = {}

    def note(self, what: str) -> None:
        self.at.setdefault(what, round(time.monotonic() - self._began, 2))


def measure_start(seed: int, model: str, folder: Path, say: Callable[[str], None] = lambda _: None) -> dict[str, float]:
    """Start the cell and its nodes, let them pick, and end them when the first object is in the tote.

    Args:
        seed: of the heap of five objects.
        model: name in models/, or the path of a model folder.
        folder: for logs and states.
        say: told each thing that happens.

    Returns:
        What happened after how long [s]; the last one is `IN_TOTE`.

    Raises:
        DeviceError: a process has ended, or no object was in the tote in time.
    """
    run = RunSettings(sim=True, robot_ip=free_address(), run_dir=str(folder / "cell"), seed=seed, model=model)
    domain = free_domain()
    os.environ.update(ros_environment(domain))
    folder.mkdir(parents=True, exist_ok=True)
    with PlannerClient(domain) as client:
        times = _Times()
        _listen(client.node, times)
        over = threading.Event()
        caller = threading.Thread(target=_call, args=(client, times, over), daemon=True)
        start = _launched(run, folder) if has_launch() else _started(run, domain, folder)
        try:
            with start as require_alive:
                caller.start()
                _wait_for_tote(CellDoor(run.robot_ip), require_alive, client, times)
        finally:
            over.set()
            caller.join(timeout=10.0)
    for what, at in sorted(times.at.items(), key=lambda pair: pair[1]):
        say(f"{at:7.2f} s  {what}")
    return times.at


def has_launch() -> bool:
    """Whether there is a real `ros2 launch`."""
    return shutil.which("ros2") is not None and importlib.util.find_spec("launch_ros") is not None


@contextlib.contextmanager
def _started(run: RunSettings, domain: int, folder: Path) -> Iterator[Callable[[], None]]:
    """The processes of the launch file, by `starter`."""
    with start_nodes(run, domain, folder / "logs") as running:
        yield running.require_alive


@contextlib.contextmanager
def _launched(run: RunSettings, folder: Path) -> Iterator[Callable[[], None]]:
    """The launch file by `ros2 launch`; hands out what raises `DeviceError` once that has ended."""
    words = [f"{f.name}:={v}" for f in fields(run) if (v := getattr(run, f.name)) != f.default and v is not True]
    file = resource_dir("launch") / "grasp.launch.py"
    command = ["ros2", "launch", "--noninteractive", str(file), "sim:=true", *words]
    with (folder / "launch.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def require_alive() -> None:
        if process.poll() is not None:
            said = (folder / "launch.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise DeviceError(f"ros2 launch has ended with status {process.returncode}: {(said or [''])[-1]}")

    try:
        yield require_alive
    finally:
        end_processes({"launch": process})


def _listen(node: Any, times: _Times) -> None:
    """Note the first maps and the planner's states."""
    node.create_subscription(CameraInfo, MAPS_INFO, lambda _: times.note("first maps"), SENSOR_QOS)
    node.create_subscription(
        String, "planner_node/state", lambda m: times.note(f"planner is {m.data or 'there'}"), LATCHED_QOS
    )


def _call(client: PlannerClient, times: _Times, over: threading.Event) -> None:
    """Call resume and start as soon as they are offered and not refused."""
    for service in ("resume", "start"):
        while not client.offers(service):
            if over.wait(0.02):
                return
        times.note(f"{service} is offered")
        while True:
            with contextlib.suppress(DeviceError):
                client.call(service, 5.0)
                times.note(f"{service} is granted")
                break
            times.note(f"{service} is refused")
            if over.wait(0.05):
                return


def _wait_for_tote(door: CellDoor, require_alive: Callable[[], None], client: PlannerClient, times: _Times) -> None:
    """Wait until an object is in the tote, by the truth of the cell."""
    end, pause = time.monotonic() + _LIMIT, threading.Event()
    while True:
        require_alive()
        with contextlib.suppress(DeviceError):  # it is not there yet
            truth = door.truth()
            times.note("simulated cell is there")
            if truth.in_tote:
                times.note(IN_TOTE)
                return
        if time.monotonic() > end:
            raise DeviceError(
                f"No object was in the tote after {_LIMIT:.0f} s: the planner's state is {client.state!r}, "
                f"its last refusal {client.refused!r}."
            )
        pause.wait(0.1)
