"""The page of a shift: one HTML file that needs no other, pictures of what failed within it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from gpnet_ros.drift import RankCusum
from gpnet_ros.picking.own_page import page_head, picture_within
from gpnet_ros.picking.shift.summary import ShiftSummary

_STYLE = """
h1 { font-size: 1.7rem; margin: .3rem 0 }
.tag { color: #fff; border-radius: .3rem; padding: .15rem .6rem; font-size: .85rem; background: #1d4ed8 }
.tag.simulated { background: #b45309 } .warn { color: #b91c1c; font-weight: 600 }
table { border-collapse: collapse } td, th { text-align: left; padding: .25rem 1.4rem .25rem 0;
border-bottom: 1px solid #dde3ea; vertical-align: top } td.n { text-align: right; font-variant-numeric: tabular-nums }
figure { display: inline-block; width: 19.5rem; margin: 0 .6rem .8rem 0; vertical-align: top; font-size: .85rem }
img, svg { width: 100%; border: 1px solid #dde3ea; border-radius: .3rem }
"""
#: Pictures on a page, the newest: a page of a bad day can still be sent by mail.
PICTURES_MAX = 24
#: Figures of drift that are drawn, the newest.
_DRAWN = 400
_FIGURES = {"width_m": ("closed width less the predicted [mm]", 1e3), "contact_m": ("contact over the end [mm]", 1e3)}


def shift_html(shift: ShiftSummary, folder: Path, drift: Mapping[str, RankCusum] | None = None) -> str:
    """The page.

    Args:
        shift: what is told.
        folder: of its pictures.
        drift: tests since the last check of the calibration, by their names; None takes this shift's own.
    """
    head = shift.head
    kind = "simulated" if head.get("simulated") else "real cell"
    about = (
        f"begun {head.get('started')}, mode {head.get('mode')}, model {head.get('model') or '-'}, cell file "
        f"{head.get('cell_file') or 'shipped'}, calibration check {head.get('check') or 'none'}"
    )
    parts = [
        page_head(shift.headline, _STYLE),
        f"<span class='tag {kind}'>{kind}</span> <span class=soft>{escape(about)}</span>",
        f"<h1>{escape(shift.headline)}</h1>",
        *(f"<p class=warn>{escape(told)}</p>" for told in dict.fromkeys(shift.warnings)),
        _table("Picks", ("result", "picks"), shift.results.items()),
        _table("Turns without a pick", ("what", "turns"), shift.looks.items()),
        _table("Refused candidates", ("reason", "candidates"), shift.rejected.items()),
        _table("Refused frames and wishes", ("why", "times"), shift.refused.items()),
        _table("Stops", ("after", "what", "said"), ((_clock(at), what, said) for at, what, said in shift.stops)),
        _table("Time of a step, median", ("step", "s"), ((k, f"{v:.2f}") for k, v in shift.stage_s.items())),
        _drift(shift.drift.tests if drift is None else drift),
        _failures(shift.failures, folder),
        "<p class=soft>An hour is one of picking: what waited for a person is not counted. Placed is what the gripper "
        "felt until it let go over the tote.</p></html>",
    ]
    return "\n".join(part for part in parts if part)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table with its heading; nothing where it has no row."""
    cells = ["<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows]
    if not cells:
        return ""
    names = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<h2>{escape(title)}</h2><table><tr>{names}</tr>{''.join(cells)}</table>"


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f"<td class=n>{value}</td>"
    return f"<td>{escape(str(value).replace('_', ' '))}</td>"


def _drift(tests: Mapping[str, RankCusum]) -> str:
    """Where objects were against where they were expected, pick by pick."""
    drawn = [_curve(title, test, scale) for name, (title, scale) in _FIGURES.items() if (test := tests[name]).values]
    if not drawn:
        return ""
    counts = max(len(test.values) for test in tests.values())
    return f"<h2>Drift, {counts} picks since the check of the calibration</h2>{''.join(drawn)}"


def _curve(title: str, test: RankCusum, scale: float) -> str:
    shown = [value * scale for value in test.values[-_DRAWN:]]
    low, high = min(shown), max(shown)
    room = max(high - low, 1.0)
    first = len(test.values) - len(shown)
    dots = "".join(
        f"<circle cx='{10 + 580 * k / max(len(shown) - 1, 1):.1f}' cy='{110 - 100 * (value - low) / room:.1f}' r='2' "
        f"fill='{'#b91c1c' if test.alarm and first + k >= test.began else '#1d4ed8'}'/>"
        for k, value in enumerate(shown)
    )
    words = f"{title}: {low:.1f} to {high:.1f}" + (", shifted (red)" if test.alarm else "")
    return f"<figure><svg viewBox='0 0 600 120'>{dots}</svg>{escape(words)}</figure>"


def _failures(lines: Sequence[Mapping[str, Any]], folder: Path) -> str:
    shown = [figure for line in reversed(lines[-PICTURES_MAX:]) if (figure := _figure(line, folder))]
    return f"<h2>Failures, the last first</h2>{''.join(shown)}" if shown else ""


def _figure(line: Mapping[str, Any], folder: Path) -> str:
    picture = picture_within(folder / str(line["picture"]))
    words = f"{line['status'].replace('_', ' ')}. {line['message']}"
    return f"<figure>{picture}{escape(words)}</figure>" if picture else ""
