"""Which sockets a process holds, and which multicast groups this machine has joined, from /proc."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import socket
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Socket:
    """One socket of a process: protocol, and the address that it is bound to."""

    protocol: str
    ip: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether it hears this machine only; one that is bound to no address hears every network."""
        address = ipaddress.ip_address(self.ip)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def sockets(pid: int) -> list[Socket]:
    """All UDP and TCP sockets of one process."""
    own, found = _inodes(pid), []
    for protocol in ("udp", "udp6", "tcp", "tcp6"):
        table = Path(f"/proc/{pid}/net/{protocol}")
        lines = table.read_text().splitlines()[1:] if table.exists() else []  # without IPv6 there is no udp6
        for line in lines:
            words = line.split()
            if words[9] in own:
                ip, port = words[1].split(":")
                found.append(Socket(protocol, _address(ip), int(port, 16)))
    return found


def memberships() -> Counter[tuple[str, str]]:
    """How often each interface has joined each multicast group of IPv4, the loopback interface left out."""
    found: Counter[tuple[str, str]] = Counter()
    interface, table = "", Path("/proc/net/igmp")
    for line in table.read_text().splitlines()[1:] if table.exists() else []:
        words = line.split()
        if not line.startswith("\t"):
            interface = words[1]
        elif interface != "lo":
            found[interface, _address(words[0])] += int(words[1])
    return found


def _inodes(pid: int) -> set[str]:
    """Inodes of the sockets that a process has open."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
            if match:
                found.add(match[1])
    return found


def _address(text: str) -> str:
    """An address as the kernel writes it: words of 32 bits in this machine's byte order, as on x86."""
    words = b"".join(bytes.fromhex(text[k : k + 8])[::-1] for k in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET if len(words) == 4 else socket.AF_INET6, words)
