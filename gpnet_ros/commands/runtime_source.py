"""Arguments that say what runs the network: --runtime and --precision."""

from __future__ import annotations

import argparse

from gpnet_ros.network.runtimes import PRECISIONS, RUNTIME_CHOICES


def add_runtime(parser: argparse.ArgumentParser, default: str = "torch") -> None:
    """Add them.

    Args:
        parser: of the command.
        default: of --runtime.
    """
    parser.add_argument(
        "--runtime",
        choices=RUNTIME_CHOICES,
        default=default,
        help="what runs the network; auto: the first of openvino and torch that is installed (%(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="what it multiplies in; bfloat16 where the processor is quicker in it, with other maps (%(default)s)",
    )
