"""Settings as ROS parameters: one dataclass per node declares default, unit, bounds and description."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.parameter import Parameter

from gpnet_ros.cell import load_cell
from gpnet_ros.errors import SettingsError
from gpnet_ros.nodes.parameters.declared import BUILT_IN, READ_ONLY, NodeSettings, all_names, change_of, change_sentence

_S = TypeVar("_S", bound=NodeSettings)


def declare(node: Any, cls: type[_S]) -> _S:
    """Declare every field of a settings dataclass as a parameter and return the filled settings.

    Args:
        node: an rclpy node.
        cls: dataclass whose fields were made by `settings.setting`.

    Raises:
        SettingsError: a parameter file names a parameter that no node has, or a value that it refuses; or the cell
            file cannot be read, whose settings are the defaults of some.
    """
    values: dict[str, Any] = {}
    fields = sorted(dataclasses.fields(cls), key=lambda f: bool(f.metadata.get("cell")))  # cell_file comes first
    for f in fields:
        default = _default(f, values)
        default = _to_ros(default)
        try:
            value = node.declare_parameter(f.name, default, _descriptor(f, default)).value
        except ParameterException as error:  # out of its range, or of another type
            raise SettingsError(f"{node.get_name()}: parameter {f.name}: {error}; see ros2 param describe.") from error
        values[f.name] = _from_ros(f, value)
    known = {f.name for f in fields}
    # rclpy drops overrides of undeclared parameters without a word; a typo would run with the default. What another
    # node knows is none: `/**` in a file reaches every node.
    unknown = [n for n in node._parameter_overrides if n not in known | all_names() and not n.startswith(BUILT_IN)]
    if unknown:
        raise SettingsError(
            f"{node.get_name()}: unknown parameter {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}."
        )
    return cls(**values)


def _default(f: dataclasses.Field[Any], values: dict[str, Any]) -> Any:
    """The default of a parameter, given the values of those before it."""
    if f.metadata.get("cell"):
        part, name = f.metadata["cell"]
        return getattr(getattr(load_cell(values.get("cell_file") or None), part), name)
    return f.default if f.default_factory is dataclasses.MISSING else f.default_factory()


def changed(settings: _S, wanted: Iterable[Parameter]) -> _S:
    """The settings with other values of parameters, each of which must be one of theirs.

    Raises:
        SettingsError: a parameter is read-only, of another type, or out of its bounds; with the reason, and what is
            allowed.
    """
    fields = {f.name: f for f in dataclasses.fields(settings)}
    values: dict[str, Any] = {}
    for parameter in wanted:
        f = fields[parameter.name]
        if change_of(f) == READ_ONLY:
            raise SettingsError(f"{f.name} is {change_sentence(f)}", f.name)
        _require_type(f, parameter)
        values[f.name] = _from_ros(f, parameter.value)
    return dataclasses.replace(settings, **values)


def _require_type(f: dataclasses.Field[Any], parameter: Parameter) -> None:
    wanted, got = Parameter.Type.from_parameter_value(_to_ros(f.default)), parameter.type_
    if wanted != got:
        name, is_whole = wanted.name.lower().replace("_", " "), isinstance(parameter.value, int)
        hint = f", such as {float(parameter.value)}" if wanted == Parameter.Type.DOUBLE and is_whole else ""
        raise SettingsError(f"{f.name} is {parameter.value!r}; allowed: a {name}{hint}.", f.name)
    if isinstance(f.default, tuple) and len(parameter.value) != len(f.default):
        raise SettingsError(f"{f.name} is {list(parameter.value)}; allowed: {len(f.default)} numbers.", f.name)


def differs(settings: Any, parameter: Parameter) -> bool:
    """Whether a parameter's value is another than that of the settings."""
    now = getattr(settings, parameter.name)
    return bool(now != (tuple(parameter.value) if isinstance(now, tuple) else parameter.value))


def to_parameter(name: str, value: Any) -> Parameter:
    """One value of settings as a parameter."""
    return Parameter(name, value=_to_ros(value))


def _to_ros(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _from_ros(f: dataclasses.Field[Any], value: Any) -> Any:
    return tuple(value) if isinstance(f.default, tuple) else value


def _descriptor(f: dataclasses.Field, default: Any) -> ParameterDescriptor:
    m = f.metadata
    unit = f" [{m['unit']}]" if m.get("unit") else ""
    choices = f" One of: {', '.join(m['choices'])}." if m.get("choices") else ""
    descriptor = ParameterDescriptor(
        description=f"{m.get('doc', '')}{unit}{choices}", read_only=change_of(f) == READ_ONLY
    )
    descriptor.additional_constraints = change_sentence(f)
    low, high = m.get("low"), m.get("high")
    if isinstance(default, list):  # ROS knows bounds of single numbers only
        descriptor.additional_constraints += f" {len(default)} numbers from {low:g} to {high:g} each"
    elif low is not None and high is not None and isinstance(default, (int, float)) and not isinstance(default, bool):
        if isinstance(default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
        else:
            descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    return descriptor
