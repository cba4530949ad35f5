"""Run the simulated cell alone: a UR10 with gripper over a heap, for anyone's own client.

It speaks RTDE (30004), script (30001-30003), dashboard (29999) and the Robotiq socket (63352) on a loopback
address; unmodified ur_rtde connects to it. It is a protocol simulator, not URSim. The first line of output is
one JSON object with ports and files; end it with Ctrl-C. Port 29998 takes faults and asks for the truth.
"""

from __future__ import annotations

import argparse

from gpnet_ros.sim.cell import process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the simulated cell."""
    process.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    return process.run(arguments)
