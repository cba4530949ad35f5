"""The parameters of every node: default, unit, bounds and one sentence each. Nothing here needs ROS."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from gpnet_ros.data.bags.topics import BAG_TRANSPORTS
from gpnet_ros.devices.robots import GRIPPERS, ROBOTS
from gpnet_ros.frame import CAMERA_FRAME, VALID_SHARE_MIN
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.maps import P_SOURCES
from gpnet_ros.pairing import TOLERANCE
from gpnet_ros.picking.mode_gate import MODES
from gpnet_ros.settings import setting, validate

#: What a planner may publish in TF.
TF_CHOICES = ("all", "flange", "camera", "none")
#: How images come, as image_transport calls it.
TRANSPORTS = ("raw", "compressed")
#: What rclpy itself declares in every node; not ours to refuse.
BUILT_IN = ("use_sim_time", "start_type_description_service", "qos_overrides")


@dataclass(frozen=True)
class NodeSettings:
    """The parameter that every node has; the settings of a node add theirs."""

    autostart: bool = setting(True, "Configure and activate at once.")

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class ReaderSettings(NodeSettings):
    """The parameter of every node that reads images."""

    image_qos: str = setting(
        "auto",
        "How images are subscribed to: the newest, lost ones are lost (sensor); five, lost ones are sent again "
        "(reliable); auto: reliable where Fast DDS has no profile, else sensor.",
        choices=("auto", "sensor", "reliable"),
    )
    image_transport: str = setting(
        "raw",
        "How images come: as they are, or packed (/compressed of colour, /compressedDepth of depth).",
        choices=TRANSPORTS,
    )
    pair_within: float = setting(
        TOLERANCE,
        "Pair colour and depth without a partner of their own stamp within this time; 0: equal stamps only.",
        unit="s",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class CameraSettings(NodeSettings):
    """Parameters of camera_node."""

    source: str = setting("realsense", "Where frames come from.", choices=("realsense", "bag", "sim"))
    serial: str = setting("", "Serial number of the D435; empty for the only one that is plugged in.")
    bag_file: str = setting("", "Recording of a RealSense (.bag), for source 'bag'.")
    run_dir: str = setting("", "Run folder of the simulated cell, for source 'sim'.")
    width: int = setting(640, "Width of colour and aligned depth.", unit="px", low=320, high=1920)
    height: int = setting(480, "Height of colour and aligned depth.", unit="px", low=240, high=1080)
    fps: int = setting(15, "Frames per second of the D435.", unit="1/s", low=1, high=90)
    noise: bool = setting(True, "D435 noise on the simulated depth.")
    cell_file: str = setting("", "What the simulated camera sees around; empty for config/cell.yaml.")
    hand_eye_file: str = setting("", "Where the simulated camera is; empty for config/hand_eye.yaml.")
    frame_id: str = setting(CAMERA_FRAME, "Name of the colour optical frame.")


@dataclass(frozen=True)
class InferenceSettings(ReaderSettings):
    """Parameters of inference_node."""

    model: str = setting("gpnet", "Name of a model in models/, or the path of a model folder.")
    device: str = setting("auto", "Where the network runs.", choices=("auto", "cpu", "cuda"))
    priority: str = setting("learned", "Where P comes from.", choices=P_SOURCES)
    view: str = setting("workspace", "What the network sees.", choices=("workspace", "whole"))
    cell_file: str = setting("", "Cell file; empty for config/cell.yaml.")
    hand_eye_file: str = setting("", "Hand-eye file; empty for config/hand_eye.yaml.")
    valid_share_min: float = setting(
        VALID_SHARE_MIN, "Frames with fewer valid depth pixels are refused.", low=0.0, high=1.0
    )


@dataclass(frozen=True)
class OracleSettings(ReaderSettings):
    """Parameters of oracle_node."""

    run_dir: str = setting("", "Run folder of the simulated cell.")
    cell_file: str = setting("", "Cell file; empty for config/cell.yaml.")
    hand_eye_file: str = setting("", "Hand-eye file; empty for config/hand_eye.yaml.")


@dataclass(frozen=True)
class PlannerSettings(ReaderSettings):
    """Parameters of planner_node."""

    autostart: bool = setting(True, "Configure and activate at once; that never arms the robot.")
    mode: str = setting("dry_run", "How far it goes.", choices=MODES)
    robot: str = setting("ur", "What moves: the simulated cell, a real UR, or a fake.", choices=ROBOTS)
    robot_ip: str = setting("127.0.0.1", "Address of the controller.")
    gripper: str = setting("robotiq", "The gripper.", choices=GRIPPERS)
    gripper_file: str = setting("", "Settings of the gripper; empty for the defaults.")
    auto_resume: bool = setting(False, "Resume without a person; in simulation only.")
    cell_file: str = setting("", "Cell file; empty for config/cell.yaml.")
    hand_eye_file: str = setting("", "Hand-eye file; empty for config/hand_eye.yaml.")
    quality_min: float = setting(SelectSettings.quality_min, "Smallest Q* of a grasp.", low=0.0, high=1.0)
    valid_share_min: float = setting(
        VALID_SHARE_MIN, "Frames with fewer valid depth pixels are refused.", low=0.0, high=1.0
    )
    max_picks: int = setting(30, "The loop ends after this many picks.", low=1, high=1000)
    failures_max: int = setting(3, "The loop ends after this many failures in a row.", low=1, high=100)
    look_timeout: float = setting(30.0, "Longest wait for a frame.", unit="s", low=0.5, high=120.0)
    record: bool = setting(False, "Write what is decided on into a bag, one per task.")
    record_dir: str = setting("runs/decisions", "Folder of these bags.")
    calibration_check_file: str = setting("", "Result of the calibration check; needed beyond hover on hardware.")
    calibration_max_age: int = setting(30, "An older calibration check does not count.", unit="days", low=1, high=3650)
    camera_serial: str = setting("", "Serial number of the camera in use.")
    tf: str = setting("all", "Frames that it publishes in TF; others may own flange or camera.", choices=TF_CHOICES)
    camera_frame: str = setting(CAMERA_FRAME, "Name of the colour optical frame in TF.")


@dataclass(frozen=True)
class ClockSettings(NodeSettings):
    """Parameters of clock_node."""

    run_dir: str = setting("", "Run folder of the simulated cell.")
    rate: float = setting(100.0, "Messages per second of wall time.", unit="Hz", low=1.0, high=1000.0)
    start_timeout: float = setting(60.0, "For the simulated cell to begin.", unit="s", low=1.0, high=600.0)


@dataclass(frozen=True)
class ReplaySettings(NodeSettings):
    """Parameters of replay_node."""

    bag_file: str = setting("", "The bag: a folder, .mcap or .db3.")
    prefix: str = setting("", "What the camera's topics begin with; empty: the only camera.")
    rate: float = setting(1.0, "Seconds of the bag per second.", low=0.01, high=100.0)
    loop: bool = setting(False, "Play it again and again; else the node ends with the bag.")
    start_offset: float = setting(0.0, "Leave out so much of its beginning.", unit="s", low=0.0, high=1e6)
    tolerance: float = setting(
        TOLERANCE, "Pair images without a partner of their own stamp within this time.", unit="s", low=0.0, high=1.0
    )
    image_transport: str = setting(
        "auto",
        "Which images of the bag: raw, packed, or raw where both are there (auto).",
        choices=BAG_TRANSPORTS,
    )
    clock: bool = setting(True, "Publish the bag's time as /clock.")
    wait: float = setting(10.0, "Longest wait for somebody who listens.", unit="s", low=0.0, high=600.0)


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
