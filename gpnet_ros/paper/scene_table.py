"""The counterpart of the multi-task paper's Table 1: networks on equal images, and at equal core-hours.

All is read from files: models, logs and evaluations of `gpnet ablate graspnext`, and the latency of `gpnet bench
graspnext`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.network.card import CARD, read_card
from gpnet_ros.paper.pages import Table
from gpnet_ros.paper.paper_figures import SCENE_TABLE, SCENE_TRAINED
from gpnet_ros.training.curves import LOG, read_log
from gpnet_ros.training.runs import RUN_FILE

#: In the folder of a model: its run, and what it was judged at.
RUN, EVALUATION = "run", "evaluation.json"
#: Column -> key of a line of the log, and where the figure with its interval stands in an evaluation.
_TASKS = {
    "box AP50": ("boxes", ("boxes", "AP50_interval")),
    "visible AP50": ("visible", ("visible", "AP50_interval")),
    "amodal AP50": ("amodal", ("amodal", "AP50_interval")),
    "occlusion": ("occlusion", ("occlusion",)),
    "mass AP": ("mass", ("mass",)),
    "suction at the peak": ("suction", ("suction",)),
}
_SIZES = ("M", "GMAC", "ms", "times as fast")
_COLUMNS = ("network", *_SIZES, "trained", "core-hours", *_TASKS, "suction MSE over a constant's", "the paper's")
#: Which group of the latency stands in the table.
_GROUP = ("eager-bf16", 1200, 100)


@dataclass(frozen=True)
class SceneRun:
    """What is known of a network that was trained for the comparison.

    Attributes:
        name: in the table.
        lines: of its log, each with `images`, `minutes` and `figures`.
        threads: that computed it.
        evaluation: `evaluate_scenes` of its model, empty where it is not finished.
    """

    name: str
    lines: tuple[Mapping[str, Any], ...]
    threads: int
    evaluation: Mapping[str, Any]

    def hours(self, line: Mapping[str, Any]) -> float:
        """Core-hours up to a line of the log."""
        return float(line["minutes"]) * self.threads / 60.0

    def last(self, most_images: float, most_hours: float) -> Mapping[str, Any] | None:
        """The last line of the log within so many images and core-hours, with figures; None if there is none."""
        within = [x for x in self.lines if x["images"] <= most_images and self.hours(x) <= most_hours]
        return next((line for line in reversed(within) if line.get("figures")), None)


def read_runs(models: Path) -> list[SceneRun]:
    """The runs in a folder of `gpnet ablate graspnext`, by name; none if there is no such folder.

    Raises:
        BadInput: a file is damaged.
    """
    found = []
    for log in sorted(models.glob(f"*/{RUN}/{LOG}")):
        folder = log.parents[1]
        try:
            recipe = json.loads((log.parent / RUN_FILE).read_text(encoding="utf-8"))["recipe"]
            lines = tuple(read_log(log))
            kept = folder / EVALUATION
            told = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
            if told and (not (folder / CARD).is_file() or told.get("sha256") != read_card(folder).sha256):
                told = {}  # of other weights
            found.append(SceneRun(folder.name, lines, int(recipe["threads"]), told))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{folder} cannot be read ({error!r}): remove it, and train it again.") from error
    return found


def read_latency(path: Path) -> dict[str, Mapping[str, Any]]:
    """Network -> its row of the group that stands in the table, of the file of `gpnet bench graspnext --out`.

    Raises:
        BadInput: the file is something else.
    """
    if not path.is_file():
        return {}
    try:
        rows = [row for group in json.loads(path.read_text(encoding="utf-8")).values() for row in group]
        return {r["network"]: r for r in rows if (r["runtime"], r["side"], r["detections"]) == _GROUP}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} is not what gpnet bench graspnext writes: remove it, and measure again.") from error


def scene_table(runs: Sequence[SceneRun], latency: Mapping[str, Mapping[str, Any]]) -> Table:
    """The table: each network on equal images, then at equal core-hours, then the paper's rows.

    Args:
        runs: see `read_runs`. latency: see `read_latency`.
    """
    rows = [*_equal_images(runs, latency), *_equal_hours(runs, latency)]
    missing = [name for name in SCENE_TABLE if name not in {run.name for run in runs}]
    rows += [_sizes(name, None, latency) | {"trained": "not yet"} for name in missing]
    for name, known in SCENE_TABLE.items():
        rows.append({"network": name, "the paper's": "yes", "trained": SCENE_TRAINED, **known})
    texts = tuple({column: str(row.get(column, "")) for column in _COLUMNS} for row in rows)
    return Table("graspnext", "Multi-task networks: the counterpart of Table 1", _COLUMNS, texts, texts, _notes(runs))


def _equal_images(runs: Sequence[SceneRun], latency: Mapping[str, Any]) -> list[dict[str, str]]:
    images = min((run.lines[-1]["images"] for run in runs if run.lines), default=0)
    rows = []
    for run in runs:
        line = run.last(images, float("inf"))
        if line is None:
            continue
        whole = run.lines[-1]["images"] == images and bool(run.evaluation)
        figures = _judged(run.evaluation) if whole else _logged(line)
        said = {"trained": f"{line['images']:,} images", "core-hours": f"{run.hours(line):.1f}"}
        rows.append(_sizes(run.name, run, latency) | said | figures)
    return rows


def _equal_hours(runs: Sequence[SceneRun], latency: Mapping[str, Any]) -> list[dict[str, str]]:
    hours = min((run.hours(run.lines[-1]) for run in runs if run.lines), default=0.0)
    rows = []
    for run in runs if len(runs) > 1 else ():
        said = _sizes(run.name, run, latency) | {"core-hours": f"at most {hours:.1f}"}
        line = run.last(float("inf"), hours)
        seen = "nothing judged so early" if line is None else f"{line['images']:,} images"
        rows.append(said | {"trained": seen} | ({} if line is None else _logged(line)))
    return rows


def _sizes(name: str, run: SceneRun | None, latency: Mapping[str, Any]) -> dict[str, str]:
    timed = latency.get(name, {})
    told = run.evaluation if run is not None else {}
    values = (
        told.get("parameters_M", timed.get("parameters_M", "")),
        told.get("GMAC_1200px", timed.get("GMAC", "")),
        timed.get("ms", ""),
        timed.get("ratio", ""),
    )
    return {"network": name, **{column: str(value) for column, value in zip(_SIZES, values, strict=True)}}


def _logged(line: Mapping[str, Any]) -> dict[str, str]:
    """Figures of a line of the log, without intervals."""
    return {column: _number(line["figures"].get(key)) for column, (key, _) in _TASKS.items()}


def _judged(evaluation: Mapping[str, Any]) -> dict[str, str]:
    """Figures of an evaluation with their intervals."""
    found = {}
    for column, (_, path) in _TASKS.items():
        entry: Any = evaluation
        for key in path:
            entry = entry[key]
        value = entry.get("value", entry.get("rate"))
        found[column] = f"{_number(value)} [{_number(entry['low'])}, {_number(entry['high'])}]"
    occlusion, suction = evaluation["occlusion"], evaluation["suction"]
    found["occlusion"] += f", constant {_number(occlusion['best_constant'])}"
    found["suction MSE over a constant's"] = _number(suction["MSE_over_constant"]["value"])
    return found


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _notes(runs: Sequence[SceneRun]) -> tuple[str, ...]:
    images = min((run.lines[-1]["images"] for run in runs if run.lines), default=0)
    runtime, side, detections = _GROUP
    return (
        "Ours are simulated pictures; brackets: 95 % by the bootstrap over scenes, where a finished model was judged; "
        "without them: a log's few pictures.",
        f"Not trained to convergence: {images:,} images each, where twelve epochs of the paper's data are 1.6 million."
        if images < 1_500_000
        else f"{images:,} images each.",
        "At equal core-hours a slower network is shown in the middle of its schedule, before its rate has come down.",
        f"ms: one image, {runtime}, {side} px, {detections} detections, in one run of gpnet bench graspnext; GMAC at "
        "1200 px, which the paper calls FLOPs; its times are of a Jetson TX2. More of its Table 1 is not known to us.",
        "`gpnet ablate graspnext --images N --data ... --val ...` trains what is left, or goes on.",
    )
