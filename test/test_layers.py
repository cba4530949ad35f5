"""The layers of ARCHITECTURE.md: imports point inwards. The check itself is shown to fail."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "gpnet_ros"

#: layer -> layers of this package that it may import
ALLOWED = {
    "core": {"core"},
    "network": {"core", "network"},
    "data": {"core", "data"},
    "devices": {"core", "devices"},
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
#: third-party module -> layers that may import it
ONLY_IN = {
    **{module: {"nodes"} for module in ROS},
    **{module: {"devices"} for module in ("rtde_control", "rtde_receive", "rtde_io", "pyrealsense2")},
    **{module: {"sim"} for module in ("mujoco", "embreex", "manifold3d", "trimesh", "coacd")},
    "h5py": {"data"},
    "ray": {"core"},  # gpnet_ros/workers.py
    "rosbags": {"evaluation"},
    "matplotlib": {"data", "training", "evaluation", "paper", "commands"},
    "av": {"sim", "evaluation"},
    "torch": {"network", "data", "training", "evaluation"},
    "safetensors": {"network"},
    **{module: {"network"} for module in ("onnx", "onnxruntime", "openvino")},
    "argparse": {"commands"},
}
#: sim may know the Protocols of devices, not their drivers
PROTOCOLS = {"gpnet_ros.devices.camera", "gpnet_ros.devices.arm", "gpnet_ros.devices.gripper"}


def layer_of(module: str) -> str:
    parts = module.split(".")
    if parts[:2] == ["gpnet_ros", "cli"]:
        return "commands"
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else "core"


def imported(source: str, module: str, is_package: bool) -> set[str]:
    """Absolute names of all imports of a file, those inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: len(module.split(".")) - node.level + (1 if is_package else 0)]
                base = ".".join([*parents, *([base] if base else [])])
            found.add(base)
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    layer = layer_of(module)
    wrong = []
    for name in sorted(imported(source, module, is_package)):
        top = name.split(".")[0]
        if top == "gpnet_ros":
            if name == "gpnet_ros":
                continue
            other = layer_of(name)
            if other not in ALLOWED[layer]:
                wrong.append(f"{module} ({layer}) imports {name} ({other})")
            if layer == "sim" and other == "devices" and not any(name.startswith(p) for p in PROTOCOLS):  # noqa: SIM102
                if name != "gpnet_ros.devices":
                    wrong.append(f"{module} (sim) imports the driver {name}")
        elif top in ONLY_IN and layer not in ONLY_IN[top]:
            wrong.append(f"{module} ({layer}) imports {top}")
    return wrong


def modules() -> list[tuple[Path, str, bool]]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = list(path.relative_to(ROOT.parent).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        found.append((path, ".".join(parts[:-1] if is_package else parts), is_package))
    return found


def test_imports_point_inwards() -> None:
    wrong = [w for path, module, package in modules() for w in violations(path.read_text("utf-8"), module, package)]
    assert not wrong, "\n".join(wrong)


def test_every_folder_is_a_layer_of_the_table() -> None:
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith("__")}
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
    ],
)
def test_planted_violation_is_found(module: str, source: str) -> None:
    assert violations(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gpnet_ros.sim.cell.camera", "from gpnet_ros.devices.camera import Camera"),
        ("gpnet_ros.sim.cell.camera", "from gpnet_ros.devices import camera"),
        ("gpnet_ros.sim.cell.plant", "from gpnet_ros.data.noise import d435_depth"),
        ("gpnet_ros.devices.ur.child", "import rtde_control"),
        ("gpnet_ros.network.detector", "from ..maps import Maps"),
        ("gpnet_ros.commands.demo", "from gpnet_ros.sim import cell"),
    ],
)
def test_allowed_import_passes(module: str, source: str) -> None:
    assert not violations(source, module)
