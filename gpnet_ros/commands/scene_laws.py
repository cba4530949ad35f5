"""What must hold of a generated scene beyond its pictures: relations, held-out families and seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpnet_ros.data.sample import Sample


def scene_violations(about: dict[str, Any], sample: Sample) -> Iterator[str]:
    """One sentence per broken law.

    Args:
        about: scene.json.
        sample: a picture of the scene.
    """
    yield from ()
