"""The page of a bringup: each step, when, with which lines and pictures, and what to look for; one file, no others."""

from __future__ import annotations

from html import escape
from pathlib import Path

from gpnet_ros.picking.bringup.progress import STEPS, Attempt, Progress
from gpnet_ros.picking.own_page import page_head, picture_within

_STYLE = """
.ok { color: #15803d } .no { color: #b91c1c }
pre { background: #f4f6f8; padding: .6rem; overflow-x: auto; font-size: .85rem } img { max-width: 100% }
"""


def ladder_page(progress: Progress, looks: dict[str, tuple[str, str]]) -> str:
    """The page of a folder.

    Args:
        progress: of the folder.
        looks: what each step needs, and what to look for, by its name.
    """
    first = progress.next()
    told = f"Next: {first}." if first else "All steps are done: the cell picks."
    parts = [
        page_head(f"Bringup of {progress.folder.name}", _STYLE),
        f"<h1>Bringup of {escape(progress.folder.name)}</h1><p>{escape(told)}</p>",
    ]
    settings = "; ".join(f"{name}: {value}" for name, value in progress.settings.items() if value)
    parts.append(f"<p class=soft>{escape(settings)}</p>")
    parts += [_step(progress, name, *looks.get(name, ("", ""))) for name in STEPS]
    return "\n".join([*parts, "</html>"])


def _step(progress: Progress, name: str, about: str, look: str) -> str:
    kept, why = progress.attempts.get(name), progress.missing(name)
    if kept is None:
        state = "<span class=soft>not done yet</span>"
    elif why:
        state = f"<span class=no>{escape(why)}</span>"
    else:
        state = f"<span class=ok>{'accepted by a person' if kept.accepted else 'done'}</span>"
    lines = [f"<h2>{STEPS.index(name) + 1}. {escape(name)}: {state}</h2><p class=soft>{escape(about)}</p>"]
    lines.append(f"<p>Look: {escape(look)}</p>")
    return "\n".join([*lines, *(_of(kept, progress.folder) if kept else [])])


def _of(kept: Attempt, folder: Path) -> list[str]:
    lines = [f"<p class=soft>{escape(kept.date)}</p><pre>{escape(chr(10).join(kept.told))}</pre>"]
    shown = [picture_within(folder / name) for name in kept.pictures]
    return [*lines, *(f"<p>{picture}</p>" for picture in shown if picture)]
