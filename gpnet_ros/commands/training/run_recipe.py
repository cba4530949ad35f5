"""The folder of a run: its recipe beside its state, so that --resume goes on with that very run or says why not."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from gpnet_ros.commands.training.settings import TrainSettings
from gpnet_ros.errors import BadInput
from gpnet_ros.network.trainer import STATE

RECIPE = "recipe.json"
#: Where the state of an earlier run goes when another one begins in its folder.
EARLIER = "state.earlier.safetensors"
#: What may differ in a resumed run: neither weights nor views are others by it.
FREE = ("threads", "checkpoint_seconds", "minutes", "epochs")


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


def enter(folder: Path, recipe: TrainSettings, resume: bool) -> None:
    """Begin a run in a folder, or make sure that the one to go on with is there.

    Several processes may do this at once, before any of them takes a step.

    Raises:
        BadInput: there is no run to resume, or it has another recipe.
    """
    path = folder / RECIPE
    if not resume:
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder / STATE, folder / EARLIER)
        draft = path.with_name(f"{RECIPE}.{os.getpid()}")
        draft.write_text(json.dumps(asdict(recipe), indent=1) + "\n", encoding="utf-8")
        os.replace(draft, path)
        return
    if not path.is_file():
        if (folder / STATE).is_file():  # of a version that did not write recipes
            return
        raise BadInput(f"There is no run in {folder} to resume: give its --run, or start without --resume.")
    try:
        known = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{path} cannot be read ({error}): remove it to resume without it.") from error
    ours = {name: value for name, value in asdict(recipe).items() if name not in FREE}
    other = [
        f"{name} {known[name]!r}, now {value!r}" for name, value in ours.items() if known.get(name, value) != value
    ]
    if other:
        raise BadInput(
            f"The run in {folder} has another recipe ({'; '.join(other)}): resume with the same, or start anew."
        )
