"""How a candidate is tried, at three fidelities above the indicator's.

* `zero_cost`: nothing is learned. How differently the rectifiers of a random trunk answer to different pictures (the
  score of Mellor et al. 2021, "NASWOT"); a fraction of a second.
* `dense`: trunk, pyramid, proposals and the two dense heads learn for some steps. The regional heads do not, for at
  this length their figures are noise; so the score counts only the cost of what was tried.
* `whole`: all seven terms, for the last few.

Accuracy is a mean of figures that move from the first steps on, not of AP50, which stays near zero for so long: recall
of the proposals; correlation of both heat maps with what is true; and for `whole` also the recall of boxes, the overlap
of both masks and the occlusion of true boxes. It ranks candidates and is no figure of a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.network.graspnext.dense import DenseTrainer
from gpnet_ros.network.graspnext.lite import LiteTrunk
from gpnet_ros.network.graspnext.losses import TermWeights
from gpnet_ros.network.graspnext.network import GraspNeXt, Sampling
from gpnet_ros.network.graspnext.trainer import SceneMethod, SceneTrainer
from gpnet_ros.training.search.figures import dense_figures, regional_figures
from gpnet_ros.training.search.pictures import ProxyViews
from gpnet_ros.training.search.silence import silenced

#: Components that `dense` trains, and with them `whole`.
DENSE = ("stem", "stage1", "stage2", "stage3", "stage4", "condensers", "neck", "proposals", "mass", "suction")
#: Name of the untouched network among what is probed.
WHOLE = "nothing"
#: Components that are probed after each lesson: those with widths of their own, after `whole` only what is new in it.
PROBED = {
    "dense": ("stem", "stage1", "stage2", "stage3", "stage4", "neck", "mass", "suction"),
    "whole": ("box", "masks", "occlusion"),
}


@dataclass(frozen=True)
class Lesson:
    """How long and how a candidate learns.

    Attributes:
        kind: "dense" or "whole". steps: of it. batch: views per step. rate: highest learning rate. seed: of it all.
    """

    kind: str
    steps: int
    batch: int
    rate: float
    seed: int


def taught(architecture: Architecture, pictures: ProxyViews, lesson: Lesson) -> GraspNeXt:
    """The mean of the weights after a lesson; the same for the same arguments on one thread."""
    torch.manual_seed(lesson.seed)
    side = pictures.images.shape[-1]
    net = _started(architecture, side, Sampling(100, 200, 20, score_min=0.0, anchors=64, regions=32, masks=6))
    method = SceneMethod(
        rate=lesson.rate, warmup=0.1, ema_decay=0.9, mixed=True, weights=TermWeights(suction=1.0), suction="graded"
    )
    trainer = DenseTrainer(net, method, surface=False) if lesson.kind == "dense" else SceneTrainer(net, method)
    rng = np.random.default_rng(lesson.seed)
    for step in range(lesson.steps):
        rows = rng.choice(len(pictures.truths), lesson.batch, replace=len(pictures.truths) < lesson.batch)
        trainer.update(*pictures.batch(rows.tolist()), step / lesson.steps)
    return trainer.learned.eval()


def _started(architecture: Architecture, side: int, sampling: Sampling | None = None) -> GraspNeXt:
    """A network with random weights, but for a trunk for which there are some of ImageNet."""
    net = GraspNeXt(architecture, side, sampling)
    if isinstance(net.trunk, LiteTrunk):
        net.trunk.start_from_imagenet()
    return net


def figures(net: GraspNeXt, judged: ProxyViews, kind: str) -> dict[str, float]:
    """Figures of a network by task, shares in [0, 1] (see `figures.py`)."""
    return dense_figures(net, judged) | (regional_figures(net, judged) if kind == "whole" else {})


def accuracy(found: Mapping[str, float]) -> float:
    """Mean of the figures, a share in [0, 1]."""
    return float(np.mean([max(0.0, value) for value in found.values()]))


def probed(net: GraspNeXt, judged: ProxyViews, kind: str) -> dict[str, float]:
    """Accuracy, as a share, with a quarter of the channels of each component silent, and of the `WHOLE` network."""
    answers = {WHOLE: accuracy(figures(net, judged, kind))}
    for component in PROBED[kind]:
        with silenced(net, component):
            answers[component] = accuracy(figures(net, judged, kind))
    return answers


@torch.no_grad()
def zero_cost(architecture: Architecture, pictures: ProxyViews, count: int, seed: int) -> float:
    """Log-determinant of how alike a random trunk's rectifiers answer to `count` pictures, per rectifier; no unit."""
    torch.manual_seed(seed)
    trunk = _started(architecture, pictures.images.shape[-1]).trunk.train()
    kernel, seen = torch.zeros(count, count, dtype=torch.float64), 0

    def compare(_: object, __: object, output: torch.Tensor) -> None:
        nonlocal seen
        signs = (output > 0).flatten(1).float() * 2.0 - 1.0
        kernel.add_((signs @ signs.T).double() / signs.shape[1])
        seen += 1

    hooks = [m.register_forward_hook(compare) for m in trunk.modules() if isinstance(m, torch.nn.ReLU | torch.nn.ReLU6)]
    trunk((pictures.batch(range(count))[0] - 0.45) / 0.23)
    for hook in hooks:
        hook.remove()
    return float(torch.linalg.slogdet(kernel / seen + 1e-6 * torch.eye(count)).logabsdet) / count
