"""What a person lays onto the table for a round of the protocol: drawn by a seed, so that two methods get the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpnet_ros.errors import BadInput

#: How a thing lies; one that cannot stand as is told lies as it falls.
_POSES = ("lying", "lying", "standing", "as it falls")
#: Share of the workspace's half side within which the first things are put: a heap, not a row.
_WITHIN = 0.35


@dataclass(frozen=True)
class Laid:
    """One thing of a layout.

    Attributes:
        name: of the thing.
        on: number, from 1, of the thing upon which it is laid; None: on the table.
        place: x to the right and y away from the person, from the middle of the workspace [m]; of a thing on the table.
        clock: to which hour its long side points, 12 away from the person.
        pose: how it lies.
    """

    name: str
    on: int | None
    place: tuple[float, float]
    clock: int
    pose: str

    def sentence(self, number: int) -> str:
        """What a person does with it."""
        x, y = (round(100 * v) for v in self.place)
        where = f"on the table, {x:+d} cm to the right and {y:+d} cm away from the middle"
        if self.on is not None:
            where = f"so that it lies on {self.on}, at least a third of it"
        return f"{number}. {self.name}: {where}, {self.pose}, long side to {self.clock} o'clock"


@dataclass(frozen=True)
class Layout:
    """What lies on the table when a round begins, in the order in which it is laid."""

    number: int
    things: tuple[Laid, ...]

    @property
    def label(self) -> str:
        """Name of the layout among rounds of its number of objects."""
        return f"laid-{self.number:02d}"

    def text(self) -> str:
        """What a person has to lay, a line each."""
        return "\n".join(laid.sentence(number) for number, laid in enumerate(self.things, 1))


def layout(count: int, number: int, things: Sequence[str], seed: int, side: float) -> Layout:
    """The layout of a round.

    Args:
        count: K, how many things.
        number: of the round among those of this K, from 1.
        things: names of all that a person has.
        seed: of the whole protocol.
        side: of the workspace [m].

    Raises:
        BadInput: there are fewer things than wanted.
    """
    if len(things) < count:
        raise BadInput(f"{len(things)} things are named, {count} are needed for a round: name more in --things.")
    rng = np.random.default_rng([seed, count, number])
    found: list[Laid] = []
    for k, which in enumerate(rng.permutation(len(things))[:count]):
        on = None if k == 0 or rng.random() < 0.35 else int(rng.integers(1, k + 1))
        x, y = (float(v) for v in rng.uniform(-_WITHIN, _WITHIN, 2) * side)
        found.append(Laid(things[which], on, (x, y), int(rng.integers(1, 13)), _POSES[int(rng.integers(len(_POSES)))]))
    return Layout(number, tuple(found))


def read_things(path: Path | None, most: int) -> list[str]:
    """Names of the things that a person has: a line each, empty lines and those from # on left out.

    Args:
        path: of the file; None numbers as many as are needed, twice `most`.
        most: greatest K.

    Raises:
        BadInput: it cannot be read, or two have one name.
    """
    if path is None:
        return [f"thing {k}" for k in range(1, 2 * most + 1)]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--things {path} cannot be read ({error}): give a text file, a thing per line.") from error
    names = [name for line in lines if (name := line.split("#")[0].strip())]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"--things {path} has {twice[0]!r} twice: number things of one kind, as 'mug 1' and 'mug 2'.")
    return names
