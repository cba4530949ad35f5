"""Examine how messages will travel: the Fast DDS profile, shared memory, domain and range. Nothing here needs ROS."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from gpnet_ros.finding import Finding, Trouble, well
from gpnet_ros.nodes.processes.transport import PROFILE_VARIABLES, RANGE_VARIABLE, find_transport, profile_file

DDS_NO_PROFILE = Trouble(
    "dds", "dds_no_profile", "warning", "another package's camera, and Fast DDS by its defaults: pictures are lost",
    "Export {variables} in the camera's terminal and here; our launch file does it for our nodes only.",
)  # fmt: skip
DDS_FILE_MISSING = Trouble(
    "dds", "dds_file_missing", "fault", "the profile that is named does not exist",
    "Correct {variable}, or unset it: our launch file brings a profile.",
)  # fmt: skip
DDS_FILE_BROKEN = Trouble(
    "dds", "dds_file_broken", "fault", "the profile that is named is no XML of Fast DDS, and is left out silently",
    "Correct the file after the pattern of config/fastdds.xml, or unset {variable}.",
)  # fmt: skip
DDS_SMALL = Trouble(
    "dds", "dds_small", "warning", "your own profile shares too little memory for pictures",
    "Give its SHM transport a segment_size of 16777216 and a maxMessageSize of 4194304, as config/fastdds.xml.",
)  # fmt: skip
DDS_SHM_FULL = Trouble(
    "dds", "dds_shm_full", "fault", "less than 64 MiB are free in /dev/shm",
    "Give the container more (docker run --shm-size=1g, or --ipc=host), and remove what killed processes left there.",
)  # fmt: skip
DDS_DOMAIN = Trouble(
    "dds", "dds_domain", "fault", "ROS_DOMAIN_ID is no domain",
    "Set ROS_DOMAIN_ID to a whole number from 0 to 101, the same in every terminal and on every computer of the cell.",
)  # fmt: skip
DDS_OFF = Trouble(
    "dds", "dds_off", "fault", "nobody is looked for: not even nodes of this computer find each other",
    "Unset ROS_AUTOMATIC_DISCOVERY_RANGE, or set it to LOCALHOST or SUBNET.",
)  # fmt: skip

#: A picture of 640x480 is larger than half of this [bytes].
SEGMENT = 2 * 2**20
#: Free shared memory [bytes] that a handful of participants with our profile need.
ROOM = 64 * 2**20


def examine_dds(
    environment: Mapping[str, str] | None = None, external: bool = False, memory: Path = Path("/dev/shm")
) -> list[Finding]:
    """The transport of nodes.

    Args:
        environment: of their processes; None for that of this process.
        external: whether the camera is another package's, which our launch does not start.
        memory: where shared memory is.
    """
    known = dict(os.environ if environment is None else environment)
    found = [*_domain(known), *_files(known)]
    if memory.is_dir() and (free := shutil.disk_usage(memory).free) < ROOM:
        found.append(DDS_SHM_FULL.found(f"{free / 2**20:.0f} MiB are free in {memory}."))
    transport = find_transport(known)
    if transport.loses_images and external and not found:
        variables = " and ".join(f"{name}={profile_file()}" for name in PROFILE_VARIABLES)
        found.append(DDS_NO_PROFILE.found(transport.describe(), variables=variables))
    if transport.loses_images and not found:
        return [
            well("dds", f"Images of our nodes go by Fast DDS with the profile {profile_file()}, by our launch file.")
        ]
    return found or [well("dds", transport.describe())]


def _domain(known: Mapping[str, str]) -> list[Finding]:
    found, text = [], known.get("ROS_DOMAIN_ID", "")
    if text and not (text.isdecimal() and int(text) <= 232):
        found.append(DDS_DOMAIN.found(f"ROS_DOMAIN_ID is {text!r}; allowed are 0 to 232."))
    if known.get(RANGE_VARIABLE, "").upper() == "OFF":
        found.append(DDS_OFF.found(f"{RANGE_VARIABLE} is OFF."))
    return found


def _files(known: Mapping[str, str]) -> list[Finding]:
    if not find_transport(known).is_fast_dds:
        return []
    for variable in PROFILE_VARIABLES:
        path = known.get(variable, "")
        if not path:
            continue
        if not Path(path).is_file():
            return [DDS_FILE_MISSING.found(f"{variable} names {path}, which is no file.", variable=variable)]
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            return [DDS_FILE_BROKEN.found(f"{path} cannot be read ({error}).", variable=variable)]
        tags = [(element.tag.rpartition("}")[2], (element.text or "").strip()) for element in root.iter()]
        if tags[0][0] not in ("profiles", "dds") or not any(tag == "participant" for tag, _ in tags):
            return [DDS_FILE_BROKEN.found(f"{path} holds no profile of a participant.", variable=variable)]
        segments = [int(text) for tag, text in tags if tag == "segment_size" and text.isdecimal()]
        if max(segments, default=0) < SEGMENT:
            says = f"{path} shares {max(segments, default=0) / 2**20:.1f} MiB per process; a picture needs 0.9 MiB."
            return [DDS_SMALL.found(says)]
    return []
