"""Judge a model: lift in physics, the rectangle rule, calibration and time, with intervals; all of it simulated.

DATA is a fixed test set (table-test, stack-test, unseen-test), read from data/DATA if that was generated, a folder of
shards, or with --from a public data set as published.

The grasp is the first of one frame, without a threshold. The frame is what a camera gives: simulated depth goes
through the noise of a D435 with a fixed seed per picture. The network sees the square of the cell's workspace, where
the camera's pose is known, or else the whole frame; never a square around the objects.

metrics
  lift        the grasp, executed in that very heap, brings up a topmost object; lift_clean: and nothing else;
              lift_any: any object
  top         the rectangle rule, overlap above 0.25 and 30 degrees, with grasps of topmost objects; top50: above 0.5
  any, object the same with grasps of any object, and of the object on which the centre lies; any50: above 0.5
  on_top      the centre lies on a topmost object

decodes
  argmax      the argmax of Q* with angle, width and depth there, as the network says it
  cell        the likeliest of the first eight candidates around which the open jaw fits: what the cell executes;
              the reach of an arm is left out. It is the default of lift, argmax that of the other metrics
              and of --as-published, whose networks have no such choice.

--roi, --mask and --workspace say which pixels of every picture count, as in gpnet detect: the grasp is the first one
inside; true grasps elsewhere stay true. Where a picture says where its camera was, that counts, not the hand-eye file.

The jaw of a predicted rectangle is the gripper's pad, as in the true ones; with --public-rule half of the opening.

Results are kept in runs/evaluations; a second call reads them, an interrupted one goes on.

--task graspnext judges the multi-task network on one picture of each scene of one or more folders of
gpnet generate --labels all: COCO's AP of boxes, visible and amodal masks; calls of occlusion, of objects found with a
box overlap of a half or more, beside the best constant; AP of centres of mass; error of the suction map over that of
the best constant, and true quality of a cup where it is highest over the best there is. Intervals by scene; not kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from gpnet_ros.commands.data_source import add_source
from gpnet_ros.commands.extra import graspnext_packages
from gpnet_ros.commands.priority_source import add_priority
from gpnet_ros.commands.region_source import add_region, region_of
from gpnet_ros.commands.runtime_source import add_runtime
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.judging import report
from gpnet_ros.evaluation.judging.evaluation import EVALUATIONS, evaluate
from gpnet_ros.evaluation.judging.judge import JudgeSettings
from gpnet_ros.evaluation.judging.judged_pictures import open_pictures, refuse_graspless
from gpnet_ros.evaluation.judging.judgement import DECODES, METRICS, Decode, Metric
from gpnet_ros.evaluation.judging.substitution import SUBSTITUTES
from gpnet_ros.evaluation.second_network import second_model
from gpnet_ros.network.detector import gray_note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet evaluate`."""
    add = parser.add_argument
    add("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    add("--data", required=True, nargs="+", help="table-test, stack-test, unseen-test, or a folder; see --task")
    add_source(parser)
    add("--split", type=Path, help="of a public data set, or with --task graspnext: only the scenes in this file")
    add("--meshes", type=Path, help="of shards made with gpnet generate --meshes: that folder")
    add(
        "--metric",
        choices=[*METRICS, "all"],
        help="one of the above (all; with --json lift, or top, or any: what DATA can tell)",
    )
    add("--decode", choices=DECODES, help="how the grasp is chosen (see above)")
    add_priority(parser)
    add_region(parser)
    add_runtime(parser)
    add("--scenes", type=int, help="only the first pictures (all)")
    add("--seed", type=int, default=0, help="of the camera's noise (0)")
    add("--exact-depth", action="store_true", help="leave the noise out")
    add("--exposures", type=int, default=1, help="of the simulated depth camera, merged by their median (1)")
    add("--public-rule", action="store_true", help="rectangles by pixels, jaw half the opening, as published figures")
    add("--as-published", action="store_true", help="with the bugs of the network's public code; argmax only")
    add("--against", metavar="MODEL", help="judge this model too, and compare picture by picture")
    add("--out", type=Path, help="folder for reliability.png and a page of pictures per class of failure")
    add("--substitute", choices=SUBSTITUTES, default="nothing", help=argparse.SUPPRESS)
    add("--workers", type=int, default=0, help="processes (number of cores)")
    add("--cache", type=Path, default=EVALUATIONS, help=f"where results are kept ({EVALUATIONS})")
    add("--task", choices=("grasp", "graspnext"), default="grasp", help="graspnext: the six tasks of that network")
    add("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Judge one or two models and print how they did."""
    for name, least in (("scenes", 1), ("seed", 0), ("workers", 0), ("exposures", 1)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise BadInput(f"--{name} is {value}; it must be {least} or more.")
    if args.task == "graspnext":
        return _evaluate_scenes(args)
    if len(args.data) > 1:
        raise BadInput(f"--data names {len(args.data)} sets; without --task graspnext it is one at a time.")
    (data,) = args.data
    pictures = open_pictures(data, args.source, args.split, args.meshes)
    if pictures.note:
        print(pictures.note, file=sys.stderr)
    known, everything = pictures.told(), args.metric in (None, "all")
    metric: Metric = report.headline(known) if everything else args.metric
    decode: Decode = args.decode or ("argmax" if args.as_published else report.usual_decode(metric))
    report.refuse_unknown(metric, decode, known, data, args.as_published)
    refuse_graspless(pictures, metric, args.scenes)
    settings = JudgeSettings(
        seed=args.seed,
        noise=not args.exact_depth,
        priority=args.priority,
        scene_model=second_model(args.priority, args.scene_model),
        lift=everything or metric.startswith("lift"),
        public_rule=args.public_rule,
        as_published=args.as_published,
        substitute=args.substitute,
        region=region_of(args),
        runtime=args.runtime,
        precision=args.precision,
        exposures=args.exposures,
    )
    if settings.region is not None and settings.as_published:
        raise BadInput("--as-published takes the argmax of the whole picture: leave it out, or the region.")
    if settings.as_published and (args.runtime, args.precision) != ("torch", "float32"):
        raise BadInput("--as-published runs in torch and float32: leave --runtime and --precision out.")
    models = [args.model, *([args.against] if args.against else [])]
    how = {"most": args.scenes, "workers": args.workers, "cache": args.cache}
    found = [evaluate(model, pictures, settings, **how) for model in models]
    if not pictures.note:  # pictures that are made on the way have colour
        for note in {gray_note(pictures[0].sample.frame, results.card) for results in found} - {""}:
            print(note, file=sys.stderr)
    if args.out is not None:
        report.save_evaluation(args.out, found, pictures, decode)
    if args.json:
        region = None if settings.region is None else settings.region.to_dict()
        print(json.dumps(report.evaluation_answer(found, metric, decode) | {"region": region}))
        return 0
    print("\n".join(report.results_table(results) for results in found))
    if len(found) > 1:
        print(report.models_comparison(*found))
    return 0


def _evaluate_scenes(args: argparse.Namespace) -> int:
    with graspnext_packages("This task"):
        from gpnet_ros.evaluation.graspnext.evaluation import evaluate_scenes, scenes_table
    model = "fast-graspnext" if args.model == "gpnet" else args.model
    answer = evaluate_scenes(model, [Path(name) for name in args.data], args.scenes, args.split, args.source)
    print(json.dumps(answer) if args.json else scenes_table(answer))
    return 0
