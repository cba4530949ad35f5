"""A failure is tried again only if the machine stood still meanwhile."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from support.stalls import STALL, StallWitness

HERE = Path(__file__).parent
#: A test that fails at its first attempt; {stall} stands for what happens to the machine before.
FAILS_ONCE = """
import os, signal, time
from pathlib import Path

def test_it():
    tried = Path("tried")
    first = not tried.exists()
    tried.write_text("")
    if {stall} and first:
        witness = Path(f"/proc/self/task/{{os.getpid()}}/children").read_text().split()  # nobody, if nothing keeps time
        for number in (signal.SIGSTOP, signal.SIGCONT):
            [os.kill(int(pid), number) for pid in witness]
            time.sleep({length})
    assert not first
"""


def test_a_stall_is_told_with_its_length_once_it_is_over() -> None:
    witness = StallWitness(stall=0.3)
    try:
        start = time.monotonic()
        os.kill(witness.process.pid, signal.SIGSTOP)  # stopped and sent on, as everybody whom the machine stops
        time.sleep(0.6)
        os.kill(witness.process.pid, signal.SIGCONT)
        deadline = time.monotonic() + 20.0
        while not (length := witness.longest_since(start)) and time.monotonic() < deadline:
            pass
        assert length > 0.3
        assert witness.longest_since(time.monotonic()) == 0.0
    finally:
        witness.close()


@pytest.mark.parametrize(
    ("folder", "stall", "passed"),
    [("devices", True, True), ("devices", False, False), ("network", True, False)],
    ids=["keeps time, stalled", "keeps time, no stall", "keeps no time"],
)
def test_only_what_keeps_time_and_met_a_stall_is_tried_again(
    folder: str, stall: bool, passed: bool, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pytest_rerunfailures")
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{HERE.parent}")
    place = pytester.mkdir("test") / folder
    place.mkdir()
    (place.parent / "conftest.py").write_text((HERE / "conftest.py").read_text("utf-8"), "utf-8")
    (place / "test_once.py").write_text(FAILS_ONCE.format(stall=stall, length=5 * STALL), "utf-8")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "test")
    result.assert_outcomes(passed=int(passed), failed=int(not passed))
    assert ("1 rerun" in result.stdout.str()) is passed
