"""Every fault in the middle of a pick, on both simulated controllers: how long, how far, and does anything move again?

`make faults` runs it and prints the table of docs/faults.md. The real picking loop and ur_rtde in their processes, the
simulated controller in another, and its true joints read over the admin door. Bounds are generous, for machines that
do other work; that nothing moves without a word has no tolerance.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from support.fault_rig import FaultRig
from support.fault_rows import GOES_ON, PICKED, STOPS, Fault, Row, line_of, markdown, play
from support.moving_arm import CB3, E_SERIES

pytestmark = [pytest.mark.fault_matrix, pytest.mark.slow, pytest.mark.timeout(400)]

#: Until the arm stands [s, mm]: 0.4 s on a quiet machine; under heavy load more than half a second was seen.
SECONDS_MAX, WAY_MAX = 2.0, 600.0
_rows: list[Row] = []


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print what was measured, whatever failed."""
    yield
    print("\n\n" + markdown(_rows) + "\n", file=sys.__stdout__, flush=True)


class Rigs:
    """One rig per model, made anew after a failure."""

    def __init__(self) -> None:
        self._rigs: dict[str, FaultRig] = {}

    def of(self, model: str) -> FaultRig:
        if model not in self._rigs:
            self._rigs[model] = FaultRig(model)
            self._rigs[model].resume()
        return self._rigs[model]

    def drop(self, model: str) -> None:
        if model in self._rigs:
            self._rigs.pop(model).close()

    def close(self) -> None:
        for model in list(self._rigs):
            self.drop(model)


@pytest.fixture(scope="module")
def rigs() -> Iterator[Rigs]:
    it = Rigs()
    yield it
    it.close()


def played(rigs: Rigs, model: str, fault: Fault, phase: str) -> Row:
    """The row of one fault; it is printed even when the fault's law is broken."""
    try:
        row = play(rigs.of(model), fault, phase)
    except BaseException as error:
        print(f"\n{fault.name}, {phase}, {model}: {error}", file=sys.__stdout__, flush=True)
        rigs.drop(model)
        raise
    _rows.append(row)
    print("\n" + line_of(row), file=sys.__stdout__, flush=True)
    if not row.then.startswith(PICKED):
        rigs.drop(model)
    return row


def cases(faults: tuple[Fault, ...]) -> list[pytest.ParameterSet]:
    return [
        pytest.param(model, fault, phase, id=f"{fault.name}-{phase}-{model}".replace(" ", "_"))
        for model in (CB3, E_SERIES)
        for fault in faults
        if model in fault.models
        for phase in fault.phases
    ]  # fmt: skip


@pytest.mark.parametrize(("model", "fault", "phase"), cases(STOPS))
def test_a_fault_stops_the_arm_for_good(rigs: Rigs, model: str, fault: Fault, phase: str) -> None:
    row = played(rigs, model, fault, phase)
    assert row.seconds <= SECONDS_MAX and row.way <= WAY_MAX, row
    assert row.again == 0.0, f"something moved without a word: {row}"
    assert row.by_resume == 0.0, f"resume makes ready and nothing more: {row}"
    assert fault.says in row.said and PICKED not in row.said, row
    assert row.then.startswith(PICKED), row


@pytest.mark.parametrize(("model", "fault", "phase"), cases(GOES_ON))
def test_what_is_no_stop_goes_on_as_the_task_says(rigs: Rigs, model: str, fault: Fault, phase: str) -> None:
    row = played(rigs, model, fault, phase)
    assert fault.says in row.said, row
    assert row.again == 0.0, f"something moved without a word: {row}"
    assert row.by_resume == 0.0 or not fault.resumed, f"resume makes ready and nothing more: {row}"
    assert row.then.startswith(PICKED), row
