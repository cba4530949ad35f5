"""The dashboard server of a UR controller: one question, one answer, with a time limit.

Universal Robots, "Dashboard Server" (CB3 and e-Series): line protocol on port 29999. Every question
opens its own connection, so that a dead link never lingers.
"""

from __future__ import annotations

import socket

from gpnet_ros.errors import LinkLost

DASHBOARD_PORT = 29999


def ask(ip: str, command: str, timeout: float = 2.0, patience: float | None = None) -> str:
    """The controller's answer to one dashboard command, without the line end.

    Args:
        ip: address of the controller.
        command: such as "robotmode" or "unlock protective stop".
        timeout: for each of connecting, greeting and answering [s].
        patience: for the answer alone [s], where that is another: what was sent and not waited for is done later.

    Raises:
        LinkLost: no connection or no answer in time.
    """
    try:
        with socket.create_connection((ip, DASHBOARD_PORT), timeout) as link, link.makefile("rwb") as lines:
            lines.readline()  # the greeting
            lines.write(f"{command}\n".encode())
            lines.flush()
            link.settimeout(timeout if patience is None else patience)
            answer = lines.readline()
    except OSError as error:
        raise LinkLost(
            f"The dashboard server of {ip} did not answer {command!r} ({error}): check address, cable and power."
        ) from error
    if not answer:
        raise LinkLost(f"The dashboard server of {ip} closed the connection at {command!r}: try again.")
    return answer.decode("utf-8", "replace").strip()
