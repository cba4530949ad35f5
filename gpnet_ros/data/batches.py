"""Endless augmented batches for training, the same whether or not a run was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from gpnet_ros.data.device_set import DeviceSet

#: What the maps of a network should be, in their order.
TARGETS = ("quality", "cos2", "sin2", "width", "priority")
#: Order of the target maps in a batch; the last is there if the views have it, see contacts.py.
LEARNED = (*TARGETS, "contact")


class Samples(Protocol):
    """What training needs of a data set; `dataset.Dataset` is one."""

    def __len__(self) -> int:
        """Number of pictures."""

    def sample(
        self, index: int, rng: np.random.Generator, *, crop: int, augment: bool, channels: str
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Input (C, crop, crop) and target maps (crop, crop) by the names in `LEARNED`; contact perhaps."""


@dataclass(frozen=True)
class BatchSettings:
    """What a batch is.

    Attributes:
        seed: of the run; with the step's number it determines the batch.
        size: views per batch.
        crop: their side [px].
        channels: of the input.
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
        """Of one step; a single process draws what it drew before there could be several."""
        return np.random.default_rng([self.seed, step] if self.world == 1 else [self.seed, step, self.rank])


def batches(
    samples: Samples, device_set: DeviceSet | None, settings: BatchSettings, start: int, workers: int = 1
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of input (B, C, crop, crop) and targets (5 or 6, B, crop, crop) from step `start` on.

    Args:
        samples: pictures in the memory of the machine.
        device_set: the same pictures on a GPU, where views are prepared in its place; or None.
        settings: what a batch is.
        start: number of the first step.
        workers: 1 for a process that prepares views ahead, 0 to prepare them when they are asked for.
    """
    if device_set is not None:
        return DeviceBatches(device_set, settings, start)
    ahead = 3 if workers else None
    return iter(
        DataLoader(Batches(samples, settings, start), batch_size=None, num_workers=workers, prefetch_factor=ahead)
    )


class Batches(IterableDataset):
    """Batches whose views are made one by one on the CPU."""

    def __init__(self, samples: Samples, settings: BatchSettings, start: int) -> None:
        self._samples, self._settings, self._start = samples, settings, start

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        step = self._start
        while True:
            yield self.batch(step)
            step += 1

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Input (B, C, crop, crop) and targets (5 or 6, B, crop, crop) of one step."""
        s = self._settings
        rng = s.rng(step)
        inputs, targets = [], []
        for index in rng.integers(0, len(self._samples), s.share):
            x, target = self._samples.sample(int(index), rng, crop=s.crop, augment=True, channels=s.channels)
            inputs.append(drop_modality(x, rng.random(), s.dropout))
            targets.append(np.stack([target[name] for name in LEARNED if name in target]))
        return torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(targets, axis=1))


class DeviceBatches(Iterator[tuple[Tensor, Tensor]]):
    """Batches that are made as one on the device where the pictures are."""

    def __init__(self, device_set: DeviceSet, settings: BatchSettings, start: int) -> None:
        self._set, self._settings, self._step = device_set, settings, start

    def __next__(self) -> tuple[Tensor, Tensor]:
        s = self._settings
        rng = s.rng(self._step)
        generator = torch.Generator(self._set.device).manual_seed(int(rng.integers(2**62)))
        indices = rng.integers(0, len(self._set), s.share)
        x, targets = self._set.batch(indices, rng, generator, crop=s.crop, channels=s.channels)
        for row, chance in enumerate(rng.random(s.share)):
            planes = dropped(x.shape[1], chance, s.dropout)
            if planes is not None:
                x[row, planes] = 0.0
        self._step += 1
        return x, targets


def drop_modality(x: NDArray[np.float32], chance: float, share: float) -> NDArray[np.float32]:
    """RGB-D input (4 or 5, h, w) without colour if chance < share, without depth if chance > 1 - share.

    So one model serves cameras and frames of all three kinds; `normalise` gives zeros for what is missing.
    """
    planes = dropped(len(x), chance, share)
    if planes is None:
        return x
    kept = x.copy()
    kept[planes] = 0.0
    return kept


def dropped(channels: int, chance: float, share: float) -> slice | None:
    """The planes of an input that a view goes without; None for a whole view."""
    if channels < 4 or share <= chance <= 1.0 - share:
        return None
    return slice(0, 3) if chance < share else slice(3, None)
