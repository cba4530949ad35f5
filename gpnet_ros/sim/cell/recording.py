"""States of the cell on disk, from which videos are rendered after a run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.cell.state import State

_log = logging.getLogger(__name__)
#: States per file: about half a minute in which something moves; and files of a run, the newest two hours of that.
_CHUNK, _FILES = 600, 240
#: A pose or joint that has changed by more than this moves [m, rad].
MOVED = 1e-3
#: So long after the last movement states are still kept [s of simulated time]; more than a video shows.
_STILL = 2.0
_PATTERN = "states_*.npz"


class Recorder:
    """Writes states to numbered files of a run folder, at a fixed rate of simulated time and while something moves.

    A cell that stands idle for days adds nothing to its folder, and one that works for days keeps the newest part.
    """

    def __init__(self, folder: Path, rate: float) -> None:
        """Record `rate` states per simulated second [Hz] into `folder`."""
        self._folder, self._period = folder, 1.0 / rate
        self._states: list[State] = []
        self._files = 0
        self._next = self._moved_at = -np.inf
        self._before: State | None = None  # as it was when something moved last
        for old in folder.glob(_PATTERN):
            old.unlink()

    def add(self, state: State) -> None:
        """Keep a state if one is due at the rate of the recording."""
        if state.time < self._next:
            return
        self._next = state.time + self._period - 1e-4  # control periods do not divide every rate
        if not self._is_worth_it(state):
            return
        if self._states and (len(self._states) >= _CHUNK or self._states[0].version != state.version):
            self.flush()
        self._states.append(state)

    def _is_worth_it(self, state: State) -> bool:
        """Whether something moves, or has just moved."""
        before = self._before
        if before is None or before.version != state.version or _moved(before, state):
            self._before, self._moved_at = state, state.time
        return state.time - self._moved_at <= _STILL

    def flush(self) -> None:
        """Write the states that are in memory to a file; where the disk is full they are lost, which is logged."""
        if not self._states:
            return
        states, self._states = self._states, []
        path = self._folder / f"states_{self._files:04d}.npz"
        try:
            _save(path, states)
        except OSError as error:  # the controller of a robot must not stop for a video
            path.unlink(missing_ok=True)
            lost = f"{states[0].time:.1f} to {states[-1].time:.1f} s"
            _log.error(
                "The recording lacks %s: %s cannot be written (%s); make room there.", lost, path, error.strerror
            )
            return
        self._files += 1
        (self._folder / f"states_{self._files - 1 - _FILES:04d}.npz").unlink(missing_ok=True)


def _save(path: Path, states: list[State]) -> None:
    np.savez(
        path,
        time=[s.time for s in states],
        version=states[0].version,
        q=np.array([s.q for s in states], dtype=np.float32),
        poses=np.array([s.poses for s in states], dtype=np.float32),
    )


def _moved(before: State, now: State) -> bool:
    """Whether a joint or a body is elsewhere; bodies that came or went have moved."""
    if before.poses.shape != now.poses.shape:
        return True
    return bool(np.abs(now.poses - before.poses).max() > MOVED or np.abs(now.q - before.q).max() > MOVED)


def read_states(folder: Path) -> Iterator[State]:
    """Read all recorded states of a run, in order of time.

    Raises:
        BadInput: the folder holds no recording.
    """
    files = sorted(folder.glob(_PATTERN))
    if not files:
        raise BadInput(f"{folder} holds no recorded states ({_PATTERN}); name the folder of a run of `gpnet sim`.")
    for path in files:
        with np.load(path) as chunk:
            version = int(chunk["version"])
            for time, q, poses in zip(chunk["time"], chunk["q"], chunk["poses"], strict=True):
                yield State(float(time), version, q.astype(np.float64), poses.astype(np.float64))
