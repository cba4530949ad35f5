"""`measured.yaml`: what was measured of a cell so far, and of which cell file; a later call goes on with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from gpnet_ros.errors import BadInput

#: Key of the cell file that was begun from: its name, sums of the values that it may have, and of items that were held
#: against the camera the sum of its hand-eye.
_CELL = "cell"


class MeasuredFile:
    """The file of one folder; it is of the cell file that the first call began from, and of what was made of it."""

    def __init__(self, file: Path, items: Collection[str], name: str, values: Mapping[str, Any]) -> None:
        """Read what was measured before.

        Args:
            file: may not be there yet.
            items: that can be measured.
            name: of the cell file that is begun from now; values: all that it says.

        Raises:
            BadInput: the file cannot be read, or it is of another cell file.
        """
        self._file, self.found = file, _read(file, items)
        now = sum_of(values)
        before = self.found.pop(_CELL, None)
        if before is None and self.found:
            raise BadInput(f"{file} does not say of which cell file it is: move it away to measure all anew.")
        if before is not None and now not in before["sums"]:
            raise BadInput(
                f"{file} was measured for {before['name']} as that was then, and {name} says something else: give the "
                "cell file that was begun from, or another folder, or move it away to measure all anew."
            )
        self._cell = before or {"name": name, "sums": [now]}

    def keep(self, item: str, value: Any, seen_by: str = "") -> None:
        """Write an item down, with the sum of the hand-eye by which the camera saw it; empty where it did not."""
        self.found[item] = value
        if seen_by:
            self._cell["seen_by"] = {**self._cell.get("seen_by", {}), item: seen_by}
        self._write()

    def is_seen_by(self, item: str, hand_eye: str) -> bool:
        """Whether a measured item was held against the camera by the hand-eye of this sum."""
        return bool(self._cell.get("seen_by", {}).get(item) == hand_eye)

    def made(self, values: Mapping[str, Any]) -> None:
        """A cell file with these values was made of it, from which a later call may begin as well."""
        self._cell["sums"] = [self._cell["sums"][0], sum_of(values)]
        self._write()

    def _write(self) -> None:
        text = yaml.safe_dump({_CELL: self._cell, **self.found}, sort_keys=False, default_flow_style=None)
        self._file.write_text(text, encoding="utf-8")


def sum_of(values: Mapping[str, Any]) -> str:
    """Sum of what a cell file says, whatever its comments and the order of its lines."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _read(file: Path, items: Collection[str]) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read ({error}): move it away to measure all anew.") from error
    if not isinstance(found, dict) or not {*found} <= {*items, _CELL}:
        raise BadInput(f"{file} holds other items than {', '.join(items)}: move it away to measure all anew.")
    cell = found.get(_CELL, {"name": "", "sums": []})
    kinds = {"sums": list, "name": str, "seen_by": dict}
    whole = isinstance(cell, dict) and all(isinstance(v, kinds.get(name, object)) for name, v in cell.items())
    if not whole or not {"sums", "name"} <= {*cell}:
        raise BadInput(f"{file} does not say of which cell file it is: move it away to measure all anew.")
    return found
