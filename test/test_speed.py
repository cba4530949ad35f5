"""A share of the cell's speeds: everything that moves gets slower by it, and no limit moves with it."""

from __future__ import annotations

import dataclasses
import math

import pytest

from gpnet_ros.cell import load_cell
from gpnet_ros.errors import BadInput
from gpnet_ros.speed import SHARE_MIN, at_speed


def test_a_share_slows_all_speeds_and_touches_nothing_else() -> None:
    cell = load_cell()
    slow = at_speed(cell, 0.5)
    for f in dataclasses.fields(cell.motion):
        before, after = getattr(cell.motion, f.name), getattr(slow.motion, f.name)
        assert after == pytest.approx(0.5 * before if f.name.endswith("_speed") else before), f.name
    assert dataclasses.replace(slow, motion=cell.motion) == cell
    assert at_speed(cell, 1.0) == cell
    assert at_speed(cell, SHARE_MIN).motion.joint_speed == pytest.approx(SHARE_MIN * cell.motion.joint_speed)


@pytest.mark.parametrize("share", [0.0, 0.09, 1.01, -1.0, math.nan, math.inf])
def test_other_shares_are_refused(share: float) -> None:
    with pytest.raises(BadInput, match=r"0\.1 to 1"):
        at_speed(load_cell(), share)
