"""What a network frees between its layers stays with the process."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gpnet_ros.network import freed_memory

#: Pages that the tenth round of taking and giving back 48 MB touches for the first time.
FAULTS = """
import resource
import numpy as np
from gpnet_ros.network.freed_memory import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
for number in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    layers = [np.ones(6_000_000, dtype=np.uint8) for _ in range(8)]
    del layers
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> int:
    told = subprocess.run(
        [sys.executable, "-c", FAULTS.format(keep=keep)], capture_output=True, text=True, timeout=60, check=True
    )
    return int(told.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="the C library is not glibc")
def test_what_was_freed_comes_back_without_being_zeroed_again() -> None:
    assert faults(keep=True) < 0.1 * faults(keep=False)


@pytest.mark.parametrize("library", [SimpleNamespace(), SimpleNamespace(mallopt=lambda option, value: 0)])
def test_a_library_without_it_or_that_refuses_is_left_as_it_is(
    library: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert not freed_memory.keep_freed_memory()
