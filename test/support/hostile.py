"""A pickle that does something when it is opened, for tests of readers that must not open it."""

from __future__ import annotations

import os
from pathlib import Path


class Hostile:
    """Unpickling it makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)
