"""What a GraspNeXt network costs: weights, and multiply-adds at a stated size.

Counted by torch's own counter on the meta device, so nothing is computed: whole networks take about a second. The paper
calls multiply-adds FLOPs; both are named here (1 multiply-add = 2 FLOPs). Region proposals' sorting, non-maximum
suppression and RoIAlign are no convolutions and are not counted, as in the paper's totals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.network.graspnext.heads import BOX_SIDE, REGION_SIDE
from gpnet_ros.network.graspnext.network import GraspNeXt


@dataclass(frozen=True)
class Cost:
    """Weights and multiply-adds of a network, by part.

    Attributes:
        parameters: number of weights by part.
        multiply_adds: by part, for one image.
    """

    parameters: dict[str, int]
    multiply_adds: dict[str, float]

    @property
    def millions(self) -> float:
        """Weights of the whole network, in millions."""
        return sum(self.parameters.values()) / 1e6

    @property
    def gmac(self) -> float:
        """Multiply-adds of the whole network for one image, in billions."""
        return sum(self.multiply_adds.values()) / 1e9


def network_cost(architecture: Architecture, side: int = 1200, proposals: int = 1000, detections: int = 100) -> Cost:
    """The cost of an architecture for one square image.

    Args:
        architecture: the network's sizes.
        side: of the image [px].
        proposals: regions that the box head reads. detections: regions that the mask heads read.
    """
    with torch.device("meta"):
        net = GraspNeXt(architecture, side).eval()
        image = torch.empty(1, 3, side, side)
        neck = architecture.heads.neck
        boxes, regions = (
            torch.empty(proposals, neck, BOX_SIDE, BOX_SIDE),
            torch.empty(detections, neck, REGION_SIDE, REGION_SIDE),
        )
    with torch.no_grad():
        features = net.trunk(image)
        maps, total = net.joined(image)
        work = {
            "trunk": counted(lambda: net.trunk(image)),
            "neck": counted(lambda: net.neck(features)),
            "proposals": counted(lambda: net.proposals.head(list(maps.values()))),
            "boxes": counted(lambda: net.boxes.box_predictor(net.boxes.box_head(boxes))),
            "regions": counted(lambda: net.regions(regions)),
            "mass": counted(lambda: net.mass(total)),
            "suction": counted(lambda: net.suction(total)),
        }
    parts: dict[str, nn.Module] = {name: getattr(net, name) for name in work}
    weights = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    return Cost(weights, work)


def counted(work: Callable[[], object]) -> float:
    """Multiply-adds of some work on the meta device, a plain count."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 2
