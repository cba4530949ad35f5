"""What the tool at the flange is called in sentences for a person: jaws, or a cup."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ToolWords:
    """Parts of sentences about one kind of tool.

    Attributes:
        meets: how a sentence begins about what it met.
        ready: what making ready may do with it, and to what it holds.
        tidy: what becomes of it, and of what it holds, before a look.
    """

    meets: str
    ready: str
    tidy: str


#: By the name of the tool in the cell file.
TOOL_WORDS = {
    "jaw": ToolWords(
        "The jaws meet",
        "the jaws may move over their whole stroke: what they hold falls",
        "opens idle jaws over the tote and puts what they hold into it",
    ),
    "suction": ToolWords(
        "The cup meets",
        "the valve of the cup may switch: what it holds falls",
        "puts what the cup holds into the tote",
    ),
}
