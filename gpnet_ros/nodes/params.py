"""Settings as ROS parameters: one dataclass per node declares default, unit, bounds and description."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException

from gpnet_ros.errors import SettingsError
from gpnet_ros.nodes.parameters import BUILT_IN, all_names

_S = TypeVar("_S")


def declare(node: Any, cls: type[_S]) -> _S:
    """Declare every field of a settings dataclass as a parameter and return the filled settings.

    Args:
        node: an rclpy node.
        cls: dataclass whose fields were made by `settings.setting`.

    Raises:
        SettingsError: a parameter file names a parameter that no node has, or a value that it refuses.
    """
    values: dict[str, Any] = {}
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    for f in fields:
        default = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
        default = list(default) if isinstance(default, tuple) else default
        try:
            value = node.declare_parameter(f.name, default, _descriptor(f, default)).value
        except ParameterException as error:  # out of its range, or of another type
            raise SettingsError(f"{node.get_name()}: parameter {f.name}: {error}; see ros2 param describe.") from error
        values[f.name] = tuple(value) if isinstance(f.default, tuple) else value
    known = {f.name for f in fields}
    # rclpy drops overrides of undeclared parameters without a word; a typo would run with the default. What another
    # node knows is none: `/**` in a file reaches every node.
    unknown = [n for n in node._parameter_overrides if n not in known | all_names() and not n.startswith(BUILT_IN)]
    if unknown:
        raise SettingsError(
            f"{node.get_name()}: unknown parameter {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}."
        )
    return cls(**values)


def _descriptor(f: dataclasses.Field, default: Any) -> ParameterDescriptor:
    m = f.metadata
    unit = f" [{m['unit']}]" if m.get("unit") else ""
    choices = f" One of: {', '.join(m['choices'])}." if m.get("choices") else ""
    descriptor = ParameterDescriptor(description=f"{m.get('doc', '')}{unit}{choices}", read_only=True)
    low, high = m.get("low"), m.get("high")
    if low is not None and high is not None and isinstance(default, (int, float)) and not isinstance(default, bool):
        if isinstance(default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
        else:
            descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    return descriptor
