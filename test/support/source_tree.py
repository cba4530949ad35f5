"""The package's own source, parsed once, for the laws about imports, names, files and docstrings."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "gpnet_ros"
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Module:
    """A module: its dotted name, its source, and whether it is the `__init__.py` of a package."""

    name: str
    source: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def imports(self) -> set[tuple[str, str]]:
        """All imports as (module, name), those inside functions too; (module, "") where the whole module is named."""
        found: set[tuple[str, str]] = set()
        parts = self.name.split(".")
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {(alias.name, "") for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                parents = parts[: len(parts) - node.level + self.is_package] if node.level else []
                base = ".".join([*parents, *([node.module] if node.module else [])])
                found |= {(base, alias.name) for alias in node.names}
        return found


@cache
def package() -> tuple[Module, ...]:
    """Every module of the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        found.append(Module(".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package))
    return tuple(found)
