"""Arguments that say whose turn it is: --priority, and --scene-model for `graspnext`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from gpnet_ros.free_objects import PRIORITIES


def add_priority(parser: argparse.ArgumentParser, choices: Sequence[str] = PRIORITIES) -> None:
    """Add them.

    Args:
        parser: of the command.
        choices: values of --priority.
    """
    parser.add_argument(
        "--priority",
        choices=choices,
        default="learned",
        help="whose turn it is by: P of the network, height, none, or the second network's free objects (learned)",
    )
    parser.add_argument(
        "--scene-model",
        help="the second network's model, for --priority graspnext; truth: the simulation's own objects "
        "(fast-graspnext)",
    )
