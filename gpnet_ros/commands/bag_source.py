"""Arguments of the commands that read a bag."""

from __future__ import annotations

import argparse
from pathlib import Path

from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.frames import BagFrames
from gpnet_ros.data.bags.topics import BAG_TRANSPORTS
from gpnet_ros.errors import BadInput
from gpnet_ros.pairing import TOLERANCE


def add_bag_arguments(parser: argparse.ArgumentParser) -> None:
    """The bag, and how its camera is found."""
    parser.add_argument("bag", type=Path, metavar="FILE", help="folder of a ROS 2 bag, or its .mcap or .db3 file")
    parser.add_argument("--prefix", help="what the camera's topics begin with, /camera/camera (the only camera)")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="S",
        help="pair images without a partner of their own stamp within this time [s] (%(default)s; 0: never)",
    )
    parser.add_argument(
        "--image-transport",
        choices=BAG_TRANSPORTS,
        default=BAG_TRANSPORTS[0],
        help="which images: raw, packed, or raw where both are there (%(default)s)",
    )


def frames_of(bag: Bag, args: argparse.Namespace) -> BagFrames:
    """The frames of an open bag, as the arguments have them.

    Raises:
        BadInput: the tolerance is no time.
    """
    if not 0.0 <= args.tolerance <= 1.0:
        raise BadInput(f"--tolerance is {args.tolerance:g}; it must lie in 0 to 1 [s].")
    return BagFrames(bag, args.prefix, args.tolerance, args.image_transport)
