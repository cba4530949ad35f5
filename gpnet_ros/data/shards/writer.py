"""Fills a folder with shards, scene by scene, in any order and across interruptions, to the same bytes.

Each scene is first written to a part in `.parts/`; when all scenes of a shard have their part, the shard is packed,
the index replaced, and the parts deleted, in this order. So a process that is killed anywhere loses at most the
scenes that it was working on.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gpnet_ros.data.loaders.reading import found_in
from gpnet_ros.data.sample import Sample
from gpnet_ros.data.shards.encoding import encode_sample
from gpnet_ros.data.shards.files import read_all, write_members, writing
from gpnet_ros.data.shards.index import INDEX_FILE, Index, SceneEntry, Shard, read_index, write_index
from gpnet_ros.errors import BadInput
from gpnet_ros.file_sum import file_sha256

SCENES_PER_SHARD = 250
_PARTS = ".parts"
_SAMPLE_FILE = "sample.json"


@dataclass(frozen=True)
class ShardPlan:
    """What a folder of shards will hold; the same plan gives the same bytes.

    Attributes:
        generator: program and version.
        arguments: plain values that decide the content; `--resume` needs the same.
        scenes: name of each scene, all different.
        per_shard: scenes in a shard; the last has the rest.
    """

    generator: str
    arguments: Mapping[str, Any]
    scenes: Sequence[str]
    per_shard: int = SCENES_PER_SHARD


class ShardWriter:
    """One folder being filled; a context manager, since no second process may fill the same folder."""

    def __init__(self, folder: Path, plan: ShardPlan, resume: bool) -> None:
        """Open a folder.

        Args:
            folder: made if it does not exist.
            plan: what it will hold.
            resume: go on with what an earlier run of the same plan left; else the folder must be empty.

        Raises:
            BadInput: the folder holds something, is being filled by another plan or process, or cannot be written.
        """
        self.folder, self.plan = Path(folder), plan
        self._parts = self.folder / _PARTS
        self._place = {name: number for number, name in enumerate(plan.scenes)}
        _check_folder(self.folder, resume)
        planned = Index(plan.generator, dict(plan.arguments), len(plan.scenes))
        self._begun(planned)
        with writing(self.folder):
            self._parts.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self._parts / "lock")
        try:
            with writing(self.folder):
                self.index = self._begun(planned) or planned
                write_index(self.folder, self.index)
                self._finished = {int(shard.file[6:-4]) for shard in self.index.shards}
                self._present = self._kept_parts()
                for shard in range(self._shards):  # parts may be complete, the process killed while it packed
                    self._pack_if_complete(shard)
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            nothing = not self.index.scenes and not self._present
            if nothing:  # it failed before the first scene: leave the folder for a better try
                (self.folder / INDEX_FILE).unlink()
            if nothing or self.index.complete:
                shutil.rmtree(self._parts)
        self._lock.close()

    def missing(self) -> Iterator[int]:
        """Numbers of the scenes that are still to be made, in order."""
        for number in range(len(self.plan.scenes)):
            if number // self.plan.per_shard not in self._finished and number not in self._present:
                yield number

    def add(self, number: int, members: Mapping[str, bytes]) -> None:
        """Write one scene of the plan to disk.

        Args:
            number: index of the scene in `ShardPlan.scenes`.
            members: its files, names relative to the scene's folder; pictures as `scene_members` names them.

        Raises:
            BadInput: nothing can be written, a full disk for instance; what was finished stays readable.
        """
        with writing(self.folder):
            write_members(self._part(number), members.items(), durable=False)
            self._present.add(number)
            self._pack_if_complete(number // self.plan.per_shard)

    @property
    def _shards(self) -> int:
        return -(-len(self.plan.scenes) // self.plan.per_shard)

    def _numbers(self, shard: int) -> range:
        first = shard * self.plan.per_shard
        return range(first, min(first + self.plan.per_shard, len(self.plan.scenes)))

    def _part(self, number: int) -> Path:
        return self._parts / f"{number:07d}.zip"

    def _begun(self, planned: Index) -> Index | None:
        """What an earlier run of the same plan finished, if there was one."""
        if not (self.folder / INDEX_FILE).exists():
            return None
        index = read_index(self.folder)
        _check_same(self.folder, index, planned)
        return _whole_shards(self.folder, index)

    def _kept_parts(self) -> set[int]:
        """Scenes whose parts an earlier run left whole; other leftovers are deleted."""
        kept = set()
        for path in self._parts.glob("*.zip"):
            number = int(path.stem) if path.stem.isdigit() else len(self.plan.scenes)
            wanted = number < len(self.plan.scenes) and number // self.plan.per_shard not in self._finished
            if wanted and _is_whole(path):
                kept.add(number)
            else:
                path.unlink()
        for path in [*self._parts.glob(".*.part"), *self.folder.glob(".*.part")]:
            path.unlink()
        return kept

    def _pack_if_complete(self, shard: int) -> None:
        numbers = self._numbers(shard)
        if shard in self._finished or not all(number in self._present for number in numbers):
            return
        path = self.folder / f"shard_{shard:05d}.zip"
        entries: dict[str, SceneEntry] = {}
        write_members(path, self._packed(numbers, path.name, entries))
        views = sum(len(entry.samples) for entry in entries.values())
        new = Shard(path.name, len(numbers), views, path.stat().st_size, file_sha256(path))
        shards = tuple(sorted((*self.index.shards, new), key=lambda s: s.file))
        scenes = self.index.scenes | entries
        ordered = {name: scenes[name] for name in sorted(scenes, key=self._place.__getitem__)}
        index = replace(self.index, shards=shards, scenes=ordered)
        write_index(self.folder, index)
        self.index = index
        self._finished.add(shard)
        for number in numbers:
            self._present.discard(number)
            self._part(number).unlink()

    def _packed(self, numbers: range, shard: str, entries: dict[str, SceneEntry]) -> Iterator[tuple[str, bytes]]:
        """Members of a shard, part after part; fills `entries` with what it passes."""
        for number in numbers:
            name, members = self.plan.scenes[number], read_all(self._part(number))
            folder = member_name(name)
            entries[name] = SceneEntry(shard, folder, dict(_samples(name, folder, members)))
            yield from ((f"{folder}/{member}", data) for member, data in members.items())


def scene_members(samples: Iterable[Sample]) -> dict[str, bytes]:
    """Files of the samples of one scene, each in its own folder, named relative to the scene's folder."""
    members: dict[str, bytes] = {}
    for sample in samples:
        view = member_name(sample.name.removeprefix(f"{sample.scene}/"))
        files = {f"{view}/{name}": data for name, data in encode_sample(sample).items()}
        if not members.keys().isdisjoint(files):
            raise BadInput(f"Two pictures of scene {sample.scene} are named {sample.name}: give each its own name.")
        members |= files
    return members


def member_name(name: str) -> str:
    """A name of any characters as one folder name, reversible: as it is if it has only letters, digits, _ . - ~."""
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E") or "%"


def _samples(scene: str, folder: str, members: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Name and folder of each sample of a scene."""
    for member, data in members.items():
        if member.endswith(f"/{_SAMPLE_FILE}"):
            about = json.loads(data)
            if about["scene"] != scene:
                raise BadInput(
                    f"Picture {about['name']} of scene {about['scene']!r} was handed in as one of {scene!r}."
                )
            yield str(about["name"]), f"{folder}/{member.removesuffix(f'/{_SAMPLE_FILE}')}"


def _check_folder(folder: Path, resume: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file: give a folder for the shards.")
    try:
        entries = {entry.name for entry in os.scandir(folder)} if folder.exists() else set()
    except OSError as error:
        raise BadInput(f"{folder} cannot be read ({error.strerror}): choose another folder.") from error
    if entries and not resume:
        begun = entries & {INDEX_FILE, _PARTS}
        advice = "add --resume to go on with it, or choose an empty folder" if begun else "choose an empty folder"
        raise BadInput(f"{folder} is not empty ({found_in(folder)}): {advice}.")
    if entries - {_PARTS, f".{INDEX_FILE}.part"} and INDEX_FILE not in entries:
        raise BadInput(f"{folder} is not empty ({found_in(folder)}), nor was it begun here: choose an empty folder.")


def _check_same(folder: Path, found: Index, planned: Index) -> None:
    """An interrupted run goes on only with what it was started with."""
    then, now = _described(found), _described(planned)
    differ = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    if differ:
        words = ", ".join(f"{key} is {then.get(key)!r} there and {now.get(key)!r} now" for key in differ)
        raise BadInput(f"{folder} was begun with other arguments: {words}; give the same, or choose an empty folder.")


def _described(index: Index) -> dict[str, Any]:
    plain = json.loads(json.dumps(index.arguments))  # tuples become lists, as in the file
    return {"generator": index.generator, "scenes": index.planned, **plain}


def _whole_shards(folder: Path, index: Index) -> Index:
    """The index without shards that are gone or have lost their end: they are made again."""
    sizes = {s.file: (folder / s.file).stat().st_size for s in index.shards if (folder / s.file).is_file()}
    shards = tuple(shard for shard in index.shards if sizes.get(shard.file) == shard.bytes)
    files = {shard.file for shard in shards}
    return replace(index, shards=shards, scenes={n: e for n, e in index.scenes.items() if e.shard in files})


def _is_whole(part: Path) -> bool:
    try:
        return any(name.endswith(f"/{_SAMPLE_FILE}") for name in read_all(part))
    except BadInput:
        return False


def _locked(path: Path) -> Any:
    """An open file that no other process has; freed when this process ends, however it ends."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):  # a file system without locks, some network drives
            return file
        file.close()
        raise BadInput(f"{path.parent.parent} is being filled by another process: wait for its end.") from error
    return file
