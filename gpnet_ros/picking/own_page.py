"""What the pages of picking share: one HTML file that needs no other, its style and its pictures within it."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

_STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1d2733 }
h2 { font-size: 1.15rem; margin: 1.8rem 0 .5rem } .soft { color: #5b6875 }
"""
_KINDS = {".png": "png", ".jpg": "jpeg"}


def page_head(title: str, style: str = "") -> str:
    """The beginning of a page.

    Args:
        title: of the page, as plain text.
        style: rules of this page beyond those that all have.
    """
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}{style}</style>"
    )


def picture_within(file: Path) -> str:
    """An `img` that holds a PNG or JPEG file; empty where there is none that can be read."""
    kind = _KINDS.get(file.suffix)
    if kind is None:
        return ""
    try:
        data = base64.b64encode(file.read_bytes()).decode()
    except OSError:  # a full disk, or somebody tidied up
        return ""
    return f"<img alt='{escape(file.name)}' src='data:image/{kind};base64,{data}'>"
