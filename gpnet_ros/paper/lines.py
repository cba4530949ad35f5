"""The lines of the tables: which models stand in each, and what is said of those that have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import vouched_card
from gpnet_ros.paper.rows import (
    AblationRow,
    first_equals,
    is_trained,
    model_folder,
    other_recipe,
    refusal,
)
from gpnet_ros.settings import resource_dir

#: Most seeds that are looked for.
SEEDS = 16


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        row: what was trained; priority: how its maps are ranked.
        models: folders, one per seed; none if nothing was trained yet.
        shipped: the model of the package stands in for three seeds.
        trained_as: name of the row with the same settings that is trained for it, often its own.
    """

    row: AblationRow
    priority: str
    models: tuple[Path, ...]
    shipped: bool = False
    trained_as: str = ""

    @property
    def key(self) -> str:
        """Unique within a table."""
        return self.row.name if self.priority == "learned" else f"{self.row.name}, {self.priority}"

    @property
    def title(self) -> str:
        """The name of the line that people read."""
        said = {"learned": "", "published": ", as published with its known bugs"}
        return self.row.title + said.get(self.priority, f", priority {self.priority}")

    def cards(self) -> list[Card]:
        """The cards of its models.

        Raises:
            ModelRefused: one was edited.
        """
        return [vouched_card(folder) for folder in self.models]


def untrained(missing: Sequence[Line], models: Path) -> list[str]:
    """Sentences that name the lines without models, and what trains them or why nothing does; none if all have some."""
    never: dict[str, None] = {}
    left: list[Line] = []
    for line in missing:
        why = refusal(line.row) or ("" if line.row.trained else f"models/ has no {line.row.shipped!r}")
        if why:
            never[f"{line.row.title} cannot be there: {why.rstrip('.')}."] = None
        else:
            left.append(line)
    if not left:
        return list(never)
    names = " ".join(dict.fromkeys(line.trained_as or line.row.name for line in left))
    titles = ", ".join(dict.fromkeys(line.title for line in left))
    return [*never, f"Not trained yet: {titles}. `gpnet ablate --rows {names} --out {models}` trains them."]


def table_lines(table: str, rows: tuple[AblationRow, ...], models: Path) -> tuple[Line, ...]:
    """The lines of a table, in the order of the rows; those without models are there too.

    Args:
        table: one of `rows.TABLES`.
        rows: all rows.
        models: folder of `gpnet ablate`.
    """
    twins = first_equals(rows)
    found = []
    for row in (r for r in rows if table in r.tables):
        source = twins.get(row.name, row)
        seeds = range(SEEDS if row.trained else 0)
        can = row.name in twins
        trained = (f for f in (model_folder(models, source, seed) for seed in seeds) if can and is_trained(f))
        folders = tuple(f for f in trained if not other_recipe(f, source))
        shipped = resource_dir("models") / (row.shipped or source.shipped)
        stands_in = not folders and bool(row.shipped or source.shipped) and is_trained(shipped)
        chosen = (shipped,) if stands_in else folders
        ranked = row.priority if table == "table1" else tuple(p for p in row.priority if p != "published")
        ranked = ranked if table in ("table1", "table3") else ("learned",)
        found += [Line(row, priority, chosen, stands_in, source.name) for priority in ranked]
    return tuple(found)
