"""The rows of the tables: which recipe each trains, what differs from it, and where its models lie."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gpnet_ros import settings as setting_files
from gpnet_ros.errors import BadInput
from gpnet_ros.free_objects import PRIORITIES
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import CARD, read_card
from gpnet_ros.training.recipe import GONE_SETTINGS, TrainSettings, load_recipe, without_gone

#: Tables of `gpnet tables` in which a row may stand, and ways to rank its maps; "published" decodes as the network's
#: public code does, known bugs included.
TABLES = ("table1", "rgb", "depth", "parts", "losses", "table2", "table3", "ingredients", "equal")
RANKINGS = (*PRIORITIES, "published")
#: Fields of a recipe that say where and with which dice it runs, not what or how long it trains.
INCIDENTAL = ("seed", "threads", "checkpoint_seconds", "epochs", "minutes")
#: What the fields of a row are.
_KINDS: dict[str, type] = {
    **dict.fromkeys(("title", "recipe", "paper", "shipped"), str),
    **{"settings": dict, "tables": list, "priority": list, "trained": bool},
}


@dataclass(frozen=True)
class AblationRow:
    """One row of the tables: a recipe, what differs from it, and where it appears.

    Attributes:
        name: unique, also the name of its folder.
        title: what the tables call it.
        recipe: name of a file in config/train, or the path of one.
        settings: fields of `TrainSettings` that differ from the recipe, those that all rows share among them.
        tables: where it appears, of `TABLES`.
        paper: the row of the paper's own table beside which it stands; "" if there is none.
        shipped: name in models/ that stands in for it; "" if there is none.
        priority: how its maps are ranked, of `RANKINGS`; each is a line of its own.
        trained: `gpnet ablate` trains it; if not, the row is the shipped model itself, whatever its budget was.
    """

    name: str
    title: str
    recipe: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    paper: str = ""
    shipped: str = ""
    priority: tuple[str, ...] = ("learned",)
    trained: bool = True

    def train_settings(self) -> TrainSettings:
        """The whole recipe of this row.

        Raises:
            BadInput: there is no such recipe, or this version of the trainer cannot do what the row asks.
        """
        recipe = dataclasses.asdict(load_recipe(self.recipe))
        return setting_files.from_dict(TrainSettings, {**recipe, **self.settings}, f"row {self.name}")


def read_ablation_rows(path: Path | None = None) -> tuple[AblationRow, ...]:
    """All rows of a file, config/ablations.yaml if none is given.

    Raises:
        BadInput: not readable, or a row that is none; names the row.
    """
    path = path or setting_files.config_dir() / "ablations.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(
            f"The rows in {path} cannot be read ({error}): give a YAML file like config/ablations.yaml."
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("rows"), dict) or not content["rows"]:
        raise BadInput(f"{path} holds no rows: it needs `rows:` with a mapping of names, as config/ablations.yaml.")
    common = content.get("common") or {}
    if not isinstance(common, dict):
        raise BadInput(f"`common` of {path} must be settings of a recipe, such as `common: {{epochs: 4, batch: 8}}`.")
    return tuple(_row(str(name), values, common, path) for name, values in content["rows"].items())


def _row(name: str, values: Any, common: dict[str, Any], path: Path) -> AblationRow:
    known = {f.name for f in dataclasses.fields(AblationRow)} - {"name"}
    if not isinstance(values, dict) or set(values) - known or not {"title", "recipe"} <= set(values):
        raise BadInput(f"Row {name} of {path} needs title and recipe, and may have {', '.join(sorted(known))} only.")
    if Path(name).name != name or name.startswith("."):
        raise BadInput(f"Row {name!r} of {path} cannot be the name of a folder: use letters, digits and '-'.")
    for key, kind in _KINDS.items():
        if key in values and not isinstance(values[key], kind):
            word = {str: "a text", bool: "true or false", dict: "a mapping", list: "a list"}[kind]
            raise BadInput(f"Row {name} of {path}: {key} is {values[key]!r}; it must be {word}.")
    for key, allowed in (("tables", TABLES), ("priority", RANKINGS)):
        wrong = [entry for entry in values.get(key, ()) if entry not in allowed]
        if wrong:
            raise BadInput(f"Row {name} of {path}: {key} names {wrong[0]!r}; allowed: {', '.join(allowed)}.")
    lists = {key: tuple(values[key]) for key in ("tables", "priority") if key in values}
    settings = {**common, **values.get("settings", {})}
    return AblationRow(name=name, **{**values, **lists, "settings": settings})


def choose_rows(rows: tuple[AblationRow, ...], wanted: list[str] | None) -> tuple[AblationRow, ...]:
    """The rows that are asked for by their names or by their tables, in the order of the file; all without a wish.

    Raises:
        BadInput: a name that is neither.
    """
    if not wanted:
        return rows
    names = {row.name for row in rows}
    for word in wanted:
        if word not in names and word not in TABLES:
            raise BadInput(
                f"--rows names {word!r}; allowed: {', '.join(TABLES)}, and the rows {', '.join(sorted(names))}."
            )
    return tuple(row for row in rows if row.name in wanted or set(row.tables) & set(wanted))


def model_folder(models: Path, row: AblationRow, seed: int) -> Path:
    """The folder of the model of a row and a seed, below the folder of all models."""
    return models / row.name / f"seed{seed}"


def is_trained(folder: Path) -> bool:
    """A model that was finished lies there: the card is the last file that a training writes."""
    return (folder / CARD).is_file() and (folder / checkpoint.WEIGHTS).is_file()


def other_recipe(folder: Path, row: AblationRow) -> str:
    """The settings of a trained model that differ from what its row says now, as a text; "" if none does."""
    now: dict[str, Any] = json.loads(json.dumps(decisive_settings(row.train_settings())))
    defaults = json.loads(json.dumps(decisive_settings(TrainSettings())))  # for settings that came later
    before = {**defaults, **without_gone(read_card(folder).recipe)}
    names = (*now, *(name for name in before if name in GONE_SETTINGS))
    pairs = ((name, before[name], now.get(name)) for name in names)
    return "; ".join(f"{name} {then!r}, now {value!r}" for name, then, value in pairs if then != value)


def refusal(row: AblationRow) -> str:
    """Why this version cannot train a row; "" if it can."""
    try:
        row.train_settings()
    except BadInput as error:
        return str(error)
    return ""


def decisive_settings(settings: TrainSettings) -> dict[str, Any]:
    """The settings that decide what is trained, without those that only say where and with which seed."""
    return {key: value for key, value in dataclasses.asdict(settings).items() if key not in INCIDENTAL}


def first_equals(rows: tuple[AblationRow, ...]) -> dict[str, AblationRow]:
    """The first row with the same settings, by the name of each row that this version can train; often itself.

    A row such as "loss suppress" is nothing new where the recipe says so already; it is not trained twice.
    """
    first: dict[str, AblationRow] = {}
    seen: list[tuple[dict[str, Any], AblationRow]] = []
    for row in (r for r in rows if r.trained):
        try:
            settings = decisive_settings(row.train_settings())
        except BadInput:
            continue
        twin = next((other for known, other in seen if known == settings), row)
        first[row.name] = twin
        if twin is row:
            seen.append((settings, row))
    return first
