"""Which TCP the controller has now: without it, its pose of the TCP does not tell where the flange is."""

from __future__ import annotations

from gpnet_ros.devices.ur.rtde import RtdeClient
from gpnet_ros.pose import Transform, from_rotvec


def tool_offset(ip: str) -> Transform:
    """T_flange_tcp (4, 4) [m] as the controller has it, whoever set it, without a program.

    Raises:
        LinkLost: the controller cannot be reached, or does not tell it.
    """
    client = RtdeClient(ip)
    try:
        return from_rotvec(client.read(("tcp_offset",))["tcp_offset"])
    finally:
        client.close()
