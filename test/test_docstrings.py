"""Public docstrings: they are there, end like a sentence, and give the shapes and units of numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from support.source_tree import Module, package

#: Share of the public functions that take or give numbers whose docstring gives a shape or a unit.
SHARE = 0.9
#: Their methods are functions of URScript, which the manual of the robot explains.
EXPLAINED_ELSEWHERE = {"Builtins", "Motions", "Values"}
NUMBERS = re.compile(r"\b(float|NDArray|Floats|Ints|Bools|ArrayLike|Tensor|Transform)\b")
#: `[m]`, `(N, 3)`, `4x4`, or a word for what has no unit.
MEASURE = re.compile(
    r"\[[^\]]+\]|\([\w+*]+, ?[\w+*, ]*\)|4x4"
    r"|\b(shares?|units?|SI|pixels?|metres|radians|seconds|degrees|newtons|probability|in 0\.\.1)\b"
)
WORDS = re.compile(r"\bas of\b|\bwould else\b")


class Entry(NamedTuple):
    """A public module, class or function: its name, docstring and annotations."""

    name: str
    docstring: str
    annotations: str


def entries(module: Module) -> Iterator[Entry]:
    """Everything public of a module."""
    yield Entry(module.name, ast.get_docstring(module.tree) or ("-." if not module.source else ""), "")
    yield from _inside(module.tree, module.name)


def _inside(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[Entry]:
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef) or child.name.startswith("_"):
            continue
        name = f"{prefix}.{child.name}"
        if isinstance(child, ast.ClassDef):
            yield Entry(name, ast.get_docstring(child) or "", "")
            if child.name not in EXPLAINED_ELSEWHERE:
                yield from _inside(child, name)
        else:
            arguments = [*child.args.posonlyargs, *child.args.args, *child.args.kwonlyargs]
            kinds = [a.annotation for a in arguments if a.annotation] + ([child.returns] if child.returns else [])
            yield Entry(name, ast.get_docstring(child) or "", ", ".join(map(ast.unparse, kinds)))


def faults(entry: Entry) -> str:
    """What is wrong with a docstring, or nothing."""
    if not entry.docstring:
        return "has no docstring"
    if not entry.docstring.split("\n\n")[0].rstrip().endswith((".", "?", ":")):
        return "does not end with a period"
    return f"says '{found[0]}'" if (found := WORDS.search(entry.docstring)) else ""


def unmeasured(found: list[Entry]) -> tuple[list[str], int]:
    """Functions of numbers without shape or unit, and how many functions of numbers there are."""
    numeric = [entry for entry in found if NUMBERS.search(entry.annotations)]
    return [entry.name for entry in numeric if not MEASURE.search(entry.docstring)], len(numeric)


def test_public_docstrings_are_there_and_are_sentences() -> None:
    wrong = [f"{entry.name} {said}" for m in package() for entry in entries(m) if (said := faults(entry))]
    assert not wrong, "\n".join(wrong)


def test_docstrings_of_numbers_give_shapes_and_units() -> None:
    bare, count = unmeasured([entry for module in package() for entry in entries(module)])
    assert count > 300, "the measure no longer fits the package"
    assert len(bare) <= (1 - SHARE) * count, f"{1 - len(bare) / count:.0%} of {count}:\n" + "\n".join(bare)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1", "has no docstring"),
        ('"""A module."""\ndef f(): ...', "has no docstring"),
        ('"""A module."""\nclass A:\n    """A class."""\n    def f(self): ...', "has no docstring"),
        ('"""A module."""\ndef f():\n    """Give one"""', "does not end with a period"),
        ('"""A module, as of the paper."""', "says 'as of'"),
    ],
)
def test_a_planted_fault_is_found(source: str, said: str) -> None:
    assert [found for entry in entries(Module("p.a", source)) if (found := faults(entry))] == [said]


def test_private_and_explained_names_need_no_docstring() -> None:
    source = '"""A module."""\ndef _f(): ...\nclass Builtins:\n    """URScript."""\n    def movej(self): ...\n'
    assert not any(map(faults, entries(Module("p.a", source)))) and not any(map(faults, entries(Module("p", "", True))))


@pytest.mark.parametrize(
    ("docstring", "measured"),
    [
        ("The width [m].", True),
        ("Points (N, 3) in the frame of the base.", True),
        ("A share of the pixels.", True),
        ("The width.", False),
        ("The width (see the paper).", False),
    ],
)
def test_a_planted_number_without_measure_is_found(docstring: str, measured: bool) -> None:
    source = f'def f(x: NDArray[np.float64]) -> int:\n    """{docstring}"""\ndef g(x: str) -> int:\n    """Count."""'
    bare, count = unmeasured(list(entries(Module("p.a", source))))
    assert (count, bare) == (1, [] if measured else ["p.a.f"])
