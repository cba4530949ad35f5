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
_CODES = {"UINT32": "I", "INT32": "i", "DOUBLE": "d", "UINT64": "Q", "VECTOR3D": "3d", "VECTOR6D": "6d"}


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
        self.ip, self._arrived, self._timeout = ip, b"", timeout
        self._packing = struct.Struct("")
        try:
            self._socket = socket.create_connection((ip, RTDE_PORT), timeout)
        except OSError as error:
            raise LinkLost(f"RTDE of {ip} cannot be reached ({error}): check address, cable and power.") from error
        try:
            self._ask("V", struct.pack(">H", 2))
        except LinkLost:
            self._socket.close()
            raise

    def close(self) -> None:
        """End the connection; an input that was written keeps its value, and anybody may write it again."""
        self._socket.close()

    def version(self) -> tuple[int, int, int, int]:
        """Version of the controller: major, minor, bugfix, build.

        Raises:
            LinkLost: no answer, or none that RTDE gives.
        """
        try:
            return struct.unpack(">4I", self._ask("v", b""))
        except struct.error as error:
            raise LinkLost(f"RTDE of {self.ip} tells no version: is another service on its port?") from error

    def kinds(self, names: tuple[str, ...]) -> list[str]:
        """Types of these outputs, `NOT_FOUND` where the controller does not know one; they are set up to be sent."""
        frequency = 125.0 if self.version()[0] <= 3 else 500.0
        return self._ask("O", struct.pack(">d", frequency) + ",".join(names).encode())[1:].decode().split(",")

    def subscribe(self, names: tuple[str, ...]) -> None:
        """From now on receive these integer outputs in every cycle of the controller.

        Raises:
            LinkLost: the controller does not know them, or does not answer.
        """
        kinds = self.kinds(names)
        if not set(kinds) <= {"UINT32", "INT32"}:
            raise LinkLost(f"RTDE of {self.ip} offers {kinds} for {names}: its version is too old.")
        self._start(kinds)

    def read(self, names: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
        """Values of outputs that the controller knows, as they are now, each as a tuple; SI units.

        Raises:
            LinkLost: the controller does not know these, or sends nothing.
        """
        kinds = self.kinds(names)
        if not set(kinds) <= set(_CODES):
            raise LinkLost(f"RTDE of {self.ip} offers {kinds} for {names}: its version is too old.")
        self._start(kinds)
        self._socket.settimeout(self._timeout)
        while (package := self._next_package()) is None or package[0] != "U":
            self._receive()
        values, found = list(self._packing.unpack_from(package[1], 1)), {}
        for name, kind in zip(names, kinds, strict=True):
            count = int(_CODES[kind][:-1] or 1)
            found[name] = tuple(values[:count])
            del values[:count]
        return found

    def claim(self, names: tuple[str, ...]) -> dict[str, str]:
        """What the controller says of these inputs, by name: a type, `IN_USE` or `NOT_FOUND`.

        Those that are free belong to this connection until it is closed; nothing is written to them.
        """
        answer = self._ask("I", ",".join(names).encode())[1:].decode().split(",")
        return dict(zip(names, answer, strict=False))

    def _start(self, kinds: list[str]) -> None:
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
