"""Judge a model on a set of pictures, in processes; what was judged before is read from a file.

`evaluate(model, pictures, settings)` gives the rows of all pictures. Every row is written as soon as it is there, so
that an evaluation that was interrupted goes on where it was, and tables can be made anew in seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.code_sum import code_sum
from gpnet_ros.evaluation.intervals import share_of
from gpnet_ros.evaluation.judging.judge import Judge, JudgeSettings
from gpnet_ros.evaluation.judging.judged_pictures import Pictures
from gpnet_ros.evaluation.judging.judgement import Decode, JudgedPicture, Metric
from gpnet_ros.evaluation.second_network import weights_of
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import vouched_card
from gpnet_ros.workers import spread

#: Where results are kept.
EVALUATIONS = Path("runs/evaluations")


@dataclass(frozen=True, eq=False)
class Results:
    """A model, judged on a set of pictures.

    Attributes:
        model: name or path; card: of it.
        pictures: name of the set.
        settings: how it was judged.
        rows: one per picture, in the order of the set.
    """

    model: str
    card: Card
    pictures: str
    settings: JudgeSettings
    rows: tuple[JudgedPicture, ...]

    def won(self, metric: Metric, decode: Decode = "cell") -> list[bool]:
        """Whether each picture counts as won by a metric.

        Raises:
            BadInput: the data set does not say, or there was no such decode.
        """
        outcomes = [row.verdicts[decode].won(metric) if decode in row.verdicts else None for row in self.rows]
        if any(outcome is None for outcome in outcomes):
            raise BadInput(
                f"{self.pictures} cannot tell {metric} of {decode}: that needs simulated pictures for lift and cell, "
                "relations for top, object ids for object; choose another --metric or --decode."
            )
        return [bool(outcome) for outcome in outcomes]

    def rate(self, metric: Metric, decode: Decode = "cell") -> dict[str, float | int | None]:
        """Share of pictures won, in 0..1, with Wilson's 95 % interval and their number; see `won`."""
        return share_of(self.won(metric, decode))

    def time_ms(self) -> dict[str, float]:
        """Median time of each stage on one thread [ms]."""
        stages = self.rows[0].time_ms
        return {name: round(float(np.median([row.time_ms[name] for row in self.rows])), 1) for name in stages}

    def failures(self, decode: Decode = "cell") -> dict[str, int]:
        """Number of pictures in each class of failure, the most frequent first."""
        classes = [row.verdicts[decode].failure for row in self.rows if decode in row.verdicts]
        found = [name for name in classes if name is not None]
        return dict(sorted(((name, found.count(name)) for name in set(found)), key=lambda item: (-item[1], item[0])))


def evaluate(
    model: str | Path,
    pictures: Pictures,
    settings: JudgeSettings | None = None,
    *,
    most: int | None = None,
    workers: int = 0,
    cache: Path | None = EVALUATIONS,
) -> Results:
    """Judge a model on a set of pictures, as far as that was not done before.

    Args:
        model: name under `models/`, or path of a model's folder.
        pictures: the set, see `judged_pictures.open_pictures`.
        settings: how; the defaults are those of the published figures.
        most: judge only the first pictures; all without.
        workers: processes; 0 is one per core.
        cache: folder for results; None keeps none.

    Raises:
        ModelRefused: the model cannot be used.
        BadInput: a picture lacks what the model needs.
    """
    settings = settings or JudgeSettings()
    card = vouched_card(model)  # what was kept is not for weights that were edited since
    wanted = range(len(pictures.names))[:most]
    content = "" if cache is None else pictures.content(most)
    file = None if cache is None else _file(cache, model, card, pictures.name, content, settings)
    rows = {} if file is None else _kept(file)
    missing = [index for index in wanted if index not in rows]
    if missing and cache is not None and not settings.lift:  # what was executed too will do
        rows |= _kept(_file(cache, model, card, pictures.name, content, replace(settings, lift=True)))
        missing = [index for index in wanted if index not in rows]
    made = spread(_row, missing, workers, _begin, (str(model), pictures, settings))
    bar = tqdm(made, total=len(missing), unit="picture", desc=f"{model} on {pictures.name}", disable=None)
    for row in bar if missing else ():
        rows[row.index] = row
        if file is not None:
            _keep(file, row)
    return Results(str(model), card, pictures.name, settings, tuple(rows[index] for index in wanted))


_HERE: list[tuple[Judge, Pictures]] = []  # what this process judges with


def _begin(model: str, pictures: Pictures, settings: JudgeSettings) -> None:
    import cv2
    import torch

    torch.set_num_threads(1)  # one process per core is faster than one network on all of them
    cv2.setNumThreads(1)
    _HERE[:] = [(Judge(model, settings), pictures)]


def _row(index: int) -> JudgedPicture:
    judge, pictures = _HERE[0]
    return judge.row(index, pictures[index])


def _file(cache: Path, model: str | Path, card: Card, name: str, content: str, settings: JudgeSettings) -> Path:
    """Where the rows of these very arguments are kept: anything that could change them is in the name."""
    decides = {
        "weights": card.sha256,
        "network": [card.architecture, card.kwargs, card.channels, card.normalisation],
        "scene_weights": weights_of(settings.scene_model),
        "pictures": content,
        "settings": asdict(settings),
        "code": code_sum(__name__),
    }
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    return cache / f"{Path(model).name}_{name}_{key}.jsonl"


def _kept(file: Path) -> dict[int, JudgedPicture]:
    """Rows of a file; a line that was torn by a crash does not count."""
    if not file.is_file():
        return {}
    rows: dict[int, JudgedPicture] = {}
    for line in file.read_bytes().split(b"\n"):
        with contextlib.suppress(ValueError):  # torn by a crash, or empty
            row = JudgedPicture.from_dict(json.loads(line))
            rows[row.index] = row
    return rows


def _keep(file: Path, row: JudgedPicture) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    torn = file.is_file() and not file.read_bytes().endswith(b"\n")
    with file.open("ab") as out:
        out.write((b"\n" if torn else b"") + json.dumps(row.to_dict()).encode() + b"\n")
