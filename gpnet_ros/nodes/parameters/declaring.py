"""How a parameter is declared: a default with its sentence, and when it may change, or why not."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Any

from gpnet_ros.cell import MotionSettings
from gpnet_ros.settings import Workspace, setting

#: When a parameter changes: at once, at once unless something moves, or never.
LIVE, AT_REST, READ_ONLY = "live", "live while nothing moves", "read-only"
#: Why a parameter is read-only.
AT_START = "it is used once, when the node starts"
FILE = "the file is read once, and what was judged by it must not change under it"
DEVICE = "a device is not exchanged while it is in use"
TOPICS = "topics are made once, when the node starts"
NETWORK = "a network is loaded and tested once, when the node starts"
TASK = "a task ends as it was begun"
ARMS = "how far the arm goes is decided before anything is connected, never by a call"
INSTEAD = ": give it at the start (launch argument or params_file) and start the node again."
#: Why the parameters of quality of service are.
QOS_READ_ONLY = TOPICS + INSTEAD


def fixed(why: str, default: Any, doc: str, **more: Any) -> Any:
    """A read-only parameter, with the reason."""
    return _noted(setting(default, doc, **more), change=READ_ONLY, why=why)


def live(default: Any, doc: str, shared: bool = False, **more: Any) -> Any:
    """A parameter that may change at any time; shared: planner and the node that makes its maps have one value."""
    return _noted(setting(default, doc, **more), change=LIVE, shared=shared)


def of_cell(part: type, name: str, shared: bool = False) -> Any:
    """A setting of the cell file as a parameter, which may change while nothing moves: all about it is from there."""
    f = next(f for f in dataclasses.fields(part) if f.name == name)
    kind, m = _PARTS[part], f.metadata
    doc = m["doc"] if m["doc"][1].isupper() else m["doc"][0].lower() + m["doc"][1:]
    made = setting(f.default, f"{kind.capitalize()}: {doc}", unit=m["unit"], low=m["low"], high=m["high"])
    return _noted(made, change=AT_REST, shared=shared, cell=(kind, name))


def _noted(made: Any, **notes: Any) -> Any:
    made.metadata = MappingProxyType({**made.metadata, **notes})
    return made


#: Which part of a cell these are.
_PARTS: dict[type, str] = {Workspace: "workspace", MotionSettings: "motion"}
