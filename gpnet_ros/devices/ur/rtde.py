"""A small RTDE client of our own: every sample of a few outputs, and single inputs.

Universal Robots, "Real-Time Data Exchange (RTDE) Guide". Beside ur_rtde for two reasons: that keeps only
the newest sample, so that a stop which lasts one sample is lost when the loop is late; and it writes
nothing to a program that is paused.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

from gpnet_ros.errors import LinkLost

RTDE_PORT = 30004
_HEADER = struct.Struct(">HB")
_CODES = {"UINT32": "I", "INT32": "i", "DOUBLE": "d"}


class RtdeClient:
    """One connection to port 30004, protocol version 2."""

    def __init__(self, ip: str, timeout: float = 2.0) -> None:
        """Connect and agree on the version.

        Args:
            ip: address of the controller.
            timeout: for the connection and for each answer [s].

        Raises:
            LinkLost: no connection, or no answer in time.
        """
        self.ip, self._arrived = ip, b""
        self._packing = struct.Struct("")
        try:
            self._socket = socket.create_connection((ip, RTDE_PORT), timeout)
        except OSError as error:
            raise LinkLost(f"RTDE of {ip} cannot be reached ({error}): check address, cable and power.") from error
        self._ask("V", struct.pack(">H", 2))

    def close(self) -> None:
        """End the connection; an input that was written keeps its value, and anybody may write it again."""
        self._socket.close()

    def subscribe(self, names: tuple[str, ...]) -> None:
        """From now on receive these integer outputs in every cycle of the controller.

        Raises:
            LinkLost: the controller does not know them, or does not answer.
        """
        major = struct.unpack(">4I", self._ask("v", b""))[0]
        frequency = 125.0 if major <= 3 else 500.0
        kinds = self._ask("O", struct.pack(">d", frequency) + ",".join(names).encode())[1:].decode().split(",")
        if not set(kinds) <= {"UINT32", "INT32"}:
            raise LinkLost(f"RTDE of {self.ip} offers {kinds} for {names}: its version is too old.")
        self._packing = struct.Struct(">" + "".join(_CODES[kind] for kind in kinds))
        self._ask("S", b"")
        self._socket.setblocking(False)

    def write(self, values: dict[str, float]) -> None:
        """Write inputs by name, all in one package.

        Raises:
            LinkLost: another client holds it, or the controller does not answer.
        """
        answer = self._ask("I", ",".join(values).encode())
        if not answer or answer[0] == 0:
            raise LinkLost(f"RTDE of {self.ip} does not give {list(values)}: {answer[1:].decode()}.")
        kinds = answer[1:].decode().split(",")
        pairs = zip(kinds, values.values(), strict=True)
        numbers = [value if kind == "DOUBLE" else int(value) for kind, value in pairs]
        self._send("U", answer[:1] + struct.pack(">" + "".join(_CODES[kind] for kind in kinds), *numbers))

    def samples(self) -> list[tuple[int, ...]]:
        """Every sample that has arrived since the last call, the oldest first; never waits.

        Raises:
            LinkLost: the controller ended the connection.
        """
        with suppress(BlockingIOError):
            while True:
                self._receive()
        packages = iter(self._next_package, None)
        return [self._packing.unpack_from(data, 1) for kind, data in packages if kind == "U"]

    def _ask(self, kind: str, payload: bytes) -> bytes:
        self._send(kind, payload)
        while True:
            package = self._next_package()
            if package is None:
                self._receive()
            elif package[0] == kind:
                return package[1]

    def _send(self, kind: str, payload: bytes) -> None:
        try:
            self._socket.sendall(_HEADER.pack(_HEADER.size + len(payload), ord(kind)) + payload)
        except OSError as error:
            raise LinkLost(f"The RTDE link to {self.ip} is lost ({error}).") from error

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            raise
        except OSError as error:
            raise LinkLost(f"The RTDE link to {self.ip} is lost ({error}).") from error
        if not data:
            raise LinkLost(f"The RTDE link to {self.ip} is lost (closed by the controller).")
        self._arrived += data

    def _next_package(self) -> tuple[str, bytes] | None:
        if len(self._arrived) < _HEADER.size:
            return None
        size, kind = _HEADER.unpack_from(self._arrived)
        if not _HEADER.size <= size:
            raise LinkLost(f"RTDE of {self.ip} sent a package of {size} bytes: is another service on its port?")
        if len(self._arrived) < size:
            return None
        payload, self._arrived = self._arrived[_HEADER.size : size], self._arrived[size:]
        return chr(kind), payload
