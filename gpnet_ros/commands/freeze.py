"""For maintainers: make the fixed test sets or the frozen heaps anew, which voids all published figures.

python -m gpnet_ros.commands.freeze sets|heaps|cup-heaps
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gpnet_ros.sim.heap.frozen import STORED_HEAPS, freeze_heaps
from gpnet_ros.sim.scenes.fixed_sets import STORED_SETS, freeze_sets
from gpnet_ros.sim.scenes.recipe import TEST_SET_SCENES


def main(argv: list[str] | None = None) -> None:
    """Write the files of a kind and print their sizes."""
    parser = argparse.ArgumentParser(prog="python -m gpnet_ros.commands.freeze", description=__doc__)
    parser.add_argument("what", choices=("sets", "heaps", "cup-heaps"))
    parser.add_argument("--out", type=Path, help="folder (default: that of the package)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--count", type=int, help=f"scenes of a set ({TEST_SET_SCENES}), heaps of each K (as shipped)")
    args = parser.parse_args(argv)
    if args.what == "sets":
        sizes = freeze_sets(args.out or STORED_SETS, args.workers, args.count or TEST_SET_SCENES)
    else:
        tool = "suction" if args.what == "cup-heaps" else "jaw"
        sizes = {"frozen heaps": freeze_heaps(args.out or STORED_HEAPS, args.workers, args.count, tool=tool)}
    for name, size in sizes.items():
        print(f"{name}: {size} bytes")


if __name__ == "__main__":
    main()
