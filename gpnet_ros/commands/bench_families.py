"""Which object families can a top-down jaw take? Lone objects are dropped and taken by their best true grasp.

No network takes part: grasps are planned from the exact shape, so this is decided before any training. A family
counts as graspable when at least 90 % of its drops end with the object carried away at the first try; the others
stay far below. Labels ask for material under the grasp's centre: they know few grasps around a pipe that lies.

With --meshes your own parts are tried, each file a family of its own.

Exit status: 0 done, 1 a family listed as graspable is not, or none of your parts is, 2 bad input.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.family_figures import MeshFolder, families_table, known_families, try_families


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench families`."""
    parser.add_argument("--drops", type=int, default=20, help="drops per family, each another object (20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first drop; the next has seed + 1, ... (0)")
    parser.add_argument("--families", help="names, separated by commas (all)")
    parser.add_argument("--meshes", help="try your own meshes instead: a folder of obj, stl and ply, one object each")
    parser.add_argument(
        "--mesh-unit", choices=["m", "mm", "cm", "inch"], help="unit of the meshes (default: told by their sizes)"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes (number of cores)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Try the families and print the table; 1 when one listed as graspable is not, or none of the user's is."""
    meshes = None if args.meshes is None else MeshFolder(args.meshes, args.mesh_unit)
    known = known_families(meshes)
    names = tuple(args.families.split(",")) if args.families else known
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadInput(f"--families names '{unknown[0]}', which does not exist: choose from {', '.join(known)}.")
    if args.drops < 1 or args.seed < 0 or args.workers < 0:
        raise BadInput(
            f"--drops {args.drops}, --seed {args.seed}, --workers {args.workers}: "
            "drops must be at least 1, seed and workers not negative."
        )
    found = try_families(names, args.drops, args.seed, meshes, args.workers)
    wrong = [each.family for each in found if each.listed and not each.graspable]
    print(families_table(found))
    if args.json:
        rows = [asdict(each) for each in found]
        print(json.dumps({"drops": args.drops, "seed": args.seed, "wrongly_listed": wrong, "families": rows}))
    none_of_users = meshes is not None and not any(each.graspable for each in found)
    return 1 if wrong or none_of_users else 0
