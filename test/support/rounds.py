"""Rows of rounds that nobody played."""

from __future__ import annotations

from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import PlayedBy
from gpnet_ros.evaluation.closed_loop.rows import PickRow, RoundRow

BY = PlayedBy("core", "learned", min_quality=0.05, code="today's")


def round_row(heap: HeapName, right: bool, by: PlayedBy = BY, picks: int = 1) -> RoundRow:
    """A round of equal picks of the core path that all are right, or all miss."""
    pick = PickRow(True, right, right, None if right else "missed", {"target_topmost": True})
    return RoundRow(
        heap=heap.label,
        seed=0,
        objects=heap.objects,
        by=by,
        removed=(0,) * right,
        cleared=right,
        all_right=right,
        ended="nothing_left",
        failed=False,
        seconds=1.0,
        faults=() if right else ("missed",),
        picks=(pick,) * picks,
    )
