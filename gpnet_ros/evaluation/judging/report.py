"""Judged models in figures, tables and pictures: what `gpnet evaluate` prints and saves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.intervals import paired
from gpnet_ros.evaluation.judging.calibration import Reliability, reliability, save_reliability
from gpnet_ros.evaluation.judging.evaluation import Results
from gpnet_ros.evaluation.judging.failure_pages import save_pages
from gpnet_ros.evaluation.judging.judged_pictures import Pictures
from gpnet_ros.evaluation.judging.judgement import METRICS, Decode, Metric

#: The figure of --json where none is asked for: the first of these that the data can tell.
HEADLINES: tuple[Metric, ...] = ("lift", "top", "any")


def headline(known: Collection[str]) -> Metric:
    """The metric that is told where none is asked for, of those that the pictures know."""
    return next((metric for metric in HEADLINES if metric in known), HEADLINES[-1])


def usual_decode(metric: Metric) -> Decode:
    """The decode that a metric is told by: the cell for what is executed, the argmax for rectangles."""
    return "cell" if metric.startswith("lift") else "argmax"


def refuse_unknown(metric: Metric, decode: Decode, known: Collection[str], data: str, as_published: bool) -> None:
    """Refuse a question before hours of judging, not after.

    Args:
        metric, decode: what is asked.
        known: metrics that the data can tell.
        data: what the user calls them.
        as_published: whether networks are decoded as their public code does.

    Raises:
        BadInput: the data, or networks as published, cannot answer.
    """
    if metric not in known:
        others = ", ".join(m for m in METRICS if m in known) or "nothing: it has no true grasps"
        raise BadInput(f"--metric {metric}: {data} cannot tell it; what it can tell is {others}.")
    if decode == "cell" and as_published:
        raise BadInput("--decode cell: networks --as-published have the argmax only; leave one of the two out.")
    if decode == "cell" and "lift" not in known:
        raise BadInput(f"--decode cell needs the pose of the camera, which {data} does not give: take argmax.")


def evaluation_answer(found: Sequence[Results], metric: Metric, decode: Decode) -> dict[str, Any]:
    """One figure of the first model as JSON has it, with the comparison if there is a second model."""
    results = found[0]
    answer: dict[str, Any] = {
        **{"model": results.model, "data": results.pictures, "metric": metric, "decode": decode},
        **{"priority": results.settings.priority, "scene_model": results.settings.scene_model},
        **results.rate(metric, decode),
        "time_ms": results.time_ms(),
        "failures": results.failures(decode),
        "failures_by": hardest_metric(results, decode),
        "calibration_error": calibration(results, decode).error,
    }
    if len(found) > 1:
        answer["against"] = {"model": found[1].model, **less(found[0], found[1], metric, decode)}
    return answer


def less(results: Results, other: Results, metric: Metric, decode: Decode) -> dict[str, float | int]:
    """Rate of one model less that of another on the same pictures, in 0..1; see `intervals.paired`."""
    return paired(list(zip(other.won(metric, decode), results.won(metric, decode), strict=True)))


def models_comparison(results: Results, other: Results) -> str:
    """Two models compared picture by picture, one line per metric and decode, for a person."""
    lines = [f"{results.model} less {other.model}, picture by picture"]
    for metric in METRICS:
        for decode in results.rows[0].verdicts:
            try:
                found = less(results, other, metric, decode)
            except BadInput:
                continue
            interval = f"[{100 * found['low']:+.1f}, {100 * found['high']:+.1f}]"
            lines.append(
                f"{metric:12}{decode:8}{100 * found['difference']:+6.1f} points {interval}, p = {found['p']:.3f}"
            )
    return "\n".join(lines)


def save_evaluation(folder: Path, found: Sequence[Results], pictures: Pictures, decode: Decode) -> None:
    """Write reliability.png, how far Q* of each model can be believed, and pages of failures of the first model."""
    folder.mkdir(parents=True, exist_ok=True)
    save_pages(folder, found[0], pictures, decode)
    curves = {results.model: calibration(results, decode) for results in found}
    save_reliability(folder / "reliability.png", curves, f"Q* of {decode}", hardest_metric(found[0], decode))


def hardest_metric(results: Results, decode: Decode) -> Metric:
    """The hardest metric that the pictures know: lift, else top, else any."""
    known = results.rows[0].verdicts[decode]
    return next((metric for metric in HEADLINES if known.won(metric) is not None), "any")


def calibration(results: Results, decode: Decode) -> Reliability:
    """Reliability of Q* against the hardest metric; pictures without a grasp have Q* 0."""
    scores = [min(row.verdicts[decode].score or 0.0, 1.0) for row in results.rows]
    return reliability(scores, results.won(hardest_metric(results, decode), decode))


def results_table(results: Results) -> str:
    """A table for a person with all figures of a model."""
    first = results.rows[0]
    settings = results.settings
    by = "" if settings.priority == "learned" else f", priority {settings.priority}"
    by += "" if settings.scene_model is None else f" by {settings.scene_model}"
    lines = [f"{results.model} on {results.pictures}{by}, {len(results.rows)} pictures"]
    lines.append(f"{'':12}" + "".join(f"{decode:>30}" for decode in first.verdicts))
    for metric in METRICS:
        cells = [_rate(results, metric, decode) for decode in first.verdicts]
        if any(cells):
            lines.append(f"{metric:12}" + "".join(f"{cell:>30}" for cell in cells))
    if first.possible is not None:
        possible = sum(bool(row.possible) for row in results.rows)
        lines.append(f"{possible} pictures have a true grasp of a top-level object")
    for decode in first.verdicts:
        counts = ", ".join(f"{name} {count}" for name, count in results.failures(decode).items())
        lines.append(f"failures of {decode}: {counts or 'none'}")
        error, metric = calibration(results, decode).error, hardest_metric(results, decode)
        lines.append(f"Q* of {decode} against {metric}: calibration error {error:.3f}")
    times = results.time_ms()
    lines.append("time, one thread: " + ", ".join(f"{name} {value:.1f} ms" for name, value in times.items()))
    return "\n".join(lines)


def _rate(results: Results, metric: Metric, decode: Decode) -> str:
    try:
        found = results.rate(metric, decode)
    except BadInput:
        return ""
    return f"{found['rate']:.1%} [{found['low']:.1%}, {found['high']:.1%}]"
