"""A camera and the network as processes, timed: what is noted of exposures that go through both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image

from gpnet_ros.errors import DeviceError
from gpnet_ros.nodes.arriving.sights import MAPS_INFO, PLANNER_MAPS
from gpnet_ros.nodes.processes.running_cell import free_domain
from gpnet_ros.nodes.processes.start import SENSOR_QOS
from gpnet_ros.nodes.processes.starter import end_processes, ros_environment

#: Longest wait for the first maps [s]: on a busy machine torch alone takes 20.
_FIRST_MAPS = 120.0
#: So many answers come before anything counts: the first ones are slow.
_WARM_UP = 20
#: What is under way when the time is over does not count [s].
_TAIL = 1.0


@dataclass(frozen=True)
class StreamRecord:
    """What was noted while exposures went from a camera through the network.

    Attributes:
        begin, end: of the time that counts, by the stamps [s].
        camera: what `MeasuredCamera` noted; inference: what `MeasuredInference` noted.
        arrived: stamp and time of arrival [s] of maps in a third process, which subscribes as the planner does.
        cpu: CPU time [s] that each process took between begin and end.
    """

    begin: float
    end: float
    camera: dict[str, Any]
    inference: dict[str, Any]
    arrived: list[tuple[float, float]]
    cpu: dict[str, float]


class _Listener:
    """Subscribes to the maps as the planner does, in a thread of its own."""

    def __init__(self, domain: int) -> None:
        self.arrived: list[tuple[float, float]] = []
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node: Any = rclpy.create_node("bench_listener", context=self._context)
        for topic in PLANNER_MAPS:
            self._node.create_subscription(Image, topic, lambda _: None, SENSOR_QOS)
        self._node.create_subscription(CameraInfo, MAPS_INFO, self._take, SENSOR_QOS)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _take(self, message: CameraInfo) -> None:
        stamp = message.header.stamp
        self.arrived.append((stamp.sec + stamp.nanosec * 1e-9, time.time()))

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._thread.join(timeout=5.0)
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)


def measure_stream(
    model: str, seconds: float, rate: float, folder: Path, say: Callable[[str], None] = lambda _: None
) -> StreamRecord:
    """Let a camera and the network run for a while.

    Args:
        model: name in models/, or the path of a model folder.
        seconds: how long exposures count [s].
        rate: exposures per second.
        folder: for logs and what the processes note.
        say: told what is waited for.

    Raises:
        DeviceError: a process has ended, or no maps came in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    domain = free_domain()
    os.environ.update(ros_environment(domain))
    files = {name: folder / f"{name}.json" for name in ("camera", "inference")}
    words = {"camera": ["camera", str(rate)], "inference": ["inference"]}
    parameters = {"camera": {"source": "realsense"}, "inference": {"model": model, "device": "cpu"}}
    processes: dict[str, subprocess.Popen[bytes]] = {}
    listener = _Listener(domain)
    try:
        for name, file in files.items():
            command = [*words[name], str(file)]
            processes[name] = _start(name, command, parameters[name], folder / f"{name}.log")
        say(f"waits for the first maps of {model}")
        _wait(lambda: len(listener.arrived) >= _WARM_UP, _FIRST_MAPS, processes, folder)
        begin, cpu = time.time(), {name: _cpu_time(p.pid) for name, p in processes.items()}
        say(f"counts for {seconds:g} s")
        _wait(lambda: time.time() > begin + seconds, seconds + _FIRST_MAPS, processes, folder)
        end = begin + seconds
        cpu = {name: _cpu_time(p.pid) - cpu[name] for name, p in processes.items()}
        _wait(lambda: time.time() > end + _TAIL, _FIRST_MAPS, processes, folder)
    finally:
        end_processes(processes)
        listener.close()
    noted = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items()}
    return StreamRecord(begin, end, noted["camera"], noted["inference"], listener.arrived, cpu)


def _start(name: str, words: list[str], parameters: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gpnet_ros.nodes.measured.nodes", *words, "--ros-args"]
    for key, value in parameters.items():
        command += ["-p", f"{key}:={json.dumps(value)}"]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _wait(done: Callable[[], bool], limit: float, processes: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    deadline, pause = time.monotonic() + limit, threading.Event()
    while not done():
        ended = [name for name, process in processes.items() if process.poll() is not None]
        if ended or time.monotonic() > deadline:
            told = f"{ended[0]} has ended by itself" if ended else f"no maps came within {limit:.0f} s"
            raise DeviceError(f"{told}; see the logs in {folder}.")
        pause.wait(0.05)


def _cpu_time(process: int) -> float:
    """User and system time of a process with all its threads [s]."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
