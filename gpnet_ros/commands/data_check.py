"""Check a data set: are the shards whole, do the labels keep their laws, and what is in it?

Exit status: 0 all laws hold, 1 one is broken (the first ten are named), 2 bad input.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gpnet_ros.data.laws import violations
from gpnet_ros.data.loaders.sets import add_source, open_data
from gpnet_ros.data.sample import DataSet, read_split
from gpnet_ros.data.set_statistics import SetStatistics
from gpnet_ros.data.shards.files import directory
from gpnet_ros.data.shards.generated import Generated
from gpnet_ros.data.shards.index import Index, file_sha256, read_index
from gpnet_ros.errors import BadInput
from gpnet_ros.sim.scenes.laws import scene_violations, split_of

_NAMED = 10  # violations that are printed; the rest is counted


@dataclass
class Findings:
    """Violations so far: all are counted, the first are named."""

    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Note one."""
        self.count += 1
        if len(self.named) < _NAMED:
            self.named.append(sentence)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet data check`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the data set")
    add_source(parser)
    parser.add_argument("--scenes", type=int, help="look at this many scenes, spread over all (all)")
    parser.add_argument(
        "--splits", type=Path, nargs="+", default=[], metavar="FILE", help="split files that must be disjoint"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Check and print figures."""
    if args.scenes is not None and args.scenes < 1:
        raise BadInput(f"--scenes is {args.scenes}; it must be 1 or more.")
    findings, answer = Findings(), {"folder": str(args.folder), "from": args.source}
    ours = args.source == "own"
    if ours:
        answer |= _check_shards(args.folder, read_index(args.folder), findings)
    if findings.count:  # whoever edited the files may have edited anything in them
        print("The pictures were not looked at, for the shards are not those of the index.")
    else:
        data = open_data(args.source, args.folder)
        _check_splits(args.splits, data, findings)
        answer["looked_at"] = _check_pictures(data, args.scenes, findings)
    answer |= {"violations": findings.count, "named": findings.named}
    print("\n".join(_lines(answer)))
    if args.json:
        print(json.dumps(answer))
    return 1 if findings.count else 0


def _check_shards(folder: Path, index: Index, findings: Findings) -> dict[str, Any]:
    """Every shard is there as the index says; returns what the index says of the whole."""
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


def _check_splits(files: list[Path], data: DataSet, findings: Findings) -> None:
    """Split files name scenes that are there, and none twice."""
    taken: dict[str, Path] = {}
    known = frozenset(data.scenes)
    for file in files:
        for scene in sorted(read_split(file)):
            if scene not in known:
                findings.add(f"{file} names the scene {scene!r}, which is not there")
            if scene in taken:
                findings.add(f"scene {scene!r} is in {taken[scene]} and in {file}")
            taken[scene] = file


def _check_pictures(data: DataSet, scenes: int | None, findings: Findings) -> dict[str, Any]:
    """Read the pictures, hold the laws against them, and count."""
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


def _lines(answer: dict[str, Any]) -> list[str]:
    """The answer for people."""
    lines = [f"{answer['folder']} ({answer['from']})"]
    if "shards" in answer:
        state = "complete" if answer["complete"] else f"UNFINISHED, {answer['planned_scenes']} scenes are planned"
        each = "" if answer["bytes_per_scene"] is None else f", {answer['bytes_per_scene'] / 1e6:.2f} MB per scene"
        lines.append(f"  {'shards':26}{answer['shards']} ({answer['bytes'] / 1e6:.1f} MB{each}), {state}")
    for key, value in answer.get("looked_at", {}).items():
        if value is None:
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        lines.append(f"  {key.replace('_', ' '):26}{value}")
    seen = answer.get("looked_at", {})
    if seen.get("pictures", 0) != seen.get("scenes", 0):
        lines.append("  (of pictures: what several pictures show is counted in each)")
    if answer["violations"]:
        lines.append(f"{answer['violations']} violation{'s' if answer['violations'] > 1 else ''}:")
        lines += [f"  {sentence}" for sentence in answer["named"]]
        if answer["violations"] > len(answer["named"]):
            lines.append(f"  ... and {answer['violations'] - len(answer['named'])} more")
    else:
        lines.append("no violation")
    return lines
