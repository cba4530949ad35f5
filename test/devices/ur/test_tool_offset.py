"""The TCP that the controller has now, whoever set it."""

from __future__ import annotations

import numpy as np
import pytest
from support.controller_process import controller

from gpnet_ros.devices.ur.tool_offset import tool_offset
from gpnet_ros.errors import LinkLost
from gpnet_ros.pose import from_rotvec

TCP = [0.01, -0.02, 0.16, 0.1, 0.2, -0.3]


def test_the_offset_is_read_without_a_program_and_changes_with_the_controllers() -> None:
    with controller() as running:
        np.testing.assert_allclose(tool_offset(running.ip), np.eye(4), atol=1e-12)
        running.client(f"c = control()\nc.setTcp({TCP})\ndone(ok=True)")
        np.testing.assert_allclose(tool_offset(running.ip), from_rotvec(TCP), atol=1e-9)
    with pytest.raises(LinkLost, match="cannot be reached"):
        tool_offset(running.ip)
