"""Every test, and every process that one starts, speaks ROS on the loopback interface only."""

from __future__ import annotations

import os

from gpnet_ros.nodes.transport import loopback_environment

os.environ.update(loopback_environment())
os.environ.pop("PYTEST_ADDOPTS", None)  # colcon's, for this pytest alone, not for those that tests start
