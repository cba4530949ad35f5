"""Whether a data set is whole: its shards, its split files, and the laws of its pictures and scenes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gpnet_ros.data.laws import violations
from gpnet_ros.data.sample import DataSet
from gpnet_ros.data.set_statistics import SetStatistics
from gpnet_ros.data.shards.files import directory
from gpnet_ros.data.shards.generated import Generated
from gpnet_ros.data.shards.index import Index
from gpnet_ros.data.splits import read_split
from gpnet_ros.errors import BadInput
from gpnet_ros.file_sum import file_sha256
from gpnet_ros.sim.scenes.laws import scene_violations, split_of

_NAMED = 10  # violations that are printed; the rest is counted


@dataclass
class Findings:
    """Violations that were found so far: all are counted, the first ten are named."""

    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Count a violation, and keep its sentence if it is one of the first."""
        self.count += 1
        if len(self.named) < _NAMED:
            self.named.append(sentence)


def check_shards(folder: Path, index: Index, findings: Findings) -> dict[str, Any]:
    """Note every shard that is not as the index says; what the index says of the whole, as plain values."""
    for shard in tqdm(index.shards, desc="shards", unit="shard", disable=None):
        path = folder / shard.file
        scenes = [entry for entry in index.scenes.values() if entry.shard == shard.file]
        views = sum(len(entry.samples) for entry in scenes)
        if not path.is_file():
            findings.add(f"{shard.file} is missing")
        elif path.stat().st_size != shard.bytes:
            findings.add(f"{shard.file} has {path.stat().st_size} bytes, the index says {shard.bytes}")
        elif file_sha256(path) != shard.sha256:
            findings.add(f"{shard.file} was changed: its SHA-256 is not that of the index")
        elif (len(scenes), views) != (shard.scenes, shard.views):
            findings.add(
                f"{shard.file} has {shard.scenes} scenes and {shard.views} pictures, the index lists {len(scenes)} "
                f"and {views}"
            )
        else:
            listed = {f for entry in scenes for f in entry.samples.values()}
            held = {name.rsplit("/", 1)[0] for name in directory(path) if name.endswith("/sample.json")}
            for name in sorted(listed ^ held)[:_NAMED]:
                findings.add(f"{shard.file} and the index disagree about the picture {name}")
    size = sum(shard.bytes for shard in index.shards)
    made = sum(shard.scenes for shard in index.shards)
    return {
        "generator": index.generator,
        "arguments": index.arguments,
        "complete": index.complete,
        "planned_scenes": index.planned,
        "shards": len(index.shards),
        "bytes": size,
        "bytes_per_scene": round(size / made) if made else None,
    }


def check_splits(files: list[Path], data: DataSet, findings: Findings) -> None:
    """Note every scene that split files name twice, or that is not there."""
    taken: dict[str, Path] = {}
    known = frozenset(data.scenes)
    for file in files:
        for scene in sorted(read_split(file)):
            if scene not in known:
                findings.add(f"{file} names the scene {scene!r}, which is not there")
            if scene in taken:
                findings.add(f"scene {scene!r} is in {taken[scene]} and in {file}")
            taken[scene] = file


def check_pictures(data: DataSet, scenes: int | None, findings: Findings) -> dict[str, Any]:
    """Note every law that a picture or a scene breaks; what the pictures show, as `SetStatistics.summary` says it.

    Args:
        data: a data set, ours or a public one.
        scenes: look at this many, spread over all; at all without it.
        findings: takes the violations.
    """
    figures = SetStatistics()
    split = split_of(data.index.arguments) if isinstance(data, Generated) else None
    distinct = list(dict.fromkeys(data.scenes))
    kept = frozenset(distinct)
    if scenes is not None and scenes < len(distinct):
        kept = frozenset(distinct[i] for i in np.linspace(0, len(distinct) - 1, scenes).astype(int))
    pictures: dict[str, list[int]] = {}
    for index, scene in enumerate(data.scenes):
        if scene in kept:
            pictures.setdefault(scene, []).append(index)
    for scene, indices in tqdm(pictures.items(), desc="scenes", unit="scene", disable=None):
        about = data.scene(scene) if isinstance(data, Generated) else {}
        samples = []
        for index in indices:
            try:
                samples.append(data[index])
            except BadInput as error:
                findings.add(f"{data.names[index]}: {error}")
        for sample in samples:
            for sentence in violations(sample, ours=bool(about)):
                findings.add(f"{sample.name}: {sentence}")
            figures.add(sample, exact=bool(about))
        if about:
            for sentence in scene_violations(about, samples, split):
                findings.add(f"scene {scene}: {sentence}")
    return figures.summary()
