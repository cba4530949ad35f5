"""Examine ROS: whether rclpy and the messages can be imported, of which distribution, and beside which cv_bridge."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from gpnet_ros.child_python import ask_python, try_imports
from gpnet_ros.computer import abi_line, is_abi, short
from gpnet_ros.finding import Finding, Trouble, well

ROS_MISSING = Trouble(
    "ros", "ros_missing", "fault", "rclpy is not found",
    "Source ROS first (source /opt/ros/jazzy/setup.bash), with a virtual environment made with --system-site-packages; "
    "or install the wheels: docs/install.md.",
)  # fmt: skip
ROS_PYTHON = Trouble(
    "ros", "ros_python", "fault", "rclpy is there, and was built for another Python",
    "Use the Python that this ROS was built for ({python} is not): 3.12 for Jazzy and Kilted on Ubuntu 24.04.",
)  # fmt: skip
ROS_MESSAGES = Trouble(
    "ros", "ros_messages", "fault", "packages of messages are missing",
    "Install them: sudo apt install ros-$ROS_DISTRO-common-interfaces, or the wheels that docs/install.md names.",
)  # fmt: skip
ROS_BROKEN = Trouble(
    "ros", "ros_broken", "fault", "rclpy cannot be imported for another reason",
    "Open a new terminal and source one ROS only; if it stays, install it again.",
)  # fmt: skip
ROS_MIXED = Trouble(
    "ros", "ros_mixed", "fault", "several distributions of ROS are sourced in one terminal",
    "Open a new terminal, source one of {distributions} only, and see that ~/.bashrc sources no other.",
)  # fmt: skip
ROS_UNTRIED = Trouble(
    "ros", "ros_untried", "warning", "a distribution with which this package is not tested",
    "Use Jazzy or Kilted: docs/install.md.",
)  # fmt: skip
RMW_MISSING = Trouble(
    "ros", "rmw_missing", "fault", "the middleware that RMW_IMPLEMENTATION names is not installed",
    "Unset RMW_IMPLEMENTATION, or install it: sudo apt install ros-$ROS_DISTRO-{package}.",
)  # fmt: skip
CV_BRIDGE_ABI = Trouble(
    "cv_bridge", "cv_bridge_abi", "warning", "cv_bridge was built for another numpy than the one that is found first",
    "Nothing here uses cv_bridge; for other nodes of this environment: {python} -m pip install 'numpy<2'.",
)  # fmt: skip
CV_BRIDGE_BROKEN = Trouble(
    "cv_bridge", "cv_bridge_broken", "warning", "cv_bridge is there and cannot be imported",
    "Nothing here uses cv_bridge; for other nodes install it again: sudo apt install --reinstall "
    "ros-$ROS_DISTRO-cv-bridge.",
)  # fmt: skip

#: What the nodes import.
_NEEDED = ("rclpy", "sensor_msgs.msg", "geometry_msgs.msg", "std_msgs.msg", "std_srvs.srv", "visualization_msgs.msg",
           "diagnostic_msgs.msg", "lifecycle_msgs.msg", "rosgraph_msgs.msg")  # fmt: skip
#: Distributions with which the package is tested.
TRIED = ("jazzy", "kilted")
_RMW = "from rclpy.utilities import get_rmw_implementation_identifier as name; print(name())"
_FOUND_BRIDGE = "import importlib.util; print(importlib.util.find_spec('cv_bridge') is not None)"


def examine_ros(environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Import what the nodes import, in a Python with this environment; None for that of this process."""
    known = os.environ if environment is None else environment
    sourced = sorted(set(re.findall(r"/opt/ros/(\w+)", known.get("AMENT_PREFIX_PATH", ""))))
    if len(sourced) > 1:
        says = f"{len(sourced)} distributions are sourced: {', '.join(sourced)}."
        return [ROS_MIXED.found(says, distributions=", ".join(sourced))]
    answer = try_imports(*_NEEDED, environment=environment)
    if answer.error:
        wanted = known.get("RMW_IMPLEMENTATION", "")
        if wanted and re.search("rmw", answer.noise, re.IGNORECASE):  # a wrong one ends the process
            return [_no_middleware(wanted, answer.noise.splitlines()[0])]
        return [_not_imported(answer.error, answer.noise)]
    rmw = ask_python(("-c", _RMW), environment)
    if rmw.error:
        return [_no_middleware(known.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp"), rmw.error)]
    distribution = known.get("ROS_DISTRO", "") or (sourced[0] if sourced else "")
    if distribution and distribution not in TRIED:
        return [ROS_UNTRIED.found(f"ROS is {distribution}; tested are {' and '.join(TRIED)}.")]
    named = distribution or "from the Python environment"
    return [well("ros", f"ROS {named}, with {rmw.lines[-1]}.")]


def _no_middleware(wanted: str, reason: str) -> Finding:
    says = f"The middleware {wanted} cannot be loaded ({short(reason)})."
    return RMW_MISSING.found(says, package=wanted.replace("_", "-"))


def _not_imported(error: str, noise: str) -> Finding:
    says = f"ROS cannot be imported ({short(error)})."
    if "_rclpy_pybind11" in noise or "compiled for" in noise:
        return ROS_PYTHON.found(says, python=f"{sys.version_info.major}.{sys.version_info.minor}")
    if "No module named 'rclpy" in noise:
        return ROS_MISSING.found(says)
    return (ROS_MESSAGES if re.search(r"No module named '\w+_(msgs|srvs)", noise) else ROS_BROKEN).found(says)


def examine_cv_bridge(environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Whether a cv_bridge that is there works with the numpy that is there."""
    if ask_python(("-c", _FOUND_BRIDGE), environment).lines[-1:] != ("True",):
        return [well("cv_bridge", "cv_bridge is not installed, and nothing here needs it.")]
    answer = try_imports("numpy", "cv_bridge", environment=environment)
    if is_abi(answer):
        says = f"cv_bridge does not go with numpy {answer.versions.get('numpy', '?')} ({short(abi_line(answer))})."
        return [CV_BRIDGE_ABI.found(says, python=sys.executable)]
    if answer.error:
        return [CV_BRIDGE_BROKEN.found(f"cv_bridge cannot be imported ({short(answer.error)}).")]
    return [well("cv_bridge", f"cv_bridge goes with numpy {answer.versions.get('numpy', '?')}.")]
