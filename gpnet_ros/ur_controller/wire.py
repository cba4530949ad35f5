"""Non-blocking TCP links and listeners that the controller's one loop serves."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Iterable

_CHUNK = 65536
# A client that does not read loses packages once this much waits for it [bytes].
_BACKLOG = 65536
_STREAMED = 16384  # ours: what a stream may have on its way [bytes]


class Service:
    """Decides what a port says to its clients."""

    def opened(self, link: Link) -> None:
        """Greet a client that has connected; nothing is said unless a service has words of its own."""

    def received(self, link: Link, data: bytes) -> None:
        """Take bytes that have arrived."""
        raise NotImplementedError

    def closed(self, link: Link) -> None:
        """Forget a client whose link is gone; nothing is to be done unless a service keeps something for it."""


class LineService(Service):
    """A service whose clients send text, one request a line."""

    def received(self, link: Link, data: bytes) -> None:
        """Answer each line that is complete."""
        link.arriving += data
        while b"\n" in link.arriving:
            line, link.arriving = link.arriving.split(b"\n", 1)
            self.answer(link, line)

    def answer(self, link: Link, line: bytes) -> None:
        """Answer one request, a line without its end."""
        raise NotImplementedError


class Link:
    """One client. `arriving` is the service's own buffer for incomplete packages."""

    def __init__(self, sock: socket.socket, service: Service) -> None:
        """Take over an accepted socket."""
        self.sock, self.service = sock, service
        self.arriving = b""
        self.open = True
        self._waiting = b""
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def is_behind(self) -> bool:
        """Whether a droppable package would be left out now."""
        return bool(self._waiting)

    def send(self, data: bytes, droppable: bool = False) -> None:
        """Queue bytes; a droppable package is left out while older bytes wait."""
        if self._waiting and (droppable or len(self._waiting) > _BACKLOG):
            return
        self._waiting += data
        self.flush()

    def keep_little(self) -> None:
        """Let little wait for a client of a stream: what it gets late is of no use to it."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _STREAMED)

    def flush(self) -> None:
        """Hand the socket what it takes."""
        try:
            while self.open and self._waiting:
                self._waiting = self._waiting[self.sock.send(self._waiting) :]
        except BlockingIOError:
            return
        except OSError:
            # A client that leaves a stream unread resets the link: what it said before still counts.
            self._waiting = b""
            self.read()
            self.close()

    def close(self, reset: bool = False) -> None:
        """End the link, with RST instead of FIN when asked for."""
        if not self.open:
            return
        self.open = False
        with contextlib.suppress(OSError):
            if reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()
        self.service.closed(self)

    def read(self) -> None:
        """Hand everything that has arrived to the service."""
        try:
            data = self.sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.service.received(self, data)
        else:
            self.close()


class Ports:
    """Listeners and their links, served together; they can be closed, reopened and frozen as one."""

    def __init__(self, ip: str, services: dict[int, Service]) -> None:
        """Open a listener per port on ip.

        Raises:
            OSError: a port is taken.
        """
        self.ip, self.services = ip, services
        self.links: list[Link] = []
        self._listeners: dict[socket.socket, Service] = {}
        self._refuse_until = 0.0
        self._shut: set[int] = set()
        self.frozen_until = 0.0
        try:
            self._listen()
        except OSError:
            self.close()
            raise

    def _listen(self) -> None:
        for port in self.services.keys() - self._shut:
            self._listen_at(port)

    def _listen_at(self, port: int) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listeners[listener] = self.services[port]
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.ip, port))
        listener.listen(16)
        listener.setblocking(False)

    def enable(self, port: int, on: bool) -> None:
        """Open or close one port, as the services of an e-Series can be; its links end with it.

        Raises:
            OSError: somebody took the port meanwhile.
        """
        service = self.services[port]
        if on and port in self._shut:
            self._shut.discard(port)
            self._listen_at(port)
        elif not on:
            self._shut.add(port)
            for listener in [sock for sock, served in self._listeners.items() if served is service]:
                if listener.getsockname()[1] == port:
                    listener.close()
                    del self._listeners[listener]
            for link in self.links:
                if link.service is service:
                    link.close()

    @property
    def frozen(self) -> bool:
        """Whether nothing goes in or out of these ports at the moment."""
        return time.monotonic() < self.frozen_until

    def readable(self) -> list[socket.socket]:
        """The sockets to wait for."""
        if self.frozen:
            return []
        # A link may have closed while something was sent to it.
        return [*self._listeners, *(link.sock for link in self.links if link.open)]

    def serve(self, ready: Iterable[socket.socket]) -> None:
        """Accept, read and write without waiting; `ready` is what select returned."""
        if not self._listeners and time.monotonic() >= self._refuse_until:
            try:
                self._listen()
            except OSError:  # somebody took a port meanwhile: try again in the next cycle
                self._close_listeners()
        if self.frozen:
            return
        chosen = set(ready)
        for listener in [s for s in self._listeners if s in chosen]:
            with contextlib.suppress(OSError):
                sock, _ = listener.accept()
                link = Link(sock, self._listeners[listener])
                self.links.append(link)
                link.service.opened(link)
        for link in list(self.links):
            if link.open and link.sock in chosen:
                link.read()
            link.flush()
        self.links = [link for link in self.links if link.open]

    def drop(self, reset: bool = False, refuse: float = 0.0) -> None:
        """Close every link; with refuse [s] the ports refuse connections for that long."""
        for link in self.links:
            link.close(reset)
        self.links = []
        if refuse > 0:
            self._refuse_until = time.monotonic() + refuse
            self._close_listeners()

    def close(self) -> None:
        """Close links and listeners."""
        self.drop()
        self._close_listeners()

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners = {}


def wait(ports: Iterable[Ports], timeout: float) -> list[socket.socket]:
    """The sockets of all ports that can be read, at once or within the timeout [s]."""
    sockets = [sock for group in ports for sock in group.readable()]
    ready, _, _ = select.select(sockets, [], [], max(0.0, timeout))
    return ready
