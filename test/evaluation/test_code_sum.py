"""The sum of deciding code: what changes a result changes it, and nothing else does."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from gpnet_ros.evaluation.code_sum import code_sum, deciding_code

ROOT = Path(__file__).resolve().parents[2]
JUDGED, PLAYED = "gpnet_ros.evaluation.judging.evaluation", "gpnet_ros.evaluation.closed_loop.core"
FILES = {
    "house/__init__.py": "",
    "house/entry.py": "from typing import TYPE_CHECKING\n\nfrom house.room import door\n\n"
    "if TYPE_CHECKING:\n    from house.hint import Kind\nelse:\n    import house.real\n",
    "house/room/__init__.py": "WALLS = 4\n",
    "house/room/door.py": '"""A door."""\n\nfrom ..lock import KEY as KEY\n\n\n'
    'def shut() -> int:\n    """Shut it."""\n    from . import window\n\n    return window.PANES\n',
    "house/room/window.py": "import tqdm\nimport numpy as np\n\nPANES = 2\n",
    "house/room/stored/heap.txt": "seven stones",
    "house/lock.py": "KEY = 1\n",
    "house/real.py": "YES = True\n",
    "house/hint.py": "import torch\n\nKind = int\n",
    "house/shed.py": "from house import entry\n\nRAKES = 3\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def _change(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text("utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new), "utf-8")


def _sum(root: Path) -> str:
    code_sum.cache_clear()  # as in another process
    return code_sum("house.entry", root=root)


def test_what_import_statements_lead_to(house: Path) -> None:
    code = deciding_code("house.entry", root=house)
    names = {"", ".entry", ".room", ".room.door", ".room.window", ".lock", ".real"}
    assert set(code.modules) == {f"house{name}" for name in names}
    assert set(code.data) == {"house/room/stored/heap.txt"}
    assert code.libraries == {"numpy"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("house/entry.py", "import door", "import window"),
        ("house/room/__init__.py", "4", "5"),  # a package around
        ("house/lock.py", "1", "2"),  # through two modules, relative
        ("house/room/window.py", "2", "3"),  # imported inside a function
        ("house/real.py", "True", "False"),  # in the other branch of TYPE_CHECKING
        ("house/room/stored/heap.txt", "seven", "eight"),  # data
    ],
)
def test_a_change_in_what_decides_changes_the_sum(house: Path, name: str, old: str, new: str) -> None:
    before = _sum(house)
    _change(house, name, old, new)
    assert _sum(house) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("house/room/door.py", "A door.", "A red door."),
        ("house/room/door.py", "Shut it.", "Shut it gently."),
        ("house/lock.py", "KEY = 1", "# The only one.\nKEY = 1"),
        ("house/hint.py", "int", "str"),  # for the type checker alone
        ("house/shed.py", "3", "4"),  # imports what decides, but is not imported
    ],
)
def test_words_and_other_modules_do_not_change_the_sum(house: Path, name: str, old: str, new: str) -> None:
    before = _sum(house)
    _change(house, name, old, new)
    assert _sum(house) == before


def test_another_version_of_a_library_changes_the_sum(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _sum(house)
    monkeypatch.setattr("importlib.metadata.version", lambda name: {"numpy": "0.1"}.get(name, "other"))
    assert _sum(house) != before


def test_an_entry_that_is_not_there_is_refused(house: Path) -> None:
    with pytest.raises(ValueError, match=r"house\.cellar"):
        code_sum("house.cellar", root=house)


@pytest.mark.parametrize(
    ("entry", "deciding"),
    [
        (JUDGED, ("safety", "sim.camera.render", "sim.labels.relations", "evaluation.judging.failures")),
        (PLAYED, ("safety", "motion", "kinematics", "collision", "sim.clearing.look", "sim.labels.relations")),
    ],
)
def test_results_hang_on_everything_that_computes_them(entry: str, deciding: tuple[str, ...]) -> None:
    code = deciding_code(entry)
    assert {f"gpnet_ros.{name}" for name in deciding} <= set(code.modules)
    assert {"mujoco", "numpy", "torch"} <= code.libraries
    assert not {"gpnet_ros.network.loss", "gpnet_ros.network.trainer", "gpnet_ros.cli"} & set(code.modules)


def test_one_changed_constant_of_safety_changes_the_sum_of_played_rounds(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "gpnet_ros", tmp_path / "gpnet_ros", ignore=shutil.ignore_patterns("__pycache__"))
    before = code_sum(PLAYED, root=tmp_path)
    assert before == code_sum(PLAYED)
    _change(tmp_path, "gpnet_ros/safety.py", "LINE_STEP = 0.010", "LINE_STEP = 0.011")
    code_sum.cache_clear()
    assert code_sum(PLAYED, root=tmp_path) != before


def test_no_deciding_module_imports_by_a_string_that_the_sum_cannot_read() -> None:
    blind = set()
    for name in deciding_code(JUDGED, PLAYED).modules:
        file = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        for node in ast.walk(ast.parse(file.read_text("utf-8"))) if file.is_file() else ():
            if isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node).endswith(
                ("import_module", "__import__")
            ):
                blind.add(name)
    assert blind <= {"gpnet_ros.data.loaders.sets"}  # PublicSet names the module of its loader
