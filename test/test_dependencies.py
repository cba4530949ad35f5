"""docs/dependencies.md against the source: every package that is imported stands there with its rooms, and no other."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from support.source_tree import Module, package

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
ROOMS = {p.name for p in (ROOT / "gpnet_ros").iterdir() if p.is_dir() and not p.name.startswith("__")} | {"core"}
#: In the order of the columns: import, package, rooms.
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|.+\|.+\|$", re.MULTILINE)


def room_of(module: str) -> str:
    parts = module.split(".")
    if len(parts) > 1 and parts[1] == "cli":
        return "commands"
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "core"


def imported(modules: tuple[Module, ...]) -> dict[str, set[str]]:
    """Package -> rooms that import it, without Python's own and ours."""
    found: dict[str, set[str]] = {}
    for module in modules:
        for name in {base.split(".")[0] for base, _ in module.imports} - {"gpnet_ros", *sys.stdlib_module_names}:
            found.setdefault(name, set()).add(room_of(module.name))
    return found


def told(page: str) -> dict[str, set[str]]:
    """Package -> rooms that the tables name."""
    return {name: _rooms(text) for name, _, text in ROW.findall(page)}


def _rooms(text: str) -> set[str]:
    if text.startswith("all"):
        return ROOMS - set(text.removeprefix("all but ").split(", "))
    return set(text.split(", "))


def faults(page: str, modules: tuple[Module, ...]) -> list[str]:
    """What stands in one of both only; a package that is used nearly everywhere is told as `all`."""
    table, source = told(page), imported(modules)
    wrong = [f"{name} is imported and not in the table" for name in source.keys() - table.keys()]
    wrong += [f"{name} is in the table and not imported" for name in table.keys() - source.keys()]
    for name in source.keys() & table.keys():
        is_all = f"| `{name}` |" in page and table[name] == ROOMS
        if table[name] != source[name] and not is_all:
            wrong.append(f"{name} is imported in {sorted(source[name])}, the table has {sorted(table[name])}")
    return wrong


def test_the_tables_are_those_of_the_source() -> None:
    assert not faults(PAGE, package()), "\n".join(faults(PAGE, package()))


def test_a_package_without_a_row_a_row_without_a_package_and_a_wrong_room_are_found() -> None:
    modules = (*package(), Module("gpnet_ros.picking.new", "import requests\n"))
    assert faults(PAGE, modules) == ["requests is imported and not in the table"]
    more = PAGE + "\n| `requests` | pip | core | web | nothing |\n"
    assert faults(more, package()) == ["requests is in the table and not imported"]
    moved = (*package(), Module("gpnet_ros.picking.new", "import h5py\n"))
    assert [said for said in faults(PAGE, moved) if said.startswith("h5py is imported in ['data', 'picking']")]


def test_all_that_is_installed_with_the_package_stands_there() -> None:
    setup, manifest = (ROOT / name for name in ("setup.py", "package.xml"))
    required = setup.read_text("utf-8").split("install_requires=[")[1].split("]")[0]
    pip = {re.split(r"[<>=]", name)[0] for name in re.findall(r'"([^"]+)"', required)} - {"setuptools"}
    assert len(pip) > 15
    names = {name for name, _, _ in ROW.findall(PAGE)} | set(re.findall(r"`([\w-]+)`", PAGE))
    other = {"pillow": "PIL", "opencv-python": "cv2", "PyYAML": "yaml", "mujoco-core": "mujoco"}
    assert not {name for name in pip if name not in names and other.get(name) not in names}
    messages = re.findall(
        r"<exec_depend>(\w+_msgs|\w+_interfaces|std_srvs|rclpy)</exec_depend>", manifest.read_text("utf-8")
    )
    assert messages and not set(messages) - names
