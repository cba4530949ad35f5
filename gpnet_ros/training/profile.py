"""`gpnet train --profile`: where the time of a training step goes, and what bounds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile, record_function

from gpnet_ros.data.batches import BatchSettings, Samples, batches
from gpnet_ros.errors import BadInput
from gpnet_ros.maps import NETWORK_SIDE
from gpnet_ros.network import checkpoint
from gpnet_ros.network.loss import Targets
from gpnet_ros.network.trainer import Trainer
from gpnet_ros.training.recipe import TrainSettings

#: Stages of a step, in their order.
STAGES = ("views", "transfer", "network: forward", "network: backward", "network: optimiser")
#: Steps before the measurement: memory is taken, kernels are chosen.
_WARM_UP = 3


@dataclass(frozen=True)
class StepTimes:
    """Where the time of some training steps went.

    Attributes:
        seconds: time of each of `STAGES`, summed over all steps [s].
        crop: side of the views [px].
        batch: views per step.
        device: "cpu" or "cuda".
        threads: CPU threads.
        steps: how many were measured.
    """

    seconds: dict[str, float]
    crop: int
    batch: int
    device: str
    threads: int
    steps: int

    @property
    def total(self) -> float:
        """Time of all stages of all steps [s]."""
        return sum(self.seconds.values())

    @property
    def data_share(self) -> float:
        """Share of the time in which views are made, in [0, 1]."""
        return self.seconds["views"] / self.total

    @property
    def bound_by(self) -> str:
        """The part that takes most of a step: "making views" or "the network"."""
        return "making views" if self.data_share > 0.5 else "the network"

    @property
    def views_per_minute(self) -> float:
        """Views that are trained on per minute [1/min]."""
        return 60 * self.steps * self.batch / self.total

    def table(self) -> list[str]:
        """Lines for a person: each stage with its time per step and per view, and what bounds the step."""
        lines = [f"crop {self.crop}, batch {self.batch}, {self.device}, {self.threads} threads, {self.steps} steps"]
        for stage, seconds in self.seconds.items():
            step, share = 1e3 * seconds / self.steps, 100 * seconds / self.total
            lines.append(f"  {stage:20}{step:9.1f} ms/step{step / self.batch:9.2f} ms/view{share:6.1f} %")
        lines.append(
            f"  bound by {self.bound_by}: {100 * self.data_share:.0f} % of a step is data; "
            f"{self.views_per_minute:.0f} views per minute"
        )
        return lines

    def answer(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        about = {name: getattr(self, name) for name in ("crop", "batch", "device", "threads", "steps", "bound_by")}
        shares = {"data_share": round(self.data_share, 4), "views_per_minute": round(self.views_per_minute, 1)}
        stages = {stage: round(1e3 * seconds / self.steps, 3) for stage, seconds in self.seconds.items()}
        return {**about, **shares, "ms_per_step": stages}


def step_times(training: Samples, recipe: TrainSettings, device: torch.device, steps: int) -> list[StepTimes]:
    """Measure steps on each size of crop that a recipe trains on.

    Views are made and steps done one after the other in this process, so that each is seen alone; in a run other
    processes make views ahead.

    Args:
        training: pictures to make views of.
        recipe: network, views and method.
        device: where the network is trained.
        steps: number of steps to measure per size.

    Raises:
        BadInput: fewer than one step.
    """
    if steps < 1:
        raise BadInput(f"--profile {steps}: give the number of steps to measure, 1 or more.")
    torch.set_num_threads(recipe.threads)
    crops = {recipe.small_crop if recipe.small_share > 0 else NETWORK_SIDE, NETWORK_SIDE}
    if recipe.small_share >= 1:
        crops = {recipe.small_crop}
    return [_measure(training, recipe, device, crop, steps) for crop in sorted(crops)]


def _measure(training: Samples, recipe: TrainSettings, device: torch.device, crop: int, steps: int) -> StepTimes:
    trainer = Trainer(checkpoint.build(recipe.blank_card()).to(device), recipe.method())
    wanted = BatchSettings(recipe.seed, recipe.batch, crop, recipe.channels, recipe.modality_dropout)
    source = batches(training, wanted, 0, workers=0)
    for _ in range(_WARM_UP):
        step(trainer, source, device)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else it talks of GPUs that are not there, on standard error
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(steps):
            step(trainer, source, device)
    microseconds = {event.key: event.cpu_time_total for event in profiler.key_averages()}
    seconds = {stage: 1e-6 * microseconds[stage] for stage in STAGES}
    return StepTimes(seconds, crop, recipe.batch, device.type, recipe.threads, steps)


def step(trainer: Trainer, source: Iterator[tuple[Tensor, Tensor]], device: torch.device) -> None:
    """Make a batch and do what `Trainer.update` does, each stage in a range of the profiler.

    Args:
        trainer: with the network.
        source: batches; see `data.batches.batches` for shapes.
        device: where the network is.
    """
    with _stage("views", device):
        x, planes = next(source)
    with _stage("transfer", device):
        x, planes = x.to(device), planes.to(device)
    with _stage("network: forward", device):
        loss = trainer.forward(x, Targets(*planes))
    with _stage("network: backward", device):
        trainer.backward(loss)
    with _stage("network: optimiser", device):
        trainer.apply()


@contextmanager
def _stage(name: str, device: torch.device) -> Iterator[None]:
    """A range that ends when the device is done."""
    with record_function(name):
        yield
        if device.type == "cuda":
            torch.cuda.synchronize(device)
