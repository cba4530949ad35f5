"""The tables of docs/ros.md: arguments of the launch files, parameters of every node, from where they are defined."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from gpnet_ros.nodes.parameters.declared import PARAMETERS, change_of
from gpnet_ros.nodes.processes.replay_table import ReplayRun
from gpnet_ros.nodes.processes.table import RunSettings


def reference() -> str:
    """All tables in Markdown, each under its heading."""
    parts: list[str] = []
    for file, run in (("grasp.launch.py", RunSettings), ("replay.launch.py", ReplayRun)):
        parts += [f"### {file}", _table(dataclasses.fields(run))]
    for node, kind in PARAMETERS.items():
        parts += [f"### {node}", _parameters(dataclasses.fields(kind))]
    return "\n\n".join(parts) + "\n"


def _table(fields: Iterable[dataclasses.Field[Any]]) -> str:
    rows = ["| name | default | allowed | what it is |", "|---|---|---|---|"]
    rows += [f"| `{f.name}` | {_value(f.default)} | {_allowed(f)} | {f.metadata['doc']} |" for f in fields]
    return "\n".join(rows)


def _parameters(fields: Iterable[dataclasses.Field[Any]]) -> str:
    rows = ["| name | default | allowed | changes | what it is |", "|---|---|---|---|---|"]
    for f in fields:
        default = "of `cell_file`" if f.metadata.get("cell") else _value(f.default)
        shared = ", shared" if f.metadata.get("shared") else ""
        rows.append(f"| `{f.name}` | {default} | {_allowed(f)} | {change_of(f)}{shared} | {f.metadata['doc']} |")
    return "\n".join(rows)


def _value(value: Any) -> str:
    if value == "":
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _allowed(field: dataclasses.Field[Any]) -> str:
    m = field.metadata
    if isinstance(field.default, bool):
        return "`true`, `false`"
    if m["choices"]:
        return ", ".join(_value(choice) for choice in m["choices"])
    if m["low"] is None:
        return ""
    return f"{m['low']:g} to {m['high']:g} {m['unit']}".rstrip()
