"""A simulated cell and its nodes, started and told to pick as soon as they offer it; what happened when."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import String

from gpnet_ros.errors import DeviceError
from gpnet_ros.nodes.client import PlannerClient
from gpnet_ros.nodes.running_cell import free_address, free_domain
from gpnet_ros.nodes.sights import MAPS_INFO
from gpnet_ros.nodes.start import LATCHED_QOS, SENSOR_QOS
from gpnet_ros.nodes.starter import RunningNodes, ros_environment, start_nodes
from gpnet_ros.nodes.table import RunSettings
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
    with PlannerClient(domain) as client:
        times = _Times()
        _listen(client.node, times)
        with start_nodes(run, domain, folder / "logs") as running:
            times.note("simulated cell ready")
            caller = threading.Thread(target=_call, args=(client, times), daemon=True)
            caller.start()
            _wait_for_tote(CellDoor(run.robot_ip), running, client)
            times.note(IN_TOTE)
            for what, at in sorted(times.at.items(), key=lambda pair: pair[1]):
                say(f"{at:7.2f} s  {what}")
        caller.join(timeout=5.0)
    return times.at


def _listen(node: Any, times: _Times) -> None:
    """Note the first maps and the planner's states."""
    node.create_subscription(CameraInfo, MAPS_INFO, lambda _: times.note("first maps"), SENSOR_QOS)
    node.create_subscription(
        String, "planner_node/state", lambda m: times.note(f"planner is {m.data or 'there'}"), LATCHED_QOS
    )


def _call(client: PlannerClient, times: _Times) -> None:
    """Call resume and start as soon as they are offered and not refused."""
    end = time.monotonic() + _LIMIT
    for service in ("resume", "start"):
        while time.monotonic() < end:
            with contextlib.suppress(DeviceError):
                client.call(service, 5.0)
                times.note(f"{service} granted")
                break
            times.note(f"{service} refused")
            if service == "resume" and client.state not in ("", "connecting"):
                break  # in simulation nothing waits for it
            threading.Event().wait(0.05)


def _wait_for_tote(door: CellDoor, running: RunningNodes, client: PlannerClient) -> None:
    """Wait until an object is in the tote, by the truth of the cell."""
    end, pause = time.monotonic() + _LIMIT, threading.Event()
    while not door.truth().in_tote:
        running.require_alive()
        if time.monotonic() > end:
            raise DeviceError(
                f"No object was in the tote after {_LIMIT:.0f} s: the planner's state is {client.state!r}, "
                f"its last refusal {client.refused!r}; see {running.folder}."
            )
        pause.wait(0.1)
