"""A GraspNeXt network in the stages of one image, so that each can be timed, and computed by another runtime.

Stages: `whole` (normalising, trunk, pyramid, sum of its levels, head of the proposals, both dense heads), `proposals`
(decoding, choosing and dropping the overlapping ones), `boxes` (RoIAlign and box head), `detections` (decoding, and
dropping the overlapping ones), and per number of detections `regions` (RoIAlign, masks, occlusion). Together they are
what `see` does.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from gpnet_ros.network.detector import fold
from gpnet_ros.network.graspnext.network import GraspNeXt, Sampling
from gpnet_ros.network.graspnext.trunk import LEVELS

#: Maps that the proposals are made of: the levels of the pyramid and one coarser.
MAPS = len(LEVELS) + 1


class WholeImage(nn.Module):
    """All that is computed of the whole image: five maps, their scores, their moves, two heats."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: GraspNeXt) -> None:
        super().__init__()
        self.trunk, self.neck, self.head, self.mass, self.suction = (
            net.trunk,
            net.neck,
            net.proposals.head,
            net.mass,
            net.suction,
        )
        self.joined = net.joined  # not a module: the parts above are those it uses
        self.register_buffer("mean", net.color_mean.clone(), persistent=False)
        self.register_buffer("deviation", net.color_deviation.clone(), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Of an image (1, 3, H, W) in [0, 1]: maps (1, C, h, w), scores (1, A, h, w), moves (1, 4 A, h, w), heats."""
        maps, total = self.joined((image - self.mean) / self.deviation)
        scores, moves = self.head(list(maps.values()))
        return (*maps.values(), *scores, *moves, self.mass(total), self.suction(total))


class BoxScores(nn.Module):
    """Features (N, C, 7, 7) of regions to logits (N, 2) and moves (N, 8)."""

    def __init__(self, net: GraspNeXt) -> None:
        super().__init__()
        self.head, self.predictor = net.boxes.box_head, net.boxes.box_predictor

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, 7, 7) to (N, 2) and (N, 8)."""
        return self.predictor(self.head(x))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Parts:
    """What computes the three parts of a network that are convolutions and matrices.

    Attributes:
        whole: see `WholeImage`. boxes: see `BoxScores`. regions: see `heads.RegionHeads`.
    """

    whole: Callable[[Tensor], Sequence[Tensor]]
    boxes: Callable[[Tensor], Sequence[Tensor]]
    regions: Callable[[Tensor], Sequence[Tensor]]


def eager_parts(net: GraspNeXt, bfloat16: bool) -> Parts:
    """The parts as torch computes them, in float32 or under bfloat16 autocast."""

    def mixed(part: nn.Module) -> Callable[[Tensor], Sequence[Tensor]]:
        def compute(x: Tensor) -> Sequence[Tensor]:
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                return part(x)  # type: ignore[no-any-return]

        return compute

    return Parts(mixed(WholeImage(net)), mixed(BoxScores(net)), mixed(net.regions))


def prepared(net: GraspNeXt) -> GraspNeXt:
    """A copy for running: batch norm folded into the convolution before it, channels last.

    Where a convolution and a batch norm follow each other in the order of a module's children, they follow each other
    in its computation: so in all trunks here, torchvision's too.
    """
    folded = fold(copy.deepcopy(net), children_in_order=True).requires_grad_(False)
    return folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class StagedNetwork:
    """`StagedNetwork(net, parts, 1000, (10, 100))(image)` gives the time of each stage [ms]."""

    def __init__(self, net: GraspNeXt, parts: Parts, proposals: int, detections: Sequence[int]) -> None:
        """Take over a network, which cannot be used otherwise any more.

        Args:
            net: folded, in `eval` mode. parts: that compute in its place.
            proposals: exactly so many regions go through the box head.
            detections: exactly so many go through masks and occlusion; each number is timed.
        """
        net.work_on(Sampling(proposals, proposals, max(detections), score_min=0.0))
        self._net, self._parts, self._proposals, self._detections = net, parts, proposals, tuple(detections)
        net.proposals.head = self._told = _Told()

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> dict[str, float]:
        """Milliseconds of each stage for an image (1, 3, H, W) in [0, 1]; `regions` once per number of detections."""
        clock, net = _Clock(), self._net
        sizes = [(image.shape[-2], image.shape[-1])]
        out = list(self._parts.whole(image))
        maps = {name: m.float() for name, m in zip((*LEVELS, "pool"), out[:MAPS], strict=True)}
        clock.done("whole")
        self._told.said = [x.float() for x in out[MAPS : 2 * MAPS]], [x.float() for x in out[2 * MAPS : 3 * MAPS]]
        found, _ = net.proposals(ImageList(image, sizes), maps)
        clock.done("proposals")
        levels = {name: maps[name] for name in LEVELS}
        proposed = [_exactly(found[0], self._proposals)]
        logits, moves = self._parts.boxes(net.boxes.box_roi_pool(levels, proposed, sizes))
        clock.done("boxes")
        boxes, _, _ = net.boxes.postprocess_detections(logits.float(), moves.float(), proposed, sizes)
        clock.done("detections")
        for count in self._detections:
            visible, amodal, occluded = self._parts.regions(net.region_pool(levels, [_exactly(boxes[0], count)], sizes))
            _ = visible.float().sigmoid(), amodal.float().sigmoid(), occluded.float().sigmoid()
            clock.done(f"regions of {count}")
        return clock.times


def _exactly(boxes: Tensor, count: int) -> Tensor:
    """The first `count` boxes, begun again where there are fewer: every network does the same work."""
    if not len(boxes):
        boxes = boxes.new_tensor([[0.0, 0.0, 64.0, 64.0]])
    return boxes[torch.arange(count) % len(boxes)]


class _Told(nn.Module):
    """In place of the proposals' head: what was computed of it already."""

    said: tuple[list[Tensor], list[Tensor]] = ([], [])

    def forward(self, _: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        return self.said


class _Clock:
    """Times between calls of `done` [ms]."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self._last = time.perf_counter()

    def done(self, stage: str) -> None:
        now = time.perf_counter()
        self.times[stage] = 1e3 * (now - self._last)
        self._last = now
