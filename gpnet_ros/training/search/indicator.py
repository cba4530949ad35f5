"""The indicator: which points are allowed at all, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.training.search.cost import component_cost
from gpnet_ros.training.search.latency import LatencyTable

#: Bars of the shipped network: parameters [millions], and below how many billions of multiply-adds it stays.
MILLIONS_MAX, GMAC_MAX = 17.8, 300.0


@dataclass(frozen=True)
class Price:
    """What a point costs: millions of parameters, billions of multiply-adds at 1200 px, and milliseconds [ms]."""

    millions: float
    gmac: float
    milliseconds: float


@dataclass(frozen=True)
class Indicator:
    """Says 1 or 0 of an architecture, 0 with the reason.

    Attributes:
        table: times of pieces on the target. budget: largest estimate that is allowed [ms].
        millions_max, gmac_max: see `MILLIONS_MAX`, `GMAC_MAX`.
    """

    table: LatencyTable
    budget: float
    millions_max: float = MILLIONS_MAX
    gmac_max: float = GMAC_MAX

    def price(self, architecture: Architecture) -> Price:
        """Parameters [millions], multiply-adds [billions] and time [ms]."""
        cost = component_cost(architecture)
        return Price(cost.millions, cost.gmac, self.table.estimate(architecture))

    def refusal(self, architecture: Architecture) -> str:
        """Why an architecture is not allowed, or nothing."""
        lite = architecture.lite if architecture.trunk == "lite0" else None
        if architecture.trunk != "searched" and not (lite and lite.antialiased):
            return f"the trunk {architecture.trunk} halves without BlurPool"
        bare = [k for k, stage in enumerate(architecture.stages, 1) if stage.depth < stage.condenser_every]
        if bare:
            return f"stage {bare[0]} has no condenser"
        if lite and not lite.condensers:
            return "no stage has a condenser"
        price = self.price(architecture)
        if price.millions > self.millions_max:
            return f"{price.millions:.2f} million parameters; at most {self.millions_max}"
        if price.gmac >= self.gmac_max:
            return f"{price.gmac:.1f} billion multiply-adds; below {self.gmac_max}"
        if price.milliseconds > self.budget:
            return f"{price.milliseconds:.1f} ms; at most {self.budget:.1f}"
        return ""
