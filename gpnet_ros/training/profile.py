"""`gpnet train --profile`: where the time of a step goes, and what bounds it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from gpnet_ros.data import dataset
from gpnet_ros.data.batches import BatchSettings, batches
from gpnet_ros.errors import BadInput
from gpnet_ros.maps import NETWORK_SIDE
from gpnet_ros.network import checkpoint
from gpnet_ros.network.loss import Targets
from gpnet_ros.network.trainer import Trainer
from gpnet_ros.training.recipe import TrainSettings

#: Steps before the clock starts: memory is taken, kernels are chosen.
WARM_UP = 3
#: Stages of a step, and the functions that are theirs.
STAGES: tuple[tuple[str, tuple[tuple[Any, str], ...]], ...] = (
    ("data: map", ((dataset, "random_map"),)),
    ("data: read and warp", ((dataset, "warp"),)),
    ("data: noise", ((dataset, "color_noise"), (dataset, "d435_depth"))),
    ("data: normalise", ((dataset, "normalise"),)),
    ("data: targets", ((dataset, "view_targets"),)),
    ("network: forward", ((Trainer, "forward"),)),
    ("network: backward", ((Trainer, "backward"),)),
    ("network: optimiser", ((Trainer, "apply"),)),
)


@dataclass(frozen=True)
class Profile:
    """Where the time of some steps went.

    Attributes:
        seconds: per stage, over all steps.
        crop: side of the views [px]; batch: views per step.
        device: that computed; threads: on a CPU.
        steps: that were measured.
    """

    seconds: dict[str, float]
    crop: int
    batch: int
    device: str
    threads: int
    steps: int

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())

    @property
    def data_share(self) -> float:
        """Share of it in which views are made."""
        return sum(value for name, value in self.seconds.items() if name.startswith("data")) / self.total

    @property
    def bound_by(self) -> str:
        """What takes most of a step."""
        return "making views" if self.data_share > 0.5 else "the network"

    @property
    def views_per_minute(self) -> float:
        """At this pace."""
        return 60 * self.steps * self.batch / self.total


class Stopwatch:
    """Seconds per stage; the innermost stage counts, and a GPU is waited for at both ends."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._device = device
        self._open: list[str] = []
        self._since = self.now()

    def now(self) -> float:
        """Of a clock that runs on when the device is done."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What happens inside belongs to this stage, unless to one inside it."""
        self._switch()
        self._open.append(name)
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def _switch(self) -> None:
        now = self.now()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def watching(self, owner: Any, name: str, stage: str) -> Iterator[None]:
        """Within, every call of a function counts for a stage."""
        original: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(stage):
                return original(*args, **kwargs)

        setattr(owner, name, timed)
        try:
            yield
        finally:
            setattr(owner, name, original)


def profile(training: dataset.Dataset, recipe: TrainSettings, device: torch.device, steps: int) -> list[Profile]:
    """Of both sizes of crop of a recipe.

    Views are made and steps done one after the other in this process, so that each is seen alone; in a run other
    processes make views ahead.

    Args:
        training: pictures. recipe: of the run. device: of the network.
        steps: that are measured.

    Raises:
        BadInput: no steps.
    """
    if steps < 1:
        raise BadInput(f"--profile {steps}: give the number of steps to measure, 1 or more.")
    torch.set_num_threads(recipe.threads)
    crops = {recipe.small_crop if recipe.small_share > 0 else NETWORK_SIDE, NETWORK_SIDE}
    if recipe.small_share >= 1:
        crops = {recipe.small_crop}
    return [measure(training, recipe, device, crop, steps) for crop in sorted(crops)]


def measure(training: dataset.Dataset, recipe: TrainSettings, device: torch.device, crop: int, steps: int) -> Profile:
    """Of some steps on one size of crop."""
    trainer = Trainer(checkpoint.build(recipe.blank_card()).to(device), recipe.method())
    wanted = BatchSettings(recipe.seed, recipe.batch, crop, recipe.channels, recipe.modality_dropout)
    source = batches(training, wanted, 0, workers=0)
    for _ in range(WARM_UP):
        _step(trainer, source, device, Stopwatch(device))
    watch = Stopwatch(device)
    with ExitStack() as stack:
        for stage, functions in STAGES:
            for owner, name in functions:
                stack.enter_context(watch.watching(owner, name, stage))
        for _ in range(steps):
            _step(trainer, source, device, watch)
    return Profile(dict(watch.seconds), crop, recipe.batch, device.type, recipe.threads, steps)


def _step(trainer: Trainer, source: Iterator[Any], device: torch.device, watch: Stopwatch) -> None:
    with watch.stage("data: other"):
        x, planes = next(source)
    with watch.stage("transfer"):
        x, planes = x.to(device), planes.to(device)
    with watch.stage("network: other"):
        trainer.update(x, Targets(*planes), 0.5)


def table(found: Profile) -> list[str]:
    """For a person."""
    order = [name for name, _ in STAGES] + ["data: other", "transfer", "network: other"]
    lines = [f"crop {found.crop}, batch {found.batch}, {found.device}, {found.threads} threads, {found.steps} steps"]
    for name in sorted(found.seconds, key=order.index):
        step = 1e3 * found.seconds[name] / found.steps
        share = 100 * found.seconds[name] / found.total
        lines.append(f"  {name:20}{step:9.1f} ms/step{step / found.batch:9.2f} ms/view{share:6.1f} %")
    lines.append(
        f"  bound by {found.bound_by}: {100 * found.data_share:.0f} % of a step is data; "
        f"{found.views_per_minute:.0f} views per minute"
    )
    return lines


def answer(found: Profile) -> dict[str, Any]:
    """As plain values."""
    stages = {name: round(1e3 * value / found.steps, 3) for name, value in found.seconds.items()}
    about = {name: getattr(found, name) for name in ("crop", "batch", "device", "threads", "steps", "bound_by")}
    shares = {"data_share": round(found.data_share, 4), "views_per_minute": round(found.views_per_minute, 1)}
    return {**about, **shares, "ms_per_step": stages}
