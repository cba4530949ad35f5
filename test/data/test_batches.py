"""Batches: determined by their step, whoever makes them and whenever a run was interrupted."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.records import picture
from torch import Tensor

from gpnet_ros.data import batches as batch_module
from gpnet_ros.data import dataset
from gpnet_ros.data.batches import BatchSettings, batches, worker_count
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.data.record import Record
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput

SETTINGS = BatchSettings(seed=3, size=6, crop=64, channels="rgbd", dropout=0.3)


def _first(start: int, count: int, **how: int) -> list[tuple[Tensor, Tensor]]:
    source = batches(Dataset([picture(0), picture(1)]), SETTINGS, start, **how)
    return list(itertools.islice(source, count))


def test_batches_continue_where_a_run_was_interrupted() -> None:
    straight, later = _first(0, 3, workers=0), _first(2, 1, workers=0)
    for a, b in zip(straight[2], later[0], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(straight[0][0], straight[1][0])
    blind = [int((~x.flatten(2).any(dim=2)).any(dim=1).sum()) for x, _ in straight]
    assert 0 < sum(blind) < 18, "some views go without colour or depth"


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than the machine has cores
@pytest.mark.parametrize("workers", [1, 3])
def test_batches_are_the_same_whatever_the_number_of_workers(workers: int) -> None:
    for here, elsewhere in zip(_first(1, 5, workers=0), _first(1, 5, workers=workers), strict=True):
        for a, b in zip(here, elsewhere, strict=True):
            assert torch.equal(a, b)


def test_a_gpu_gets_a_worker_per_core_and_a_process_per_core_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)))
    assert [worker_count("cuda", world) for world in (1, 4, 16)] == [12, 3, 1]
    assert [worker_count("cpu", world) for world in (1, 2)] == [1, 0]


def test_folders_are_mixed_in_the_parts_that_the_recipe_says(monkeypatch: pytest.MonkeyPatch) -> None:
    class Folder:
        """So many pictures as its name says."""

        index = SimpleNamespace(generator="", arguments={})

        def __init__(self, folder: Path) -> None:
            self.pictures = [picture(k) for k in range(int(folder.name))]

        def __len__(self) -> int:
            return len(self.pictures)

        def __getitem__(self, index: int) -> Record:
            return self.pictures[index]

    monkeypatch.setattr(dataset, "Generated", Folder)
    monkeypatch.setattr(dataset, "record", lambda sample, centred: sample)
    loaded = Dataset.load([Path("2"), Path("6")])
    assert loaded.counts == (2, 6) and loaded.chances is None
    mixed = loaded.mixed((3.0, 1.0))
    assert mixed.chances is not None
    assert mixed.chances.tolist() == pytest.approx([0.375] * 2 + [1 / 24] * 6)
    other = loaded.with_views(ViewSettings(quality="binary")).mixed((3.0, 1.0)).with_views(ViewSettings())
    assert other.counts == (2, 6) and other.chances is not None, "which folder a picture is of does not depend on views"
    assert other.chances.tolist() == mixed.chances.tolist()
    drawn = np.concatenate([batch_module._drawn(mixed, SETTINGS.rng(step), 100) for step in range(20)])
    assert np.mean(drawn < 2) == pytest.approx(0.75, abs=0.05)
    evenly = np.concatenate([batch_module._drawn(loaded, SETTINGS.rng(step), 100) for step in range(20)])
    assert np.mean(evenly < 2) == pytest.approx(0.25, abs=0.05)
    only = loaded.mixed((0.0, 5.0))
    assert set(batch_module._drawn(only, SETTINGS.rng(0), 200)) == set(range(2, 8))
    with pytest.raises(BadInput, match="3 parts for 2 folders"):
        loaded.mixed((1.0, 1.0, 1.0))
