"""How far a cell was brought up: each step with its day, its answer and the sums of the files that it rests on.

One small file in the cell's folder, `bringup.yaml`, written whole after each step. A step stands while the files that
it rests on are what they were, and the steps before it stand.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from gpnet_ros.errors import BadInput
from gpnet_ros.file_sum import file_sum

FILE = "bringup.yaml"
#: Steps in their order, each with the files of the folder that it rests on, its own product among them.
RESTS: dict[str, tuple[str, ...]] = {
    "doctor": (),
    "hand-eye": ("board.yaml", "hand_eye.yaml"),
    "cell": ("hand_eye.yaml", "cell.yaml"),
    "check": ("board.yaml", "hand_eye.yaml", "cell.yaml", "check.yaml"),
    "dry_run": ("hand_eye.yaml", "cell.yaml", "check.yaml"),
    "hover": ("hand_eye.yaml", "cell.yaml", "check.yaml"),
    "step": ("hand_eye.yaml", "cell.yaml", "check.yaml"),
    "run at 10 %": ("hand_eye.yaml", "cell.yaml", "check.yaml"),
    "run at 30 %": ("hand_eye.yaml", "cell.yaml", "check.yaml"),
    "run": ("hand_eye.yaml", "cell.yaml", "check.yaml"),
}
STEPS = tuple(RESTS)


@dataclass(frozen=True)
class Attempt:
    """The last try of a step.

    Attributes:
        date: when it ended, with its time zone.
        ok: whether it was done; accepted: whether a person went on all the same.
        told: its last lines, as a person read them.
        pictures: files of the folder.
        sums: SHA-256 of the files that it rests on, by name; empty for one that was not there.
    """

    date: str
    ok: bool
    accepted: bool = False
    told: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    sums: dict[str, str] = field(default_factory=dict)


class Progress:
    """The file of progress of one cell's folder."""

    def __init__(self, folder: Path) -> None:
        """Read what stands in the folder; nothing yet in a new one.

        Raises:
            BadInput: the file is damaged.
        """
        self.folder = folder
        self.settings: dict[str, str] = {}
        self.attempts: dict[str, Attempt] = {}
        file = folder / FILE
        if file.is_file():
            try:
                self._read(yaml.safe_load(file.read_text(encoding="utf-8")))
            except (UnicodeDecodeError, yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError) as error:
                raise BadInput(
                    f"{file} cannot be read as progress of `gpnet bringup` ({error!r}): move it away; what was "
                    "measured stays in the other files, and the steps are asked for anew."
                ) from error

    def _read(self, values: dict[str, Any]) -> None:
        self.settings = {str(name): str(value) for name, value in values["settings"].items()}
        for name, kept in values["steps"].items():
            if name not in RESTS:
                raise ValueError(f"no step {name!r}")
            lists = {key: tuple(str(line) for line in kept[key]) for key in ("told", "pictures")}
            sums = {str(file): str(value) for file, value in kept["sums"].items()}
            self.attempts[name] = Attempt(
                str(kept["date"]), kept["ok"] is True, kept["accepted"] is True, **lists, sums=sums
            )

    def missing(self, step: str) -> str:
        """Why a step does not stand, as a part of a sentence; empty when it does."""
        for name in STEPS[: STEPS.index(step) + 1]:
            why = self._fallen(name)
            if why:
                return why if name == step else f"{name} goes before it, and {why}"
        return ""

    def next(self) -> str | None:
        """The first step that does not stand; None when all do."""
        return next((name for name in STEPS if self._fallen(name)), None)

    def note(
        self, step: str, ok: bool, told: tuple[str, ...], pictures: tuple[str, ...], accepted: bool = False
    ) -> None:
        """Write down how a step ended, with the files as they are now."""
        sums = {name: file_sum(self.folder / name) for name in RESTS[step]}
        date = datetime.now().astimezone().isoformat(timespec="seconds")
        self.attempts[step] = Attempt(date, ok, accepted, told, pictures, sums)
        self.write()

    def forget(self, step: str) -> None:
        """A step is to be done anew, and so are those after it."""
        for name in STEPS[STEPS.index(step) :]:
            self.attempts.pop(name, None)
        self.write()

    def write(self) -> None:
        """Write the file whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        steps = {name: asdict(self.attempts[name]) for name in STEPS if name in self.attempts}
        for kept in steps.values():
            kept |= {key: list(kept[key]) for key in ("told", "pictures")}
        text = yaml.safe_dump({"settings": self.settings, "steps": steps}, sort_keys=False, width=120)
        fresh = self.folder / f"{FILE}.new"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / FILE)

    def _fallen(self, step: str) -> str:
        """Why this step alone does not stand, whatever those before it do."""
        kept = self.attempts.get(step)
        if kept is None:
            return "is not done yet"
        if not (kept.ok or kept.accepted):
            return "was not done"
        for name in RESTS[step]:
            now = file_sum(self.folder / name)
            if not now:
                return f"rests on {name}, which is gone"
            if now != kept.sums.get(name):
                return f"rests on {name}, which is another one since"
        return ""
