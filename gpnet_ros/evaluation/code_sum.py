"""One sum of all code that decides a result, so that no result is taken for that of other code.

Which code that is, is read off the import statements, without importing anything: nobody keeps a list. A module decides
if it is an entry, or is imported by one that decides: inside a function, too, which imports when it runs, but not under
`if TYPE_CHECKING`. The packages around a module decide with their `__init__`, and so do data that are stored beside it,
in `stored/`: frozen heaps and test sets. Docstrings and comments decide nothing.

Versions of libraries count as the code does: another engine has other contacts, another numpy may draw other random
numbers, another torch rounds otherwise, and a rounding can change an argmax. Only what shows or spreads is left out.

Not seen are modules that are started or imported by a name in a string (each is an entry of its own), and what is read
at run time: weights, settings, pictures. Those belong in the key of a result, beside this sum.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

#: Libraries that show or spread results and decide none.
_NOT_DECIDING = {"tqdm", "matplotlib", "ray", "av"}
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class DecidingCode:
    """Modules, stored data and libraries that the import statements of some entries lead to.

    Attributes:
        modules: sum of the program of each module, by its full name.
        data: sum of each stored file, by its path below the root.
        libraries: names by which libraries are imported.
    """

    modules: dict[str, str]
    data: dict[str, str]
    libraries: set[str]


@lru_cache(maxsize=16)
def code_sum(*modules: str, root: Path = _ROOT) -> str:
    """Sum of the code, stored data and libraries that decide what the modules compute; taken once per process.

    Args:
        modules: full names of the entries, such as `gpnet_ros.evaluation.judging.evaluation`.
        root: folder that the package lies in.

    Returns:
        16 hexadecimal digits.

    Raises:
        ValueError: there is no such module below the root.
    """
    code = deciding_code(*modules, root=root)
    parts = (sorted(code.modules.items()), sorted(code.data.items()), _versions(code.libraries))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def deciding_code(*modules: str, root: Path = _ROOT) -> DecidingCode:
    """The code that decides what the modules compute; see `code_sum` for arguments and errors."""
    found, folders = DecidingCode({}, {}, set()), set[Path]()
    own = {module.split(".")[0] for module in modules}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        file = _file(name, root)
        if file is None and name in modules:
            raise ValueError(f"There is no module {name} in {root}.")
        if file is None or name in found.modules:  # not a module, but a name in one: that one is followed itself
            continue
        program = ast.parse(file.read_bytes())
        found.modules[name] = hashlib.sha256(ast.dump(_without_docstrings(program)).encode()).hexdigest()
        folders.add(file.parent)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        for imported in _imported(program, name, file.name == "__init__.py"):
            if imported.split(".")[0] in own:
                waiting.append(imported)
            else:
                found.libraries.add(imported.split(".")[0])
    for data in (data for folder in folders for data in (folder / "stored").glob("*")):
        found.data[data.relative_to(root).as_posix()] = hashlib.sha256(data.read_bytes()).hexdigest()
    found.libraries.difference_update(sys.stdlib_module_names, _NOT_DECIDING)
    return found


def _file(module: str, root: Path) -> Path | None:
    place = root.joinpath(*module.split("."))
    return next((p for p in (place / "__init__.py", place.with_name(f"{place.name}.py")) if p.is_file()), None)


def _imported(node: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Full names of modules, and of what is taken out of them, which may be modules themselves."""
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        children = iter(node.orelse)
    for child in children:
        yield from _imported(child, module, is_package)


def _without_docstrings(program: ast.Module) -> ast.Module:
    for node in ast.walk(program):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return program


def _versions(libraries: set[str]) -> list[tuple[str, str]]:
    """Name and version of the distribution of each library that is installed."""
    known = metadata.packages_distributions()
    names = {name for library in libraries for name in known.get(library, ())}
    return sorted((name, metadata.version(name)) for name in names)
