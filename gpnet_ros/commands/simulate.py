"""Run the simulated cell alone: a UR10 with gripper over a heap, for anyone's own client.

It speaks RTDE (30004), script (30001-30003), dashboard (29999) and the Robotiq socket (63352) on a loopback
address; unmodified ur_rtde connects to it. With --tool suction tool output 0 is the valve of a suction cup, and tool
input 0 its vacuum switch. It is a protocol simulator, not URSim. The first line of output is
one JSON object with ports and files; end it with Ctrl-C. Port 29998 takes faults and asks for the truth.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from gpnet_ros.cell import TOOLS, load_cell
from gpnet_ros.errors import BadInput
from gpnet_ros.parent import end_with_parent
from gpnet_ros.settings import config_dir, load_settings
from gpnet_ros.sim.cell.process import CellRun, SimSettings, serve_cell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the simulated cell."""
    parser.add_argument("--ip", default="127.0.0.1", help="loopback address of the controller; one per cell")
    parser.add_argument("--seed", type=int, default=1, help="of the heap")
    parser.add_argument("--objects", type=int, default=5, help="in the heap, 0 to 20")
    parser.add_argument("--factor", type=float, default=1.0, help="simulated seconds per second")
    parser.add_argument("--run-dir", type=Path, default=Path("runs/sim"), help="folder for states and recording")
    parser.add_argument("--settings", type=Path, help="settings file; default config/sim.yaml")
    parser.add_argument("--cell", type=Path, help="cell file; default config/cell.yaml")
    parser.add_argument(
        "--hidden", type=int, default=0, metavar="SEED",
        help="camera, table and tips are elsewhere than the files say, by this seed; 0: where they say (0)",
    )  # fmt: skip
    parser.add_argument("--tool", choices=TOOLS, help="at the flange; default: that of the cell file")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    settings = load_settings(SimSettings, arguments.settings or config_dir() / "sim.yaml")
    if min(arguments.seed, arguments.hidden) < 0:
        raise BadInput(f"--seed is {arguments.seed}, --hidden {arguments.hidden}; allowed: 0 or more.")
    folder: Path = arguments.run_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--run-dir {folder} cannot be made ({error.strerror}); choose another one.") from error
    end_with_parent(always=False)
    about = CellRun(folder, arguments.ip, arguments.seed, arguments.objects, arguments.factor, arguments.hidden)
    cell = load_cell(arguments.cell)
    serve_cell(about, settings, cell if arguments.tool is None else replace(cell, tool=arguments.tool))
    return 0
