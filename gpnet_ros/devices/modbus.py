"""A client of Modbus TCP, as far as a gripper needs it: holding registers are read and written, one call at a time.

MODBUS Application Protocol V1.1b3, functions 3 and 16; MODBUS Messaging on TCP/IP V1.0b for the header.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress

from gpnet_ros.errors import DeviceError, LinkLost

_READ, _WRITE, _REFUSED = 3, 16, 0x80
#: What a code of a refusal means.
_CODES = {1: "unknown function", 2: "unknown register", 3: "value not allowed", 4: "device failure", 6: "busy"}


class ModbusTcp:
    """One connection, opened when it is needed and again after it was lost."""

    def __init__(self, ip: str, port: int, unit: int, timeout: float) -> None:
        """Remember whom to ask: address, unit behind it, and how long an answer may take [s]."""
        self._address, self._unit, self._timeout = (ip, port), unit, timeout
        self._link: socket.socket | None = None
        self._number = 0
        self._lock = threading.Lock()

    def read(self, first: int, count: int) -> list[int]:
        """Registers from `first` on, 0 to 65535 each.

        Raises:
            LinkLost: nobody answers, or not as a device of this protocol does.
            DeviceError: the device refuses.
        """
        answer = self._ask(struct.pack(">BHH", _READ, first, count))
        if len(answer) != 2 + 2 * count or answer[1] != 2 * count:
            raise self._lost(f"{count} registers were asked for, {max(len(answer) - 2, 0)} bytes came")
        return list(struct.unpack(f">{count}H", answer[2:]))

    def write(self, first: int, values: Sequence[int]) -> None:
        """Write registers from `first` on, 0 to 65535 each; errors as in `read`."""
        body = struct.pack(f">BHHB{len(values)}H", _WRITE, first, len(values), 2 * len(values), *values)
        if self._ask(body) != struct.pack(">BHH", _WRITE, first, len(values)):
            raise self._lost("its answer to a write is of another one")

    def close(self) -> None:
        """Close the connection; harmless when there is none."""
        link, self._link = self._link, None
        if link is not None:
            with suppress(OSError):
                link.close()

    def _ask(self, body: bytes) -> bytes:
        """One request and the body of its answer."""
        with self._lock:
            self._number = (self._number + 1) % 0x10000
            head = struct.pack(">HHHB", self._number, 0, len(body) + 1, self._unit)
            try:
                if self._link is None:
                    self._link = socket.create_connection(self._address, self._timeout)
                self._link.settimeout(self._timeout)
                self._link.sendall(head + body)
                number, protocol, length, unit = struct.unpack(">HHHB", self._bytes(7))
                if (number, protocol, unit) != (self._number, 0, self._unit) or not 3 <= length <= 254:
                    raise self._lost("its answer is of another request, or of no such device")
                answer = self._bytes(length - 1)
            except OSError as error:
                raise self._lost(str(error) or type(error).__name__) from error
        if answer[0] == body[0] | _REFUSED:
            why = _CODES.get(answer[1], f"code {answer[1]}")
            raise DeviceError(f"The device at {self._address[0]}:{self._address[1]} refuses: {why}.")
        if answer[0] != body[0]:
            raise self._lost("its answer is of another function")
        return answer

    def _bytes(self, count: int) -> bytes:
        assert self._link is not None
        found = b""
        while len(found) < count:
            part = self._link.recv(count - len(found))
            if not part:
                raise ConnectionError("closed")
            found += part
        return found

    def _lost(self, why: str) -> LinkLost:
        self.close()
        ip, port = self._address
        return LinkLost(f"No Modbus device answers at {ip}:{port} ({why}): check its power, cable and address.")
