"""One public class name means one thing in the whole package."""

from __future__ import annotations

import ast
from collections import defaultdict

from support.source_tree import Module, package


def twice(modules: tuple[Module, ...]) -> list[str]:
    """Public classes that stand in more than one place, with their places."""
    places: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module.name)
    return [f"{name}: {', '.join(where)}" for name, where in sorted(places.items()) if len(where) > 1]


def test_no_public_class_name_stands_twice() -> None:
    found = twice(package())
    assert not found, "\n".join(found)


def test_a_planted_second_class_is_found() -> None:
    one, other = Module("p.a", "class Row:\n    pass"), Module("p.b", "class Row(dict):\n    pass")
    assert twice((one, other)) == ["Row: p.a, p.b"]
    assert twice((one, Module("p.b", "from p.a import Row\n\n\nclass _Row(Row):\n    pass"))) == []
