"""What tells a file from another one of its name: the sum of its content."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_sum(path: Path) -> str:
    """The same, empty where there is no file that can be read."""
    try:
        return file_sha256(path)
    except OSError:
        return ""
