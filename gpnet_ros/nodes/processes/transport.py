"""How images travel between processes: which Fast DDS profile is in force, and who chose it. Nothing here needs ROS.

A colour image of 640x480 has 900 kB; Fast DDS shares segments of 512 KiB unless a profile says otherwise, and sends
what is larger in pieces through sockets, where most frames are lost.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gpnet_ros.settings import config_dir

#: Environment variables that name the Fast DDS profile: of Kilted and later, and of Jazzy and older.
PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
#: How far ROS looks for other participants.
RANGE_VARIABLE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
#: A person's other ways to choose: the transports by name, and the files that Fast DDS reads in the working folder.
_TRANSPORTS_VARIABLE = "FASTDDS_BUILTIN_TRANSPORTS"
_WORKING_FOLDER_FILES = ("DEFAULT_FASTDDS_PROFILES.xml", "DEFAULT_FASTRTPS_PROFILES.xml")
_FAST_DDS = ("rmw_fastrtps_cpp", "rmw_fastrtps_dynamic_cpp")


@dataclass(frozen=True)
class Transport:
    """What carries messages.

    Attributes:
        middleware: name of the RMW implementation.
        choice: a person's own choice for Fast DDS, as name=value or a file; empty for none.
        has_ours: whether one of the profiles of config/ is in force.
    """

    middleware: str
    choice: str = ""
    has_ours: bool = False

    @property
    def is_fast_dds(self) -> bool:
        """Whether Fast DDS is the middleware."""
        return self.middleware in _FAST_DDS

    @property
    def loses_images(self) -> bool:
        """Whether images go by the defaults of Fast DDS, which lose most of them."""
        return self.is_fast_dds and not self.choice and not self.has_ours

    def describe(self) -> str:
        """One sentence for a log."""
        if not self.is_fast_dds:
            return f"Images go by {self.middleware}; the Fast DDS profile is not for it."
        if self.choice:
            return f"Images go by Fast DDS as you have set it ({self.choice}); config/fastdds.xml is left out."
        if self.has_ours:
            return f"Images go by Fast DDS with the profile {profile_file()}; other processes need it too: {_set_it()}."
        return "Images go by Fast DDS without a profile: most of them may be lost."

    def remedy(self) -> str:
        """What a person can do about lost images, in one sentence."""
        if not self.is_fast_dds:
            return "Ask the camera for fewer frames per second, or set image_qos to reliable."
        if self.loses_images:
            return (
                f"Fast DDS shares too little memory for images by default: {_set_it()} in every process, cameras too."
            )
        own = (
            f"Has your choice ({self.choice}) shared memory for several images, as config/fastdds.xml"
            if self.choice
            else (f"Has the process that sends it the profile too ({_set_it()})")
        )
        return f"{own}? Else the machine is too busy: ask for fewer frames per second, or set image_qos to reliable."


def profile_file() -> Path:
    """The profile that this package brings."""
    return config_dir() / "fastdds.xml"


def loopback_profile() -> Path:
    """The same profile for processes that nobody outside this machine may hear: every socket is a loopback one."""
    return config_dir() / "fastdds_loopback.xml"


def find_transport(environment: Mapping[str, str] | None = None) -> Transport:
    """What carries the messages of a process with this environment; None for that of this process."""
    environment = os.environ if environment is None else environment
    middleware = environment.get("RMW_IMPLEMENTATION") or _FAST_DDS[0]
    named = {name: environment[name] for name in PROFILE_VARIABLES if environment.get(name)}
    ours = (str(profile_file()), str(loopback_profile()))
    others = [f"{name}={file}" for name, file in named.items() if file not in ours]
    if environment.get(_TRANSPORTS_VARIABLE):
        others.append(f"{_TRANSPORTS_VARIABLE}={environment[_TRANSPORTS_VARIABLE]}")
    others += [str(Path(name).resolve()) for name in _WORKING_FOLDER_FILES if Path(name).is_file()]
    return Transport(middleware, ", ".join(others), bool(named) and not others)


def profile_environment() -> dict[str, str]:
    """What to set for processes that are started here: our profile, where it is of use and nobody chose otherwise."""
    found = find_transport()
    if not found.is_fast_dds or found.choice:
        return {}
    kept = [os.environ[name] for name in PROFILE_VARIABLES if os.environ.get(name)]  # the loopback one stays
    return dict.fromkeys(PROFILE_VARIABLES, kept[0] if kept else str(profile_file()))


def loopback_environment() -> dict[str, str]:
    """What keeps the processes that are started here, and their discovery, on this machine.

    Discovery range LOCALHOST alone sends to this machine only, but from sockets that hear every network. Our profile
    names the peers itself, so the range must add none: it would bring a transport of its own, open to all networks.
    """
    if not profile_environment():  # a person's profile, or another middleware
        return {RANGE_VARIABLE: "LOCALHOST"}
    return {RANGE_VARIABLE: "SYSTEM_DEFAULT", **dict.fromkeys(PROFILE_VARIABLES, str(loopback_profile()))}


def _set_it() -> str:
    return f"export {PROFILE_VARIABLES[0]} and {PROFILE_VARIABLES[1]}={profile_file()}"
