"""What ports 30001 to 30003 send unasked, and what Universal Robots' own C++ client asks RTDE for."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.controller_process import RTDE_PORT, Running, controller

PRIMARY, SECONDARY, REALTIME = 30001, 30002, 30003
#: Default output and input recipe of the Universal Robots Client Library: the names are its protocol's.
OUTPUTS = """timestamp actual_q actual_qd speed_scaling target_speed_fraction runtime_state actual_TCP_force
actual_TCP_pose actual_digital_input_bits actual_digital_output_bits standard_analog_input0 standard_analog_input1
standard_analog_output0 standard_analog_output1 analog_io_types tool_mode tool_analog_input_types tool_analog_input0
tool_analog_input1 tool_output_voltage tool_output_current tool_temperature robot_mode safety_mode robot_status_bits
safety_status_bits actual_current tcp_offset"""
INPUTS = """speed_slider_mask speed_slider_fraction standard_digital_output_mask standard_digital_output
configurable_digital_output_mask configurable_digital_output tool_digital_output_mask tool_digital_output
standard_analog_output_mask standard_analog_output_type standard_analog_output_0 standard_analog_output_1"""


@contextmanager
def connected(running: Running, port: int) -> Iterator[socket.socket]:
    with socket.create_connection((running.ip, port), timeout=20) as link:
        yield link


def exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = link.recv(count - len(data))
        assert piece, "the controller closed the link"
        data += piece
    return data


def message(link: socket.socket) -> bytes:
    head = exactly(link, 4)
    (size,) = struct.unpack(">i", head)
    assert 4 < size < 10_000
    return head + exactly(link, size - 4)


def parts(state: bytes) -> dict[int, bytes]:
    """Bodies of the sub-packages of a robot state, which fill it exactly."""
    found, at = {}, 5
    while at < len(state):
        size, kind = struct.unpack_from(">iB", state, at)
        assert size >= 5 and at + size <= len(state)
        found[kind] = state[at + 5 : at + size]
        at += size
    return found


def rtde(link: socket.socket, kind: str, payload: bytes) -> bytes:
    link.sendall(struct.pack(">HB", 3 + len(payload), ord(kind)) + payload)
    size, answer = struct.unpack(">HB", exactly(link, 3))
    assert chr(answer) == kind
    return exactly(link, size - 3)


@pytest.mark.parametrize(("model", "hertz"), [("ur10-cb3", 125.0), ("ur10e", 500.0)])
def test_default_recipes_of_universal_robots_client_are_known(model: str, hertz: float) -> None:
    with controller("--model", model) as running, connected(running, RTDE_PORT) as link:
        assert rtde(link, "V", b"\x00\x02") == b"\x01"
        names = OUTPUTS.split()
        answer = rtde(link, "O", struct.pack(">d", hertz) + ",".join(names).encode())
        kinds = dict(zip(names, answer[1:].decode().split(","), strict=True))
        assert answer[0] and "NOT_FOUND" not in kinds.values() and kinds["tool_analog_input_types"] == "UINT32"
        names = INPUTS.split()
        answer = rtde(link, "I", ",".join(names).encode())
        assert answer[0] and answer[1:].count(b",") == len(names) - 1 and b"NOT_FOUND" not in answer
        assert b"NOT_FOUND" in rtde(link, "O", struct.pack(">d", hertz) + b"timestamp,no_such_output")


@pytest.mark.parametrize(("model", "period"), [("ur10-cb3", 0.008), ("ur10e", 0.002)])
def test_realtime_port_tells_the_state_in_every_cycle(model: str, period: float) -> None:
    with controller("--model", model) as running, connected(running, REALTIME) as link:
        first, second = message(link), message(link)
        assert len(first) == len(second) == 1220
        (a,), (b,) = (struct.unpack_from(">d", package, 4) for package in (first, second))
        cycles = (b - a) / period
        assert cycles == pytest.approx(round(cycles), abs=1e-3) and round(cycles) >= 1
        value = struct.unpack(">152d", second[4:])
        state = running.admin("state")
        assert value[1:7] == value[31:37] == pytest.approx(state["q"])
        assert value[94] == state["robot_mode"] and value[101] == value[138] == state["safety_mode"]
        assert value[131] == state["runtime_state"] and value[117] == 1.0


@pytest.mark.parametrize(("model", "version"), [("ur10-cb3", (3, 15)), ("ur10e", (5, 12))])
@pytest.mark.parametrize("port", [PRIMARY, SECONDARY])
def test_primary_and_secondary_port_greet_and_tell_the_state(port: int, model: str, version: tuple[int, int]) -> None:
    with controller("--model", model, factor=5.0) as running, connected(running, port) as link:
        greeting = message(link)
        assert greeting[4] == 20 and greeting[14] == 3
        name = greeting[16 : 16 + greeting[15]]
        assert name == b"URControl" and tuple(greeting[16 + len(name) : 18 + len(name)]) == version
        state = message(link)
        assert state[4] == 16
        found = parts(state)
        assert set(found) == set(range(8))
        joints = [struct.unpack_from(">d", found[1], 41 * i)[0] for i in range(6)]
        assert joints == pytest.approx(running.admin("state")["q"]) and len(found[1]) == 6 * 41
        assert [len(found[kind]) for kind in (2, 4, 5, 6, 7)] == [32, 96, 220, 440, 56]
        running.admin("estop")
        end = time.monotonic() + 20
        while not parts(state)[0][11]:  # is emergency stopped
            assert time.monotonic() < end
            state = message(link)
        assert parts(state)[0][10] == 0 and parts(state)[0][15] == 3  # power off


def test_clients_that_do_not_read_hold_nothing_up_and_find_whole_messages_later() -> None:
    with controller(factor=20.0) as running, connected(running, REALTIME) as late:
        others = [socket.create_connection((running.ip, port)) for port in (PRIMARY, SECONDARY, REALTIME) * 3]
        began = running.admin("state")["time"]
        end = time.monotonic() + 60
        while running.admin("state")["time"] < began + 60:  # far more than any buffer holds
            assert time.monotonic() < end
        others[0].sendall(b"set_standard_digital_out(3, True)\n")
        others[2].sendall(b"def p():\n sleep(100)\nend\n")
        while running.admin("state")["runtime_state"] != 2:
            assert time.monotonic() < end
        stamps = [struct.unpack_from(">d", message(late), 4)[0] for _ in range(400)]
        assert stamps == sorted(stamps) and all(len(message(late)) == 1220 for _ in range(5))
        for other in others:
            other.close()


def test_program_of_a_client_that_leaves_the_stream_unread_is_taken() -> None:
    with controller("--model", "ur10e") as running:
        for count in range(30):
            with connected(running, (PRIMARY, SECONDARY, REALTIME)[count % 3]) as link:
                exactly(link, 4)  # the stream runs, and the rest stays unread
                link.sendall(
                    f"def p{count}():\n write_output_integer_register(0, {count})\n sleep(100)\nend\n".encode()
                )
            end = time.monotonic() + 20
            with connected(running, RTDE_PORT) as link:
                assert rtde(link, "O", b"output_int_register_0")
                link.sendall(struct.pack(">HB", 3, ord("S")))
                seen = -1
                while seen != count:
                    assert time.monotonic() < end, f"program {count} was lost"
                    size, kind = struct.unpack(">HB", exactly(link, 3))
                    body = exactly(link, size - 3)
                    seen = struct.unpack(">i", body)[0] if chr(kind) == "U" else seen
