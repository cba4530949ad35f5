"""Truths of a cell that nobody simulates, for the tests of what is judged by them."""

from __future__ import annotations

from collections.abc import Sequence

from gpnet_ros.sim.cell.report import GripReport, ObjectReport, TruthReport


def grip(*lifted: int, top: bool = True) -> GripReport:
    """A grip that brought these objects up."""
    return GripReport(0.0, 1.0, lifted, lifted, (), top, {})


def truth_of(
    families: Sequence[str], grips: Sequence[GripReport] = (), in_tote: Sequence[int] = (), at_rest: bool = True
) -> TruthReport:
    """The truth of one object of each family."""
    objects = tuple(ObjectReport(family, 0, "table", (0.0,) * 3, (0.0,) * 4) for family in families)
    return TruthReport(0.0, 1, objects, tuple(in_tote), (), (), at_rest, tuple(grips))
