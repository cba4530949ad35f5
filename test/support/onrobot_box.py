"""A Compute Box with an RG2: Modbus TCP over a socket, fingers that move while they are asked about, and faults."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Box:
    """Attributes: width [0.1 mm]; thing: width of what lies between the fingers, or None; asked: polls of a motion."""

    def __init__(self) -> None:
        self.width, self.thing, self.asked = 1100, None, 3
        self.safety, self.held, self.targets = 0, False, list[tuple[int, int, int]]()
        self.refuse: int | None = None
        self.silent = self.foreign = self.stuck = False
        self._busy = 0

    def status(self) -> int:
        busy = self.stuck or self._busy > 0
        self._busy = max(self._busy - 1, 0)
        return int(busy) | int(self.held) << 1 | self.safety

    def registers(self, first: int, count: int) -> list[int]:
        known = {268: self.status, 275: lambda: self.width & 0xFFFF}
        return [known[k]() if k in known else 0 for k in range(first, first + count)]

    def take(self, first: int, values: list[int]) -> None:
        assert first == 0
        force, target, control = values
        self.targets.append((force, target, control))
        stops = self.thing is not None and target < self.thing
        self.width, self.held = self.thing if stops and self.thing is not None else target, stops
        self._busy = self.asked

    def answer(self, body: bytes) -> bytes:
        if self.refuse is not None:
            return bytes([body[0] | 0x80, self.refuse])
        if body[0] == 3:
            found = self.registers(*struct.unpack(">HH", body[1:5]))
            return struct.pack(f">BB{len(found)}H", 3, 2 * len(found), *found)
        first, count = struct.unpack(">HH", body[1:5])
        self.take(first, list(struct.unpack(f">{count}H", body[6:])))
        return body[:5]


def _serve(box: Box, link: socket.socket) -> None:
    with link, link.makefile("rwb") as stream:
        while head := stream.read(7):
            number, _, length, unit = struct.unpack(">HHHB", head)
            body = stream.read(length - 1)
            if box.silent or unit != 65:
                return
            told = box.answer(body)
            stream.write(struct.pack(">HHHB", number + int(box.foreign), 0, len(told) + 1, unit) + told)
            stream.flush()


@contextmanager
def onrobot_box() -> Iterator[tuple[Box, int]]:
    """A box on a port of this machine; it answers one client after the other."""
    box = Box()
    server = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with suppress(OSError):  # a client that goes without a word
                _serve(box, link)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield box, server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10.0)
