"""The fakes behave as their Protocols say, and every device offers exactly its Protocol."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import Arm, MoveStatus
from gpnet_ros.devices.camera import Camera
from gpnet_ros.devices.digital_gripper import DigitalGripper
from gpnet_ros.devices.fake import FakeArm, FakeCamera, FakeGripper
from gpnet_ros.devices.gripper import Gripper, GripStatus
from gpnet_ros.devices.realsense import RealSenseCamera
from gpnet_ros.devices.recorded import RecordedCamera
from gpnet_ros.devices.robotiq import RobotiqGripper
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.errors import DeviceError, RobotStopped
from gpnet_ros.frame import Frame
from gpnet_ros.kinematics import UrKinematics
from gpnet_ros.motion import Move
from gpnet_ros.pose import distance

CELL = Cell()


def lacks(device: type, protocol: type) -> list[str]:
    """What a device lacks of its Protocol: methods, and parameters by name and order."""
    missing = []
    for name, wanted in inspect.getmembers(protocol):
        if name.startswith("_"):
            continue
        offered = getattr(device, name, None)
        if isinstance(wanted, property):
            missing += [] if isinstance(offered, property) else [name]
        elif offered is None or list(inspect.signature(wanted).parameters) != list(
            inspect.signature(offered).parameters
        ):
            missing.append(name)
    return missing


@pytest.mark.parametrize(
    ("device", "protocol"),
    [
        (FakeCamera, Camera),
        (RecordedCamera, Camera),
        (RealSenseCamera, Camera),
        (FakeArm, Arm),
        (UrArm, Arm),
        (FakeGripper, Gripper),
        (RobotiqGripper, Gripper),
        (DigitalGripper, Gripper),
    ],
)
def test_device_offers_its_protocol(device: type, protocol: type) -> None:
    assert lacks(device, protocol) == []


def test_missing_method_is_noticed() -> None:
    assert lacks(FakeGripper, Camera) == ["open", "read"]
    assert lacks(FakeGripper, Arm) == ["cancel", "connect", "disconnect", "move", "resume", "set_payload"]


def frame(value: int) -> Frame:
    return Frame(np.full((4, 6, 3), value, np.uint8), None)


def test_camera_shows_each_frame_once_and_then_stalls() -> None:
    camera = FakeCamera([frame(1), frame(2)])
    with pytest.raises(DeviceError, match="open"):
        camera.read()
    camera.open()
    first, second = camera.read(), camera.read(0.1)
    assert first.color is not None and second.color is not None
    assert (first.color[0, 0, 0], second.color[0, 0, 0]) == (1, 2)
    assert second.stamp >= first.stamp > 1e9
    with pytest.raises(DeviceError, match="stalled"):
        camera.read()


def no() -> bool:
    return False


def ready_arm(**settings: object) -> FakeArm:
    arm = FakeArm(CELL, **settings)  # type: ignore[arg-type]
    arm.connect()
    arm.resume()
    return arm


def lifted(arm: FakeArm, by: float, kind: str = "linear") -> Move:
    T = arm.state().T_base_tcp.copy()
    T[2, 3] += by
    return Move("lift", kind, 0.1, 0.5, T_base_tcp=T, force_limit=30.0)  # type: ignore[arg-type]


def test_arm_needs_connect_and_resume() -> None:
    arm = FakeArm(CELL)
    with pytest.raises(DeviceError):
        arm.state()
    with pytest.raises(DeviceError):
        arm.resume()
    arm.connect()
    move = lifted(arm, 0.01)
    assert arm.move(move, no).status is MoveStatus.REFUSED and arm.moves == []
    arm.resume()
    assert arm.move(move, no).ok and arm.moves == [move]


@pytest.mark.parametrize(
    "true", [None, UrKinematics(replace(CELL.kinematics.dh, d=(0.129, 0, 0, 0.164, 0.1157, 0.0922)))]
)
def test_arm_reaches_poses_with_its_true_kinematics(true: UrKinematics | None) -> None:
    arm = ready_arm(true_kinematics=true)
    move = lifted(arm, 0.05)
    result = arm.move(move, no)
    assert result.status is MoveStatus.ARRIVED
    assert max(distance(arm.state().T_base_tcp, move.T_base_tcp)) < 1e-6
    nominal = CELL.kinematics.forward(arm.state().q) @ CELL.T_flange_tcp
    assert (distance(nominal, move.T_base_tcp)[0] > 1e-3) == (true is not None)


def test_arm_fails_as_scripted() -> None:
    arm = ready_arm()
    arm.script.extend([MoveStatus.CONTACT, MoveStatus.TIMEOUT, MoveStatus.STOPPED])
    touched = arm.move(lifted(arm, -0.02, "descend"), no)
    assert touched.status is MoveStatus.CONTACT and touched.force_peak == 30.0
    before = arm.state().q
    assert arm.move(lifted(arm, 0.02), no).status is MoveStatus.TIMEOUT
    assert (arm.state().q == before).all()
    assert arm.move(lifted(arm, 0.02), no).status is MoveStatus.STOPPED
    assert arm.state().status == "protective_stop"
    assert arm.move(lifted(arm, 0.02), no).status is MoveStatus.REFUSED
    arm.resume()
    assert arm.move(lifted(arm, 0.02), no).ok
    assert arm.move(lifted(arm, 0.02), lambda: True).status is MoveStatus.CANCELLED
    assert arm.move(lifted(arm, 5.0), no).status is MoveStatus.STOPPED  # out of reach
    arm.stop_with("emergency_stop")
    with pytest.raises(RobotStopped):
        arm.resume()


def test_gripper_meets_its_object() -> None:
    gripper = FakeGripper(object_width=0.03)
    assert gripper.move(0.0, 0.1, 40.0).status is GripStatus.REFUSED
    gripper.activate()
    assert gripper.is_active
    opened = gripper.move(0.06, 0.1, 40.0)
    assert opened.ok and opened.width == 0.06 and not opened.object_detected
    closed = gripper.move(0.0, 0.1, 40.0)
    assert closed.width == 0.03 and closed.object_detected and gripper.state().object_detected
    gripper.object_width = None
    assert not gripper.move(0.0, 0.1, 40.0).object_detected
    gripper.script.append(GripStatus.FAULT)
    assert not gripper.move(0.0, 0.1, 40.0).ok
