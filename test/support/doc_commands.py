"""The commands of our pages: those of their fenced blocks with the mark that each bears, and those inside sentences."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpnet_ros import cli

#: Marks of what no test runs, and what it takes. All that `gpnet` and `ros2` are told is looked up even so.
MARKS = {
    "ROS": "ros2, from apt",
    "hardware": "a robot or a camera",
    "apt": "root and packages.ros.org",
    "docker": "Docker",
    "network": "a package index",
    "shell": "a shell that stays: it is set up",
    "nodes": "nodes that run",
    "long": "minutes",
    "record": "a run that was recorded",
}


@dataclass(frozen=True)
class Command:
    """One command of a fenced block.

    Attributes:
        page: the file's name.
        text: without its comment.
        marks: words in brackets at the start of its comment.
    """

    page: str
    text: str
    marks: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """Its words as a shell splits them."""
        return shlex.split(self.text)


def commands(page: Path) -> list[Command]:
    """The commands of all fenced blocks without a language, or of bash; lines that end with a backslash go on."""
    return [_command(page.name, line) for line in _fenced_lines(page.read_text("utf-8"))]


def spoken(page: Path) -> list[str]:
    """What begins with `gpnet ` between backticks in sentences and tables."""
    text = "\n".join(line for fence, line in _lines(page.read_text("utf-8")) if fence is None)
    return [" ".join(found.replace("\\|", "|").split()) for found in re.findall(r"`(gpnet [^`]+)`", text)]


def parser_of(words: list[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser of a command of `gpnet`, and the words that are left for it.

    Args:
        words: those behind `gpnet`.
    """
    (name, *_) = [c for c in cli.COMMANDS if words[: len(c.split())] == c.split()] or [""]
    if not name:
        raise ValueError(f"gpnet knows no {' '.join(words)!r}")
    module = importlib.import_module(f"gpnet_ros.commands.{cli.COMMANDS[name]}")
    parser = argparse.ArgumentParser(prog=f"gpnet {name}", exit_on_error=False)
    module.add_arguments(parser)
    return parser, words[len(name.split()) :]


def _fenced_lines(text: str) -> Iterator[str]:
    block = "\n".join(line for fence, line in _lines(text) if fence in ("", "bash", "sh"))
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    yield from (line for line in lines if line.strip() and not line.startswith("#"))


def _lines(text: str) -> Iterator[tuple[str | None, str]]:
    """Each line with the language of the fenced block that it is in, None outside of any."""
    fence: str | None = None
    for line in text.splitlines():
        if line.startswith("```"):
            fence = line[3:].strip() if fence is None else None
        else:
            yield fence, line


def _command(page: str, line: str) -> Command:
    text, _, comment = line.partition(" #")
    marked = re.match(r" \(([\w, ]+)\)", comment)
    return Command(page, text.strip(), tuple(marked[1].split(", ")) if marked else ())
