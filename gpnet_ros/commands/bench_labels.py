"""Execute sampled grasp labels in physics, in the very heap that they were made of, and count what is lifted.

Scenes are those of `gpnet generate`. A gripper comes down on sampled pixels with a grasp (positives), on pixels of
objects without one at a random angle (negatives), and on the best grasp of every object; the descent stops at 50 N
as on a robot. Intervals are Wilson's for 95 %. Everything here is simulated.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.intervals import share_of
from gpnet_ros.workers import spread

if TYPE_CHECKING:
    from gpnet_ros.sim.hand.label_trials import LabelTrial

#: Bounds of the bands of scores.
BANDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_PROFILES = ("table", "bin", "stack", "single")
_SIDE = 240  # of the picture whose pixels are sampled [px]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench labels`."""
    parser.add_argument("--scenes", type=int, default=50, help="how many scenes (50)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first scene; the next has seed + 1, ... (0)")
    parser.add_argument("--profile", choices=_PROFILES, default="table", help="of the scenes, as in generate (table)")
    parser.add_argument("--positives", type=int, default=12, help="labels with a grasp per scene (12)")
    parser.add_argument("--negatives", type=int, default=6, help="labels without one per scene (6)")
    parser.add_argument("--workers", type=int, default=0, help="processes (number of cores)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Execute and print."""
    for name, least in (("scenes", 1), ("seed", 0), ("positives", 0), ("negatives", 0), ("workers", 0)):
        if getattr(args, name) < least:
            raise BadInput(f"--{name} is {getattr(args, name)}; it must be {least} or more.")
    jobs = [(args.seed + k, args.profile, args.positives, args.negatives) for k in range(args.scenes)]
    trials: list[LabelTrial] = []
    broken = 0
    for found in tqdm(spread(scene_of_trials, jobs, args.workers), total=len(jobs), unit="scene", disable=None):
        broken += found is None
        trials += found or []
    answer = {"scenes": args.scenes, "seed": args.seed, "profile": args.profile, "scenes_without_heap": broken}
    answer |= summary(trials)
    print(json.dumps(answer) if args.json else table(answer))
    return 0


def scene_of_trials(job: tuple[int, str, int, int]) -> list[LabelTrial] | None:
    """Trials of one scene: its seed, profile, positives and negatives; None if no heap came to rest."""
    from gpnet_ros.sim.hand.label_trials import scene_trials
    from gpnet_ros.sim.scenes.arrangement import arrange
    from gpnet_ros.sim.scenes.recipe import SceneRecipe

    seed, profile, positives, negatives = job
    recipe = SceneRecipe(profile=profile, size=(_SIDE, _SIDE))  # type: ignore[arg-type]
    try:
        arrangement = arrange(seed, recipe)
    except BadInput:
        return None
    return scene_trials(arrangement, positives, negatives)


def summary(trials: Sequence[LabelTrial]) -> dict[str, Any]:
    """What the trials say, as plain values."""
    positive = [t for t in trials if t.kind == "positive"]
    negative = [t for t in trials if t.kind == "negative"]
    best = [t for t in trials if t.kind == "best"]
    scored = positive + best
    bands = {
        f"{low:.1f}-{high:.1f}": share_of([t.lifted for t in scored if low <= t.score < high or t.score == high == 1.0])
        for low, high in zip(BANDS[:-1], BANDS[1:], strict=True)
    }
    picked = [t for t in best if t.lifted]  # what was not lifted says nothing about its place in the heap
    return {
        "positives_lifted": share_of([t.lifted for t in positive]),
        "negatives_lifted": share_of([t.lifted for t in negative]),
        "bands": bands,
        "best_lifted": share_of([t.lifted for t in best]),
        "moved_top": share_of([t.disturbed for t in picked if t.top]),
        "moved_not_top": share_of([t.disturbed for t in picked if not t.top]),
        "positives_status": _counts([t.status for t in positive]),
        "negatives_status": _counts([t.status for t in negative]),
        "families": {
            family: share_of([t.lifted for t in scored if t.family == family])
            for family in sorted({t.family for t in scored})
        },
    }


def _counts(names: Sequence[str]) -> dict[str, int]:
    return {name: names.count(name) for name in sorted(set(names))}


def table(answer: dict[str, Any]) -> str:
    """The answer for a person."""
    rows = [
        ("positive labels: object lifted", answer["positives_lifted"]),
        ("negative labels: object lifted", answer["negatives_lifted"]),
        *((f"  score {band}: lifted", value) for band, value in answer["bands"].items()),
        ("best grasp of each object: lifted", answer["best_lifted"]),
        ("pick moved another object > 2 cm, top-level", answer["moved_top"]),
        ("pick moved another object > 2 cm, not top-level", answer["moved_not_top"]),
    ]
    lines = [f"simulated, profile {answer['profile']}, {answer['scenes']} scenes from seed {answer['seed']}"]
    lines += [f"{name:50}{_line(value)}" for name, value in rows]
    for kind in ("positives", "negatives"):
        lines.append(f"{kind} ended as {', '.join(f'{k} {v}' for k, v in answer[f'{kind}_status'].items())}")
    return "\n".join(lines)


def _line(value: dict[str, Any]) -> str:
    if value["n"] == 0:
        return "      -"
    return f"{value['rate']:7.1%}   [{value['low']:.1%}, {value['high']:.1%}] of {value['n']}"
