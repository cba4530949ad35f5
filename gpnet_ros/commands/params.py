"""Print every argument of the launch file and every parameter of the nodes: default, what is allowed, what it is.

docs/ros.md holds these tables.
"""

from __future__ import annotations

import argparse

from gpnet_ros.nodes.parameters.reference import reference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`gpnet params` has no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the tables."""
    print(reference(), end="")
    return 0
