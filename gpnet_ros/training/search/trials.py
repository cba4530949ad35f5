"""Trials of points, spread over workers; their answers come in the order in which they were asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from gpnet_ros.training.search.pictures import Material, gathered
from gpnet_ros.training.search.proxy import figures, probed, taught, zero_cost
from gpnet_ros.training.search.settings import SearchSettings
from gpnet_ros.training.search.space import SPACES, Point
from gpnet_ros.workers import Maker, Members

Answer = dict[str, Any]
#: As `workers.in_processes` and `workers.on_ray`.
Executor = Callable[[Maker, Iterable[int], int], Iterator[tuple[int, Members]]]
_ANSWER = "answer.json"
#: ProxyViews that the zero-cost score compares, at most.
_COMPARED = 16


@dataclass(frozen=True)
class Trial:
    """One question about a point.

    Attributes:
        kind: "zero_cost", "dense" or "whole". point: of the search's space. seed: number of the attempt.
    """

    kind: str
    point: Point
    seed: int = 0

    @property
    def key(self) -> str:
        """The trial as a text."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class TrialMaker:
    """Answers trials by their number; travels to workers.

    Attributes:
        trials: all of them. material: what is learned and judged on. settings: of the search.
    """

    trials: tuple[Trial, ...]
    material: Material
    settings: SearchSettings

    def __call__(self, number: int) -> Members:
        """The answer to one trial, as a file."""
        torch.set_num_threads(1)  # so that the sums are the same wherever it runs
        return {_ANSWER: json.dumps(self._answer(self.trials[number])).encode()}

    def _answer(self, trial: Trial) -> Answer:
        learned, judged = gathered(self.material)
        architecture = SPACES[self.settings.space][0].architecture(trial.point)
        lesson = self.settings.lesson(trial.kind, trial.seed)
        if trial.kind == "zero_cost":
            return {"score": zero_cost(architecture, learned, min(_COMPARED, len(learned.truths)), lesson.seed)}
        net = taught(architecture, learned, lesson)
        probes = probed(net, judged.first(self.settings.probed), trial.kind)
        return {"figures": figures(net, judged, trial.kind), "probes": probes}


def in_this_process(make: Maker, numbers: Iterable[int], workers: int) -> Iterator[tuple[int, Members]]:
    """As `workers.in_processes`, without starting any: for one worker."""
    threads = torch.get_num_threads()
    try:
        for number in numbers:
            yield number, make(number)
    finally:
        torch.set_num_threads(threads)


def in_order(maker: TrialMaker, wanted: Sequence[int], executor: Executor, workers: int) -> Iterator[Answer]:
    """Answers to the wanted trials, each as soon as it and all before it are there."""
    waiting: dict[int, Answer] = {}
    left = list(wanted)
    if not left:
        return
    for number, members in executor(maker, list(left), workers):
        waiting[number] = json.loads(members[_ANSWER])
        while left and left[0] in waiting:
            yield waiting.pop(left.pop(0))
