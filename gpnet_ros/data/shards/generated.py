"""The package's own shards, as `gpnet generate` and `gpnet data convert` write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gpnet_ros.data.sample import Sample
from gpnet_ros.data.shards.files import directory, read_members
from gpnet_ros.data.shards.index import Index, SceneEntry, Shard, read_index
from gpnet_ros.data.shards.samples import decode_json, decode_sample
from gpnet_ros.data.splits import keep_split
from gpnet_ros.errors import BadInput

#: Members of a scene that are its own, in the scene's folder.
SCENE_FILE = "scene.json"


class Generated:
    """A folder of shards, also one that is not finished: what its index lists can be read.

    One sample is read without touching the rest of its shard. Nothing is kept open, so an object may be used by any
    number of threads and be sent to other processes.
    """

    def __init__(self, root: Path, split: Path | None = None) -> None:
        """Open a folder.

        Args:
            root: folder with `index.json`.
            split: file of the scene names to keep; all without.

        Raises:
            BadInput: no index, no finished shard, a shard of another size than promised, or a split of other data.
        """
        self.root = Path(root)
        self.index: Index = read_index(self.root)
        if not self.index.scenes:
            raise BadInput(f"No shard in {root} is finished yet: go on with gpnet generate --resume.")
        for shard in self.index.shards:
            self._check_size(shard)
        rows = [
            (name, scene, folder, entry.shard)
            for scene, entry in self.index.scenes.items()
            for name, folder in entry.samples.items()
        ]
        self._rows = [rows[index] for index in keep_split(tuple(row[1] for row in rows), split)]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each sample."""
        return tuple(row[0] for row in self._rows)

    @property
    def scenes(self) -> tuple[str, ...]:
        """Scene of each sample."""
        return tuple(row[1] for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            BadInput: the shard or one of its members is damaged.
        """
        name, scene, folder, shard = self._rows[index]
        sample = decode_sample(self._files(shard, folder), f"{self.root / shard}: {folder}")
        if (sample.name, sample.scene) != (name, scene):
            raise BadInput(
                f"{self.root / shard}: {folder} is the picture {sample.name!r}, but the index says {name!r}: "
                "they belong to different data; take both from their source again."
            )
        return sample

    def files(self, index: int) -> list[Path]:
        """Every file from which a sample is read; see `DataSet.files`."""
        return [self.root / self._rows[index][3]]

    def scene(self, name: str) -> dict[str, Any]:
        """Content of `scene.json`, what is true of a whole scene; empty where shards were converted from other data.

        Raises:
            BadInput: no such scene, or it is damaged.
        """
        entry = self._entry(name)
        member = f"{entry.folder}/{SCENE_FILE}"
        path = self.root / entry.shard
        if member not in directory(path):
            return {}
        return decode_json(read_members(path, [member])[member], f"{path}: {member}")

    def scene_files(self, name: str) -> dict[str, bytes]:
        """The files of a scene beside its pictures: scene.json, the meshes object_1.ply, ...

        Raises:
            BadInput: no such scene, or it is damaged.
        """
        entry = self._entry(name)
        return self._files(entry.shard, entry.folder)

    def _entry(self, name: str) -> SceneEntry:
        entry = self.index.scenes.get(name)
        if entry is None:
            raise BadInput(f"There is no scene {name!r} in {self.root}: {self._examples()}.")
        return entry

    def _examples(self) -> str:
        names = list(self.index.scenes)
        return f"it has {len(names)}, {names[0]} to {names[-1]}"

    def _files(self, shard: str, folder: str) -> dict[str, bytes]:
        """Members that lie in a folder itself, without those of folders in it."""
        path, prefix = self.root / shard, f"{folder}/"
        inside = [m for m in directory(path) if m.startswith(prefix) and "/" not in m[len(prefix) :]]
        return {member[len(prefix) :]: data for member, data in read_members(path, inside).items()}

    def _check_size(self, shard: Shard) -> None:
        path = self.root / shard.file
        size = path.stat().st_size if path.is_file() else None
        if size != shard.bytes:
            found = "is missing" if size is None else f"has {size} bytes"
            raise BadInput(
                f"Shard {path} {found}, the index says {shard.bytes} bytes: take it from its source again, "
                "or run the command that made it with --resume."
            )
