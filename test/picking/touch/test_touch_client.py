"""The whole touch-off through the real ur_rtde client: hidden calibration of the arm, tips, table and hand-eye."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.touch_world import CELL, STIFFNESS, Script, TouchWorld, WorldCamera

from gpnet_ros.devices.robots import make_robot
from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.nodes.processes.running_cell import free_address
from gpnet_ros.picking.mode_gate import Connected, require_mode
from gpnet_ros.picking.touch.session import Bench, check_by_touch
from gpnet_ros.pose import Transform
from gpnet_ros.ur_controller.kinematic import KinematicPlant
from gpnet_ros.ur_controller.plant import Vector
from gpnet_ros.ur_controller.server import Controller


class WorldPlant(KinematicPlant):
    """The arm of a world: its own kinematics, and a spring where its tips meet something."""

    def __init__(self, world: TouchWorld) -> None:
        super().__init__(world.kinematics.dh, np.array(CELL.home))
        self.world = world

    def wrench(self, T_flange_tcp: Transform) -> Vector:
        """Force (6,) [N, Nm] at the TCP: as deep as the tips are in what is below them."""
        T = self.forward(self.q) @ T_flange_tcp
        deep = self.world.contact(T) - float(T[2, 3]) if T[2, 3] < 0.15 else 0.0
        return np.array([0.0, 0.0, STIFFNESS * max(deep, 0.0), 0.0, 0.0, 0.0])


@contextmanager
def served(world: TouchWorld) -> Iterator[str]:
    """The address of a controller with that plant; ur_rtde lives in a process of its own, so a thread will do."""
    ip, stop = free_address(), threading.Event()
    controller = Controller(WorldPlant(world), ip, "ur10-cb3", 2.0)
    thread = threading.Thread(target=controller.serve, args=(stop.is_set,), daemon=True)
    thread.start()
    try:
        yield ip
    finally:
        stop.set()
        thread.join(30.0)


@pytest.mark.slow
def test_a_touch_off_by_the_client_passes_one_millimetre_and_refuses_five(tmp_path: Path) -> None:
    for seed, off in ((11, 0.001), (12, 0.005)):
        world = TouchWorld(seed, off)
        folder = tmp_path / str(seed)
        folder.mkdir()
        eye, out = folder / "hand_eye.yaml", folder / "check.yaml"
        position, quaternion = list(world.hand_eye.position), list(world.hand_eye.quaternion)
        eye.write_text(yaml.safe_dump({"position": position, "quaternion": quaternion}))
        with served(world) as ip:
            arm, gripper = make_robot("sim", ip, "robotiq", "", False, CELL)
            arm.connect()
            try:
                arm.resume()
                gripper.activate()
                camera, person = WorldCamera(world), Script(world, arm)
                serial = arm.state().serial
                bench = Bench(arm, gripper, camera, "123456", CELL, eye, camera.corners, person, exposures=2)
                errors = check_by_touch(bench, out)
                assert np.abs(arm.state().q - np.array(CELL.home)).max() < 0.01
            finally:
                arm.disconnect()
                gripper.close()
        truth = world.hand_eye.T_parent_camera[:3, 3] - world.T_base_camera[:3, 3]
        print(f"{off * 1e3:.0f} mm: found {errors.mean * 1e3}, true {truth * 1e3}, {len(person.asked)} descents")
        assert np.abs(errors.mean[:2] - truth[:2]).max() < 0.0015 and bool(errors.refusal) == (off > 0.003)
        what = Connected(CELL, str(eye), "123456")
        if off > 0.003:
            with pytest.raises(BadInput, match="mm in all"):
                require_mode("run", False, str(out), what, 30, datetime.now(UTC))
            continue
        assert require_mode("run", False, str(out), what, 30, datetime.now(UTC)) == serial != ""
        with served(world) as ip:  # and no other arm than that
            other, other_gripper = make_robot("sim", ip, "robotiq", "", False, CELL, "20200000002")
            other.connect()
            try:
                with pytest.raises(DeviceError, match="calibration check is of 20200000002"):
                    other.resume()
            finally:
                other.disconnect()
                other_gripper.close()
