"""RTDE, dashboard and gripper on the wire, by clients written from the public protocol descriptions."""

from __future__ import annotations

import socket
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.controller_process import GRIPPER_PORT, RTDE_PORT, controller

from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.ur_controller.kinematic import KinematicPlant
from gpnet_ros.ur_controller.model import find_model
from gpnet_ros.ur_controller.robot import Robot
from gpnet_ros.ur_controller.robotiq import RobotiqService
from gpnet_ros.ur_controller.rtde import RtdeService
from gpnet_ros.ur_controller.server import Controller
from gpnet_ros.ur_controller.signals import INPUTS, OUTPUTS, Snapshot

FORMATS = {"DOUBLE": "d", "VECTOR6D": "6d", "UINT32": "I", "UINT64": "Q", "INT32": "i", "UINT8": "B"}


class RtdeClient:
    """Negotiation and packages of the RTDE guide."""

    def __init__(self, ip: str, version: int = 2) -> None:
        self.version = version
        self.sock = socket.create_connection((ip, RTDE_PORT), timeout=10)
        self.layout = ""
        assert self.ask("V", struct.pack(">H", version)) == b"\x01"

    def close(self) -> None:
        self.sock.close()

    def send(self, kind: str, payload: bytes = b"") -> None:
        self.sock.sendall(struct.pack(">HB", 3 + len(payload), ord(kind)) + payload)

    def read(self) -> tuple[str, bytes]:
        def exactly(count: int) -> bytes:
            data = b""
            while len(data) < count:
                piece = self.sock.recv(count - len(data))
                assert piece, "the controller closed the link"
                data += piece
            return data

        size, kind = struct.unpack(">HB", exactly(3))
        return chr(kind), exactly(size - 3)

    def ask(self, kind: str, payload: bytes = b"") -> bytes:
        self.send(kind, payload)
        answer, data = self.read()
        while answer == "U" and kind != "U":
            answer, data = self.read()
        assert answer == kind
        return data

    def outputs(self, names: str, frequency: float = 125.0) -> str:
        head = struct.pack(">d", frequency) if self.version > 1 else b""
        answer = self.ask("O", head + names.encode())
        types = answer[1 if self.version > 1 else 0 :].decode()
        self.layout = ">" + "".join(FORMATS.get(kind, "") for kind in types.split(","))
        return types

    def state(self) -> tuple:
        """The next output package."""
        kind, data = self.read()
        while kind != "U":
            kind, data = self.read()
        return struct.unpack(self.layout, data[1 if self.version > 1 else 0 :])

    def until(self, index: int, value: float, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while self.state()[index] != value:
            assert time.monotonic() < end, f"value {index} never became {value}"


@pytest.mark.parametrize("version", [1, 2])
def test_negotiation_outputs_and_inputs(version):
    with controller() as robot:
        client = RtdeClient(robot.ip, version)
        assert struct.unpack(">4I", client.ask("v"))[:2] == (3, 15)
        assert client.ask("S") == b"\x00", "start without an output recipe is refused"
        names = "timestamp,actual_q,runtime_state,actual_digital_output_bits,target_speed_fraction"
        assert client.outputs("timestamp,no_such_thing") == "DOUBLE,NOT_FOUND"
        assert client.ask("S") == b"\x00"
        assert client.outputs(names) == "DOUBLE,VECTOR6D,UINT32,UINT64,DOUBLE"
        assert client.ask("I", b"speed_slider_mask,speed_slider_fraction,") == b"\x01UINT32,DOUBLE"
        assert client.ask("I", b"standard_digital_output_mask,standard_digital_output") == b"\x02UINT8,UINT8"
        assert client.ask("I", b"nothing,speed_slider_mask") == b"\x00NOT_FOUND,UINT32"
        other = RtdeClient(robot.ip)
        assert other.ask("I", b"speed_slider_mask") == b"\x00IN_USE"
        assert client.ask("S") == b"\x01"
        stamps = [client.state()[0] for _ in range(20)]
        assert all(b > a for a, b in zip(stamps, stamps[1:], strict=False))
        assert all(
            abs(round((b - a) / 0.008) - (b - a) / 0.008) < 1e-3 for a, b in zip(stamps, stamps[1:], strict=False)
        )
        client.send("U", struct.pack(">BId", 1, 1, 0.25))
        client.until(9, 0.25)
        client.send("U", struct.pack(">BBB", 2, 0b11, 0b01))
        client.until(8, 1)
        client.send("U", struct.pack(">BBB", 2, 0b10, 0b10))
        client.until(8, 3)
        client.send("U", struct.pack(">BI", 1, 1))  # too short: ignored
        client.send("U", struct.pack(">BBB", 9, 1, 0))  # no such recipe: ignored
        assert client.ask("P") == b"\x01"
        client.close()
        deadline = time.monotonic() + 30
        while other.ask("I", b"speed_slider_mask") != b"\x01UINT32":
            assert time.monotonic() < deadline, "inputs are free once their client is gone"
        other.close()


def test_lower_frequency_is_kept_and_a_client_that_does_not_read_hurts_nobody():
    with controller("--model", "ur10e") as robot:
        lazy, client = RtdeClient(robot.ip), RtdeClient(robot.ip)
        lazy.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.outputs(",".join(name for name, (kind, _) in OUTPUTS.items() if kind == "VECTOR6D"), 500)
        assert lazy.ask("S") == b"\x01"
        client.outputs("timestamp", 50)
        assert client.ask("S") == b"\x01"
        stamps = [client.state()[0] for _ in range(40)]
        gaps = [b - a for a, b in zip(stamps, stamps[1:], strict=False)]
        assert min(gaps) > 0.02 - 1e-6, gaps
        lazy.close(), client.close()


def test_every_variable_can_be_packed():
    robot = Robot(KinematicPlant(), find_model("ur10-cb3"))
    link = Recorder()
    service = RtdeService(robot)
    service.opened(link)
    service.received(link, _package("V", b"\x00\x02"))
    service.received(link, _package("O", struct.pack(">d", 125) + ",".join(OUTPUTS).encode()))
    assert b"NOT_FOUND" not in link.sent
    service.received(link, _package("I", ",".join(INPUTS).encode()))
    service.received(link, _package("S", b""))
    link.sent = b""
    service.publish(Snapshot(service.robot))
    assert link.sent[2:3] == b"U" and struct.unpack_from(">H", link.sent)[0] == len(link.sent)


@given(st.lists(st.tuples(st.sampled_from("VvOISPUMx\x00"), st.binary(max_size=40)), max_size=8), st.binary(max_size=9))
@settings(max_examples=150, deadline=None)
def test_no_package_breaks_the_server(packages, rubbish):
    service = RtdeService(Robot(KinematicPlant(), find_model("ur10-cb3")))
    link = Recorder()
    service.opened(link)
    for kind, payload in packages:
        if link.open:
            service.received(link, _package(kind, payload))
    if link.open:
        service.received(link, rubbish)
    service.publish(Snapshot(service.robot))


def test_dashboard_answers_what_the_robot_is():
    with controller("--model", "ur10e") as robot, socket.create_connection((robot.ip, 29999), timeout=10) as link:
        stream = link.makefile("rw")

        def ask(command: str) -> str:
            stream.write(command + "\n")
            stream.flush()
            return stream.readline().strip()

        assert stream.readline().startswith("Connected: Universal Robots Dashboard Server")
        assert "5.12" in ask("PolyscopeVersion") and ask("get serial number").isdigit()
        assert ask("is in remote control") == "true" and ask("safetymode") == "Safetymode: NORMAL"
        assert ask("running") == "Program running: false" and ask("play").startswith("Failed")
        with socket.create_connection((robot.ip, 30001), timeout=5) as script:
            script.sendall(b"def wait():\n sleep(1000)\nend\n")
            deadline = time.monotonic() + 30
            while ask("programState") != "PLAYING wait":
                assert time.monotonic() < deadline
        assert ask("pause") == "Pausing program" and ask("programState") == "PAUSED wait"
        assert ask("play") == "Starting program" and ask("stop") == "Stopped"
        assert ask("programState").startswith("STOPPED") and "understand" in ask("dance")
        assert ask("power off") == "Powering off" and ask("robotmode") == "Robotmode: POWER_OFF"
        assert ask("quit") == "Disconnected" and stream.readline() == ""


class Gripper:
    """A Robotiq client with one request in flight."""

    def __init__(self, ip: str) -> None:
        self.sock = socket.create_connection((ip, GRIPPER_PORT), timeout=10)

    def get(self, name: str) -> int:
        self.sock.sendall(f"GET {name}\n".encode())
        found, value = self.sock.recv(64).decode().split()
        assert found == name
        return int(value)

    def set(self, text: str) -> bytes:
        self.sock.sendall(f"SET {text}\n".encode())
        return self.sock.recv(64)

    def until(self, name: str, *values: int) -> int:
        end = time.monotonic() + 20
        while (value := self.get(name)) not in values:
            assert time.monotonic() < end, f"{name} stays {value}"
        return value

    def activate(self) -> None:
        assert self.set("ACT 0 ATR 0") == b"ack"
        assert self.set("ACT 1") == b"ack"
        self.until("STA", 3)

    def move(self, position: int) -> int:
        assert self.set(f"POS {position} SPE 255 FOR 100 GTO 1") == b"ack"
        self.until("PRE", position)
        return self.until("OBJ", 1, 2, 3)


def test_gripper_activates_moves_and_detects_an_object():
    with controller("--object-position", "120", factor=4) as robot:
        gripper = Gripper(robot.ip)
        assert (gripper.get("STA"), gripper.get("FLT")) == (0, 5)
        assert gripper.set("POS 200 GTO 1") == b"ack" and gripper.get("POS") == 0, "inactive fingers stay"
        gripper.activate()
        assert gripper.get("FLT") == 0
        assert gripper.move(80) == 3 and gripper.get("POS") == 80
        assert gripper.move(255) == 2 and gripper.get("POS") == 120
        assert gripper.set("ACT 1") == b"ack" and gripper.get("POS") == 120, "activating twice drops nothing"
        assert gripper.move(0) == 3 and gripper.get("POS") == 0
        assert gripper.set("POS 999") == b"nack" and gripper.set("POS x") == b"nack" and gripper.set("NIX 1") == b"nack"


def test_gripper_without_an_object_closes_and_faults_are_reported():
    with controller(factor=4) as robot:
        gripper = Gripper(robot.ip)
        gripper.activate()
        assert gripper.move(255) == 3 and gripper.get("POS") == 228
        gripper.move(0)
        robot.admin("grip", result="hold", position=90)
        assert gripper.move(255) == 2 and gripper.get("POS") == 90
        robot.admin("grip", result="fail")
        assert gripper.move(255) == 3 and gripper.get("POS") == 228
        assert not robot.admin("grip", result="maybe")["ok"]
        robot.admin("grip", result="ok")
        robot.admin("estop")
        gripper.sock.sendall(b"GET POS\n")
        assert gripper.sock.recv(64) == b"POS ?\n"


def test_a_held_object_that_slips_is_seen():
    plant = KinematicPlant()
    plant.object_position = 120
    robot = Robot(plant, find_model("ur10-cb3"))
    link, gripper = Recorder(), RobotiqService(robot, plant)

    def ask(text: str) -> bytes:
        link.sent = b""
        gripper.received(link, text.encode() + b"\n")
        return link.sent

    ask("SET ACT 1")
    for _ in range(250):
        robot.cycle()
    ask("SET POS 255 SPE 255 GTO 1")
    assert ask("GET OBJ") == b"OBJ 0\n"
    for _ in range(250):
        robot.cycle()
    assert ask("GET OBJ") == b"OBJ 2\n"
    plant.object_position = None
    plant.set_gripper(255, 255, 0)
    for _ in range(250):
        robot.cycle()
    assert ask("GET OBJ") == b"OBJ 3\n" and ask("GET POS") == b"POS 228\n"


def test_controller_refuses_what_it_cannot_serve():
    with pytest.raises(BadInput, match="ur10-cb3"):
        Controller(KinematicPlant(), "127.0.0.1", "ur5")
    with pytest.raises(BadInput, match="loopback"):
        Controller(KinematicPlant(), "0.0.0.0")
    with controller() as robot, pytest.raises(DeviceError, match="taken"):
        Controller(KinematicPlant(), robot.ip)


class Recorder:
    """A link that keeps what is sent."""

    def __init__(self) -> None:
        self.sent, self.arriving, self.open = b"", b"", True

    def send(self, data: bytes, droppable: bool = False) -> None:
        self.sent += data

    def close(self) -> None:
        self.open = False


def _package(kind: str, payload: bytes) -> bytes:
    return struct.pack(">HB", 3 + len(payload), ord(kind)) + payload
