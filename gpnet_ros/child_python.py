"""Ask something of a Python of its own, as what is asked may crash, hang or print: broken libraries do all three."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: A first import of a large library from a cold disk takes so long [s].
PATIENCE = 120.0
#: Imports the modules named on the command line and prints the version of each.
_IMPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    print(name, getattr(module, "__version__", "?"), flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """What a child said.

    Attributes:
        lines: of its standard output.
        error: why it ended badly, in its own last words; empty where it did not.
        noise: all of its standard error.
    """

    lines: tuple[str, ...]
    error: str = ""
    noise: str = ""

    @property
    def versions(self) -> dict[str, str]:
        """Modules that could be imported and their versions, of an answer of `try_imports`."""
        pairs = (line.split(maxsplit=1) for line in self.lines if " " in line)
        return {name: version for name, version in pairs}


def ask_python(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, patience: float = PATIENCE
) -> Answer:
    """Run this interpreter.

    Args:
        arguments: such as ("-c", "print(1)").
        environment: of the child; None for that of this process.
        patience: how long it may take [s].
    """
    command, known = [sys.executable, *arguments], dict(os.environ if environment is None else environment)
    root = str(Path(__file__).resolve().parents[1])  # where this package is; behind all else
    known["PYTHONPATH"] = os.pathsep.join(filter(None, [known.get("PYTHONPATH", ""), root]))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=patience, check=False,
            env=known, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Answer((), f"no answer within {patience:.0f} s")
    error = ""
    if done.returncode < 0:
        error = f"it crashed with signal {-done.returncode}"
    elif done.returncode > 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        error = said[-1].strip() if said else f"exit status {done.returncode}"
    return Answer(tuple(done.stdout.splitlines()), error, done.stderr)


def try_imports(*modules: str, environment: Mapping[str, str] | None = None) -> Answer:
    """Import modules one after the other; the first that fails ends it."""
    return ask_python(("-c", _IMPORTS, *modules), environment)
