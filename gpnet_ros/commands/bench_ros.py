"""Measure how fast the nodes are: exposures through camera and network, and a start to the first object in the tote.

    gpnet bench ros --seconds 60 --json        # 640x480 at 30 Hz through camera_node and inference_node
    gpnet bench ros --launch                   # as with sim:=true, until the first object is in the tote

The first starts both nodes and a reader as processes, with the shipped model and with a small one that costs almost
nothing. The second starts the processes of the launch file and calls ~/resume and ~/start as soon as they are offered.
A bar that is missed is named, and the exit status is 1. Bars hold on two idle cores: beside other programs times are
longer, and it is told. Needs ROS.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.ros_speed import (
    MachineWatch,
    StreamSpeed,
    late_start,
    stream_speed,
    stream_table,
    write_fast_model,
)

_say = partial(print, flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench ros`."""
    parser.add_argument("--seconds", type=float, default=60.0, help="how long exposures count, for each model (60)")
    parser.add_argument("--rate", type=float, default=30.0, help="exposures a second (30)")
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--launch", action="store_true", help="measure a start of the simulated cell and its nodes")
    parser.add_argument("--seed", type=int, default=1, help="seed of its heap, with --launch (1)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 when a bar is missed."""
    if not 2.0 <= args.seconds <= 3600.0 or not 1.0 <= args.rate <= 200.0:
        raise BadInput(
            f"--seconds {args.seconds:g} and --rate {args.rate:g}: allowed are 2 to 3600 s and 1 to 200 a second."
        )
    if args.seed < 0:
        raise BadInput(f"--seed is {args.seed}; allowed: 0 and more.")
    try:
        import gpnet_ros.nodes.measured.stream  # noqa: F401
    except ImportError as error:
        raise BadInput(f"ROS 2 cannot be imported ({error}); run `make setup`, or source a ROS 2.") from error
    watch = MachineWatch()
    with tempfile.TemporaryDirectory(prefix="gpnet_bench_ros_") as folder:
        answer, missed = (_start if args.launch else _stream)(args, Path(folder))
    machine = watch.machine()
    _say(machine)
    _say("\n".join(f"MISSED {told}" for told in missed) or "all bars are held")
    if args.json:
        _say(json.dumps({"machine": asdict(machine), "idle": machine.is_idle, **answer, "missed": missed}))
    return 1 if missed else 0


def _stream(args: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Exposures with the shipped and with a fast model."""
    fast = write_fast_model(folder / "fast")
    found = [_measured(args, args.model, folder), _measured(args, str(fast), folder, "a fast one")]
    _say("\n".join(stream_table(speed) for speed in found))
    models = [asdict(speed) | {"answered_min": speed.answered_min} for speed in found]
    return {"models": models}, [told for speed in found for told in speed.missed()]


def _measured(args: argparse.Namespace, model: str, folder: Path, name: str = "") -> StreamSpeed:
    from gpnet_ros.nodes.measured.stream import measure_stream

    record = measure_stream(model, args.seconds, args.rate, folder / "run", _say)
    return replace(stream_speed(model, args.rate, record), model=name or model)


def _start(args: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """One start, and what happened when."""
    from gpnet_ros.nodes.measured.start import IN_TOTE, measure_start

    times = measure_start(args.seed, args.model, folder, _say)
    return {"start_s": times}, late_start(times[IN_TOTE])
