"""The RTDE server, protocol versions 1 and 2 (Universal Robots, "Real-Time Data Exchange (RTDE) Guide")."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from gpnet_ros.ur_controller.robot import Robot
from gpnet_ros.ur_controller.signals import INPUTS, OUTPUTS, Snapshot
from gpnet_ros.ur_controller.wire import Link, Service

_HEADER = struct.Struct(">HB")
_FORMATS = {
    "DOUBLE": "d", "VECTOR6D": "6d", "VECTOR3D": "3d", "INT32": "i", "UINT32": "I", "UINT64": "Q",
    "VECTOR6INT32": "6i", "VECTOR6UINT32": "6I", "UINT8": "B", "BOOL": "?",
}  # fmt: skip


@dataclass(eq=False)
class RtdeRecipe:
    """Names of the variables of one package and how they are packed."""

    names: list[str]
    types: list[str]

    @property
    def packing(self) -> struct.Struct:
        """Big-endian layout of the values."""
        return struct.Struct(">" + "".join(_FORMATS[kind] for kind in self.types))


@dataclass(eq=False)
class RtdeSession:
    """The protocol version and packages that one client has negotiated."""

    version: int = 1
    started: bool = False
    every: int = 1  # cycles from one output package to the next
    output: RtdeRecipe | None = None
    inputs: list[RtdeRecipe] = field(default_factory=list)


class RtdeService(Service):
    """The service of port 30004: states go out, registers and outputs come in."""

    def __init__(self, robot: Robot) -> None:
        """Serve one robot."""
        self.robot = robot
        self.sessions: dict[Link, RtdeSession] = {}
        self._cycles = 0
        # Fault injection: inputs that a fieldbus holds, variables that are not known, and outputs that are not true.
        self.busy: set[str] = set()
        self.unknown: set[str] = set()
        self.untrue: dict[str, Any] = {}

    def opened(self, link: Link) -> None:
        """Begin a session with a client."""
        self.sessions[link] = RtdeSession()

    def closed(self, link: Link) -> None:
        """End a session: its inputs become free, their values stay."""
        self.sessions.pop(link, None)

    def received(self, link: Link, data: bytes) -> None:
        """Split the stream into packages."""
        link.arriving += data
        while len(link.arriving) >= _HEADER.size:
            size, kind = _HEADER.unpack_from(link.arriving)
            if size < _HEADER.size:
                link.close()
                return
            if len(link.arriving) < size:
                return
            payload, link.arriving = link.arriving[_HEADER.size : size], link.arriving[size:]
            try:
                self._answer(link, self.sessions[link], chr(kind), payload)
            except struct.error:  # a package that is too short for its type
                link.close()
            if not link.open:
                return

    def publish(self, snapshot: Snapshot) -> None:
        """Send the state at the end of a cycle to every client whose turn it is."""
        self._cycles += 1
        for link, session in list(self.sessions.items()):
            recipe = session.output
            if not session.started or recipe is None or self._cycles % session.every:
                continue
            values: list[Any] = []
            for name in recipe.names:
                value = self.untrue[name] if name in self.untrue else OUTPUTS[name][1](snapshot)
                values.extend(value) if isinstance(value, (list, tuple)) else values.append(value)
            head = b"\x01" if session.version > 1 else b""
            link.send(_package("U", head + recipe.packing.pack(*values)), droppable=True)

    def _answer(self, link: Link, session: RtdeSession, kind: str, payload: bytes) -> None:
        if kind == "V" and len(payload) == 2:
            (version,) = struct.unpack(">H", payload)
            session.version = version if version in (1, 2) else session.version
            link.send(_package("V", bytes([version in (1, 2)])))
        elif kind == "v":
            link.send(_package("v", struct.pack(">4I", *self.robot.model.version)))
        elif kind == "O":
            link.send(_package("O", self._set_up_output(session, payload)))
        elif kind == "I":
            link.send(_package("I", self._set_up_input(link, session, payload)))
        elif kind in "SP":
            accepted = kind == "P" or session.output is not None
            session.started = kind == "S" and accepted
            link.send(_package(kind, bytes([accepted])))
        elif kind == "U" and payload:
            self._take_input(session, payload)

    def _set_up_output(self, session: RtdeSession, payload: bytes) -> bytes:
        frequency = self.robot.model.frequency
        if session.version > 1:
            (asked,) = struct.unpack_from(">d", payload)
            frequency, payload = min(max(asked, 1.0), frequency) if asked > 0 else frequency, payload[8:]
        names = _names(payload)
        known = OUTPUTS.keys() - self.unknown
        types = [OUTPUTS[name][0] if name in known else "NOT_FOUND" for name in names]
        good = bool(names) and "NOT_FOUND" not in types
        session.output = RtdeRecipe(names, types) if good else None
        session.every = max(1, round(self.robot.model.frequency / frequency))
        return (bytes([good]) if session.version > 1 else b"") + ",".join(types).encode()

    def _set_up_input(self, link: Link, session: RtdeSession, payload: bytes) -> bytes:
        held = {
            name
            for other, theirs in self.sessions.items()
            if other is not link
            for recipe in theirs.inputs
            for name in recipe.names
        } | self.busy
        names = _names(payload)
        known = INPUTS.keys() - self.unknown
        types = ["NOT_FOUND" if name not in known else "IN_USE" if name in held else INPUTS[name] for name in names]
        if not names or {"NOT_FOUND", "IN_USE"} & set(types):
            return b"\x00" + ",".join(types).encode()
        session.inputs.append(RtdeRecipe(names, types))
        return bytes([len(session.inputs)]) + ",".join(types).encode()

    def _take_input(self, session: RtdeSession, payload: bytes) -> None:
        index = payload[0] - 1
        if not 0 <= index < len(session.inputs):
            return
        recipe = session.inputs[index]
        if len(payload) - 1 < recipe.packing.size:  # Too short: what is missing cannot be guessed.
            return
        flat = list(recipe.packing.unpack_from(payload, 1))
        values: dict[str, Any] = {}
        for name, kind in zip(recipe.names, recipe.types, strict=True):
            count = int(_FORMATS[kind][:-1] or 1)
            values[name] = flat[:count] if count > 1 else flat[0]
            del flat[:count]
        self.robot.receive_inputs(values)


def _package(kind: str, payload: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(payload), ord(kind)) + payload


def _names(payload: bytes) -> list[str]:
    return [name for name in payload.decode("ascii", "replace").split(",") if name]
