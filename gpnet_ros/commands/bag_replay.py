"""Play a ROS 2 bag as the camera of our nodes, with its own time as /clock (needs ROS).

    gpnet bag replay shelf                                   # until its end; --loop: again and again
    ros2 launch gpnet_ros replay.launch.py bag:=shelf        # the same, with inference and a planner in dry_run

Colour, aligned depth and camera_info go out as color/image_raw, aligned_depth_to_color/image_raw and
color/camera_info, whatever they were called; packed images are unpacked, and both images of a frame carry the stamp
of colour. Nodes that follow it need use_sim_time:=true. Exit status: 0 the bag has ended, 2 it cannot be played.
"""

from __future__ import annotations

import argparse
import os
import sys

from gpnet_ros.commands.bag_source import add_bag_arguments, frames_of
from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.errors import BadInput
from gpnet_ros.nodes.processes.replay_table import ReplayRun, replay_process
from gpnet_ros.nodes.processes.starter import node_command
from gpnet_ros.nodes.processes.table import environment
from gpnet_ros.settings import from_dict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bag replay`."""
    add_bag_arguments(parser)
    parser.add_argument("--rate", type=float, default=1.0, help="seconds of the bag per second (%(default)s)")
    parser.add_argument("--loop", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument(
        "--start-offset", type=float, default=0.0, metavar="S", help="leave out so much of its beginning [s]"
    )
    parser.add_argument("--no-clock", action="store_true", help="publish no /clock")
    parser.add_argument("--namespace", default="", help="namespace of the topics")


def run(args: argparse.Namespace) -> int:
    """Become replay_node."""
    with Bag(args.bag) as bag:  # whatever is wrong with it is said before ROS starts
        frames_of(bag, args).require()
    values = {
        "bag": str(args.bag), "prefix": args.prefix or "", "rate": args.rate, "loop": args.loop,
        "start_offset": args.start_offset, "tolerance": args.tolerance, "namespace": args.namespace,
        "image_transport": args.image_transport,
    }  # fmt: skip
    process = replay_process(from_dict(ReplayRun, values, "gpnet bag replay"))
    try:
        import gpnet_ros.nodes.replay_node  # noqa: F401
    except ImportError as error:
        raise BadInput(f"ROS 2 cannot be imported ({error}); run `make setup`, or source a ROS 2.") from error
    command = node_command(process, args.namespace) + ["-p", f"clock:={'false' if args.no_clock else 'true'}"]
    sys.stdout.flush()
    os.execve(command[0], command, {**os.environ, **environment()})  # Ctrl-C and the exit status are the node's own
