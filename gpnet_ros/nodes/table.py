"""The one table of processes: which nodes a run needs, with which parameter files and which overrides.

The launch file and the starter of `gpnet demo` both read it. Nothing here needs ROS.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpnet_ros.errors import SettingsError
from gpnet_ros.maps import P_SOURCES
from gpnet_ros.picking.mode_gate import MODES
from gpnet_ros.settings import config_dir, setting, validate

#: Environment variables that name the Fast DDS profile: of Kilted and later, and of Jazzy and older.
PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
#: Smallest Q* where the maps are the truth of a simulated cell: what is true needs no threshold.
_TRUE_QUALITY_MIN = 0.01


@dataclass(frozen=True)
class RunSettings:
    """Choices of a person for a run; the arguments of the launch file have these names and defaults."""

    sim: bool = setting(False, "Simulate camera and robot; nothing else changes.")
    robot_ip: str = setting(
        "", "Address of the controller; empty: that of config/planner.yaml, in simulation 127.0.0.1."
    )
    mode: str = setting(
        "", "How far the planner goes; empty: dry_run on hardware, run in simulation.", choices=("", *MODES)
    )
    params_file: str = setting("", "Parameter file for all nodes, read after those of config/.")
    model: str = setting("gpnet", "Name of a model in models/, or the path of a model folder.")
    device: str = setting("auto", "Where the network runs.", choices=("auto", "cpu", "cuda"))
    priority: str = setting(
        "learned", "Where P comes from; oracle: the simulation's truth.", choices=(*P_SOURCES, "oracle")
    )
    namespace: str = setting("", "Namespace of all nodes.")
    use_sim_time: bool = setting(False, "Follow /clock, for bags; a simulation at another speed sets it by itself.")
    rviz: bool = setting(False, "Start RViz too.")
    seed: int = setting(1, "Seed of the simulated heap.", low=0, high=2**31)
    objects: int = setting(5, "Objects in the simulated heap.", low=0, high=20)
    factor: float = setting(1.0, "Simulated seconds per second.", low=0.05, high=50.0)
    run_dir: str = setting("runs/launch", "Folder for the simulation's states.")

    def __post_init__(self) -> None:
        validate(self)
        if self.priority == "oracle" and not self.sim:
            raise SettingsError("priority 'oracle' knows only the simulated cell: set sim:=true, or choose another.")


@dataclass(frozen=True)
class NodeProcess:
    """One node: its executable, its name, its parameter files and the values that override them."""

    executable: str
    name: str
    files: tuple[Path, ...] = ()
    overrides: dict[str, Any] = field(default_factory=dict)


def node_processes(run: RunSettings) -> list[NodeProcess]:
    """The nodes of a run; between simulation and hardware only camera and robot differ."""
    time = {"use_sim_time": run.use_sim_time or (run.sim and run.factor != 1.0)}
    robot: dict[str, Any] = {"robot_ip": run.robot_ip} if run.robot_ip else {}
    mode: dict[str, Any] = {"mode": run.mode} if run.mode else {}
    camera: dict[str, Any] = {}
    clock = []
    if run.sim:
        camera = {"source": "sim", "run_dir": run.run_dir}
        robot = {"robot": "sim", "robot_ip": run.robot_ip or "127.0.0.1", "auto_resume": True}
        mode = {"mode": run.mode or "run"}
        if run.factor != 1.0:
            clock = [NodeProcess("clock_node", "clock_node", (), {"run_dir": run.run_dir})]
    network = {"model": run.model, "device": run.device, "priority": run.priority}
    inference = NodeProcess("inference_node", "inference_node", _files("inference", run), {**network, **time})
    if run.priority == "oracle":
        mode["quality_min"] = _TRUE_QUALITY_MIN
        inference = NodeProcess("oracle_node", "oracle_node", (), {"run_dir": run.run_dir, **time})
    return [
        NodeProcess("camera_node", "camera_node", _files("camera", run), {**camera, **time}),
        inference,
        NodeProcess("planner_node", "planner_node", _files("planner", run), {**robot, **mode, **time}),
        *clock,
    ]


def simulation_command(run: RunSettings) -> list[str]:
    """Command line of the simulated cell."""
    arguments = {
        "--ip": run.robot_ip or "127.0.0.1", "--seed": run.seed, "--objects": run.objects,
        "--factor": run.factor, "--run-dir": run.run_dir,
    }  # fmt: skip
    words = [str(word) for pair in arguments.items() for word in pair]
    return [sys.executable, "-m", "gpnet_ros.cli", "sim", *words]


def environment() -> dict[str, str]:
    """Environment of all processes: the shared-memory profile, without which most frames are lost."""
    return dict.fromkeys(PROFILE_VARIABLES, str(config_dir() / "fastdds.xml"))


def _files(stem: str, run: RunSettings) -> tuple[Path, ...]:
    extra = (Path(run.params_file),) if run.params_file else ()
    return (config_dir() / f"{stem}.yaml", *extra)
