"""The parameters of every node: default, unit, bounds, a sentence, and when each may change. Nothing here needs ROS."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from gpnet_ros.cell import Cell, MotionSettings
from gpnet_ros.data.bags.topics import BAG_TRANSPORTS
from gpnet_ros.devices.robots import GRIPPERS, ROBOTS
from gpnet_ros.frame import CAMERA_FRAME, VALID_SHARE_MIN
from gpnet_ros.free_objects import PRIORITIES
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.network.runtimes import PRECISIONS, RUNTIME_CHOICES
from gpnet_ros.nodes.parameters import declaring
from gpnet_ros.nodes.parameters.declaring import READ_ONLY, fixed, live, of_cell
from gpnet_ros.pairing import TOLERANCE
from gpnet_ros.picking.mode_gate import MODES
from gpnet_ros.settings import Workspace, validate

#: What a planner may publish in TF.
TF_CHOICES = ("all", "flange", "camera", "none")
#: How images come, as image_transport calls it.
TRANSPORTS = ("raw", "compressed")
#: What rclpy itself declares in every node; not ours to refuse.
BUILT_IN = ("use_sim_time", "start_type_description_service", "qos_overrides")


@dataclass(frozen=True)
class NodeSettings:
    """The parameter that every node has; the settings of a node add theirs."""

    autostart: bool = fixed(declaring.AT_START, True, "Configure and activate at once.")

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class ReaderSettings(NodeSettings):
    """The parameter of every node that reads images."""

    image_qos: str = fixed(
        declaring.TOPICS,
        "auto",
        "How images are subscribed to: the newest, lost ones are lost (sensor); five, lost ones are sent again "
        "(reliable); auto: reliable where Fast DDS has no profile, else sensor.",
        choices=("auto", "sensor", "reliable"),
    )
    image_transport: str = fixed(
        declaring.TOPICS,
        "raw",
        "How images come: as they are, or packed (/compressed of colour, /compressedDepth of depth).",
        choices=TRANSPORTS,
    )
    pair_within: float = fixed(
        declaring.TOPICS,
        TOLERANCE,
        "Pair colour and depth without a partner of their own stamp within this time; 0: equal stamps only.",
        unit="s",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class SquareSettings(ReaderSettings):
    """The parameters of every node that knows the workspace."""

    workspace_centre: tuple[float, float] = of_cell(Workspace, "centre", shared=True)
    workspace_side: float = of_cell(Workspace, "side", shared=True)


@dataclass(frozen=True)
class CameraSettings(NodeSettings):
    """Parameters of camera_node."""

    source: str = fixed(declaring.DEVICE, "realsense", "Where frames come from.", choices=("realsense", "bag", "sim"))
    serial: str = fixed(declaring.DEVICE, "", "Serial number of the D435; empty for the only one that is plugged in.")
    bag_file: str = fixed(declaring.FILE, "", "Recording of a RealSense (.bag), for source 'bag'.")
    run_dir: str = fixed(declaring.FILE, "", "Run folder of the simulated cell, for source 'sim'.")
    width: int = fixed(declaring.DEVICE, 640, "Width of colour and aligned depth.", unit="px", low=320, high=1920)
    height: int = fixed(declaring.DEVICE, 480, "Height of colour and aligned depth.", unit="px", low=240, high=1080)
    fps: int = fixed(declaring.DEVICE, 15, "Frames per second of the D435.", unit="1/s", low=1, high=90)
    noise: bool = fixed(declaring.DEVICE, True, "D435 noise on the simulated depth.")
    cell_file: str = fixed(declaring.FILE, "", "What the simulated camera sees around; empty for config/cell.yaml.")
    hand_eye_file: str = fixed(declaring.FILE, "", "Where the simulated camera is; empty for config/hand_eye.yaml.")
    frame_id: str = fixed(declaring.DEVICE, CAMERA_FRAME, "Name of the colour optical frame.")


@dataclass(frozen=True)
class InferenceSettings(SquareSettings):
    """Parameters of inference_node."""

    model: str = fixed(
        declaring.NETWORK,
        "gpnet",
        "Name of a model in models/, or the path of a model folder; empty: no maps of grasps.",
    )
    scene_model: str = fixed(
        declaring.NETWORK, "", "Multi-task model that also sees which objects there are, by name or path; empty: none."
    )
    scene_rate: float = live(
        2.0, "Most frames per second that the multi-task model sees.", unit="1/s", low=0.02, high=30.0
    )
    device: str = fixed(declaring.NETWORK, "auto", "Where the network runs.", choices=("auto", "cpu", "cuda"))
    runtime: str = fixed(
        declaring.NETWORK,
        "auto",
        "What runs it; auto: the first of openvino and torch that is there and computes what the model's card says.",
        choices=RUNTIME_CHOICES,
    )
    precision: str = fixed(
        declaring.NETWORK,
        "float32",
        "What it multiplies in; bfloat16 where the processor is quicker in it, with other maps.",
        choices=PRECISIONS,
    )
    priority: str = live(
        "learned", "Where P comes from; graspnext, which the planner works out, leaves it learned.", choices=PRIORITIES
    )
    view: str = fixed(declaring.NETWORK, "workspace", "What the network sees.", choices=("workspace", "whole"))
    cell_file: str = fixed(declaring.FILE, "", "Cell file; empty for config/cell.yaml.")
    hand_eye_file: str = fixed(declaring.FILE, "", "Hand-eye file; empty for config/hand_eye.yaml.")
    valid_share_min: float = live(
        VALID_SHARE_MIN, "Frames with fewer valid depth pixels are refused.", shared=True, low=0.0, high=1.0
    )


@dataclass(frozen=True)
class OracleSettings(SquareSettings):
    """Parameters of oracle_node."""

    run_dir: str = fixed(declaring.FILE, "", "Run folder of the simulated cell.")
    cell_file: str = fixed(declaring.FILE, "", "Cell file; empty for config/cell.yaml.")
    hand_eye_file: str = fixed(declaring.FILE, "", "Hand-eye file; empty for config/hand_eye.yaml.")


@dataclass(frozen=True)
class PlannerSettings(SquareSettings):
    """Parameters of planner_node."""

    autostart: bool = fixed(declaring.AT_START, True, "Configure and activate at once; that never arms the robot.")
    mode: str = fixed(declaring.ARMS, "dry_run", "How far it goes.", choices=MODES)
    robot: str = fixed(declaring.DEVICE, "ur", "What moves: the simulated cell, a real UR, or a fake.", choices=ROBOTS)
    robot_ip: str = fixed(declaring.DEVICE, "127.0.0.1", "Address of the controller.")
    gripper: str = fixed(declaring.DEVICE, "robotiq", "The gripper.", choices=GRIPPERS)
    gripper_file: str = fixed(declaring.FILE, "", "Settings of the gripper; empty for the defaults.")
    priority: str = fixed(
        declaring.TOPICS,
        "learned",
        "Whose turn it is: by the maps' P, whatever that is, or what the second network finds free (graspnext).",
        choices=PRIORITIES,
    )
    auto_resume: bool = fixed(declaring.ARMS, False, "Resume without a person; in simulation only.")
    cell_file: str = fixed(declaring.FILE, "", "Cell file; empty for config/cell.yaml.")
    hand_eye_file: str = fixed(declaring.FILE, "", "Hand-eye file; empty for config/hand_eye.yaml.")
    quality_min: float = live(SelectSettings.quality_min, "Smallest Q* of a grasp, worth of a cup.", low=0.0, high=1.0)
    valid_share_min: float = live(
        VALID_SHARE_MIN, "Frames with fewer valid depth pixels are refused.", shared=True, low=0.0, high=1.0
    )
    compare: int = live(
        SelectSettings.compare, "Candidates with room for the jaw that are compared; 1: the first.", low=1, high=100
    )
    joint_speed: float = of_cell(MotionSettings, "joint_speed")
    linear_speed: float = of_cell(MotionSettings, "linear_speed")
    descent_speed: float = of_cell(MotionSettings, "descent_speed")
    grip_speed: float = of_cell(MotionSettings, "grip_speed")
    max_picks: int = fixed(declaring.TASK, 30, "The loop ends after this many picks.", low=1, high=1000)
    failures_max: int = fixed(declaring.TASK, 3, "The loop ends after this many failures in a row.", low=1, high=100)
    look_timeout: float = fixed(declaring.TASK, 30.0, "Longest wait for a frame.", unit="s", low=0.5, high=120.0)
    record: bool = fixed(declaring.TASK, False, "Write what is decided on into a bag, one per task.")
    record_dir: str = fixed(declaring.TASK, "runs/decisions", "Folder of these bags.")
    shift_dir: str = fixed(declaring.TASK, "", "Folder of all shifts, each with its page; empty: none is kept.")
    calibration_check_file: str = fixed(declaring.ARMS, "", "File of `gpnet check`; needed beyond hover on hardware.")
    calibration_max_age: int = fixed(
        declaring.ARMS, 30, "An older calibration check does not count.", unit="days", low=1, high=3650
    )
    camera_serial: str = fixed(declaring.ARMS, "", "Serial number of the camera in use; needed beyond hover.")
    tf: str = fixed(
        declaring.TOPICS, "all", "Frames that it publishes in TF; others may own flange or camera.", choices=TF_CHOICES
    )
    camera_frame: str = fixed(declaring.TOPICS, CAMERA_FRAME, "Name of the colour optical frame in TF.")


@dataclass(frozen=True)
class ClockSettings(NodeSettings):
    """Parameters of clock_node."""

    run_dir: str = fixed(declaring.FILE, "", "Run folder of the simulated cell.")
    rate: float = fixed(declaring.AT_START, 100.0, "Messages per second of wall time.", unit="Hz", low=1.0, high=1000.0)
    start_timeout: float = fixed(
        declaring.AT_START, 60.0, "For the simulated cell to begin.", unit="s", low=1.0, high=600.0
    )


@dataclass(frozen=True)
class ReplaySettings(NodeSettings):
    """Parameters of replay_node."""

    bag_file: str = fixed(declaring.FILE, "", "The bag: a folder, .mcap or .db3.")
    prefix: str = fixed(declaring.FILE, "", "What the camera's topics begin with; empty: the only camera.")
    rate: float = fixed(declaring.AT_START, 1.0, "Seconds of the bag per second.", low=0.01, high=100.0)
    loop: bool = fixed(declaring.AT_START, False, "Play it again and again; else the node ends with the bag.")
    start_offset: float = fixed(
        declaring.AT_START, 0.0, "Leave out so much of its beginning.", unit="s", low=0.0, high=1e6
    )
    tolerance: float = fixed(
        declaring.AT_START,
        TOLERANCE,
        "Pair images without a partner of their own stamp within this time.",
        unit="s",
        low=0.0,
        high=1.0,
    )
    image_transport: str = fixed(
        declaring.FILE,
        "auto",
        "Which images of the bag: raw, packed, or raw where both are there (auto).",
        choices=BAG_TRANSPORTS,
    )
    clock: bool = fixed(declaring.TOPICS, True, "Publish the bag's time as /clock.")
    wait: float = fixed(
        declaring.AT_START, 10.0, "Longest wait for somebody who listens.", unit="s", low=0.0, high=600.0
    )
    wait_for: str = fixed(
        declaring.AT_START, "", "Lifecycle node that must be active, too, before the bag begins; empty: none."
    )


#: Executable -> its parameters.
PARAMETERS: dict[str, type[NodeSettings]] = {
    "camera_node": CameraSettings,
    "inference_node": InferenceSettings,
    "oracle_node": OracleSettings,
    "planner_node": PlannerSettings,
    "clock_node": ClockSettings,
    "replay_node": ReplaySettings,
}


def names_of(kind: type[NodeSettings]) -> set[str]:
    """Names of a node's own parameters."""
    return {f.name for f in dataclasses.fields(kind)}


def all_names() -> set[str]:
    """Names of the parameters of all nodes."""
    return set().union(*(names_of(kind) for kind in PARAMETERS.values()))


def change_of(field: dataclasses.Field[Any]) -> str:
    """When a parameter changes: `LIVE`, `AT_REST` or `READ_ONLY`."""
    return str(field.metadata.get("change", READ_ONLY))


def change_sentence(field: dataclasses.Field[Any]) -> str:
    """When a parameter changes, and if it never does why, and what to do instead."""
    change = change_of(field)
    if change == READ_ONLY:
        return f"read-only, {field.metadata.get('why', declaring.AT_START)}{declaring.INSTEAD}"
    return f"{change}{', in all nodes that share it or in none' if field.metadata.get('shared') else ''}."


def cell_parameters(kind: type[NodeSettings]) -> dict[str, tuple[str, str]]:
    """The parameters of a node that are settings of the cell file: where they stand there, part and name."""
    return {f.name: f.metadata["cell"] for f in dataclasses.fields(kind) if f.metadata.get("cell")}


def shared_names(kind: type[NodeSettings]) -> set[str]:
    """The parameters of a node that the planner and the node that makes its maps have in common."""
    return {f.name for f in dataclasses.fields(kind) if f.metadata.get("shared")}


def with_parameters(cell: Cell, settings: NodeSettings) -> Cell:
    """The cell with what a node's parameters say of it."""
    for name, (part, inner) in cell_parameters(type(settings)).items():
        changed = dataclasses.replace(getattr(cell, part), **{inner: getattr(settings, name)})
        cell = dataclasses.replace(cell, **{part: changed})
    return cell
