"""The index of a folder of shards: what is in which shard, and how it was made.

The format is described in docs/data_format.md.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gpnet_ros.data.loaders.reading import FILE_BYTES_MAX, found_in, read_bytes
from gpnet_ros.data.shards.encoding import FORMAT_VERSION
from gpnet_ros.data.shards.files import write_whole
from gpnet_ros.data.shards.samples import decode_json
from gpnet_ros.errors import BadInput

INDEX_FILE = "index.json"
FORMAT = "gpnet_ros shards"
_SHARD_NAME = re.compile(r"shard_\d{5,}\.zip")


@dataclass(frozen=True)
class Shard:
    """Size, checksum and content of one finished shard.

    Attributes:
        file: name, beside the index.
        scenes, views: how many are in it.
        bytes: its size.
        sha256: of the file, hexadecimal.
    """

    file: str
    scenes: int
    views: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class SceneEntry:
    """Shard and folder in which a scene and its pictures lie.

    Attributes:
        shard: file name.
        folder: of the scene in the shard.
        samples: name of each sample -> its folder in the shard.
    """

    shard: str
    folder: str
    samples: dict[str, str]


@dataclass(frozen=True)
class Index:
    """Content of `index.json`: which shards and scenes a folder holds, and how they were made.

    Attributes:
        generator: program and version that made the shards.
        arguments: that decide the content, as plain values.
        planned: number of scenes when all is done.
        shards: the finished ones, in order of their names.
        scenes: name -> where it is; those of finished shards, in order.
    """

    generator: str
    arguments: dict[str, Any]
    planned: int
    shards: tuple[Shard, ...] = ()
    scenes: dict[str, SceneEntry] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Every planned scene is there."""
        return len(self.scenes) == self.planned


def read_index(folder: Path) -> Index:
    """The index of a folder.

    Raises:
        BadInput: there is none, or it is damaged or of another version.
    """
    path = Path(folder) / INDEX_FILE
    if not path.is_file():
        raise BadInput(
            f"There are no shards in {folder} ({found_in(folder)}): give a folder that gpnet generate or "
            "gpnet data convert wrote."
        )
    about = decode_json(read_bytes(path), str(path), FILE_BYTES_MAX)
    try:
        if about["format"] != FORMAT or about["version"] != FORMAT_VERSION:
            raise BadInput(
                f"{path} has format {about['format']!r} of version {about['version']!r}, but {FORMAT!r} of version "
                f"{FORMAT_VERSION} is needed: generate the data again."
            )
        shards = tuple(Shard(**{key: kind(s[key]) for key, kind in _SHARD_TYPES.items()}) for s in about["shards"])
        scenes = {str(name): _entry(entry) for name, entry in about["scenes"].items()}
        index = Index(str(about["generator"]), dict(about["arguments"]), int(about["planned"]), shards, scenes)
        _check(index)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise BadInput(f"{path} is damaged ({reason}): take it from its source again.") from error
    return index


def write_index(folder: Path, index: Index) -> None:
    """Replace the index of a folder; a crash leaves the old one."""
    about = {"format": FORMAT, "version": FORMAT_VERSION, **asdict(index), "complete": index.complete}
    # One line per shard and scene: people and diff look at it, too.
    text = json.dumps(about | {"shards": 0, "scenes": 0}, ensure_ascii=False, indent=1)
    shards = ",\n  ".join(json.dumps(asdict(shard), ensure_ascii=False) for shard in index.shards)
    scenes = ",\n  ".join(
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(asdict(entry), ensure_ascii=False)}"
        for name, entry in index.scenes.items()
    )
    text = text.replace('\n "shards": 0', f'\n "shards": [\n  {shards}\n ]')
    text = text.replace('\n "scenes": 0', f'\n "scenes": {{\n  {scenes}\n }}')
    write_whole(folder / INDEX_FILE, lambda file: _write(file, text))


_SHARD_TYPES: dict[str, type] = {"file": str, "scenes": int, "views": int, "bytes": int, "sha256": str}


def _write(file: Any, text: str) -> None:
    file.write(text.encode() + b"\n")


def _entry(entry: dict[str, Any]) -> SceneEntry:
    samples = {str(name): str(folder) for name, folder in entry["samples"].items()}
    return SceneEntry(str(entry["shard"]), str(entry["folder"]), samples)


def _check(index: Index) -> None:
    files = [shard.file for shard in index.shards]
    for file in files:
        if not _SHARD_NAME.fullmatch(file):  # also keeps the reader in the folder
            raise ValueError(f"{file!r} is no name of a shard")
    if len(set(files)) != len(files):
        raise ValueError("a shard comes twice")
    named = {entry.shard for entry in index.scenes.values()}
    if not named <= set(files):
        raise ValueError(f"a scene lies in {min(named - set(files))!r}, which is not listed")
