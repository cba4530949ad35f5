"""`python -m gpnet_ros.ur_controller`: a simulated UR controller without physics, for any client."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.parent import end_with_parent
from gpnet_ros.scheduling import come_before_leader
from gpnet_ros.ur_controller.kinematic import HOME, KinematicPlant
from gpnet_ros.ur_controller.model import MODELS, find_model
from gpnet_ros.ur_controller.robot import FORCE_LIMIT
from gpnet_ros.ur_controller.server import RTDE_PORT, Controller


def _joints(text: str) -> NDArray[np.float64]:
    """Six angles [deg] as (6,) [rad]."""
    try:
        angles = np.deg2rad([float(word) for word in text.split(",")])
    except ValueError:
        angles = np.empty(0)
    if angles.shape != (6,) or not (np.abs(angles) <= 2 * np.pi).all():
        raise BadInput(
            f"Joints {text!r} are not usable: give six angles [deg] within +-360, such as 180,-90,100,-100,-90,0."
        )
    return angles


def main() -> int:
    """Open the ports, print one JSON line when they are open, serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="Simulated UR controller (protocol simulator, not URSim)")
    parser.add_argument("--ip", default="127.0.0.1", help="loopback address to serve on")
    parser.add_argument("--model", default="ur10-cb3", choices=sorted(MODELS))
    parser.add_argument("--factor", type=float, default=1.0, help="simulated seconds per second")
    parser.add_argument("--joints", help="where the arm stands at first: six joint angles [deg], A,B,...")
    parser.add_argument("--contact-height", type=float, help="z of a virtual table [m]")
    parser.add_argument("--object-position", type=int, help="finger position at which an object is met, 0..255")
    parser.add_argument("--tool-mass", type=float, help="what hangs at the flange [kg]; another payload shows as force")
    parser.add_argument("--held-mass", type=float, default=0.0, help="of the object that the fingers meet [kg]")
    parser.add_argument("--force-limit", type=float, default=FORCE_LIMIT, help="protective stop above this [N]")
    arguments = parser.parse_args()
    end_with_parent(always=False)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        start = HOME if arguments.joints is None else _joints(arguments.joints)
        plant = KinematicPlant(find_model(arguments.model).dh, start, arguments.contact_height)
        plant.object_position = arguments.object_position
        plant.tool_mass, plant.held_mass = arguments.tool_mass, arguments.held_mass
        controller = Controller(plant, arguments.ip, arguments.model, arguments.factor, arguments.force_limit)
    except GpnetError as error:
        print(error, file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print(
        json.dumps({"ready": True, "ip": arguments.ip, "port": RTDE_PORT, "model": arguments.model}),
        flush=True,
    )
    if arguments.factor <= 1.0:
        come_before_leader()
    controller.serve(stop.is_set)
    return 0


if __name__ == "__main__":
    sys.exit(main())
