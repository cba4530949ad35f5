"""The program of a node can be ended while it is still loading, and runs the node's own main."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Loading the node takes until the signal comes.
_ENDED = """
import importlib, os, signal
from gpnet_ros.nodes import programs
importlib.import_module = lambda name: os.kill(os.getpid(), signal.{signal})
programs.inference_node()
"""
_RUNS = """
import importlib
from types import SimpleNamespace
from gpnet_ros.nodes import programs
for node in ("camera_node", "inference_node", "planner_node", "clock_node", "oracle_node", "replay_node"):
    importlib.import_module = lambda name: SimpleNamespace(main=lambda: print(name))
    getattr(programs, node)()
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM"])
def test_a_signal_while_it_loads_ends_it_without_a_traceback(signal: str) -> None:
    done = python(_ENDED.format(signal=signal))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_program_runs_the_main_of_its_module() -> None:
    done = python(_RUNS)
    assert done.stdout.split() == [
        f"gpnet_ros.nodes.{n}_node" for n in ("camera", "inference", "planner", "clock", "oracle", "replay")
    ], done.stderr
