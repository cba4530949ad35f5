"""One node as a process: what it is started with, and whether it is started again. Nothing here needs ROS."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Nodes that are started again when they have ended by themselves, after so long [s]; never the planner, which may have
#: left an arm in mid-move: there a person looks first.
RESPAWNED, RESPAWN_DELAY = ("camera_node", "inference_node", "oracle_node"), 2.0
#: Exit status of a node that was told to end, and of one that refuses its settings: once more would be no better.
_TOLD_TO_END, _REFUSES = 0, 2
LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")


@dataclass(frozen=True)
class NodeProcess:
    """One node: its executable, its name, its parameter files, the values that override them, other names of topics.

    Attributes:
        respawn: whether it is started again when it has died.
        log_level: one of `LOG_LEVELS`.
    """

    executable: str
    name: str
    files: tuple[Path, ...] = ()
    overrides: dict[str, Any] = field(default_factory=dict)
    remaps: dict[str, str] = field(default_factory=dict)
    respawn: bool = False
    log_level: str = "info"

    def returns_after(self, status: int) -> bool:
        """Whether it is started again after it has ended with this exit status."""
        return self.respawn and status not in (_TOLD_TO_END, _REFUSES)
