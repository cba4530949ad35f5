"""A pick in plain values: what is published, stored in the run folder, and read by people and programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpnet_ros.pick import Decision
from gpnet_ros.picking.runner import PickResult


def describe_decision(decision: Decision) -> dict[str, Any]:
    """A decision; metres, pixels of the colour image, poses as 4x4 in the controller's base."""
    values: dict[str, Any] = {"rejected": rejected_reasons(decision)}
    grasp, T = decision.grasp, decision.T_base_grasp
    if grasp is not None and T is not None and decision.T_base_tcp is not None:
        values |= {
            "pixel": [round(v, 2) for v in grasp.pixel],
            "angle_deg": round(grasp.angle_deg, 2),
            "score": round(grasp.score, 4),
            "quality": round(grasp.quality, 4),
            "priority": round(grasp.priority, 4),
            "width_m": decision.opening,
            "T_base_grasp": np.round(T, 6).tolist(),
            "T_base_tcp": np.round(decision.T_base_tcp, 6).tolist(),
            "insertion_m": round(decision.insertion, 5),
        }
    return values


def rejected_reasons(decision: Decision) -> list[dict[str, Any]]:
    """Every candidate that lost: its pixel, the reason and one sentence."""
    return [{"pixel": list(r.pixel), "reason": r.reason, "detail": r.detail} for r in decision.rejected]


def describe_result(result: PickResult) -> dict[str, Any]:
    """What became of a plan."""
    return {
        "step": result.step,
        "holding": result.holding,
        "force_peak_n": round(result.force_peak, 2),
        "widths_m": {name: round(width, 4) for name, width in result.widths.items()},
    }
