"""A person's parameter file, read before anything starts: which of its values reach which node. Nothing here needs ROS.

Sections are named as ROS names them: `/**` (all nodes), `planner_node`, `/cell/planner_node`, `/**/planner_node`,
with `*` for one word of a namespace. A later section wins over an earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gpnet_ros.errors import SettingsError
from gpnet_ros.nodes.parameters.declared import BUILT_IN, PARAMETERS, all_names, names_of

_VALUES = "ros__parameters"


class ParamsFile:
    """The sections of one parameter file, checked against what the nodes know."""

    def __init__(self, path: str, namespace: str = "") -> None:
        """Read the file.

        Args:
            path: the file; empty for none.
            namespace: of all nodes.

        Raises:
            SettingsError: it cannot be read, a section is for none of the nodes, or a parameter is known to none.
        """
        self.path, self.namespace = path, namespace.strip("/")
        self.sections = list(_sections(_read(path))) if path else []
        for section, values in self.sections:
            self._check(section, values)

    def values(self, node: str) -> dict[str, Any]:
        """Values for a node of that name: those that it knows, and what every node of ROS has."""
        found: dict[str, Any] = {}
        known = names_of(PARAMETERS[node])
        for section, values in self.sections:
            if self._reaches(section, node):
                found |= {name: v for name, v in values.items() if name in known or name.startswith(BUILT_IN)}
        return found

    def _reaches(self, section: str, node: str) -> bool:
        words = [w for w in section.split("/") if w]
        pattern = "".join("(/[^/]+)*" if w == "**" else "/[^/]+" if w == "*" else "/" + re.escape(w) for w in words)
        return re.fullmatch(pattern, "/".join(["", *filter(None, [self.namespace]), node])) is not None

    def _check(self, section: str, values: dict[str, Any]) -> None:
        reached = [node for node in PARAMETERS if self._reaches(section, node)]
        if not reached:
            raise SettingsError(
                f"params_file {self.path}: section {section!r} is for none of the nodes; write /** for all, "
                f"or one of: {', '.join(f'/**/{node}' for node in PARAMETERS)}."
            )
        known = set().union(*(names_of(PARAMETERS[node]) for node in reached))
        unknown = sorted(name for name in values if name not in known and not name.startswith(BUILT_IN))
        if unknown:
            who = "no node" if known == all_names() else f"not by {', '.join(reached)}"
            raise SettingsError(
                f"params_file {self.path}: section {section!r}: parameter {', '.join(unknown)} is known to {who}; "
                f"known: {', '.join(sorted(known))}."
            )


def _read(path: str) -> Any:
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"params_file {path} cannot be read ({error}); check its path and syntax.") from error


def _sections(tree: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each node's name pattern with its values by dotted name."""
    if not isinstance(tree, dict):
        if tree is None and not name:
            return  # an empty file
        raise SettingsError(f"params_file: section {name or '/'!r} needs a mapping with {_VALUES}, got {tree!r}.")
    for key, below in tree.items():
        if key == _VALUES:
            yield name, dict(_flat(below or {}))
        else:
            yield from _sections(below, f"{name}/{str(key).strip('/')}")


def _flat(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested parameters by dotted name."""
    if not isinstance(values, dict):
        raise SettingsError(f"params_file: {_VALUES} needs a mapping of names to values, got {values!r}.")
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
