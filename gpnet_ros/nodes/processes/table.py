"""The one table of processes: which nodes a run needs, with which parameter files and which overrides.

The launch file and the starter of `gpnet demo` both read it. Nothing here needs ROS.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.devices.robots import GRIPPERS
from gpnet_ros.errors import SettingsError
from gpnet_ros.frame import CAMERA_FRAME
from gpnet_ros.free_objects import PRIORITIES
from gpnet_ros.network.runtimes import PRECISIONS, RUNTIME_CHOICES
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH
from gpnet_ros.nodes.parameters.declared import TF_CHOICES, TRANSPORTS
from gpnet_ros.nodes.parameters.params_file import ParamsFile
from gpnet_ros.nodes.processes.node_process import LOG_LEVELS, RESPAWNED, NodeProcess
from gpnet_ros.nodes.processes.transport import profile_environment
from gpnet_ros.parent import LAUNCHER
from gpnet_ros.picking.mode_gate import MODES
from gpnet_ros.settings import config_dir, setting, validate
from gpnet_ros.urdf import urdf

SCENE_MODEL, SUCTION = "fast-graspnext", "suction"  # the shipped multi-task model; the gripper that needs no other
_TRUE_QUALITY_MIN = 0.01  # smallest Q* where maps are a simulated cell's truth: what is true needs no threshold
_NAME = re.compile(r"/?([A-Za-z_]\w*(/[A-Za-z_]\w*)*/?)?", re.ASCII)


@dataclass(frozen=True)
class RunSettings:
    """Choices of a person for a run; the arguments of the launch file have these names and defaults.

    Text that is empty was not given: then params_file decides, else what a simulation needs, else the file of config/.
    """

    sim: bool = setting(False, "Simulate camera and robot; nothing else changes.")
    robot_ip: str = setting(
        "",
        "Address of the controller; empty: that of params_file or config/planner.yaml, in simulation 127.0.0.1, "
        "with a namespace a loopback address of its own.",
    )
    mode: str = setting(
        "",
        "How far the planner goes; empty: that of params_file, else dry_run on hardware, run in simulation.",
        choices=("", *MODES),
    )
    params_file: str = setting(
        "", "Parameter file for all nodes; it wins over the files of config/ and over what was not given."
    )
    model: str = setting("", "Name in models/ or path of a model folder; empty: that of params_file, else gpnet.")
    device: str = setting(
        "", "Where the network runs; empty: that of params_file, else auto.", choices=("", "auto", "cpu", "cuda")
    )
    runtime: str = setting(
        "", "What runs the network; empty: that of params_file, else auto.", choices=("", *RUNTIME_CHOICES)
    )
    precision: str = setting(
        "", "What it multiplies in; empty: that of params_file, else float32.", choices=("", *PRECISIONS)
    )
    priority: str = setting(
        "",
        "Where P comes from; empty: that of params_file, else learned; graspnext: what the second network finds free; "
        "oracle: the simulation's truth.",
        choices=("", *PRIORITIES, "oracle"),
    )
    scene_model: str = setting(
        "",
        "Second network, a multi-task model by name or path; empty: that of params_file, else fast-graspnext where "
        "priority:=graspnext needs one.",
    )
    gripper: str = setting(
        "",
        "What grips; empty: that of params_file, else robotiq. suction: a cup, by config/cell_suction.yaml; its only "
        "network is a multi-task model (fast-graspnext).",
        choices=("", *GRIPPERS),
    )
    namespace: str = setting("", "Namespace of all nodes; several cells side by side need one each.")
    use_sim_time: bool = setting(False, "Follow /clock, for bags; a simulation at another speed sets it by itself.")
    cell_file: str = setting("", "Cell file of all nodes; empty: that of params_file, else of pace.")
    pace: str = setting(
        "", "Without a cell_file; empty: fast in simulation, careful on hardware.", choices=("", "careful", "fast")
    )
    hand_eye_file: str = setting("", "Hand-eye file; empty: that of params_file, else config/hand_eye.yaml.")
    camera: str = setting(
        "own", "Who publishes the camera: camera_node, or another package's node.", choices=("own", "external")
    )
    camera_prefix: str = setting("/camera/camera", "Before the topics of an external camera; realsense2_camera's.")
    camera_color: str = setting("color/image_raw", "Its colour below that prefix; a D405's is color/image_rect_raw.")
    image_transport: str = setting(
        "", "How its images come; empty: that of params_file, else raw.", choices=("", *TRANSPORTS)
    )
    record: bool = setting(
        False, "Write what is decided on into a bag per task, below runs/decisions (there one folder per namespace)."
    )
    shift: bool = setting(False, "Keep a page of the shift below runs/shift (there one folder per namespace).")
    robot_model: str = setting(
        "auto",
        "Start robot_state_publisher with the cell's description, in place of the planner's frames; auto: where it is "
        "installed; false: where another publisher owns tool0.",
        choices=("auto", "true", "false"),
    )
    tf: str = setting(
        "",
        "Frames that the planner publishes in TF, where others own flange or camera; empty: that of params_file, else "
        "all, but none with robot_state_publisher, which has them all.",
        choices=("", *TF_CHOICES),
    )
    respawn: bool = setting(True, "Start camera_node and inference_node again when they have died; never planner_node.")
    log_level: str = setting("info", "What all nodes log: this and what is more severe.", choices=LOG_LEVELS)
    rviz: bool = setting(False, "Start RViz too, with config/grasp.rviz.")
    seed: int = setting(1, "Seed of the simulated heap.", low=0, high=2**31)
    objects: int = setting(5, "Objects in the simulated heap.", low=0, high=20)
    factor: float = setting(1.0, "Simulated seconds per second.", low=0.05, high=50.0)
    run_dir: str = setting("", "Folder for the simulation's states; empty: runs/launch, there one per namespace.")

    def __post_init__(self) -> None:
        validate(self)
        for option, name in (("namespace", self.namespace), ("camera_prefix", self.camera_prefix)):
            if not _NAME.fullmatch(name):
                raise SettingsError(f"{option} is {name!r}; allowed are words of letters, digits and _, joined by /.")
        if self.priority == "oracle" and not self.sim:
            raise SettingsError("priority 'oracle' knows only the simulated cell: set sim:=true, or choose another.")
        if self.gripper == SUCTION and self.priority == "oracle":
            raise SettingsError("priority 'oracle' tells of grasps for jaws: with gripper:=suction leave it out.")
        if self.gripper == SUCTION and self.model and self.scene_model:
            raise SettingsError("With gripper:=suction one network runs: give model or scene_model, not both.")
        if self.priority == "oracle" and self.scene_model:
            raise SettingsError("priority 'oracle' runs no network: leave scene_model out, or choose another priority.")
        if self.camera == "external" and self.sim:
            raise SettingsError("camera 'external' cannot see the simulated cell: set sim:=false, or camera:=own.")
        if self.camera == "own" and self.image_transport == "compressed":
            raise SettingsError("image_transport 'compressed' needs camera:=external: camera_node sends raw images.")


def node_processes(run: RunSettings) -> list[NodeProcess]:
    """The nodes of a run; between simulation and hardware only camera and robot differ.

    Raises:
        SettingsError: the parameter file cannot be read, or names what no node knows.
    """
    names = ["camera_node"] if run.camera == "own" else []
    names += ["oracle_node" if run.priority == "oracle" else "inference_node", "planner_node"]
    if run.sim and run.factor != 1.0:
        names.append("clock_node")
    file = ParamsFile(run.params_file, run.namespace)
    return [
        NodeProcess(
            name,
            name,
            _files(name),
            {**_defaults(name, run), **file.values(name), **_given(name, run)},
            {**remaps(run), **_camera_topics(run)},
            run.respawn and name in RESPAWNED,
            run.log_level,
        )
        for name in names
    ]


def remaps(run: RunSettings) -> dict[str, str]:
    """Topics of all nodes of a graph that become those of one cell: its frames, and the clock that it makes itself.

    Two cells have the same names of frames and two times; a clock that a person plays stays that of all.
    """
    if not _namespace(run):
        return {}
    own = ("tf", "tf_static", *(("clock",) if run.sim and run.factor != 1.0 else ()))
    return {f"/{name}": name for name in own}


def _camera_topics(run: RunSettings) -> dict[str, str]:
    """Topics of another package's camera in place of our own."""
    if run.camera == "own":
        return {}
    names = {COLOR: run.camera_color, DEPTH: DEPTH, CAMERA_INFO: CAMERA_INFO}
    return {topic: f"{run.camera_prefix.rstrip('/')}/{name.lstrip('/')}" for topic, name in names.items()}


def _defaults(node: str, run: RunSettings) -> dict[str, Any]:
    """What a run prefers to the files of config/; a parameter file may say otherwise."""
    if node == "clock_node":
        return {}
    fast = run.pace == "fast" or (run.sim and not run.pace)
    file = "cell_suction.yaml" if run.gripper == SUCTION else "cell_fast.yaml" if fast else ""
    cell = {"cell_file": str(config_dir() / file)} if file else {}
    if node == "inference_node":
        needed = run.priority == "graspnext" or run.gripper == SUCTION
        return {"scene_model": SCENE_MODEL, **cell} if needed else cell
    return {**_of_planner(run), **cell} if node == "planner_node" else cell


def _of_planner(run: RunSettings) -> dict[str, Any]:
    asked = {"record_dir": run.record and "runs/decisions", "shift_dir": run.shift and "runs/shift"}
    folder = {name: str(Path(root, _namespace(run))) for name, root in asked.items() if root}
    if not run.sim:
        return folder
    true = {"quality_min": _TRUE_QUALITY_MIN} if run.priority == "oracle" else {}
    return {"mode": "run", "auto_resume": True, **true, **folder}


def _given(node: str, run: RunSettings) -> dict[str, Any]:
    """What a person has chosen for this run, and what makes it the run that was chosen."""
    sim, cell = run.sim, {"run_dir": run_folder(run)}
    files = {"cell_file": run.cell_file, "hand_eye_file": run.hand_eye_file}
    packed = {"image_transport": run.image_transport}
    chosen: dict[str, dict[str, Any]] = {
        "camera_node": {**files, **({"source": "sim", **cell} if sim else {})},
        "inference_node": {
            "model": run.model, "scene_model": run.scene_model, "device": run.device,
            "runtime": run.runtime, "precision": run.precision, "priority": run.priority, **files, **packed,
        },
        "oracle_node": {**cell, **files},
        "planner_node": {
            "robot": "sim" if sim else "", "robot_ip": address(run) if sim else run.robot_ip, "mode": run.mode,
            "priority": "" if run.priority == "oracle" else run.priority, "gripper": run.gripper,
            "tf": run.tf or ("none" if has_robot_model(run) else ""), "record": run.record or "", **files, **packed,
        },
        "clock_node": cell,
    }  # fmt: skip
    given = {name: value for name, value in chosen[node].items() if value != ""}
    if run.gripper == SUCTION and node == "inference_node":  # no maps of grasps, and so no grasp network
        given |= {"model": "", **({"scene_model": run.model} if run.model else {})}
    if node != "clock_node" and (run.use_sim_time or (sim and run.factor != 1.0)):
        given["use_sim_time"] = True
    return given


def has_robot_model(run: RunSettings) -> bool:
    """Whether robot_state_publisher is started; then all frames are its own."""
    return run.robot_model == "true" or (run.robot_model == "auto" and is_installed("robot_state_publisher"))


def robot_description(run: RunSettings) -> str:
    """The description of the cell that the planner of this run works with.

    Raises:
        SettingsError: a file cannot be read, see `cell.load_cell`.
    """
    planner = _planner_values(run)
    cell, hand_eye = load_cell(planner.get("cell_file") or None), load_hand_eye(planner.get("hand_eye_file") or None)
    return urdf(cell, hand_eye, planner.get("camera_frame") or CAMERA_FRAME)


def _planner_values(run: RunSettings) -> dict[str, Any]:
    """What overrides the planner's own parameters, those of params_file too."""
    return next(process for process in node_processes(run) if process.name == "planner_node").overrides


def is_installed(package: str) -> bool:
    """Whether ROS has the package's program of the same name."""
    prefixes = filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep))
    return any((Path(prefix) / "lib" / package / package).is_file() for prefix in prefixes)


def _namespace(run: RunSettings) -> str:
    return run.namespace.strip("/")


def address(run: RunSettings) -> str:
    """Where the controller of a simulated cell listens: with a namespace, an address that follows from it."""
    if run.robot_ip or not _namespace(run):
        return run.robot_ip or "127.0.0.1"
    number = zlib.crc32(_namespace(run).encode())
    return f"127.2.{number // 250 % 250 + 1}.{number % 250 + 1}"


def run_folder(run: RunSettings) -> str:
    """Where a simulated cell publishes its states: one folder per cell."""
    return run.run_dir or str(Path("runs/launch", _namespace(run)))


def simulation_command(run: RunSettings) -> list[str]:
    """Command line of the simulated cell."""
    arguments = {
        "--ip": address(run), "--seed": run.seed, "--objects": run.objects,
        "--factor": run.factor, "--run-dir": run_folder(run),
    }  # fmt: skip
    cell_file = _planner_values(run).get("cell_file")
    if cell_file:  # an arm or a tote simulated elsewhere than the planner knows it moves into what that cannot see
        arguments["--cell"] = cell_file
    words = [str(word) for pair in arguments.items() for word in pair]
    return [sys.executable, "-m", "gpnet_ros.cli", "sim", *words]


def environment() -> dict[str, str]:
    """Environment of all processes: who starts them, and the shared-memory profile, unless a person has chosen one."""
    return {LAUNCHER: str(os.getpid()), **profile_environment()}


def _files(node: str) -> tuple[Path, ...]:
    file = config_dir() / f"{node.removesuffix('_node')}.yaml"
    return (file,) if file.is_file() else ()
