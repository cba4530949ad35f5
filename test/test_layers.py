"""The layers of ARCHITECTURE.md: imports point inwards. The check itself is shown to fail."""

from __future__ import annotations

import pytest
from support.source_tree import PACKAGE, Module, package

#: layer -> layers of this package that it may import
ALLOWED = {
    "core": {"core"},
    "network": {"core", "network"},
    "data": {"core", "data"},
    "devices": {"core", "devices"},
    "calibration": {"core", "devices", "calibration"},
    "picking": {"core", "devices", "picking"},
    "ur_controller": {"core", "ur_controller"},
    "sim": {"core", "data", "devices", "ur_controller", "sim"},
    "training": {"core", "network", "data", "training"},
    "evaluation": {"core", "network", "data", "devices", "sim", "picking", "evaluation"},
    "paper": {"core", "network", "data", "sim", "training", "evaluation", "paper"},
    "nodes": {"core", "network", "data", "devices", "sim", "picking", "nodes"},
}
ALLOWED["commands"] = {*ALLOWED, "commands"}
ROS = {"rclpy", "sensor_msgs", "std_msgs", "std_srvs", "geometry_msgs", "visualization_msgs", "diagnostic_msgs"}
ROS |= {"rosgraph_msgs", "lifecycle_msgs", "builtin_interfaces", "rcl_interfaces"}
ROS |= {"tf2_ros", "cv_bridge", "tf_transformations", "launch"}
#: module -> layers, or single modules, that may import it
ONLY_IN = {
    **{module: {"nodes"} for module in ROS},
    **{module: {"devices"} for module in ("rtde_control", "rtde_receive", "rtde_io", "pyrealsense2")},
    **{module: {"sim"} for module in ("mujoco", "embreex", "manifold3d", "trimesh", "coacd")},
    "h5py": {"data"},
    "ray": {"gpnet_ros.workers"},
    "rosbags": {"data", "evaluation"},
    "pytest": {"gpnet_ros.evaluation.replay_testing.plugin"},
    "matplotlib": {"data", "training", "evaluation", "paper", "commands"},
    "av": {"sim", "evaluation"},
    "torch": {"network", "data", "training", "evaluation"},
    "safetensors": {"network"},
    "torchvision": {"network", "training"},
    "faster_coco_eval": {"data"},
    **{module: {"network"} for module in ("onnx", "onnxruntime", "openvino", "nncf")},
    "argparse": {"commands", "gpnet_ros.ur_controller.__main__"},
}
#: sim may know the Protocols of devices, not their drivers
PROTOCOLS = {"gpnet_ros.devices.camera", "gpnet_ros.devices.arm", "gpnet_ros.devices.gripper"}


def layer_of(module: str) -> str:
    parts = module.split(".")
    if parts[:2] == ["gpnet_ros", "cli"]:
        return "commands"
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else "core"


def violations(module: Module) -> list[str]:
    layer = layer_of(module.name)
    wrong = []
    for name in sorted({name for base, member in module.imports for name in (base, f"{base}.{member}".rstrip("."))}):
        top = name.split(".")[0]
        if top == "gpnet_ros":
            if name == "gpnet_ros":
                continue
            other = layer_of(name)
            if other not in ALLOWED[layer]:
                wrong.append(f"{module.name} ({layer}) imports {name} ({other})")
            if layer == "sim" and other == "devices" and not any(name.startswith(p) for p in PROTOCOLS):  # noqa: SIM102
                if name != "gpnet_ros.devices":
                    wrong.append(f"{module.name} (sim) imports the driver {name}")
        elif top in ONLY_IN and not {layer, module.name} & ONLY_IN[top]:
            wrong.append(f"{module.name} ({layer}) imports {top}")
    return wrong


def test_imports_point_inwards() -> None:
    wrong = [fault for module in package() for fault in violations(module)]
    assert not wrong, "\n".join(wrong)


def test_every_folder_is_a_layer_of_the_table() -> None:
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and not p.name.startswith("__")}
    assert folders == set(ALLOWED) - {"core"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gpnet_ros.grasp", "import rclpy"),
        ("gpnet_ros.maps", "import torch"),
        ("gpnet_ros.motion", "def f():\n    from torch import nn"),
        ("gpnet_ros.pose", "from gpnet_ros.nodes import convert"),
        ("gpnet_ros.pose", "from .nodes.convert import f"),
        ("gpnet_ros.network.gpnet", "from rclpy.node import Node"),
        ("gpnet_ros.network.gpnet", "from gpnet_ros.data import dataset"),
        ("gpnet_ros.data.dataset", "from gpnet_ros.sim.labels.grasps import grasp_labels"),
        ("gpnet_ros.devices.ur.arm", "import mujoco"),
        ("gpnet_ros.devices.ur.arm", "from gpnet_ros.sim import cell"),
        ("gpnet_ros.sim.cell.plant", "from ...nodes import params"),
        ("gpnet_ros.sim.cell.plant", "import torch"),
        ("gpnet_ros.sim.cell.plant", "from gpnet_ros.devices.ur.arm import UrArm"),
        ("gpnet_ros.sim.cell.plant", "from gpnet_ros.devices import ur"),
        ("gpnet_ros.nodes.planner_node", "import rtde_control"),
        ("gpnet_ros.nodes.planner_node", "import gpnet_ros.commands.demo"),
        ("gpnet_ros.commands.detect", "import rclpy"),
        ("gpnet_ros.picking.loop", "from gpnet_ros.sim.clearing import rounds"),
        ("gpnet_ros.picking.loop", "from gpnet_ros.nodes import params"),
        ("gpnet_ros.calibration.capture", "from gpnet_ros.sim.cell import camera"),
        ("gpnet_ros.ur_controller.robot", "from gpnet_ros.sim.cell import plant"),
        ("gpnet_ros.ur_controller.robot", "from gpnet_ros.devices.ur.arm import UrArm"),
        ("gpnet_ros.training.runs", "from gpnet_ros.evaluation import intervals"),
        ("gpnet_ros.training.runs", "from ..sim.heap.heap import Heap"),
        ("gpnet_ros.evaluation.closed_loop.ros", "from gpnet_ros.nodes.processes.running_cell import RunningCell"),
        ("gpnet_ros.evaluation.closed_loop.ros", "from gpnet_ros.commands import bench_clearing"),
        ("gpnet_ros.paper.rows", "from gpnet_ros.commands.evaluate import against"),
        ("gpnet_ros.sim.clearing.rounds", "from gpnet_ros.picking.loop import PickingLoop"),
        ("gpnet_ros.evaluation.judging.judge", "import ray"),
        ("gpnet_ros.grasp", "def f():\n    import ray"),
        ("gpnet_ros.evaluation.closed_loop.ros", "if TYPE_CHECKING:\n    import argparse"),
        ("gpnet_ros.ur_controller.server", "from argparse import Namespace"),
        ("gpnet_ros.evaluation.detection", "import pytest"),
        ("gpnet_ros.nodes.replay_node", "from rosbags.rosbag2 import Reader"),
    ],
)
def test_planted_violation_is_found(module: str, source: str) -> None:
    assert violations(Module(module, source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gpnet_ros.sim.cell.camera", "from gpnet_ros.devices.camera import Camera"),
        ("gpnet_ros.sim.cell.camera", "from gpnet_ros.devices import camera"),
        ("gpnet_ros.sim.cell.plant", "from gpnet_ros.data.noise import d435_depth"),
        ("gpnet_ros.devices.ur.child", "import rtde_control"),
        ("gpnet_ros.network.detector", "from ..maps import Maps"),
        ("gpnet_ros.commands.demo", "from gpnet_ros.sim import cell"),
        ("gpnet_ros.nodes.planner_node", "from gpnet_ros.picking.loop import PickingLoop"),
        ("gpnet_ros.evaluation.judging.judge", "from gpnet_ros.workers import in_processes"),
        ("gpnet_ros.workers", "def f():\n    import ray"),
        ("gpnet_ros.ur_controller.__main__", "import argparse"),
    ],
)
def test_allowed_import_passes(module: str, source: str) -> None:
    assert not violations(Module(module, source))
