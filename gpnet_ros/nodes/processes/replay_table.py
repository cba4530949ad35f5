"""The processes of a replay: a bag in the camera's place, inference_node, and a planner that never moves anything.

`launch/replay.launch.py` reads it. Nothing here needs ROS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.frames import BagFrames
from gpnet_ros.data.bags.topics import BAG_TRANSPORTS
from gpnet_ros.errors import BagRefused, SettingsError
from gpnet_ros.free_objects import PRIORITIES
from gpnet_ros.network.runtimes import PRECISIONS, RUNTIME_CHOICES
from gpnet_ros.nodes.processes.node_process import LOG_LEVELS, NodeProcess
from gpnet_ros.nodes.processes.table import RunSettings, node_processes
from gpnet_ros.pairing import TOLERANCE
from gpnet_ros.settings import setting, validate

#: Longest wait for the network to be loaded [s].
_LOADING = 60.0


@dataclass(frozen=True)
class ReplayRun:
    """Choices of a person for a replay; the arguments of the launch file have these names and defaults."""

    bag: str = setting("", "The bag: a folder, .mcap or .db3.")
    prefix: str = setting("", "What the camera's topics begin with, /camera/camera; empty: the only camera.")
    rate: float = setting(1.0, "Seconds of the bag per second.", low=0.01, high=100.0)
    loop: bool = setting(True, "Play it again and again.")
    start_offset: float = setting(0.0, "Leave out so much of its beginning.", unit="s", low=0.0, high=1e6)
    tolerance: float = setting(
        TOLERANCE, "Pair images without a partner of their own stamp within this time.", unit="s", low=0.0, high=1.0
    )
    image_transport: str = setting(
        "auto",
        "Which images of the bag: raw, packed, or raw where both are there (auto).",
        choices=BAG_TRANSPORTS,
    )
    model: str = setting("", "Name of a model in models/, or the path of a model folder; empty: see params_file.")
    device: str = setting("", "Where the network runs; empty: see params_file.", choices=("", "auto", "cpu", "cuda"))
    runtime: str = setting("", "What runs it; empty: see params_file.", choices=("", *RUNTIME_CHOICES))
    precision: str = setting("", "What it multiplies in; empty: see params_file.", choices=("", *PRECISIONS))
    priority: str = setting("", "Where P comes from; empty: see params_file.", choices=("", *PRIORITIES))
    scene_model: str = setting("", "Second network, a multi-task model by name or path; empty: as of grasp.launch.py.")
    params_file: str = setting("", "Parameter file for all nodes; it wins over the files of config/.")
    cell_file: str = setting("", "Cell file of the bag's cell; empty: see params_file.")
    hand_eye_file: str = setting("", "Hand-eye file of the bag's camera; empty: see params_file.")
    namespace: str = setting("", "Namespace of all nodes.")
    log_level: str = setting("info", "What all nodes log: this and what is more severe.", choices=LOG_LEVELS)

    def __post_init__(self) -> None:
        validate(self)
        if not self.bag:
            raise SettingsError("bag is empty; name the bag to play: bag:=FOLDER, bag:=FILE.mcap or bag:=FILE.db3.")


def require_bag(run: ReplayRun) -> None:
    """Look into the bag before anything starts: nodes without a camera would wait for ever.

    Raises:
        BagRefused: it cannot be read, or a topic of the camera is missing.
    """
    with Bag(Path(run.bag)) as bag:
        frames = BagFrames(bag, run.prefix or None, run.tolerance, run.image_transport)
        if frames.topics.missing:
            raise BagRefused(f"Bag {bag.path}: {frames.topics.missing[0]}")


def replay_processes(run: ReplayRun) -> list[NodeProcess]:
    """The nodes of a replay, all but replay_node by the bag's clock; the robot is a fake one, in mode dry_run.

    With a namespace the clock is the namespace's own: two bags side by side have two times.

    Raises:
        SettingsError: the parameter file cannot be read, or names what no node knows.
    """
    as_ever = RunSettings(
        mode="dry_run", use_sim_time=True, model=run.model, device=run.device, runtime=run.runtime,
        precision=run.precision, priority=run.priority, scene_model=run.scene_model, params_file=run.params_file,
        namespace=run.namespace, log_level=run.log_level,
    )  # fmt: skip
    files = {"cell_file": run.cell_file, "hand_eye_file": run.hand_eye_file}
    given = {name: value for name, value in files.items() if value}
    nodes = {node.name: node for node in node_processes(as_ever)}
    inference, planner = nodes["inference_node"], nodes["planner_node"]
    remaps = nodes["camera_node"].remaps | ({"/clock": "clock"} if run.namespace.strip("/") else {})
    replay = replay_process(run, remaps)
    awaited = {
        "wait_for": "inference_node",
        "wait": _LOADING,
    }  # or a short bag would be over before the network is there
    return [
        replace(replay, overrides=replay.overrides | awaited),
        replace(inference, overrides=inference.overrides | given, remaps=remaps),
        replace(planner, overrides=planner.overrides | given | {"robot": "fake"}, remaps=remaps),
    ]


def replay_process(run: ReplayRun, remaps: dict[str, str] | None = None) -> NodeProcess:
    """replay_node alone."""
    values = {
        "bag_file": run.bag, "prefix": run.prefix, "rate": run.rate, "loop": run.loop,
        "start_offset": run.start_offset, "tolerance": run.tolerance,
        "image_transport": run.image_transport,
    }  # fmt: skip
    return NodeProcess("replay_node", "replay_node", (), values, remaps or {}, log_level=run.log_level)
