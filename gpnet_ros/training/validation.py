"""How good a network is while it trains: the argmax of Q* on validation views, and the errors of its maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from gpnet_ros.arrays import Floats
from gpnet_ros.data.batches import TARGETS, Samples
from gpnet_ros.maps import NETWORK_SIDE, Maps
from gpnet_ros.network import score


@dataclass(frozen=True, eq=False)
class JudgedView:
    """One validation view, what a network said of it, and how good that is.

    Attributes:
        scored: how good the argmax of Q* is.
        errors: mean squared error by the names of `TARGETS`; without priority if the network has none. Angle and
            width count where a true grasp is.
        x: (C, h, w) what the network saw; target: (5, h, w) what is true; maps: what it said.
    """

    scored: score.ScoredView
    errors: dict[str, float]
    x: Floats
    target: Floats
    maps: Maps


def judge_views(net: nn.Module, samples: Samples | None, channels: str, count: int | None = None) -> list[JudgedView]:
    """The first `count` validation scenes (all without it), as seen without augmentation, each always the same."""
    total = 0 if samples is None else len(samples) if count is None else min(count, len(samples))
    judged = []
    device = next(net.parameters()).device
    for index in range(total):
        assert samples is not None
        rng = np.random.default_rng([index])
        x, named = samples.sample(index, rng, crop=NETWORK_SIDE, augment=False, channels=channels)
        with torch.inference_mode():
            output = net(torch.from_numpy(x)[None].to(device))[0].float().cpu().numpy()
        target = np.stack([named[name] for name in TARGETS])
        maps = score.as_maps(output)
        judged.append(JudgedView(score.score_view(maps, target), map_errors(output, target), x, target, maps))
    return judged


def map_errors(output: Floats, target: Floats) -> dict[str, float]:
    """Mean squared errors of maps (4 or 5, h, w) against targets (5, h, w); see `JudgedView`."""
    squares = dict(zip(TARGETS, (output - target[: len(output)]) ** 2, strict=False))
    grasps = target[0] > score.GRASP_QUALITY_MIN
    local = ("cos2", "sin2", "width")
    return {
        name: float(np.mean(plane[grasps] if name in local else plane))
        for name, plane in squares.items()
        if name not in local or grasps.any()
    }


def views_summary(judged: list[JudgedView]) -> dict[str, float | None]:
    """Shares in [0, 1] and medians [grid px] over views, ready for a card; see `score.score_summary`."""
    return score.score_summary([one.scored for one in judged])


def mean_map_errors(judged: list[JudgedView]) -> dict[str, float]:
    """Mean squared error of each map over views, by `error_` and its name, for the curves."""
    names = [name for name in TARGETS if any(name in one.errors for one in judged)]
    return {f"error_{name}": float(np.mean([j.errors[name] for j in judged if name in j.errors])) for name in names}
