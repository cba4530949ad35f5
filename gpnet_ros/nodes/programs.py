"""The programs of the nodes, which load the rest: Ctrl-C in the seconds that torch takes ends them without a word."""

from __future__ import annotations

import importlib
import os
import signal
from functools import partial


def run(name: str) -> None:
    """Load a node's module and run its `main`, which ends in order by itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))  # nothing is open yet; Python would print where it was loading
    importlib.import_module(f"gpnet_ros.nodes.{name}").main()


camera_node = partial(run, "camera_node")
inference_node = partial(run, "inference_node")
planner_node = partial(run, "planner_node")
clock_node = partial(run, "clock_node")
oracle_node = partial(run, "oracle_node")
replay_node = partial(run, "replay_node")
