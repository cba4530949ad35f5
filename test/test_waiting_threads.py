"""How long OpenMP's threads wait is set with the import of the package, unless a user has said it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ({}, ["PASSIVE", "5000"]),
        ({"GOMP_SPINCOUNT": "7"}, ["PASSIVE", "7"]),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, ["ACTIVE", "None"]),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, ["PASSIVE", "None"]),
    ],
)
def test_threads_spin_shortly_unless_a_user_says_otherwise(said: dict[str, str], waits: list[str]) -> None:
    code = f"import os, gpnet_ros; print(*(os.environ.get(name) for name in {NAMES}))"
    environment = {name: value for name, value in os.environ.items() if name not in NAMES} | said
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.split() == waits
