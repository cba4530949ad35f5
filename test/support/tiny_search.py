"""Searches that cost little: hand-made shards, a latency table without measuring, answers without learning."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from support.labelled_pictures import labelled_sample

from gpnet_ros.data.shards.writer import ShardPlan, ShardWriter, scene_members
from gpnet_ros.training.search.indicator import Indicator
from gpnet_ros.training.search.latency import LatencyTable, space_pieces
from gpnet_ros.training.search.log import SearchLog
from gpnet_ros.training.search.pictures import Material
from gpnet_ros.training.search.pieces import Protocol
from gpnet_ros.training.search.proxy import PROBED, WHOLE
from gpnet_ros.training.search.search import Search
from gpnet_ros.training.search.settings import SearchSettings
from gpnet_ros.training.search.space import TINY, Space
from gpnet_ros.training.search.trials import Trial, TrialMaker
from gpnet_ros.workers import Maker, Members

SETTINGS = SearchSettings(
    space="tiny",
    generations=2,
    pool=6,
    population=4,
    finals=1,
    retried=3,
    side=64,
    pictures=10,
    learned=8,
    judged=2,
    probed=1,
    batch=2,
    dense_steps=3,
    whole_steps=2,
    latency_side=64,
    latency_proposals=4,
    latency_detections=2,
    latency_repeats=1,
    latency_checked=2,
    latency_share=1.0,
    gmac_max=9.0,
)


def write_pictures(folder: Path, scenes: int = 10) -> Path:
    """The hand-made picture with all labels, as so many scenes of other brightness."""
    names = [f"{number:012d}" for number in range(scenes)]
    with ShardWriter(folder, ShardPlan("by hand 1", {"scenes": scenes}, names, scenes), False) as writer:
        for number, name in enumerate(names):
            sample = labelled_sample(f"{name}/view_0", name)
            assert sample.frame.color is not None
            frame = replace(sample.frame, color=(sample.frame.color - np.uint8(4 * number)))
            about = {"scene.json": json.dumps({"number": number}).encode(), "object_1.ply": b"ply\n"}
            writer.add(number, about | scene_members([replace(sample, frame=frame)]))
    return folder


def flat_table(space: Space = TINY, milliseconds: float = 1.0) -> LatencyTable:
    """Each piece takes equally long [ms]."""
    return LatencyTable(Protocol(64, 4, 2), dict.fromkeys(space_pieces(space), milliseconds), 0.5, "paper")


def answer(trial: Trial) -> dict[str, object]:
    """What a made-up candidate learns: much where the neck is wide and little else, plus luck by its seed."""
    values = TINY.values(trial.point)
    luck = float(np.random.default_rng([*trial.point, trial.seed]).normal(0.0, 0.005))
    if trial.kind == "zero_cost":
        return {"score": luck}
    share = 0.2 + 0.5 * (values["neck"] == 32) + 0.02 * (values["mass_width"] == 32) + luck
    lost = {c: share - (0.15 if c == "neck" else 0.0) for c in PROBED[trial.kind]}
    return {"figures": {"proposals": share, "mass": share}, "probes": {WHOLE: share, **lost}}


def at_once(make: Maker, numbers: Iterable[int], workers: int) -> Iterator[tuple[int, Members]]:
    """Answers without learning, last first: workers need not keep an order."""
    assert isinstance(make, TrialMaker)
    for number in sorted(numbers, reverse=True):
        yield number, {"answer.json": json.dumps(answer(make.trials[number])).encode()}


def search_in(
    folder: Path,
    data: Path,
    *,
    resume: bool = False,
    executor: Callable[..., Iterator[tuple[int, Members]]] = at_once,
    settings: SearchSettings = SETTINGS,
) -> Search:
    """A search of made-up candidates."""
    material = Material((data,), settings.pictures, settings.side, settings.learned, settings.judged, settings.seed)
    indicator = Indicator(flat_table(), 60.0, settings.millions_max, settings.gmac_max)
    return Search(settings, material, indicator, SearchLog(folder, resume), (executor, 1))
