"""Examine the computer: Python, numpy, OpenCV, disk and clock. What was looked at and what it means stand apart.

Libraries are imported in a Python of their own, as a wrong one crashes the process or fills its screen.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gpnet_ros.child_python import Answer, ask_python, try_imports
from gpnet_ros.finding import Finding, Trouble, well

PYTHON_VERSION = Trouble(
    "python", "python_version", "fault", "Python older than 3.11 or newer than 3.12",
    "Make the virtual environment with Python 3.11 or 3.12, for which ur_rtde has wheels: docs/install.md.",
)  # fmt: skip
PACKAGES_MISSING = Trouble(
    "python", "packages_missing", "fault", "packages that arm, camera or files need are not there",
    "Install them into this environment: {python} -m pip install {packages}.",
)  # fmt: skip
CONDA = Trouble(
    "python", "conda", "warning", "conda's Python beside a ROS that was built for the system's",
    "Leave conda (conda deactivate) and use a virtual environment of the system's Python: docs/install.md.",
)  # fmt: skip
NUMPY_ABI = Trouble(
    "numpy", "numpy_abi", "fault", "numpy, scipy or OpenCV were built for another numpy",
    "Install those that belong together: {python} -m pip install --force-reinstall numpy scipy opencv-python; with a "
    "distribution's packages take 'numpy<2'.",
)  # fmt: skip
NUMPY_BROKEN = Trouble(
    "numpy", "numpy_broken", "fault", "numpy or scipy cannot be imported, or is too old",
    "Install it again: {python} -m pip install --force-reinstall 'numpy>=1.26' 'scipy>=1.15'.",
)  # fmt: skip
OPENCV_BROKEN = Trouble(
    "opencv", "opencv_broken", "fault", "OpenCV cannot be imported, or is older than 4.6",
    "Install it again ({python} -m pip install --force-reinstall opencv-python), and libgl1 and libglib2.0-0 by apt.",
)  # fmt: skip
OPENCV_TWICE = Trouble(
    "opencv", "opencv_twice", "warning", "several packages bring OpenCV into one folder, and overwrite each other",
    "Keep one: {python} -m pip uninstall {packages}, then {python} -m pip install opencv-python.",
)  # fmt: skip
OPENCV_ARUCO = Trouble(
    "opencv", "opencv_aruco", "warning", "OpenCV without ChArUco boards, by which the camera's place is found",
    "Install OpenCV from PyPI: {python} -m pip install --force-reinstall opencv-python.",
)  # fmt: skip
DISK_FULL = Trouble(
    "disk", "disk_full", "fault", "less than 1 GiB free where runs, bags or temporary files go",
    "Make room on the disk of {folder}, or name another folder (record_dir, TMPDIR).",
)  # fmt: skip
DISK_LOW = Trouble(
    "disk", "disk_low", "warning", "less than 5 GiB free there: some minutes of a recorded camera",
    "Make room on the disk of {folder} before you record.",
)  # fmt: skip
DISK_UNWRITABLE = Trouble(
    "disk", "disk_unwritable", "fault", "no file can be written there",
    "Give the folder {folder} to the user who runs the nodes, or name another one (record_dir, TMPDIR).",
)  # fmt: skip
CLOCK_WRONG = Trouble(
    "clock", "clock_wrong", "fault", "the computer's clock is years off",
    "Set the computer's clock, and let it follow a time server: timedatectl set-ntp true.",
)  # fmt: skip
CLOCK_JUMPS = Trouble(
    "clock", "clock_jumps", "warning", "the computer's clock jumped while it was looked at",
    "See who sets the clock (two time services, a virtual machine's host) and leave one: chrony lets it jump no more.",
)  # fmt: skip

#: Versions of Python that are supported.
OLDEST, NEWEST = (3, 11), (3, 12)
#: Modules that a cell needs, and the packages that bring them.
NEEDED = {
    "numpy": "numpy", "scipy": "scipy", "cv2": "opencv-python", "yaml": "PyYAML", "PIL": "pillow",
    "rosbags": "rosbags", "rtde_receive": "ur_rtde==1.6.5", "pyrealsense2": "pyrealsense2",
}  # fmt: skip
#: What the messages say of a module that was built for another numpy.
ABI_SIGNS = re.compile(
    r"compiled using NumPy|_ARRAY_API not found|dtype size changed|multiarray failed to import|compiled against A[BP]I"
)
_OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
GIB = 2**30
#: Free space [bytes] below which nothing can be written for long, and below which a recording may fill the disk.
FULL, LOW = 1 * GIB, 5 * GIB
#: Wall clock against the clock that never jumps [s].
JUMP = 0.05
#: No clock that goes right shows a time before or after these.
EARLIEST, LATEST = datetime(2025, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_FIND = """
import importlib.util, sys
print("prefix", sys.prefix)
for name in sys.argv[1:]:
    print(name, "there" if importlib.util.find_spec(name) else "missing")
"""


def short(text: str, most: int = 160) -> str:
    """A message of somebody else within one of ours: one line, no full stop, at most so many characters."""
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= most else line[: most - 1] + "…"


# --- Python -------------------------------------------------------------------------------------------------
def examine_python(
    version: tuple[int, ...] = tuple(sys.version_info[:3]), environment: Mapping[str, str] | None = None,
    prefix: str = sys.prefix,
) -> list[Finding]:  # fmt: skip
    """The interpreter, and whether what a cell needs can be found.

    Args:
        version: of the interpreter.
        environment: of a child; None for that of this process.
        prefix: where this Python is installed.
    """
    told = ".".join(map(str, version))
    if not OLDEST <= version[:2] <= NEWEST:
        return [PYTHON_VERSION.found(f"This is Python {told}; supported are 3.11 and 3.12.")]
    found = []
    if (Path(prefix) / "conda-meta").is_dir():
        found.append(
            CONDA.found(f"This Python ({prefix}) is conda's; ROS and its libraries are built for another one.")
        )
    answer = ask_python(("-c", _FIND, *NEEDED), environment)
    missing = [name for name in NEEDED if answer.versions.get(name) != "there"]
    if missing:
        packages = " ".join(f"'{NEEDED[name]}'" for name in missing)
        says = f"Of the modules that a cell needs {', '.join(missing)} cannot be found by {sys.executable}."
        found.append(PACKAGES_MISSING.found(says, python=sys.executable, packages=packages))
    return found or [well("python", f"Python {told} at {sys.executable} with all that a cell needs.")]


# --- numpy and OpenCV ---------------------------------------------------------------------------------------
def examine_numpy(environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Whether numpy, scipy and OpenCV were built for each other."""
    answer = try_imports("numpy", "scipy", "scipy.spatial", "cv2", environment=environment)
    versions = answer.versions
    named = ", ".join(f"{name} {versions[name]}" for name in ("numpy", "scipy", "cv2") if name in versions)
    if is_abi(answer):
        says = f"{named or 'numpy'}: a module was built for another numpy ({short(abi_line(answer))})."
        return [NUMPY_ABI.found(says, python=sys.executable)]
    if "numpy" not in versions or "scipy.spatial" not in versions:
        return [
            NUMPY_BROKEN.found(f"numpy or scipy cannot be imported ({short(answer.error)}).", python=sys.executable)
        ]
    if version_of(versions["numpy"]) < (1, 26):
        says = f"numpy is {versions['numpy']}; 1.26 is the oldest that is supported."
        return [NUMPY_BROKEN.found(says, python=sys.executable)]
    return [well("numpy", f"{named} belong together.")]


def examine_opencv(environment: Mapping[str, str] | None = None, installed: set[str] | None = None) -> list[Finding]:
    """Whether OpenCV is there, once, and has what a calibration needs; installed: distributions, None for all."""
    answer = ask_python(("-c", _OPENCV), environment)
    if answer.error:
        return [OPENCV_BROKEN.found(f"OpenCV cannot be imported ({short(answer.error)}).", python=sys.executable)]
    version, charuco = answer.lines[-1].split()
    if version_of(version) < (4, 6):
        return [OPENCV_BROKEN.found(f"OpenCV is {version}; 4.6 is the oldest supported.", python=sys.executable)]
    found = []
    names = _installed() if installed is None else installed
    several = [name for name in _OPENCVS if name in names]
    if len(several) > 1:
        says = f"{len(several)} packages bring OpenCV ({', '.join(several)}); the one installed last is the one in use."
        found.append(OPENCV_TWICE.found(says, python=sys.executable, packages=" ".join(several)))
    if charuco != "True":
        says = f"OpenCV {version} has no cv2.aruco.CharucoDetector."
        found.append(OPENCV_ARUCO.found(says, python=sys.executable))
    return found or [well("opencv", f"OpenCV {version} with ChArUco boards.")]


_OPENCV = "import cv2; print(cv2.__version__, hasattr(getattr(cv2, 'aruco', None), 'CharucoDetector'))"


def _installed() -> set[str]:
    names = (distribution.metadata["Name"] for distribution in importlib.metadata.distributions())
    return {name.lower() for name in names if name}


def is_abi(answer: Answer) -> bool:
    """Whether an import told of another numpy; numpy 2 warns of some such modules and goes on to a crash."""
    return ABI_SIGNS.search(answer.noise + answer.error) is not None


def abi_line(answer: Answer) -> str:
    """The line that tells it."""
    return next((line.strip() for line in answer.noise.splitlines() if ABI_SIGNS.search(line)), answer.error)


def version_of(text: str) -> tuple[int, ...]:
    """Leading numbers of a version such as "4.10.0-dev"."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(word) for word in match.group().split(".")) if match else ()


# --- disk ---------------------------------------------------------------------------------------------------
def examine_disk(folders: list[Path]) -> list[Finding]:
    """Whether there is room, and leave to write, where runs, bags and temporary files go."""
    found, room = [], ""
    for folder in folders:
        there = next(f for f in (folder.absolute(), *folder.absolute().parents) if f.exists())
        try:
            with tempfile.TemporaryFile(dir=there) as file:
                file.write(b"x" * 4096)
                file.flush()
        except OSError as error:
            says = f"No file can be written below {there} ({error.strerror})."
            found.append(DISK_UNWRITABLE.found(says, folder=folder))
            continue
        free = shutil.disk_usage(there).free
        if free < LOW:
            which = DISK_FULL if free < FULL else DISK_LOW
            found.append(which.found(f"{free / GIB:.1f} GiB are free for {folder}.", folder=folder))
        else:
            room = f"{free / GIB:.0f} GiB are free for {folder}"
    return found or [well("disk", f"{room}, and files can be written.")]


# --- clock --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Times:
    """Wall clock and the clock that never jumps, read together [s]."""

    wall: float
    steady: float

    @staticmethod
    def now() -> Times:
        """Read both."""
        return Times(time.time(), time.monotonic())


def examine_clock(before: Times, after: Times) -> list[Finding]:
    """Whether the host's clock is sane; before and after: a while apart [s]."""
    if not EARLIEST <= after.wall <= LATEST:
        says = f"The computer's clock says {datetime.fromtimestamp(after.wall, UTC):%Y-%m-%d}."
        return [CLOCK_WRONG.found(says)]
    jump = (after.wall - before.wall) - (after.steady - before.steady)
    if abs(jump) > JUMP:
        says = f"The computer's clock jumped by {jump * 1000:+.0f} ms within {after.steady - before.steady:.0f} s."
        return [CLOCK_JUMPS.found(says)]
    return [
        well("clock", f"The computer's clock says {datetime.fromtimestamp(after.wall, UTC):%Y-%m-%d %H:%M:%S} UTC.")
    ]
