"""Endless augmented batches for training, the same whether or not a run was interrupted."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

#: Target maps in the order in which a batch and a network have them.
TARGETS = ("quality", "cos2", "sin2", "width", "priority")


class Samples(Protocol):
    """Pictures from which training draws its views; `dataset.Dataset` is one such class."""

    def __len__(self) -> int:
        """Number of pictures from which views can be drawn."""

    def sample(
        self, index: int, rng: np.random.Generator, *, crop: int, augment: bool, channels: str
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Input (C, crop, crop) and target maps (crop, crop) by the names in `TARGETS`."""


@dataclass(frozen=True)
class BatchSettings:
    """What the batches of a run are made of.

    Attributes:
        seed: seed of the run; with the number of the step it determines the batch.
        size: views per batch, over all processes.
        crop: side of the views [px].
        channels: channels of the input, as `normalise` takes them.
        dropout: share of RGB-D views without colour, and without depth.
        rank, world: which of how many processes that train together this is; each makes its own share.
    """

    seed: int
    size: int
    crop: int
    channels: str
    dropout: float
    rank: int = 0
    world: int = 1

    @property
    def share(self) -> int:
        """Views that this process makes per step."""
        return self.size // self.world

    def rng(self, step: int) -> np.random.Generator:
        """Random numbers of one step in this process."""
        return np.random.default_rng([self.seed, step] if self.world == 1 else [self.seed, step, self.rank])


def batches(
    samples: Samples, settings: BatchSettings, start: int, workers: int = 1, pinned: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of input (B, C, crop, crop) and targets (5, B, crop, crop), float32, from step `start` on, without end.

    A batch is determined by its step, whoever makes it: the number of workers changes nothing but the time.

    Args:
        samples: pictures in the memory of the machine.
        settings: what a batch is.
        start: number of the first step.
        workers: processes that make batches ahead; 0 makes each when it is asked for, in this process.
        pinned: put batches into memory from which a GPU copies by itself.
    """
    loader = DataLoader(
        Batches(samples, settings),
        batch_size=None,
        sampler=cast("Sampler[int]", itertools.count(start)),  # an endless one
        num_workers=workers,
        pin_memory=pinned,
    )
    return iter(loader)


def worker_count(device: str, world: int) -> int:
    """Processes that make views ahead, if the user names no number.

    A GPU gets one per core, so that it waits as little as can be. On a CPU one works ahead beside a process that
    trains alone; several such processes, one per core, leave no core for that.

    Args:
        device: "cpu" or "cuda", where the network trains.
        world: processes that train together on this machine.
    """
    if device == "cpu":
        return 1 if world == 1 else 0
    return max(1, len(os.sched_getaffinity(0)) // world)


class Batches(TorchDataset[tuple[Tensor, Tensor]]):
    """Batches by the number of their step."""

    def __init__(self, samples: Samples, settings: BatchSettings) -> None:
        self._samples, self._settings = samples, settings

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Input (B, C, crop, crop) and targets (5, B, crop, crop) of one step, both float32."""
        s = self._settings
        rng = s.rng(step)
        inputs, targets = [], []
        for index in _drawn(self._samples, rng, s.share):
            x, target = self._samples.sample(int(index), rng, crop=s.crop, augment=True, channels=s.channels)
            inputs.append(drop_modality(x, rng.random(), s.dropout))
            targets.append(np.stack([target[name] for name in TARGETS]))
        return torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(targets, axis=1))


def _drawn(samples: Samples, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Numbers of `count` pictures; some are likelier than others where `samples.chances` says so."""
    chances = getattr(samples, "chances", None)
    if chances is None:
        return rng.integers(0, len(samples), count)
    return rng.choice(len(samples), count, p=chances)


def drop_modality(x: NDArray[np.float32], chance: float, share: float) -> NDArray[np.float32]:
    """RGB-D input (4 or 5, h, w) without colour if chance < share, without depth if chance > 1 - share.

    So one model serves cameras and frames of all three kinds; `normalise` gives zeros for what is missing.
    """
    if len(x) < 4 or share <= chance <= 1.0 - share:
        return x
    kept = x.copy()
    kept[slice(0, 3) if chance < share else slice(3, None)] = 0.0
    return kept
