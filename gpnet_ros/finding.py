"""What `gpnet doctor` finds: which part of the cell, how it is, and what to do about it. Nothing is looked at here.

Every module that examines a part declares its troubles as constants; docs/doctor.md is their table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

State = Literal["ok", "warning", "fault", "skipped"]
#: What may be said of a part, the harmless first.
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        part: what was looked at, a line of the doctor.
        state: fault: no grasp will come of it; warning: it may be meant so, and costs something if it is not.
        says: one sentence with figures.
        remedy: one sentence; empty where all is well or nothing was looked at.
        name: of the trouble, its row in docs/doctor.md; empty where there is none.
    """

    part: str
    state: State
    says: str
    remedy: str = ""
    name: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Trouble:
    """A thing that can be wrong, known beforehand.

    Attributes:
        part: where.
        name: unique, in words with underscores.
        state: warning or fault.
        sign: what is seen then, for the table.
        remedy: one sentence that says what a person does about it; `{names}` are filled in by `found`.
    """

    part: str
    name: str
    state: Literal["warning", "fault"]
    sign: str
    remedy: str

    def found(self, says: str, **values: Any) -> Finding:
        """The finding that it is so; says: one sentence with figures, values: what the remedy names."""
        return Finding(self.part, self.state, says, self.remedy.format(**values), self.name)


def well(part: str, says: str) -> Finding:
    """All is well with a part, in one sentence."""
    return Finding(part, "ok", says)


def skipped(part: str, why: str) -> Finding:
    """A part was not looked at, and why, in one sentence."""
    return Finding(part, "skipped", why)


def troubles_of(namespace: dict[str, Any]) -> tuple[Trouble, ...]:
    """The troubles among the names of a module, in their order."""
    return tuple(value for value in namespace.values() if isinstance(value, Trouble))


def worst(findings: Iterable[Finding]) -> State:
    """The worst state among findings; `ok` where there is none, for what was skipped is not known to be ill."""
    serious = [finding.state for finding in findings if finding.state != "skipped"]
    return max(serious, key=STATES.index, default="ok")
