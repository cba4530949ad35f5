"""Folders of recorded frames: color.*, depth.* and camera.json, one folder per frame."""

from __future__ import annotations

from pathlib import Path

from gpnet_ros.devices.recorded import load_frame
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame

#: The 16 outlined frames of the source tree; an installed package has none.
REAL_FRAMES = Path(__file__).parents[3] / "test" / "data" / "real_frames"


def load_frame_folder(folder: Path) -> Frame:
    """The frame of a folder that holds color.*, depth.* and camera.json.

    Raises:
        BadInput: one of them is missing or not what it should be.
    """
    found = [next(iter(sorted(folder.glob(pattern))), None) for pattern in ("color.*", "depth.*", "camera.json")]
    if None in found:
        raise BadInput(f"Frame folder {folder} is not complete: it needs color.*, depth.* and camera.json.")
    return load_frame(*found)


def load_frame_folders(root: Path) -> list[Frame]:
    """The frames of all folders below a root that have a camera model and colour, in order of name.

    Raises:
        BadInput: there is none, or one has no depth.
    """
    folders = [path.parent for path in sorted(root.glob("*/camera.json")) if any(path.parent.glob("color.*"))]
    if not folders:
        raise BadInput(f"{root} holds no frame: it needs folders with color.jpg or .png, depth.png and camera.json.")
    return [load_frame_folder(folder) for folder in folders]
