"""The one front door: `gpnet COMMAND`, each command one module in `gpnet_ros/commands/`."""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput, GpnetError

#: What the user types -> the module that does it. Imported only when it is asked for.
COMMANDS: dict[str, str] = {
    "doctor": "doctor",
    "demo": "demo",
    "run": "run_shift",
    "detect": "detect",
    "bag info": "bag_info",
    "bag extract": "bag_extract",
    "bag replay": "bag_replay",
    "bag check": "bag_check",
    "generate": "generate",
    "data show": "data_show",
    "data sheet": "contact_sheet",
    "data check": "data_check",
    "data convert": "data_convert",
    "data split": "data_split",
    "train": "train",
    "search": "search",
    "ablate graspnext": "ablate_graspnext",  # before `ablate`: the first that fits is taken
    "ablate": "ablate",
    "tables": "tables",
    "models judge": "models_judge",  # before `models`: the first that fits is taken
    "models halve": "models_halve",
    "models mirror": "models_mirror",
    "models": "models",
    "export": "export",
    "evaluate": "evaluate",
    "bringup": "bringup",
    "cell": "measure_cell",
    "check": "touch_check",
    "sim": "simulate",
    "video": "video",
    "params": "params",
    "view": "view",
    "urdf": "cell_urdf",
    "board": "board",
    "hand-eye capture": "hand_eye_capture",
    "hand-eye solve": "hand_eye_solve",
    "hand-eye read": "hand_eye_read",
    "bench clearing": "bench_clearing",
    "bench errors": "bench_errors",
    "bench graspnext": "bench_graspnext",
    "bench priorities": "bench_priorities",
    "bench labels": "bench_labels",
    "bench families": "bench_families",
    "bench latency": "bench_latency",
    "bench protocol": "bench_protocol",
    "bench ranking": "bench_ranking",
    "bench real": "bench_real",
    "bench ros": "bench_ros",
    "compare-noise": "compare_noise",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command of `gpnet`.

    Returns:
        0 done, 1 it ran and the answer is no, 2 bad input.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = next((c for c in COMMANDS if words[: len(c.split())] == c.split()), None)
    if name is None:
        return _overview(words)
    module = _loaded(COMMANDS[name])
    parser = argparse.ArgumentParser(
        prog=f"gpnet {name}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    module.add_arguments(parser)
    try:
        return int(module.run(parser.parse_args(words[len(name.split()) :])))
    except BadInput as error:
        print(f"gpnet {name}: {_in_options(error, parser)}", file=sys.stderr)
        return 2
    except GpnetError as error:
        print(f"gpnet {name}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        reason = f"{error.filename} cannot be used ({error.strerror}); choose another path."
        print(f"gpnet {name}: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _loaded(name: str) -> Any:
    """The module of a command; Ctrl-C while it loads ends the process as it does later, without a word."""
    if threading.current_thread() is not threading.main_thread():
        return importlib.import_module(f"gpnet_ros.commands.{name}")
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        return importlib.import_module(f"gpnet_ros.commands.{name}")
    finally:
        signal.signal(signal.SIGINT, before)


def _in_options(error: BadInput, parser: argparse.ArgumentParser) -> str:
    """The message, which names the option in place of the setting that the option fills."""
    message, setting = str(error), getattr(error, "setting", "")
    for option in parser._option_string_actions:
        # --min-quality fills quality_min
        if (
            setting
            and message.startswith(setting)
            and sorted(option.strip("-").split("-")) == sorted(setting.split("_"))
        ):
            return option + message.removeprefix(setting)
    return message


def _overview(words: list[str]) -> int:
    """All commands, or those of a group such as `data`; 2 when something else was asked for."""
    group = words[0] if words and any(name.startswith(f"{words[0]} ") for name in COMMANDS) else ""
    known = [name for name in COMMANDS if not group or name.split()[0] == group]
    front = " ".join(filter(None, ("gpnet", group)))
    rest = words[1:] if group else words
    if rest and rest[0] not in ("-h", "--help", "help"):
        unknown = " ".join(words[:2])
        told = f"{front}: unknown command {unknown!r}; known are: {', '.join(known)}; see {front} --help."
        print(told, file=sys.stderr)
        return 2
    print(f"usage: {front} COMMAND [OPTIONS]     ({front} COMMAND --help explains each)\n")
    for name in known:
        print(f"  {name:18}{_summary(COMMANDS[name])}")
    return 0


def _summary(module: str) -> str:
    """First line of a command's docstring, read without importing what it needs."""
    source = Path(__file__).parent / "commands" / f"{module}.py"
    if not source.is_file():
        return ""
    return (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").split("\n")[0]


def entry() -> None:
    """The console script `gpnet`."""
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # `gpnet ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    entry()
