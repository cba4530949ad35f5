"""docker/ and docs/install.md against package.xml, requirements/ and the code. No image is built here, and none was."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from gpnet_ros import cli
from gpnet_ros.nodes.processes.table import RunSettings

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
PAGE = (ROOT / "docs" / "install.md").read_text("utf-8")
#: apt packages that package.xml has no part in: what it takes to install the rest.
TOOLS = {"python3-venv", "python3-colcon-common-extensions", "libusb-1.0-0"}


def depends(kind: str = "depend") -> set[str]:
    """Keys of package.xml."""
    tree = ElementTree.parse(ROOT / "package.xml").getroot()
    return {element.text or "" for element in tree.iter() if element.tag.endswith(kind)}


def apt_names(dockerfile: str) -> set[str]:
    (words,) = re.findall(r"apt-get install -y --no-install-recommends \\\n(.*?)&&", dockerfile, re.S)
    return set(words.replace("\\", " ").split())


def rows(page: str) -> dict[str, str]:
    """The table of docs/install.md: key of package.xml -> apt package."""
    return dict(re.findall(r"^\| `([\w-]+)` \| `([\w.-]+)` \|", page, re.M))


def test_every_key_of_package_xml_was_looked_up() -> None:
    assert set(rows(PAGE)) == depends()
    assert set(rows(PAGE.replace("| `rclpy` |", "| `rclpie` |"))) != depends()


def test_apt_installs_what_package_xml_names_and_no_more() -> None:
    names = {rows(PAGE)[key] for key in depends("exec_depend")}
    assert apt_names(DOCKERFILE) == names | TOOLS
    assert apt_names(DOCKERFILE.replace("ros-jazzy-rclpy \\", "\\")) != names | TOOLS


def test_a_ros_package_has_the_name_that_ros_gives_it() -> None:
    for key, name in rows(PAGE).items():
        assert name in (key, f"ros-jazzy-{key.replace('_', '-')}")


def test_pip_installs_the_pins_of_requirements_by_the_script_of_make_setup() -> None:
    assert "requirements/install.sh /opt/gpnet_ws/venv jazzy runtime" in DOCKERFILE
    assert not re.findall(r"pip\d? install|==", DOCKERFILE)  # a second list of pins would differ one day
    assert not [line for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("requirements")]


def test_pins_satisfy_what_setup_py_asks_for() -> None:
    from packaging.requirements import Requirement

    text = (ROOT / "requirements" / "base.txt").read_text()
    pins = dict(re.findall(r"^([\w.-]+)={2,3}([\w.]+)", text, re.M))
    (block,) = re.findall(r"install_requires=\[(.*?)\]", (ROOT / "setup.py").read_text(), re.S)
    asked = [Requirement(name) for name in re.findall(r'"([^"]+)"', block)]
    for requirement in asked:
        if requirement.name != "setuptools":
            assert pins[requirement.name] in requirement.specifier, requirement
    assert {requirement.name for requirement in asked} - {"setuptools"} == set(pins)


def test_what_is_not_from_apt_is_named_in_package_xml_as_from_pip() -> None:
    """Every requirement has a key of rosdep, or stands in the comment for pip."""
    of_key = {"opencv-python": "python3-opencv", "pillow": "python3-pil", "PyYAML": "python3-yaml"}
    comment = (ROOT / "package.xml").read_text("utf-8").partition("By pip alone")[2].partition("-->")[0]
    by_pip = set(re.findall(r"[\w-]+", comment))
    for name in re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "base.txt").read_text(), re.M):
        assert of_key.get(name, f"python3-{name}") in depends() or name in by_pip, name


def test_the_ignored_is_no_part_of_the_package() -> None:
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert ".git" in ignored and ".venv*" in ignored
    for needed in (
        "gpnet_ros",
        "config",
        "launch",
        "models",
        "urdf",
        "resource",
        "requirements",
        "docker",
        "README.md",
    ):
        assert (ROOT / needed).exists()
        assert needed not in ignored


@pytest.fixture
def workspace(tmp_path: Path) -> dict[str, str]:
    """What the entry point sources, each saying that it was."""
    for name in ("ros/setup.bash", "venv/bin/activate", "install/setup.bash"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(f'export SEEN="$SEEN {name}"\n')
    places = {"GPNET_WORKSPACE": str(tmp_path), "GPNET_ROS_SETUP": str(tmp_path / "ros" / "setup.bash"), "SEEN": ""}
    return {**os.environ, **places}


def entry_point() -> Path:
    (name,) = re.findall(r'ENTRYPOINT \["/opt/gpnet_ws/src/gpnet_ros/([^"]+)"\]', DOCKERFILE)
    return ROOT / name


def test_the_entry_point_sets_all_up_and_becomes_the_command(workspace: dict[str, str]) -> None:
    assert os.access(entry_point(), os.X_OK)
    command = [entry_point(), "bash", "-c", 'echo "$SEEN"; exit 7']
    done = subprocess.run(command, env=workspace, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split()) == (7, ["ros/setup.bash", "venv/bin/activate", "install/setup.bash"])


def test_the_entry_point_says_what_is_missing(workspace: dict[str, str]) -> None:
    Path(workspace["GPNET_WORKSPACE"], "install", "setup.bash").unlink()
    done = subprocess.run(
        [entry_point(), "true"], env=workspace, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "install/setup.bash" in done.stderr


def is_known(command: list[str]) -> bool:
    """Whether a command of the container is one of ours, with arguments that there are."""
    if command[0] == "gpnet":
        return " ".join(command[1:3]) in cli.COMMANDS or command[1] in cli.COMMANDS
    given = {word.partition(":=")[0] for word in command[4:]}
    return command[:4] == ["ros2", "launch", "gpnet_ros", "grasp.launch.py"] and given <= set(vars(RunSettings()))


def test_commands_exist_and_the_built_image_is_the_one_that_runs() -> None:
    (default,) = re.findall(r"^CMD \[(.*)\]", DOCKERFILE, re.M)
    assert is_known(default.replace('"', "").split(", "))
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))["services"]
    assert set(services) == {"demo", "hardware"}
    for service in services.values():
        assert is_known(service["command"]), service["command"]
        assert service["image"] == "gpnet_ros:jazzy"
    assert (ROOT / "docker" / services["demo"]["build"]["context"] / services["demo"]["build"]["dockerfile"]).is_file()
    assert not is_known(["gpnet", "dance"])
    assert not is_known(["ros2", "launch", "gpnet_ros", "grasp.launch.py", "speed:=9"])


def test_hardware_starts_harmless_and_nobody_is_root() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))["services"]
    assert not [word for word in services["hardware"]["command"] if word.startswith("mode:=")]  # then dry_run
    assert services["hardware"]["network_mode"] == "host"
    assert not any(service.get("privileged") for service in services.values())
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M)[-1:] == ["ubuntu"]
