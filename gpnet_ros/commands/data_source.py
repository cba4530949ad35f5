"""The option by which commands say how the folder of a data set is to be read."""

from __future__ import annotations

import argparse

from gpnet_ros.data.loaders.sets import LOADERS


def add_source(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Add --from; without `required`, folders are read as this package writes them."""
    parser.add_argument(
        "--from",
        dest="source",
        choices=LOADERS,
        default=None if required else "own",
        required=required,
        help="what the folder holds" + ("" if required else " (own: what gpnet generate writes)"),
    )
