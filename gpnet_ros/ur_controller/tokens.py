"""URScript, cut into tokens and programs (grammar: "The URScript Programming Language", Universal Robots)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gpnet_ros.errors import GpnetError

_TOKEN = re.compile(
    r"(?P<space>\s+|\#[^\n]*)|(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<string>\"[^\"\n]*\"|'[^'\n]*')|(?P<name>[A-Za-z_]\w*)|(?P<symbol>==|!=|<=|>=|[-+*/%^()\[\],:=<>{}.])"
)
_OPENERS = {"def", "thread", "sec", "if", "while"}


class ScriptError(GpnetError):
    """The program text is not URScript, or uses a part of it that is not interpreted."""


@dataclass(frozen=True)
class Token:
    """One lexical unit with the offset of its end in the text."""

    kind: str
    text: str
    end: int


def tokenize(text: str) -> list[Token]:
    """Tokens of a program text, without white space and comments."""
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ScriptError(f"Character {text[at]!r} at offset {at} is not URScript; send plain script text.")
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match.group(), match.end()))
        at = match.end()
    return tokens


def split_program(text: str) -> tuple[str, str] | None:
    """The first complete program of a stream and the rest; None while it is still arriving.

    A program is a block from its `def` to the matching `end`, or else one line.
    """
    if "\n" not in text:
        return None
    depth = 0
    for token in tokenize(text[: text.rindex("\n") + 1]):
        if token.kind == "name" and token.text in _OPENERS:
            depth += 1
        elif token.kind == "name" and token.text == "end":
            depth -= 1
            if depth < 0:
                raise ScriptError(f"Found `end` at offset {token.end} without a block; send whole programs.")
            if depth == 0:
                return text[: token.end], text[token.end :]
        elif depth == 0:
            line = text.index("\n", token.end) + 1
            return text[:line], text[line:]
    return None


def program_name(text: str) -> str:
    """The name after `def`, or "" for a line."""
    tokens = tokenize(text)
    return tokens[1].text if len(tokens) > 1 and tokens[0].text in ("def", "sec") else ""
