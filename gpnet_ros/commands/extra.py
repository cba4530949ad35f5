"""Packages that only some commands need, and that a person may not have installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gpnet_ros.errors import BadInput


@contextmanager
def graspnext_packages(what: str) -> Iterator[None]:
    """Import what the multi-task network needs within this; `what` needs it, for a person.

    Raises:
        BadInput: a package is missing; names the extra to install.
    """
    try:
        yield
    except ImportError as error:
        raise BadInput(f"{what} needs more packages ({error}): pip install 'gpnet_ros[graspnext]'.") from error
