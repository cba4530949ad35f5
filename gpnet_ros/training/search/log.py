"""The log of a search, JSON lines: what it was asked, every trial, every generation, the winner.

A resumed search is the same search played again: what stands in the log need not be tried again, and every line that
is written again must be the line that is there. So a killed and resumed search ends with the same bytes as an unbroken
one. Times of day and durations stand nowhere in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.file_sum import file_sha256

LOG = "log.jsonl"


class SearchLog:
    """Lines of a search in a folder; on resuming the known ones are compared, the missing ones appended."""

    def __init__(self, folder: Path, resume: bool) -> None:
        """Begin a log, or go on with it.

        Raises:
            BadInput: there is one already and `resume` is false, or none and it is true.
        """
        self.path = folder / LOG
        if self.path.exists() and not resume:
            raise BadInput(f"{folder} holds a search already: go on with --resume, or choose another --out.")
        if resume and not self.path.exists():
            raise BadInput(f"There is no {self.path} to resume from: start without --resume.")
        folder.mkdir(parents=True, exist_ok=True)
        self._known = _whole_lines(self.path) if resume else []
        if resume:  # a line that was cut off by a kill goes
            self.path.write_text("".join(line + "\n" for line in self._known), encoding="utf-8")
        self.lines: list[dict[str, Any]] = []

    def write(self, line: dict[str, Any]) -> None:
        """Add a line.

        Raises:
            BadInput: the search that is resumed has another line at this place.
        """
        text, place = json.dumps(line), len(self.lines)
        if place < len(self._known):
            if self._known[place] != text:
                raise BadInput(
                    f"Line {place + 1} of {self.path} is of another search (its settings, data, latency table, seed or "
                    "version differ): resume with the same, or choose another --out."
                )
        else:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        self.lines.append(json.loads(text))

    def answers(self) -> dict[str, Any]:
        """Answers of all trials in the log that is resumed, by the trial."""
        told = (json.loads(line) for line in self._known)
        return {json.dumps(line["trial"]): line["answer"] for line in told if "trial" in line}

    @property
    def digest(self) -> str:
        """The sha256 of the file."""
        return file_sha256(self.path)


def _whole_lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    whole = lines[:-1]  # what follows the last line's end was cut off
    try:
        for line in whole:
            json.loads(line)
    except ValueError as error:
        raise BadInput(f"{path} is damaged ({error}): choose another --out and begin anew.") from error
    return whole
