"""The same few views for every candidate: drawn once, so that candidates differ by what they are and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gpnet_ros.data.scene_views import LabelledView, SceneViews
from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.network import ImageTruth
from gpnet_ros.training.graspnext.views import image_truth

#: Every fifth scene is held out.
_HELD_OUT = 5


@dataclass(frozen=True)
class Material:
    """Which views a search learns and judges on.

    Attributes:
        folders: of `gpnet generate --labels all`. pictures: of them that are used, the first ones.
        side: of a view [px]. learned, judged: views of both kinds. seed: of the drawing.
    """

    folders: tuple[Path, ...]
    pictures: int
    side: int
    learned: int
    judged: int
    seed: int

    def __post_init__(self) -> None:
        scenes = self._scenes()
        if not any(held_out for _, held_out in scenes) or all(held_out for _, held_out in scenes):
            raise BadInput(f"{len(scenes)} pictures are too few to learn and to judge on: give five scenes or more.")

    @property
    def digest(self) -> str:
        """A sum of the names of the scenes that are used, and of how they are."""
        views = _loaded(self.folders)
        said = f"{views.scenes[: self.pictures]} {self.side} {self.learned} {self.judged} {self.seed}"
        return hashlib.sha256(said.encode()).hexdigest()

    def split(self) -> tuple[list[int], list[int]]:
        """Rows of the pictures to learn from and to judge on, apart by scene."""
        scenes = self._scenes()
        return [row for row, held in scenes if not held], [row for row, held in scenes if held]

    def _scenes(self) -> list[tuple[int, bool]]:
        names = _loaded(self.folders).scenes[: self.pictures]
        order = {name: number for number, name in enumerate(dict.fromkeys(names))}
        return [(row, order[name] % _HELD_OUT == _HELD_OUT - 1) for row, name in enumerate(names)]


@dataclass(frozen=True, eq=False)
class ProxyViews:
    """Views in memory.

    Attributes:
        images: (N, 3, S, S) uint8. truths: of each.
    """

    images: Tensor
    truths: tuple[ImageTruth, ...]

    @classmethod
    def of(cls, views: Sequence[LabelledView]) -> ProxyViews:
        """Some views as tensors."""
        images = torch.stack([torch.from_numpy(np.ascontiguousarray(view.color)).permute(2, 0, 1) for view in views])
        return cls(images, tuple(image_truth(view) for view in views))

    def first(self, count: int) -> ProxyViews:
        """The first views only."""
        return ProxyViews(self.images[:count], self.truths[:count])

    def batch(self, rows: Sequence[int]) -> tuple[Tensor, list[ImageTruth]]:
        """Images (B, 3, S, S) in [0, 1] of some rows, and what is true of each."""
        return self.images[list(rows)].float() / 255.0, [self.truths[row] for row in rows]


@lru_cache(1)
def _loaded(folders: tuple[Path, ...]) -> SceneViews:
    return SceneViews.load(folders)


@lru_cache(1)
def gathered(material: Material) -> tuple[ProxyViews, ProxyViews]:
    """Views to learn from, drawn at random, and views to judge on, as they are; once in each process."""
    views = _loaded(material.folders)
    learned, judged = material.split()
    chosen = [learned[k % len(learned)] for k in range(material.learned)]
    drawn = [views.drawn(row, material.side, np.random.default_rng([material.seed, k])) for k, row in enumerate(chosen)]
    whole = [views.whole(row, material.side) for row in judged[: material.judged]]
    return ProxyViews.of(drawn), ProxyViews.of(whole)
