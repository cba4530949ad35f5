"""The region of a picture that counts, as the commands detect and evaluate ask for it."""

from __future__ import annotations

import argparse
from pathlib import Path

from gpnet_ros.errors import BadInput
from gpnet_ros.region import Region


def add_region(parser: argparse.ArgumentParser) -> None:
    """Arguments --roi, --mask, --workspace and --hand-eye."""
    add = parser.add_argument
    add("--roi", metavar="X,Y,W,H", help="only this box counts [px]: outside nothing is grasped, nor depth asked for")
    add("--mask", type=Path, metavar="FILE", help="only where this 8-bit picture of the same size is not 0")
    add("--workspace", type=Path, metavar="CELL", help="only the workspace of this cell file, and seen as a cell does")
    add("--hand-eye", type=Path, metavar="FILE", help="of --workspace (hand_eye.yaml beside CELL)")


def region_of(args: argparse.Namespace) -> Region | None:
    """The region that was asked for; None if none was.

    Raises:
        BadInput: more than one was, or it cannot be one.
    """
    given = [name for name in ("roi", "mask", "workspace") if getattr(args, name) is not None]
    if len(given) > 1:
        raise BadInput(f"{' and '.join(f'--{name}' for name in given)} were given together: give one of them.")
    if args.hand_eye is not None and given != ["workspace"]:
        raise BadInput("--hand-eye is of --workspace: give CELL with it, or leave it out.")
    if args.roi is not None:
        return Region.of_roi(args.roi)
    if args.mask is not None:
        return Region.of_mask(args.mask)
    return None if args.workspace is None else Region.of_cell(args.workspace, args.hand_eye)
