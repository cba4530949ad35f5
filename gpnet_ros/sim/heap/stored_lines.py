"""Heaps and scenes that are shipped as poses: lines of JSON, compressed, with a checksum of file and shapes."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.objects.model import ObjectModel
from gpnet_ros.sim.objects.shapes import volume_moments

_DECIMALS = 7


def rounded(value: Any) -> Any:
    """Copy of lists and dictionaries with floats to 7 decimals: a tenth of a micrometre."""
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, Mapping):
        return {key: rounded(entry) for key, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def geometry_sum(objects: Iterable[ObjectModel]) -> str:
    """Checksum of sizes, volumes, masses and friction, rounded so that machines agree: it changes with a family."""
    text = []
    for model in objects:
        volume = volume_moments(model.vertices, model.faces)[0]
        lengths = [round(1e5 * float(v)) for v in (*model.extent, model.radius)]
        others = [round(1e9 * volume), round(1e6 * model.mass), round(1e6 * model.friction)]
        text.append(f"{model.family} {model.seed} {lengths} {others}")
    return f"{zlib.crc32(';'.join(text).encode()):08x}"


def require_geometry(what: str, objects: Iterable[ObjectModel], stored: dict[str, Any]) -> None:
    """Refuse objects that are not those whose checksum is stored.

    Raises:
        BadInput: the families have changed since; `what` names the scene or heap.
    """
    if geometry_sum(objects) != stored["geometry"]:
        raise BadInput(
            f"{what} was made with other shapes than these families have now: "
            "use the version of the package that it belongs to."
        )


def stored_line(values: dict[str, Any], objects: Iterable[ObjectModel]) -> bytes:
    """A scene or heap as one line of JSON, rounded, with the checksum of its objects."""
    stored = rounded(values) | {"geometry": geometry_sum(objects)}
    return json.dumps(stored, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def read_stored(file: Path, sums: Path) -> tuple[bytes, ...]:
    """Lines of a compressed file whose SHA-256 a second file lists, in the format of sha256sum.

    Raises:
        BadInput: one of the files is missing, or they do not fit each other.
    """
    try:
        data = file.read_bytes()
        pairs = [line.split(maxsplit=1) for line in sums.read_text("utf-8").splitlines()]
        listed = {name: sum_ for sum_, name in pairs}
    except (OSError, ValueError) as error:
        raise BadInput(f"Test set {file.name} cannot be read ({error}): install the package anew.") from error
    if hashlib.sha256(data).hexdigest() != listed.get(file.name):
        raise BadInput(f"Test set {file.name} is not the one that was shipped: install the package anew.")
    return tuple(gzip.decompress(data).splitlines())


def write_stored(file: Path, lines: Iterable[bytes]) -> str:
    """Compress lines into a file, without a time: equal lines are equal bytes. Returns the file's line for the sums."""
    data = gzip.compress(b"".join(lines), mtime=0)
    file.write_bytes(data)
    return f"{hashlib.sha256(data).hexdigest()}  {file.name}\n"
