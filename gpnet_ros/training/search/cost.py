"""Exact weights and multiply-adds of a searched architecture, added up from its pieces.

Equal to `network.graspnext.cost.network_cost` to the last weight (a test), in well under a millisecond once the pieces
of a search are known.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import torch

from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.network.graspnext.cost import Cost, counted
from gpnet_ros.training.search.pieces import Piece, Protocol, built, pieces

#: At which the indicator counts: the paper's image with the numbers of regions of UOAIS-Net.
COUNTED_AT = Protocol()


def component_cost(architecture: Architecture, protocol: Protocol = COUNTED_AT) -> Cost:
    """Weights and multiply-adds by component (see `pieces.pieces`), for one image."""
    weights, work = {}, {}
    for component, found in pieces(architecture).items():
        weights[component], work[component] = _sum(found, protocol)
    return Cost(weights, work)


def _sum(found: Counter[Piece], protocol: Protocol) -> tuple[int, float]:
    rows = [(times, _piece_cost(piece, protocol)) for piece, times in found.items()]
    return sum(times * weights for times, (weights, _) in rows), sum(times * work for times, (_, work) in rows)


@cache
def _piece_cost(piece: Piece, protocol: Protocol) -> tuple[int, float]:
    """Weights and multiply-adds of a piece."""
    with torch.device("meta"):
        net, arguments = built(piece, protocol)
    weights = sum(p.numel() for p in net.parameters())
    if piece.kind in ("pool", "sum"):
        return weights, 0.0  # no convolution: the paper's totals do not count it
    with torch.no_grad():
        return weights, counted(lambda: net.eval()(*arguments))
