"""Speed of planned motion as a share of what the cell file says, as on the first days of a cell."""

from __future__ import annotations

import dataclasses

from gpnet_ros.cell import Cell
from gpnet_ros.errors import BadInput

#: Smallest share: at it a descent is as slow as may be planned.
SHARE_MIN = 0.1


def at_speed(cell: Cell, share: float) -> Cell:
    """The cell with all planned speeds multiplied by a share; its limits stay, so that it only gets slower.

    Args:
        cell: whose `motion` is changed.
        share: 0.1 to 1.

    Raises:
        BadInput: another share.
    """
    if not SHARE_MIN <= share <= 1.0:  # NaN fails too
        raise BadInput(f"--speed is {share:g}; allowed: {SHARE_MIN:g} to 1, a share of the cell file's speeds.")
    slower = {
        f.name: max(share * getattr(cell.motion, f.name), float(f.metadata.get("low") or 0.0))
        for f in dataclasses.fields(cell.motion)
        if f.name.endswith("_speed")
    }
    return dataclasses.replace(cell, motion=dataclasses.replace(cell.motion, **slower))
