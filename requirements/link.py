"""Makes an editable install visible to `ros2 launch` and `ros2 run`: link.py PREFIX, run by the Python of that prefix.

pip puts nothing into share/ and lib/ for it, and there they look. Which nodes there are is what setup.py installed.
"""

import sys
from importlib.metadata import distribution
from pathlib import Path

NAME = "gpnet_ros"


def link(place: Path, target: str) -> None:
    """A link at place, whatever was there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


prefix = Path(sys.argv[1]).absolute()
marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / NAME
marker.parent.mkdir(parents=True, exist_ok=True)
marker.touch()
link(prefix / "share" / NAME, str(Path(__file__).resolve().parent.parent))
for script in distribution(NAME).entry_points.select(group="console_scripts"):
    if script.name.endswith("_node"):
        link(prefix / "lib" / NAME / script.name, f"../../bin/{script.name}")
