"""Batches of views for the multi-task network, made ahead by a thread while the network computes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpnet_ros.data.scene_views import LabelledView, SceneViews
from gpnet_ros.network.graspnext.detector import image_tensor
from gpnet_ros.network.graspnext.network import ImageTruth

#: Batches that are made ahead.
_AHEAD = 4

SceneBatch = tuple[Tensor, list[ImageTruth]]


def scene_batches(views: SceneViews, side: int, batch: int, seed: int, start: int) -> Iterator[SceneBatch]:
    """Endless batches: images (B, 3, S, S) in [0, 1] and what is true of each; the same for the same seed and step.

    Args:
        views: pictures to draw from. side: of a view [px]. batch: views of each.
        seed: of the drawing. start: number of the first step, so that a resumed run goes on.
    """
    step = start
    waiting: list[Future[SceneBatch]] = []
    with ThreadPoolExecutor(1) as pool:  # decoding and warping run outside the interpreter's lock
        while True:
            while len(waiting) < _AHEAD:
                waiting.append(pool.submit(_drawn, views, side, batch, seed, step))
                step += 1
            yield waiting.pop(0).result()


def _drawn(views: SceneViews, side: int, batch: int, seed: int, step: int) -> SceneBatch:
    rng = np.random.default_rng([seed, step])
    chosen = [views.any_drawn(side, rng) for _ in range(batch)]
    return torch.stack([image_tensor(view.color) for view in chosen]), [image_truth(view) for view in chosen]


def image_truth(view: LabelledView) -> ImageTruth:
    """What is true of a view, as tensors."""
    return ImageTruth(
        torch.from_numpy(view.boxes).float(),
        torch.from_numpy(view.visible),
        torch.from_numpy(view.amodal),
        torch.from_numpy(view.occlusion).float(),
        torch.from_numpy(view.centers).float(),
        torch.from_numpy(view.suction),
        torch.from_numpy(view.surface),
    )


def moved(batch: SceneBatch, device: torch.device) -> SceneBatch:
    """The same batch on another device; what a picture lacks stays None."""
    images, truths = batch
    on_device: list[dict[str, Any]] = []
    for truth in truths:
        values = {f.name: getattr(truth, f.name) for f in fields(truth)}
        on_device.append({name: None if x is None else x.to(device) for name, x in values.items()})
    return images.to(device), [ImageTruth(**truth) for truth in on_device]
