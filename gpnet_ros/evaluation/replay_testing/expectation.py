"""The expectation of a bag: how it is judged, within which tolerances, and what came of each frame; a YAML file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gpnet_ros.errors import BadInput
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.pairing import TOLERANCE
from gpnet_ros.settings import from_dict, setting, validate

#: Behind the name of the bag.
SUFFIX = ".expected.yaml"
_HEAD = (
    "# What detector and decision made of a bag: written by pytest --bag BAG --bag-update, compared without it.\n"
    "# `how` and `tolerance` may be edited by hand; an update keeps them.\n"
)


@dataclass(frozen=True)
class ReplaySetup:
    """How a bag is judged; files are relative to the folder of the expectation."""

    model: str = setting("gpnet", "Name of a model in models/, or a model's folder.")
    quality_min: float = setting(SelectSettings.quality_min, "Smallest Q* of a grasp.", low=0.0, high=1.0)
    prefix: str = setting("", "What the camera's topics begin with; empty: the only camera.")
    pair_within: float = setting(
        TOLERANCE, "Pair images of different stamps within this time.", unit="s", low=0, high=1
    )
    cell_file: str = setting("", "Cell file; empty: that of the package.")
    hand_eye_file: str = setting("", "Hand-eye file; empty: no cell, the grasp is along the optical axis.")

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class Tolerances:
    """How much a frame may deviate."""

    pixel_px: float = setting(2.0, "Centre of the grasp.", unit="px", low=0.0, high=1000.0)
    angle_deg: float = setting(3.0, "Angle of the opening axis, half turns apart.", unit="deg", low=0.0, high=90.0)
    width_mm: float = setting(2.0, "Opening of the jaws.", unit="mm", low=0.0, high=1000.0)
    position_mm: float = setting(3.0, "Position of the pose.", unit="mm", low=0.0, high=1000.0)
    rotation_deg: float = setting(3.0, "Rotation of the pose, half turns apart.", unit="deg", low=0.0, high=180.0)
    rejected: int = setting(0, "Candidates more or fewer, for each reason.", low=0, high=100)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class FrameAnswer:
    """What came of one frame; empty where there is no grasp.

    Attributes:
        number: among the frames of the bag; stamp: of its colour image [ns].
        status: grasp, nothing_left, nothing_graspable or refused (the frame itself).
        reason: why the frame was refused.
        pixel: (u, v) of the centre [px]; opening_px: in the picture [px]; angle_deg: of the opening axis, in [-90, 90).
        width_mm: to which the jaws open.
        frame: of the pose: base, or the camera's optical frame.
        position_mm, quaternion: of the pose, xyzw.
        rejected: how many candidates were rejected, by reason.
    """

    number: int
    stamp: int
    status: str
    reason: str = ""
    pixel: tuple[float, ...] = ()
    opening_px: float = 0.0
    angle_deg: float = 0.0
    width_mm: float = 0.0
    frame: str = ""
    position_mm: tuple[float, ...] = ()
    quaternion: tuple[float, ...] = ()
    rejected: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Expectation:
    """All of one bag.

    Attributes:
        how: it is judged; tolerance: of each frame.
        camera: width, height, fx, fy, cx and cy of the camera that recorded it [px]; empty: any.
        frames: in the order of the bag.
    """

    how: ReplaySetup = field(default_factory=ReplaySetup)
    tolerance: Tolerances = field(default_factory=Tolerances)
    camera: dict[str, Any] = field(default_factory=dict)
    frames: tuple[FrameAnswer, ...] = ()


def expectation_file(bag: Path) -> Path:
    """Where the expectation of a bag stands: beside it."""
    return bag.parent / (bag.name + SUFFIX)


def read_expectation(path: Path) -> Expectation:
    """The expectation of a file.

    Raises:
        BadInput: it cannot be read, or holds what is not known.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"Expectation {path} cannot be read ({error}); make it anew with --bag-update.") from error
    try:
        return from_dict(Expectation, values or {}, str(path))
    except TypeError as error:  # a frame that lacks what every frame has
        raise BadInput(f"Expectation {path} is not whole ({error}); make it anew with --bag-update.") from error


def write_expectation(path: Path, expected: Expectation) -> None:
    """Write the file; what is empty is left out.

    Raises:
        BadInput: it cannot be written.
    """
    plain = asdict(expected)
    plain["frames"] = [{k: _listed(v) for k, v in frame.items() if v not in ("", (), {})} for frame in plain["frames"]]
    try:
        path.write_text(_HEAD + yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=118), "utf-8")
    except OSError as error:
        raise BadInput(f"Expectation {path} cannot be written ({error.strerror}).") from error


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
