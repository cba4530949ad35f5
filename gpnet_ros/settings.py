"""Settings: frozen dataclasses whose fields carry default, unit, bounds and one sentence.

A YAML file overrides defaults only; an unknown key or a value outside its bounds is an error.
"""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from gpnet_ros.errors import SettingsError

_S = TypeVar("_S")


def setting(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with its documentation, its unit, bounds in that unit, and the choices of a text."""
    metadata = {"doc": doc, "unit": unit, "low": low, "high": high, "choices": choices}
    if isinstance(default, (list, dict)) or dataclasses.is_dataclass(default):
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def validate(settings: Any) -> None:
    """Check every field made by `setting`; call it in `__post_init__`.

    Raises:
        SettingsError: names the field, its value and what is allowed.
    """
    for f in dataclasses.fields(settings):
        value, m = getattr(settings, f.name), f.metadata
        if "doc" not in m:
            continue
        name = f.name
        if m["choices"] and value not in m["choices"]:
            raise SettingsError(f"{name} is {value!r}; allowed: {', '.join(m['choices'])}.", name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                continue
            low = -math.inf if m["low"] is None else m["low"]
            high = math.inf if m["high"] is None else m["high"]
            if not math.isfinite(number) or not low <= number <= high:
                text = f"{name} is {number}; allowed: {low} to {high} {m['unit']}".rstrip() + "."
                raise SettingsError(text, name)


def from_dict(cls: type[_S], values: dict[str, Any], source: str = "settings") -> _S:
    """Build settings from plain values; nested dataclasses and tuples of them included.

    Raises:
        SettingsError: unknown key, wrong type, or value out of bounds.
    """
    if not isinstance(values, dict):
        raise SettingsError(f"{source}: {cls.__name__} needs a mapping of names to values, got {values!r}.")
    hints = get_type_hints(cls)
    known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise SettingsError(f"{source}: unknown setting {key!r}; known: {', '.join(sorted(known))}.")
    built = {k: _convert(hints[k], v, f"{source}: {k}") for k, v in values.items()}
    try:
        return cls(**built)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}", error.setting) from error


def load_settings(cls: type[_S], path: str | os.PathLike[str]) -> _S:
    """Read settings from a YAML file of overrides.

    Raises:
        SettingsError: unreadable file, unknown key, or value out of bounds.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"Settings file {path} cannot be read ({error}); check its path and syntax.") from error
    return from_dict(cls, values or {}, source=str(path))


def _convert(hint: Any, value: Any, source: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_dict(hint, value, source)
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if not isinstance(value, (list, tuple)):
            raise SettingsError(f"{source}: {value!r} must be a list.")
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_convert(inner[0], v, source) for v in value)
        if len(inner) != len(value):
            raise SettingsError(f"{source}: {value!r} must have {len(inner)} entries.")
        return tuple(_convert(h, v, source) for h, v in zip(inner, value, strict=True))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool)):
        raise SettingsError(f"{source}: {value!r} must be of type {hint.__name__}.")
    return value


def config_dir() -> Path:
    """The folder with the package's configuration: beside the source, or in the installed share."""
    return resource_dir("config")


def resource_dir(name: str) -> Path:
    """`config`, `models` or `launch`: of the source tree, else of the installation's share folder.

    Raises:
        SettingsError: neither exists.
    """
    import sys

    source = Path(__file__).resolve().parent.parent / name
    prefixes = [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix]
    for folder in [source, *(Path(p) / "share" / "gpnet_ros" / name for p in prefixes)]:
        if folder.is_dir() and (folder.parent / "package.xml").is_file():
            return folder
    raise SettingsError(f"The folder {name!r} of gpnet_ros was not found; install the package with pip or colcon.")


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in base [m], for keep-out zones."""

    name: str
    low: tuple[float, float, float]
    high: tuple[float, float, float]


@dataclass(frozen=True)
class GripperGeometry:
    """Geometry and mass of the parallel gripper (defaults: Robotiq 2F-85)."""

    stroke: float = setting(0.085, "Largest opening between the pads.", unit="m", low=0.01, high=0.3)
    tcp_offset: float = setting(0.1628, "Flange to fingertips along the flange's z.", unit="m", low=0.0, high=0.5)
    pad_width: float = setting(0.022, "Width of a finger pad, along the grasp's y.", unit="m", low=0.002, high=0.1)
    finger_thickness: float = setting(0.012, "Thickness of finger and pad, along x.", unit="m", low=0.002, high=0.1)
    finger_depth: float = setting(0.025, "How far the tips reach below the surface.", unit="m", low=0.0, high=0.1)
    finger_length: float = setting(0.060, "Tip to palm along the approach.", unit="m", low=0.01, high=0.3)
    palm: tuple[float, float] = setting((0.130, 0.080), "Palm along x and y.", unit="m", low=0.01, high=0.4)
    mass: float = setting(
        0.925, "Mass of all that hangs at the flange, for the payload.", unit="kg", low=0.0, high=10.0
    )
    centre_of_gravity: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.06), "Of that mass, in the flange, for the payload.", unit="m", low=-0.5, high=0.5
    )
    held_mass: float = setting(0.15, "Assumed mass of an object that is held.", unit="kg", low=0.0, high=10.0)
    held_mass_max: float = setting(
        3.0, "Greatest mass of a held object that is believed when the arm weighs it.", unit="kg", low=0.0, high=10.0
    )

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class CupShape:
    """Geometry and mass of a suction cup with bellows on a rod (defaults: 18 mm, as the network's labels mean it).

    The TCP is the middle of the lip, where it is while nothing presses the bellows together.
    """

    tcp_offset: float = setting(0.16, "Flange to lip along the flange's z.", unit="m", low=0.02, high=0.5)
    lip_radius: float = setting(0.009, "Of the lip.", unit="m", low=0.002, high=0.05)
    rod_radius: float = setting(0.008, "Of the rod that carries the cup.", unit="m", low=0.002, high=0.05)
    rod_length: float = setting(0.10, "Lip to the mount along the approach.", unit="m", low=0.01, high=0.4)
    mount_radius: float = setting(0.05, "Of what holds the rod at the flange.", unit="m", low=0.01, high=0.2)
    bellows: float = setting(0.008, "How far the lip gives along the approach.", unit="m", low=0.001, high=0.05)
    overtravel: float = setting(
        0.006,
        "How far a surface may be lower than measured: the descent goes on to meet it.",
        unit="m",
        low=0.0,
        high=0.03,
    )
    descent_force: float = setting(
        10.0, "Contact above the mean force before it that ends a descent.", unit="N", low=2.0, high=60.0
    )
    mass: float = setting(0.45, "Mass of all that hangs at the flange, for the payload.", unit="kg", low=0.0, high=10.0)
    centre_of_gravity: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.04), "Of that mass, in the flange, for the payload.", unit="m", low=-0.5, high=0.5
    )
    held_mass: float = setting(0.15, "Assumed mass of an object that is held.", unit="kg", low=0.0, high=10.0)
    held_mass_max: float = setting(
        1.0, "Greatest mass of a held object that is believed when the arm weighs it.", unit="kg", low=0.0, high=10.0
    )

    def __post_init__(self) -> None:
        validate(self)
        if self.rod_length >= self.tcp_offset or self.rod_length <= self.bellows + self.lip_radius:
            raise SettingsError(
                f"rod_length is {self.rod_length}; allowed: more than bellows and lip_radius together, "
                f"{self.bellows + self.lip_radius:.4g}, and less than tcp_offset, {self.tcp_offset} m.",
                "rod_length",
            )

    @property
    def press(self) -> float:
        """How far [m] the lip is pressed into its bellows on a level surface: half of what it gives."""
        return self.bellows / 2

    @property
    def contact_from(self) -> float:
        """Height [m] above a descent's target from which contact is that of lip and surface, which may lie as much
        higher than measured as lower."""
        return self.press + 2 * self.overtravel


@dataclass(frozen=True)
class Workspace:
    """The square on the table over which the heap lies, and which the network sees."""

    centre: tuple[float, float] = setting((0.65, 0.0), "Centre in base.", unit="m", low=-2.0, high=2.0)
    side: float = setting(0.32, "Side of the square.", unit="m", low=0.05, high=1.5)
    table_z: float = setting(0.0, "Height of the table top in base.", unit="m", low=-1.0, high=1.0)
    table_clearance: float = setting(0.004, "Lowest fingertip above the table.", unit="m", low=0.0, high=0.05)

    def __post_init__(self) -> None:
        validate(self)
