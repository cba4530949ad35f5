"""A table as Markdown and CSV, and pages whose generated parts stand between marks."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput


@dataclass(frozen=True)
class Table:
    """A table of the paper, as Markdown and as CSV.

    Attributes:
        name: name of its files and marks.
        title: heading.
        columns: headings of the columns; those that are empty in every row are left out of the page.
        rows: texts by column; what is missing is empty.
        values: one mapping per row, or more, with plain numbers for CSV.
        notes: sentences below it.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    values: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The table with its heading and notes."""
        shown = [c for c in self.columns if any(row.get(c) for row in self.rows)] or list(self.columns)
        lines = [f"### {self.title}", ""]
        lines.append(_line(shown))
        lines.append("|" + "---|" * len(shown))
        lines += [_line([row.get(c, "") for c in shown]) for row in self.rows]
        lines += ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """The numbers: one line per entry of `values`, an empty field for None."""
        columns = list(dict.fromkeys(key for entry in self.values for key in entry))
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.values)
        return out.getvalue()


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def marks(name: str) -> tuple[str, str]:
    """The lines between which a page holds a generated part."""
    return f"<!-- begin {name}: written by gpnet tables, do not edit -->", f"<!-- end {name} -->"


def fill(page: Path, parts: dict[str, str]) -> list[str]:
    """Replace the generated parts of a page; everything else stays as it is.

    Args:
        page: Markdown with marks.
        parts: name of a mark -> what stands between.

    Returns:
        Names of the parts for which the page has no marks.

    Raises:
        BadInput: the page cannot be read, or a part has a beginning and no end.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"The page {page} cannot be read ({error}): give a page with marks, as docs/results.md."
        ) from error
    lost = []
    for name, content in parts.items():
        begin, end = marks(name)
        if begin not in text:
            lost.append(name)
            continue
        found = re.search(re.escape(begin) + r".*?" + re.escape(end), text, re.DOTALL)
        if found is None:
            raise BadInput(f"{page} has no line {end!r} after {begin!r}: restore it.")
        text = text[: found.start()] + f"{begin}\n\n{content.strip()}\n\n{end}" + text[found.end() :]
    page.write_text(text, encoding="utf-8")
    return lost
