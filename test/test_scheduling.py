"""A process changes its own place at the processor, and that of its session only where it leads one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Missing without autogroups, empty where a control group shares out the processor instead (as in many containers).
AUTOGROUP = Path("/proc/self/autogroup")
CHANGE = (
    "import os; from pathlib import Path; from gpnet_ros.scheduling import change_niceness; before = os.nice(0);"
    "change_niceness({change}); group = Path('/proc/self/autogroup');"
    "print(os.nice(0) - before, (group.read_text() if group.exists() else '').strip())"
)


def changed(change: int, leads: bool) -> tuple[int, str]:
    """Change of the nice value of a new process, and the last word on its session (empty where there is none)."""
    command = [sys.executable, "-c", CHANGE.format(change=change)]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=leads, check=True)
    process, *session = done.stdout.split()
    return int(process), session[-1] if session else ""


def test_a_process_that_leads_no_session_leaves_it_alone() -> None:
    before = changed(0, leads=False)[1]
    assert changed(3, leads=False) == (3, before)


@pytest.mark.skipif(not AUTOGROUP.exists() or not AUTOGROUP.read_text().strip(), reason="no autogroups here")
def test_a_process_that_leads_a_session_changes_it_too() -> None:
    assert changed(3, leads=True) == (3, "3")


def test_who_may_not_is_left_as_it_was() -> None:
    assert changed(-3, leads=True)[0] in (0, -3)
