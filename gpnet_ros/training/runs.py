"""The folder of a run: recipe and data beside its state, so that --resume goes on with that run or says why not."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.network.card import Card
from gpnet_ros.network.trainer import STATE, Trainer
from gpnet_ros.training.recipe import without_gone

RUN_FILE = "run.json"
#: The first state is due after so many seconds, if not earlier: a run that ends early shall not have been for nothing.
FIRST_STATE = 30.0
#: Where the state of an earlier run goes when another one begins in its folder.
EARLIER_STATE = "state.earlier.safetensors"
#: What may differ in a resumed run: neither weights nor views are others by it.
_FREE = ("threads", "checkpoint_seconds", "minutes", "epochs")


def make_folders(*folders: Path) -> None:
    """Make them now, not after hours of training.

    Raises:
        BadInput: one cannot be made or written.
    """
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise BadInput(
                f"The folder {folder} cannot be written ({error.strerror}); choose another --out or --run."
            ) from error


def enter_run(folder: Path, recipe: Any, data: dict[str, Any], resume: bool) -> None:
    """Begin a run in a folder, or make sure that the one to go on with is there.

    Call it when nothing else can be refused any more: it puts the state of an earlier run aside. Several processes may
    do this at once, before any of them takes a step.

    Args:
        folder: of the run.
        recipe, data: what the card of its model will say.
        resume: go on, do not begin.

    Raises:
        BadInput: there is no run to resume, or it has another recipe or other data.
    """
    path, run = folder / RUN_FILE, {"recipe": asdict(recipe), "data": data}
    if not resume:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder / STATE, folder / EARLIER_STATE)
        draft = path.with_name(f"{RUN_FILE}.{os.getpid()}")
        draft.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
        os.replace(draft, path)
        return
    if not path.is_file():
        if (folder / STATE).is_file():  # the file was removed, as the sentence below says
            return
        raise BadInput(f"There is no run in {folder} to resume: give its --run, or start without --resume.")
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        known = {name: dict(read[name]) for name in run}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path} cannot be read ({error}): remove it to resume without it.") from error
    known["recipe"] = without_gone(known["recipe"])
    now = json.loads(json.dumps(run))
    # A run of an earlier version, which lacked a setting, did what the setting's default does.
    known["recipe"] = _defaults(recipe) | known["recipe"]
    for what, words in (("recipe", "another recipe"), ("data", "other data")):
        names = [name for name in {**known[what], **now[what]} if name not in _FREE]
        pairs = [(name, known[what].get(name), now[what].get(name)) for name in names]
        other = [f"{name} {_short(before)}, now {_short(after)}" for name, before, after in pairs if before != after]
        if other:
            raise BadInput(
                f"The run in {folder} has {words} ({'; '.join(other)}): resume with the same, or start anew."
            )


def go_on(trainer: Trainer, folder: Path, speak: bool = True) -> None:
    """Go on from the state of a run, or say, if asked to speak, that it has none yet."""
    if (folder / STATE).is_file():
        trainer.restore(folder)
    elif speak:
        kept = f" The state of the run before it is {EARLIER_STATE}." if (folder / EARLIER_STATE).is_file() else ""
        print(f"{folder} has no state yet: the run was killed before its first one, and starts anew.{kept}")


def finished_card(card: Card, trainer: Trainer, metric: dict[str, Any]) -> Card:
    """The card with what became of the run: steps, time and figures."""
    how = card.recipe | {"steps": trainer.step, "minutes": round(trainer.elapsed / 60, 1)}
    return replace(card, recipe=how, metric=metric)


def _defaults(recipe: Any) -> dict[str, Any]:
    found = {f.name: f.default for f in fields(recipe) if f.default is not MISSING}
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
