"""The way home on the simulated controller, its true joints watched all the time: slow, and nothing is met."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from support.controller_process import controller
from support.way_home import CELL, HOME, PLACES, collision, draw

from gpnet_ros.devices.fake import FakeGripper
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.kinematics import Joints
from gpnet_ros.picking.manipulator import Manipulator
from gpnet_ros.picking.runner import PickResult, PickStatus

#: Greatest speed of a joint [rad/s] on a slow way home, with what a sample may be off; and of any body [m/s].
JOINT_SPEED, BODY_SPEED = 0.31, 0.26


class Watched:
    """One way home from joints (6,) [rad], and the joints and speeds that the admin port told meanwhile."""

    def __init__(self, q: Joints, factor: float) -> None:
        degrees = ",".join(f"{angle:.6f}" for angle in np.rad2deg(q))
        self.joints: list[list[float]] = []
        self.speeds: list[list[float]] = []
        with controller(f"--joints={degrees}", factor=factor) as running:
            arm = UrArm(UrSettings(robot_ip=running.ip), CELL)
            arm.connect()
            try:
                arm.resume()
                self.result = self._go(running, arm)
            finally:
                arm.disconnect()

    def _go(self, running, arm: UrArm) -> PickResult:  # type: ignore[no-untyped-def]
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                seen = running.admin("state")
                self.joints.append(seen["q"])
                self.speeds.append(seen["qd"])
                time.sleep(0.01)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        manipulator = Manipulator(arm, FakeGripper(active=True), CELL, True, lambda: None)
        try:
            for _ in range(6):  # on a busy machine a watchdog may stop the arm: then it goes on from where it stands
                result = manipulator.go_home(lambda: False)
                if result.status is PickStatus.DONE or "Jog joint" in result.message:
                    break
                end = time.monotonic() + 20
                while arm.state().status != "needs_resume" and time.monotonic() < end:
                    time.sleep(0.05)
                arm.resume()
            return result
        finally:
            over.set()
            watcher.join(10)


def assert_safe(seen: Watched) -> None:
    assert seen.result.status is PickStatus.DONE, seen.result
    path, speeds = np.array(seen.joints), np.array(seen.speeds)
    assert np.abs(path[-1] - HOME).max() < 3e-3
    assert collision(path) == ""
    assert np.abs(speeds).max() < JOINT_SPEED
    h = 1e-4  # s
    frames = [CELL.kinematics.link_frames(path + s * h * speeds) for s in (-1, 1)]
    ends = [np.concatenate([f[:, :, :3, 3], (f[:, 6] @ CELL.T_flange_tcp)[:, None, :3, 3]], axis=1) for f in frames]
    assert np.linalg.norm(ends[1] - ends[0], axis=-1).max() / (2 * h) < BODY_SPEED


@pytest.mark.parametrize("name", ["upright", "home pushed 6 degrees by hand"])
def test_an_arm_that_stands_elsewhere_comes_home_slowly_and_meets_nothing(name: str) -> None:
    assert_safe(Watched(PLACES[name][0], factor=2.0))


def test_an_arm_without_a_way_stands_and_says_what_to_jog() -> None:
    q = PLACES["folded for transport, through the table"][0]
    seen = Watched(q, factor=2.0)
    assert seen.result.status is PickStatus.REFUSED
    assert "Jog joint 2 (shoulder)" in seen.result.message and "grasp" not in seen.result.message
    assert (np.array(seen.joints) == np.array(seen.joints[0])).all()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_percent_of_the_random_poses_on_the_controller() -> None:
    rng, done = np.random.default_rng(3), 0
    for _ in range(10):
        seen = Watched(draw(rng, np.pi), factor=2.0)
        if seen.result.status is PickStatus.REFUSED:
            assert "Jog joint" in seen.result.message
            continue
        assert_safe(seen)
        done += 1
    print(f"{done} of 10 came home, the others were told what to jog; nothing was met")
    assert done > 0
