"""No circle of imports in the package: those inside functions and for types only count too."""

from __future__ import annotations

import pytest
from support.source_tree import Module, package


def circles(modules: tuple[Module, ...]) -> list[str]:
    """Circles of imports, one for each module that leads back to itself, as `a -> b -> a`."""
    names = {module.name for module in modules}
    edges = {module.name: _imported(module, names) for module in modules}
    found, seen = [], set[str]()
    for start in sorted(edges):
        way = _way_back(start, edges)
        if way and not seen & set(way):
            found.append(" -> ".join(way))
            seen |= set(way)
    return found


def _imported(module: Module, names: set[str]) -> set[str]:
    """Modules of the package that a module names: `from a import b` names `a.b` where that is a module, else `a`."""
    whole = ((f"{base}.{member}", base) for base, member in module.imports)
    return {name if name in names else base for name, base in whole} & names


def _way_back(start: str, edges: dict[str, set[str]]) -> list[str]:
    """The shortest way from a module to itself; empty where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        for name in sorted(edges[way[-1]]):
            if name == start:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def test_no_module_imports_itself_by_whatever_way() -> None:
    found = circles(package())
    assert not found, "\n".join(found)


LATER = "def f():\n    from p.a import g"
FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import A"


@pytest.mark.parametrize("back", ["import p.a", "from p import a", "from . import a", LATER, FOR_TYPES])
def test_planted_circle_is_found(back: str) -> None:
    there = Module("p.a", "from p.b import f")
    root = Module("p", "", is_package=True)
    assert circles((root, there, Module("p.b", back))) == ["p.a -> p.b -> p.a"]
    assert circles((root, there, Module("p.b", "import q"))) == []


def test_long_circles_and_those_through_a_package_are_found() -> None:
    ring = (Module("p.a", "import p.b"), Module("p.b", "from p import c"), Module("p.c", "from p.a import f"))
    assert circles(ring) == ["p.a -> p.b -> p.c -> p.a"]
    assert circles((Module("p", "from p.a import f", is_package=True), Module("p.a", "from p import f"))) == [
        "p -> p.a -> p"
    ]
