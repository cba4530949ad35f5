"""Nobody outlives who started it: not after kill -9, not when that one was gone before anybody looked."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gpnet_ros.parent import LAUNCHER

#: Longest wait on a busy machine [s].
PATIENCE = 60.0
CHILD = (
    "import os, signal; from gpnet_ros.parent import end_with_parent; end_with_parent({always});"
    "print(os.getpid(), flush=True); signal.pause()"
)
STARTER = "import subprocess, sys; subprocess.run(sys.argv[1:])"


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def start(command: list[str], **environment: str) -> subprocess.Popen[str]:
    """A process that starts the command and waits for it."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, *command],
        stdout=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("kill", ["terminate", "kill"])
def test_a_process_ends_with_its_parent(kill: str) -> None:
    with start([sys.executable, "-c", CHILD.format(always=True)]) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert lives(child)
        getattr(parent, kill)()
        until(lambda: not lives(child))


def test_a_process_whose_launcher_was_gone_before_it_looked_ends_too() -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    with start([sys.executable, "-c", CHILD.format(always=False)], **{LAUNCHER: gone.stdout.strip()}) as parent:
        assert parent.wait(PATIENCE) == 0


def test_a_controller_of_a_run_does_not_outlive_who_started_it() -> None:
    """It is in a session of its own, so no Ctrl-C at the run reaches it, and it comes before ordinary processes."""
    ip = f"127.{random.randint(20, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
    command = [sys.executable, "-m", "gpnet_ros.ur_controller", "--ip", ip]
    with start(command, **{LAUNCHER: str(os.getpid())}) as parent:
        assert parent.stdout is not None and json.loads(parent.stdout.readline())["ready"]
        child = int(Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text())
        parent.kill()
        try:
            until(lambda: not lives(child))
        finally:
            if lives(child):
                os.kill(child, 9)


def test_what_nobody_launched_outlives_its_parent() -> None:
    with start([sys.executable, "-c", CHILD.format(always=False)], **{LAUNCHER: "0"}) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait(PATIENCE)
        until(lambda: Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1] != str(parent.pid))
        assert lives(child)
        os.kill(child, 9)


def test_a_planner_ends_with_a_launch_that_was_killed() -> None:
    pytest.importorskip("rclpy")
    from gpnet_ros.nodes.processes.starter import ros_environment

    launch = f"import os; os.environ[{LAUNCHER!r}] = str(os.getpid()); {STARTER}"
    node = [sys.executable, "-m", "gpnet_ros.nodes.planner_node", "--ros-args", "-p", "robot:=fake", "-p", "mode:=run"]
    environment = {**os.environ, **ros_environment(88)}
    with subprocess.Popen([sys.executable, "-c", launch, *node], env=environment) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        until(lambda: bool(children.read_text().split()))
        child = int(children.read_text().split()[0])
        until(lambda: b"planner_node" in Path(f"/proc/{child}/cmdline").read_bytes())
        parent.kill()
    until(lambda: not lives(child))
