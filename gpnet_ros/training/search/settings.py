"""Settings of a search; a file of config/search is a profile of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gpnet_ros import settings as setting_files
from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.network import STRIDE_MAX
from gpnet_ros.settings import setting, validate
from gpnet_ros.training.search.indicator import GMAC_MAX, MILLIONS_MAX
from gpnet_ros.training.search.pieces import Protocol
from gpnet_ros.training.search.proxy import Lesson


@dataclass(frozen=True)
class SearchSettings:
    """How `gpnet search` looks for a network. A file of config/search overrides these defaults."""

    space: str = setting(
        "full", "What may be chosen, see training/search/space.py.", choices=("full", "imagenet", "tiny")
    )
    generations: int = setting(4, "Rounds of drawing, trying and learning.", low=1, high=1000)
    pool: int = setting(24, "Allowed points that are drawn for each round.", low=1, high=10**6)
    population: int = setting(8, "Of them, the best by the zero-cost score are taught.", low=2, high=10**4)
    elite: float = setting(0.25, "Share of all taught points that the generator learns from.", low=0.01, high=1.0)
    finals: int = setting(2, "Points that learn all tasks, in each of the two last rounds.", low=1, high=100)
    retried: int = setting(8, "Points taught a second time from another seed.", low=0, high=1000)
    seeds: int = setting(2, "Seeds of each finalist.", low=1, high=10)
    side: int = setting(128, "Side of the views; a multiple of 32.", unit="px", low=64, high=1024)
    pictures: int = setting(500, "ProxyViews of --data that are used, the first ones.", low=5, high=10**7)
    learned: int = setting(256, "Views to learn from.", low=8, high=10**6)
    judged: int = setting(48, "Views to judge on.", low=2, high=10**5)
    probed: int = setting(16, "Views for the inquisitor's probes.", low=1, high=10**5)
    batch: int = setting(4, "Views per step.", low=1, high=256)
    dense_steps: int = setting(40, "Steps of trunk, proposals and dense heads.", low=1, high=10**6)
    whole_steps: int = setting(40, "Steps of all tasks, for finalists.", low=1, high=10**6)
    rate: float = setting(0.003, "Highest learning rate.", low=1e-6, high=1.0)
    millions_max: float = setting(MILLIONS_MAX, "Most parameters, in millions.", low=0.001, high=1000.0)
    gmac_max: float = setting(GMAC_MAX, "Multiply-adds stay below, in billions.", low=0.001, high=1e5)
    gmac_min: float = setting(
        0.0,
        "Least multiply-adds, in billions: a short lesson does not show what a larger net learns in a long one.",
        low=0.0,
        high=1e5,
    )
    latency_share: float = setting(1.0, "Latency budget over the hand-drawn net's latency.", low=0.01, high=100.0)
    latency_side: int = setting(384, "Side of the timed image.", unit="px", low=64, high=2048)
    latency_proposals: int = setting(300, "Proposals of the timed image.", low=1, high=2000)
    latency_detections: int = setting(10, "Detections of the timed image.", low=1, high=100)
    latency_repeats: int = setting(3, "Timings of which the quickest counts.", low=1, high=100)
    latency_checked: int = setting(3, "Whole networks that are timed to check the table.", low=0, high=100)
    seed: int = setting(0, "Of everything that is drawn.", low=0, high=2**31)

    def __post_init__(self) -> None:
        validate(self)
        if self.side % STRIDE_MAX or self.latency_side % STRIDE_MAX:
            raise BadInput(f"side is {self.side}, latency_side {self.latency_side}: multiples of {STRIDE_MAX} only.")
        if self.population > self.pool or self.probed > self.judged:
            raise BadInput("population must not exceed pool, nor probed judged: the one is a part of the other.")

    def lesson(self, kind: str, seed: int) -> Lesson:
        """What a candidate learns in a trial of a kind, "dense" or "whole", from a seed."""
        steps = self.dense_steps if kind == "dense" else self.whole_steps
        return Lesson(kind, steps, self.batch, self.rate, 1000 * self.seed + seed)

    def protocol(self) -> Protocol:
        """The image that is timed."""
        return Protocol(self.latency_side, self.latency_proposals, self.latency_detections)


def load_profile(name: str, **chosen: Any) -> SearchSettings:
    """A profile by its name in config/search, or by the path of a file.

    Args:
        name: of the profile. chosen: settings that replace the profile's.

    Raises:
        BadInput: there is none of that name, or a setting is not allowed.
    """
    folder = setting_files.config_dir() / "search"
    path = Path(name) if Path(name).suffix else folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.yaml")))
        raise BadInput(f"There is no search profile {name!r}; known are: {known}; or give the path of a file.")
    return replace(setting_files.load_settings(SearchSettings, path), **chosen)
