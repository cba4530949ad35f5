"""Faults that are planted for the doctor, what it finds then, and stand-ins for libraries that are broken."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.controller_process import Running

from gpnet_ros.cell import Cell
from gpnet_ros.finding import Finding
from gpnet_ros.pose import to_rotvec


def install(robot: Running, cell: Cell, **other: Any) -> None:
    """Enter payload and TCP of the cell file on the pendant of a simulated controller, or other values."""
    hand = cell.hand
    entered = {
        "payload": hand.mass,
        "payload_cog": list(hand.centre_of_gravity),
        "tcp": list(to_rotvec(cell.T_flange_tcp)),
    }
    robot.admin("installation", **{**entered, **other})


def names(findings: Iterable[Finding]) -> list[str]:
    """Names of the troubles among findings, each with its remedy, as must be."""
    bad = [finding for finding in findings if finding.state in ("warning", "fault")]
    assert all(finding.remedy and finding.says.endswith(".") for finding in bad), bad
    return [finding.name for finding in bad]


def stand_ins(folder: Path, **modules: str) -> dict[str, str]:
    """An environment in which these packages are what their source says."""
    for name, source in modules.items():
        package = folder.joinpath(*name.split("."))
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(source, encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path}
