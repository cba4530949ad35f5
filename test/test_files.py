"""What the files of the package and of its tests may be: short, called what they are, and tests on their own."""

from __future__ import annotations

import re

import pytest
from support.source_tree import PACKAGE, TESTS, Module, package

MOST_LINES = 300
#: Longer files. Each says in its first docstring why it is one file: "In one file because ...".
LONG = {"gpnet_ros.safety"}
REASON = "In one file because"


def too_long(module: Module, allowed: frozenset[str] | set[str] = LONG) -> str:
    """What is wrong with the length of a file, or nothing."""
    lines = module.source.count("\n")
    if lines <= MOST_LINES:
        return ""
    if module.name not in allowed:
        return f"{module.name}: {lines} lines, {MOST_LINES} at most"
    head = module.source.split('"""')[1]
    return "" if REASON in " ".join(head.split()) else f"{module.name}: no '{REASON} ...' in its head"


def looks_like_a_test(name: str) -> bool:
    return bool(re.fullmatch(r"(test_.*|.*_tests?|conftest)\.py", name))


def test_imports(source: str) -> list[str]:
    """Imports of other tests, those of scripts in strings too."""
    return re.findall(r"^\W*(?:from|import) +((?:\w+\.)*test_\w+)", source, flags=re.MULTILINE)


test_imports.__test__ = False  # type: ignore[attr-defined]  # named for what it looks for


def test_files_are_short_or_say_why_not() -> None:
    wrong = [said for module in package() if (said := too_long(module))]
    assert not wrong, "\n".join(wrong)
    lengths = {module.name: module.source.count("\n") for module in package()}
    assert not [name for name in LONG if lengths.get(name, 0) <= MOST_LINES], "no longer long: take it off the list"


def test_a_planted_long_file_is_found() -> None:
    body = "x = 1\n" * MOST_LINES
    assert too_long(Module("p.a", '"""A."""\n' + body)) == "p.a: 301 lines, 300 at most"
    assert "in its head" in too_long(Module("p.a", '"""A."""\n' + body), {"p.a"})
    assert too_long(Module("p.a", f'"""A.\n\n{REASON} it is\none."""\n' + body), {"p.a"}) == ""
    assert too_long(Module("p.a", body)) == ""


def test_no_file_of_the_package_looks_like_a_test() -> None:
    assert not [path for path in PACKAGE.rglob("*.py") if looks_like_a_test(path.name)]
    assert (
        looks_like_a_test("test_sets.py") and looks_like_a_test("heap_test.py") and not looks_like_a_test("contest.py")
    )


def test_every_test_has_a_name_of_its_own() -> None:
    names = [path.name for path in TESTS.rglob("test_*.py")]
    assert len(names) == len(set(names))


def test_no_test_imports_another_test() -> None:
    wrong = {path.name: test_imports(path.read_text("utf-8")) for path in TESTS.rglob("*.py")}
    wrong.pop("test_files.py")  # the planted ones below
    assert not {name: found for name, found in wrong.items() if found}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from test_train import Bars", ["test_train"]),
        ("    import test_train as t", ["test_train"]),
        ("from training.test_train import Bars", ["training.test_train"]),
        ('SCRIPT = """\nfrom test_train import Bars\n"""', ["test_train"]),
        ('    "from test_train import Bars\\n"', ["test_train"]),
        ("from support.bars import Bars", []),
        ("from gpnet_ros.sim.scenes.fixed_sets import test_set", []),
    ],
)
def test_a_planted_import_of_a_test_is_found(source: str, found: list[str]) -> None:
    assert test_imports(source) == found
