"""What modules can say to a person, read off their source: every sentence with its holes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

#: Stands where a value is filled in.
HOLE = "\x00"
#: Calls whose sentences are no complaint: settings describe themselves, info and debug lines are no trouble.
QUIET = ("setting", "fixed", "live", "info", "debug", "LogInfo", "print")
#: Calls whose first argument is a complaint, however short.
LOUD = ("warning", "warn", "error", "fatal", "refused", "exception")
#: Names that hold complaints, until they are published.
HELD = ("message", "failure", "reason")
#: A sentence has so many words; what complains by its place has these: one word and a hole only pass on another's.
WORDS_MIN, LOUD_WORDS_MIN = 3, 2


class Sentence(NamedTuple):
    """Something that can be said, and where it stands."""

    where: str
    text: str


def template(node: ast.expr) -> str | None:
    """The text of a string in the source, with holes; None for what is no string of its own."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else HOLE for p in node.values)
    return None


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _quiet(tree: ast.AST) -> set[ast.AST]:
    """Everything inside docstrings, quiet calls and strings."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        inside: Iterable[ast.AST] = ()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside = [node.value]
        elif isinstance(node, ast.Call) and _name(node) in QUIET:
            inside = [child for argument in [*node.args, *node.keywords] for child in ast.walk(argument)]
        elif isinstance(node, ast.JoinedStr):
            inside = [child for child in ast.walk(node) if child is not node and template(child) is not None]  # type: ignore[arg-type]
            inside = [c for c in inside if isinstance(c, ast.Constant)]
        found.update(inside)
    return found


def _loud(tree: ast.AST) -> set[ast.expr]:
    """What is raised, handed to a call that complains, or kept under a name for complaints."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node) in LOUD:
            found += node.args[:1]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found += node.exc.args[:1]
        elif isinstance(node, ast.Assign):
            targets = [t for target in node.targets for t in getattr(target, "elts", [target])]
            names = {getattr(t, "attr", getattr(t, "id", "")) for t in targets}
            found += [e for e in ast.walk(node.value) if names & set(HELD) and template(e) is not None]  # type: ignore[misc,arg-type]
    return set(found)


def sentences(source: str, name: str) -> Iterator[Sentence]:
    """The complaints of a module: what reads as a sentence, or is handed to a call that complains."""
    tree = ast.parse(source)
    quiet = _quiet(tree)
    loud = _loud(tree)
    for node in ast.walk(tree):
        text = template(node) if isinstance(node, ast.expr) and node not in quiet else None
        if text is None:
            continue
        words = len(re.findall(r"[A-Za-z]{2,}", text))
        is_sentence = words >= WORDS_MIN and re.search(rf"([.?!]|[.:;] {HOLE})$", text.rstrip()) is not None
        if is_sentence or (node in loud and words >= LOUD_WORDS_MIN):
            yield Sentence(f"{name}:{node.lineno}", text)


def of_files(files: Iterable[Path], root: Path) -> list[Sentence]:
    """The complaints of all these modules."""
    return [s for f in files for s in sentences(f.read_text(encoding="utf-8"), str(f.relative_to(root)))]


def quotes(page: str, title: str) -> list[str]:
    """What the tables of a section quote."""
    section = re.split(r"^## ", page.split(f"\n## {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"“([^”]+)”", section.split("|---|", 1)[1])


def says(sentence: Sentence, quote: str) -> bool:
    """Whether a quote, which leaves out what is filled in, is of this sentence."""
    at = 0
    for part in (re.sub(r"\s+", " ", p).strip() for p in quote.split("…")):
        found = sentence.text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def missing(said: Iterable[Sentence], quoted: list[str]) -> list[str]:
    """Sentences that nobody quotes."""
    return [f"{s.where}: {s.text.replace(HOLE, '…')}" for s in said if not any(says(s, q) for q in quoted)]
