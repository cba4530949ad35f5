"""Finding the scenes of a data set below whatever folder of it the user names.

People unpack the parts of a data set side by side, one level deeper than published, or take one scene only; the
folders that hold scenes are recognised by what they are, not by where they lie.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

_LEVELS = 4


def find_folders(
    root: Path,
    wanted: Callable[[Path], bool],
    enter: Callable[[Path], bool] = lambda folder: True,
    depth: int = _LEVELS,
) -> list[Path]:
    """Folders that are wanted, `root` itself or at most `depth` levels below it, sorted; none inside another.

    What cannot be listed holds nothing, nor do folders that are not to be entered, which saves hours in a set of a
    million files; `root` is always entered.
    """
    root = Path(root)
    if not root.is_dir():
        return []
    return [root] if wanted(root) else _below(root, wanted, enter, depth)


def _below(folder: Path, wanted: Callable[[Path], bool], enter: Callable[[Path], bool], depth: int) -> list[Path]:
    found: list[Path] = []
    for child in folders_in(folder) if depth else []:
        if wanted(child):
            found.append(child)
        elif enter(child):
            found += _below(child, wanted, enter, depth - 1)
    return found


def walked(root: Path, levels: int) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Folder, names of the folders in it and of its files, sorted, of `root` and all at most `levels` below it."""
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        yield Path(folder), list(subfolders), sorted(names)
        if len(Path(folder).relative_to(root).parts) >= levels:
            subfolders.clear()


def folders_in(folder: Path) -> list[Path]:
    """Folders directly in a folder, hidden ones left out, sorted by name; numbers by value."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return []
    return [Path(folder) / name for name in sorted(names, key=by_number)]


def files_in(folder: Path) -> list[str]:
    """Names of the files directly in a folder, sorted by name; numbers by value; empty if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name for entry in entries if entry.is_file()), key=by_number)
    except OSError:
        return []


def name_of(folder: Path) -> str:
    """Name of a folder, of "." too; that of a link, not of what it leads to: people link scenes into place."""
    return os.path.basename(os.path.abspath(folder))


def by_number(name: str) -> tuple[int, int, str]:
    """Sort key by which "9" comes before "10", and names that are no numbers follow."""
    head = name.split(".", 1)[0].split("_", 1)[0]
    return (0, int(head), name) if head.isascii() and head.isdigit() and len(head) < 19 else (1, 0, name)
