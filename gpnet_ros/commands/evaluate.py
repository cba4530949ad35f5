"""Judge a model: lift in physics, the rectangle rule, calibration and time, with intervals; all of it simulated.

DATA is a fixed test set (table-test, stack-test, unseen-test), read from data/DATA if that was generated, a folder of
shards, or with --from a public data set as published.

The grasp is the first of one frame, without a threshold. The frame is what a camera gives: simulated depth goes
through the noise of a D435 with a fixed seed per picture. The network sees the square of the cell's workspace, where
the camera's pose is known, or else the whole frame; never a square around the objects.

metrics
  lift        the grasp, executed in that very heap, brings up a topmost object; lift_clean: and nothing else;
              lift_any: any object
  top         the rectangle rule, overlap above 0.25 and 30 degrees, with grasps of top-level objects; top50: above 0.5
  any, object the same with grasps of any object, and of the object on which the centre lies; any50: above 0.5
  on_top      the centre lies on a top-level object

decodes
  argmax      the argmax of Q* with angle, width and depth there, as the network says it
  cell        the likeliest of the first eight candidates around which the open jaw fits: what the cell executes;
              the reach of an arm is left out. It is the default of lift, argmax that of the other metrics
              and of --as-published, whose networks have no such choice.

The jaw of a predicted rectangle is the gripper's pad, as in the true ones; with --public-rule half of the opening.

Results are kept in runs/evaluations; a second call reads them, an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, get_args

from gpnet_ros.data.loaders.sets import add_source
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.intervals import paired
from gpnet_ros.evaluation.judging.calibration import reliability, save_reliability
from gpnet_ros.evaluation.judging.evaluation import EVALUATIONS, Results, evaluate
from gpnet_ros.evaluation.judging.judge import JudgeSettings
from gpnet_ros.evaluation.judging.judged_pictures import Pictures, open_pictures
from gpnet_ros.evaluation.judging.judgement import DECODES, METRICS, Decode, Metric
from gpnet_ros.evaluation.judging.substitution import SUBSTITUTES
from gpnet_ros.maps import P_SOURCES

#: The metric of --json without --metric: the first of these that the data can tell.
HEADLINES: tuple[Metric, ...] = ("lift", "top", "any")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet evaluate`."""
    add = parser.add_argument
    add("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    add("--data", required=True, help="table-test, stack-test, unseen-test, or a folder")
    add_source(parser)
    add("--split", type=Path, help="of a public data set: only the scenes that this file names")
    add("--meshes", type=Path, help="of shards made with gpnet generate --meshes: that folder")
    add(
        "--metric",
        choices=[*METRICS, "all"],
        help="one of the above (all; with --json lift, or top, or any: what DATA can tell)",
    )
    add("--decode", choices=DECODES, help="how the grasp is chosen (see above)")
    add("--priority", choices=P_SOURCES, default="learned", help="P of the network, height, or none (learned)")
    add("--scenes", type=int, help="only the first pictures (all)")
    add("--seed", type=int, default=0, help="of the camera's noise (0)")
    add("--exact-depth", action="store_true", help="leave the noise out")
    add("--public-rule", action="store_true", help="rectangles by pixels, jaw half the opening, as published figures")
    add("--as-published", action="store_true", help="with the bugs of the network's public code; argmax only")
    add("--against", metavar="MODEL", help="judge this model too, and compare picture by picture")
    add("--out", type=Path, help="folder for reliability.png and a page of pictures per class of failure")
    add("--substitute", choices=SUBSTITUTES, default="nothing", help=argparse.SUPPRESS)
    add("--workers", type=int, default=0, help="processes (number of cores)")
    add("--cache", type=Path, default=EVALUATIONS, help=f"where results are kept ({EVALUATIONS})")
    add("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Judge and print."""
    for name, least in (("scenes", 1), ("seed", 0), ("workers", 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise BadInput(f"--{name} is {value}; it must be {least} or more.")
    pictures = open_pictures(args.data, args.source, args.split, args.meshes)
    if pictures.note:
        print(pictures.note, file=sys.stderr)
    known = pictures.told()
    headline = next((m for m in HEADLINES if m in known), HEADLINES[-1])
    metric: Metric = headline if args.metric in (None, "all") else args.metric
    decode: Decode = args.decode or ("argmax" if args.as_published else usual_decode(metric))
    refuse_unknown(metric, decode, known, args)
    models = [args.model, *([args.against] if args.against else [])]
    found = [_results(args, model, pictures) for model in models]
    if args.out is not None:
        save(args.out, found, pictures, decode)
    if args.json:
        print(json.dumps(answer(found, metric, decode)))
        return 0
    for results in found:
        print(table(results))
    if len(found) > 1:
        print(comparison(*found))
    return 0


def refuse_unknown(metric: Metric, decode: Decode, known: Collection[str], args: argparse.Namespace) -> None:
    """Before hours of judging, not after.

    Raises:
        BadInput: the data, or --as-published, cannot tell this.
    """
    if metric not in known:
        others = ", ".join(m for m in METRICS if m in known) or "nothing: it has no true grasps"
        raise BadInput(f"--metric {metric}: {args.data} cannot tell it; what it can tell is {others}.")
    if decode == "cell" and args.as_published:
        raise BadInput("--decode cell: networks --as-published have the argmax only; leave one of the two out.")
    if decode == "cell" and "lift" not in known:
        raise BadInput(f"--decode cell needs the pose of the camera, which {args.data} does not give: take argmax.")


def _results(args: argparse.Namespace, model: str, pictures: Pictures) -> Results:
    settings = JudgeSettings(
        seed=args.seed,
        noise=not args.exact_depth,
        priority=args.priority,
        lift=args.metric in (None, "all") or args.metric.startswith("lift"),
        public_rule=args.public_rule,
        as_published=args.as_published,
        substitute=args.substitute,
    )
    return evaluate(model, pictures, settings, most=args.scenes, workers=args.workers, cache=args.cache)


def usual_decode(metric: Metric) -> Decode:
    """The cell for what is executed, the argmax for rectangles."""
    return "cell" if metric.startswith("lift") else "argmax"


def answer(found: Sequence[Results], metric: Metric, decode: Decode) -> dict[str, Any]:
    """One figure as plain values, with the comparison if there are two models."""
    results = found[0]
    about = {"model": results.model, "data": results.pictures, "metric": metric, "decode": decode}
    more: dict[str, Any] = {
        "time_ms": results.time_ms(),
        "failures": results.failures(decode),
        "failures_by": hardest(results, decode),
        "calibration_error": calibration(results, decode)["error"],
    }
    if len(found) > 1:
        more["against"] = {"model": found[1].model, **against(found[0], found[1], metric, decode)}
    return {**about, **results.rate(metric, decode), **more}


def against(results: Results, other: Results, metric: Metric, decode: Decode) -> dict[str, float | int]:
    """`intervals.paired` of two models on the same pictures: the first less the other."""
    return paired(list(zip(other.won(metric, decode), results.won(metric, decode), strict=True)))


def comparison(results: Results, other: Results) -> str:
    """Two models picture by picture, for a person."""
    lines = [f"{results.model} less {other.model}, picture by picture"]
    for metric in METRICS:
        for decode in results.rows[0].verdicts:
            try:
                found = against(results, other, metric, decode)
            except BadInput:
                continue
            interval = f"[{100 * found['low']:+.1f}, {100 * found['high']:+.1f}]"
            lines.append(
                f"{metric:12}{decode:8}{100 * found['difference']:+6.1f} points {interval}, p = {found['p']:.3f}"
            )
    return "\n".join(lines)


def save(folder: Path, found: Sequence[Results], pictures: Pictures, decode: Decode) -> None:
    """Write how far Q* of each model can be believed, and pages of failures of the first."""
    from gpnet_ros.evaluation.judging.failure_pages import save_pages

    folder.mkdir(parents=True, exist_ok=True)
    save_pages(folder, found[0], pictures, decode)
    curves = {results.model: calibration(results, decode) for results in found}
    save_reliability(folder / "reliability.png", curves, f"Q* of {decode}", hardest(found[0], decode))


def hardest(results: Results, decode: Decode) -> Metric:
    """The hardest metric that the data set knows: lift, else top, else any."""
    known: tuple[Metric, ...] = ("lift", "top")
    return next((m for m in known if results.rows[0].verdicts[decode].won(m) is not None), "any")


def calibration(results: Results, decode: Decode) -> dict[str, Any]:
    """`reliability` of Q* against the hardest metric; pictures without a grasp have Q* 0."""
    scores = [min(row.verdicts[decode].score or 0.0, 1.0) for row in results.rows]
    return reliability(scores, results.won(hardest(results, decode), decode))


def table(results: Results) -> str:
    """Everything, for a person."""
    first = results.rows[0]
    lines = [f"{results.model} on {results.pictures}, {len(results.rows)} pictures"]
    lines.append(f"{'':12}" + "".join(f"{decode:>30}" for decode in first.verdicts))
    for metric in get_args(Metric):
        cells = [_cell(results, metric, decode) for decode in first.verdicts]
        if any(cells):
            lines.append(f"{metric:12}" + "".join(f"{cell:>30}" for cell in cells))
    if first.possible is not None:
        lines.append(
            f"{sum(bool(row.possible) for row in results.rows)} pictures have a true grasp of a top-level object"
        )
    for decode in first.verdicts:
        counts = ", ".join(f"{name} {count}" for name, count in results.failures(decode).items())
        lines.append(f"failures of {decode}: {counts or 'none'}")
        found = calibration(results, decode)
        lines.append(f"Q* of {decode} against {hardest(results, decode)}: calibration error {found['error']:.3f}")
    times = results.time_ms()
    lines.append("time, one thread: " + ", ".join(f"{name} {value:.1f} ms" for name, value in times.items()))
    return "\n".join(lines)


def _cell(results: Results, metric: Metric, decode: Decode) -> str:
    try:
        found = results.rate(metric, decode)
    except BadInput:
        return ""
    return f"{found['rate']:.1%} [{found['low']:.1%}, {found['high']:.1%}]"
