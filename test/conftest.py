"""Every test, and every process that one starts, speaks ROS on the loopback interface only; no test is timed."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from gpnet_ros.nodes.processes.transport import loopback_environment

os.environ.update(loopback_environment())
os.environ.pop("PYTEST_ADDOPTS", None)  # colcon's, for this pytest alone, not for those that tests start

# A busy machine is slow: a law that holds late, holds.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
