"""pip and colcon both yield a package that `ros2 run` and `ros2 launch` find; package.xml tells the truth."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parent.parent
NODES = ("camera_node", "inference_node", "planner_node", "clock_node", "oracle_node", "replay_node")
#: Code and all models that are shipped (`gpnet_ros.evaluation.model_list`): PyPI takes 100 MB.
WHEEL_BYTES_MAX = 25_000_000 + 40_000_000 + 10_000_000
#: Modules that come with a ROS package of another name.
PACKAGE_OF = {"message_filters": "message_filters", "tf2_ros": "tf2_ros", "rclpy": "rclpy"}


def copy_of_source(folder: Path) -> Path:
    """What git knows of the package, without builds and caches."""
    source = folder / "gpnet_ros"
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for name in filter(None, files):
        if name.startswith("test/") or not (ROOT / name).is_file():
            continue
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    return source


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_wheel_holds_nodes_launch_config_and_models(tmp_path: Path) -> None:
    source = copy_of_source(tmp_path)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path), "."]
    run(build, source)
    (wheel,) = tmp_path.glob("gpnet_ros-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {n.split(".data/data/")[-1] for n in archive.namelist()}
        entry_points = archive.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
        modes = {i.filename.split(".data/data/")[-1]: i.external_attr >> 16 for i in archive.infolist()}
    for node in NODES:
        assert f"lib/gpnet_ros/{node}" in names
        assert modes[f"lib/gpnet_ros/{node}"] & 0o111, f"{node} is not executable"
    assert "[pytest11]\ngpnet_bag = gpnet_ros.evaluation.replay_testing.plugin" in entry_points
    expected = [
        "package.xml",
        "launch/grasp.launch.py",
        "launch/replay.launch.py",
        "config/cell.yaml",
        "config/train/best.yaml",
        "models/gpnet/weights.safetensors",
    ]
    expected += [str(path.relative_to(source)) for path in source.glob("models/*/*")]
    assert {f"share/gpnet_ros/{name}" for name in expected} <= names
    assert wheel.stat().st_size < WHEEL_BYTES_MAX
    assert "share/ament_index/resource_index/packages/gpnet_ros" in names
    assert "gpnet_ros/ur_controller/server.py" in names
    assert {f"gpnet_ros/sim/scenes/stored/{name}" for name in ("stack-test.jsonl.gz", "sha256.txt")} <= names
    assert not [n for n in names if n.endswith((".pt", ".pkl", ".pyc"))]


def test_an_editable_install_is_found_too(tmp_path: Path) -> None:
    """What `make setup` links; once it left out replay_node, and replay.launch.py found nothing to start."""
    run([sys.executable, str(ROOT / "requirements" / "link.py"), "prefix"], tmp_path)
    prefix = tmp_path / "prefix"
    links = {path.name: os.readlink(path) for path in (prefix / "lib" / "gpnet_ros").iterdir()}
    assert links == {node: f"../../bin/{node}" for node in NODES}
    assert (prefix / "share" / "gpnet_ros" / "launch" / "replay.launch.py").is_file()
    assert (prefix / "share" / "ament_index" / "resource_index" / "packages" / "gpnet_ros").is_file()


def test_colcon_builds_a_package_that_ros2_finds(tmp_path: Path) -> None:
    pytest.importorskip("colcon_core")
    copy_of_source(tmp_path / "src")
    run([sys.executable, "-m", "colcon", "build", "--event-handlers", "console_direct-"], tmp_path)
    prefix = tmp_path / "install" / "gpnet_ros"
    for node in NODES:
        assert os.access(prefix / "lib" / "gpnet_ros" / node, os.X_OK)
    assert (prefix / "share" / "gpnet_ros" / "launch" / "grasp.launch.py").is_file()
    assert (prefix / "share" / "ament_index" / "resource_index" / "packages" / "gpnet_ros").is_file()


def test_colcon_runs_the_ordinary_tests(tmp_path: Path) -> None:
    pytest.importorskip("colcon_core")
    source = copy_of_source(tmp_path / "src")
    (source / "test").mkdir()
    test = source / "test" / "test_one.py"
    long = "import pytest\n\n@pytest.mark.slow\ndef test_long(): assert False\n\n"
    test.write_text(f"{long}def test_good(): pass\n")
    colcon = [sys.executable, "-m", "colcon"]
    run([*colcon, "build"], tmp_path)

    def told() -> tuple[int, str]:
        run([*colcon, "test"], tmp_path)
        words = [*colcon, "test-result", "--all"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
        return done.returncode, done.stdout

    status, text = told()
    assert status == 0 and "1 test, 0 errors, 0 failures, 0 skipped" in text, text
    test.write_text(f"{long}def test_good(): pass\n\ndef test_bad(): assert False\n")
    status, text = told()
    assert status == 1 and "2 tests, 0 errors, 1 failure" in text, text


def test_make_test_with_kilted_runs_the_nodes_in_an_environment_of_its_own() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("ROS_DISTRO", "VENV", "MAKEFLAGS")}

    def plan(*words: str, **more: str) -> str:
        made = ["make", "-C", str(ROOT), "--dry-run", "test", *words]
        return subprocess.run(
            made, env={**environment, **more}, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    kilted, jazzy = plan("DISTRO=kilted"), plan()
    assert ".venv-kilted/bin/python -m pytest" in kilted and "test/nodes" in kilted and "mypy" not in kilted
    assert ".venv/bin/python -m pytest" in jazzy and "test/nodes" not in jazzy and "mypy" in jazzy
    assert "kilted" not in jazzy
    assert ".venv/bin/python" in plan(ROS_DISTRO="kilted")  # a Kilted that is there is used as it is


def test_package_xml_names_every_ros_package_that_is_imported() -> None:
    tree = ElementTree.parse(ROOT / "package.xml").getroot()
    assert tree.get("format") == "3"
    declared = {e.text for e in tree.iter() if e.tag.endswith("depend")}
    ros = {"rclpy", "launch", "launch_ros", "cv_bridge", "tf2_ros", "tf_transformations"}
    used = set()
    for path in [*(ROOT / "gpnet_ros" / "nodes").rglob("*.py"), *(ROOT / "launch").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            modules += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            used |= {m.split(".")[0] for m in modules}
    wanted = {m for m in used if m in ros or m.endswith(("_msgs", "_srvs", "_interfaces"))}
    missing = {PACKAGE_OF.get(m, m) for m in wanted} - declared
    assert not missing, f"package.xml lacks {missing}"
    assert {"cv_bridge", "tf2_ros", "tf_transformations", "rviz2"} <= declared


def test_version_is_the_same_everywhere() -> None:
    version = ElementTree.parse(ROOT / "package.xml").getroot().findtext("version")
    assert f'version="{version}"' in (ROOT / "setup.py").read_text("utf-8")
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
