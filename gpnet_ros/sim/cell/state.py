"""Stamped states of the cell in shared memory, from the process that owns the physics to those that look.

A run folder holds `state.ring`, a memory-mapped ring of the last states, and `scene_<version>.json` for each
heap that was loaded. One process writes; any number reads without ever delaying it.
"""

from __future__ import annotations

import fcntl
import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput, DeviceError

RING_FILE = "state.ring"
_LOCK_FILE = "writer.lock"
#: States that are kept: two seconds at 125 Hz.
_SLOTS = 256
#: Most bodies that a state can hold: 20 objects, the arm, the gripper.
_BODIES = 32
_MAGIC = 0x4750_5354_4154_0001

_HEADER = np.dtype([("magic", "<u8"), ("written", "<u8")])
_SLOT = np.dtype(
    [
        ("number", "<u8"),  # of the state in this slot, counted from 1; 0 while it is written
        ("check", "<u4"),  # CRC of everything below: a state that was overwritten while it was read is noticed
        ("count", "<u4"),
        ("version", "<u8"),
        ("time", "<f8"),
        ("q", "<f8", 6),
        ("poses", "<f8", (_BODIES, 7)),
    ]
)


@dataclass(frozen=True, eq=False)
class State:
    """The cell at one instant.

    Attributes:
        time: simulated time [s].
        version: number of the heap, and of the scene file that describes it.
        q: actual joint angles (6,) [rad].
        poses: (n, 7) position [m] and quaternion wxyz in base, objects first, then `world.machine_bodies`.
    """

    time: float
    version: int
    q: NDArray[np.float64]
    poses: NDArray[np.float64]


@dataclass(frozen=True)
class SceneFile:
    """Description of one heap of a run, to which states refer by its number.

    Attributes:
        seed: from which the heap was made last.
        style: seed of table and light; None for the plain workshop.
        heap: objects and poses at the start, as `Heap.to_dict` gives them.
        stage: what a person has put up there, as `Stage.to_dict` gives it; empty for nothing.
        hidden: what is otherwise than the files say, as `Hidden.to_dict` gives it; empty where nothing is.
    """

    seed: int
    style: int | None
    heap: dict[str, Any]
    stage: dict[str, Any] = field(default_factory=dict)
    hidden: dict[str, Any] = field(default_factory=dict)


class StateWriter:
    """The one writer of a run folder's ring."""

    def __init__(self, folder: Path) -> None:
        """Create the ring, in place of one that an earlier run left.

        Raises:
            BadInput: another simulated cell writes to that folder.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _only_writer(folder)
        self.folder, path = folder, folder / RING_FILE
        # Whole or not at all; readers of the earlier run keep what they have mapped.
        fresh = path.with_suffix(".new")
        header = np.zeros((), dtype=_HEADER)
        header["magic"] = _MAGIC
        fresh.write_bytes(header.tobytes() + bytes(_SLOTS * _SLOT.itemsize))
        fresh.replace(path)
        self._header, self._slots = _map(path, "r+")
        self._written = 0

    def write_scene(self, version: int, scene: SceneFile) -> None:
        """Describe heap number `version`; to be called before the first state with it."""
        path = scene_file(self.folder, version)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({"version": version, **asdict(scene)}), encoding="utf-8")
        fresh.replace(path)

    def write(self, state: State) -> None:
        """Publish a state to all readers."""
        count = len(state.poses)
        if count > _BODIES:
            raise BadInput(f"A state of {count} bodies does not fit: at most {_BODIES}, that is 20 objects.")
        slot = self._slots[self._written % _SLOTS]
        slot["number"] = 0
        slot["count"], slot["version"], slot["time"] = count, state.version, state.time
        slot["q"] = state.q
        slot["poses"][:count] = state.poses
        slot["check"] = _check(slot)
        self._written += 1
        slot["number"] = self._written
        self._header["written"] = self._written


class StateReader:
    """A look into a run folder's ring."""

    def __init__(self, folder: Path) -> None:
        """Attach to the ring of a run folder.

        Raises:
            DeviceError: there is no simulation in that folder.
        """
        self.folder = Path(folder)
        try:
            self._header, self._slots = _map(self.folder / RING_FILE, "r")
        except (OSError, ValueError) as error:
            raise DeviceError(
                f"No simulated cell writes to {folder} ({error}); start one with `gpnet sim --run-dir {folder}`."
            ) from error
        if int(self._header["magic"]) != _MAGIC:
            raise DeviceError(f"{self.folder / RING_FILE} was written by another version; start `gpnet sim` again.")

    def newest(self) -> State | None:
        """The last state that was written; None before the first."""
        for _ in range(10):
            written = int(self._header["written"])
            if written == 0:
                return None
            state = self._read(written)
            if state is not None:
                return state
        raise DeviceError("The simulated cell's state could not be read: its ring is overwritten faster than read.")

    def at(self, time: float) -> State | None:
        """The newest state that is not later than `time` [s]; None if the ring no longer or not yet holds one."""
        written = int(self._header["written"])
        for number in range(written, max(0, written - _SLOTS + 1), -1):
            state = self._read(number)
            if state is not None and state.time <= time:
                return state
        return None

    def _read(self, number: int) -> State | None:
        """State by its number, or None if it is gone or was overwritten meanwhile."""
        slot = self._slots[(number - 1) % _SLOTS].copy()
        if int(slot["number"]) != number or int(slot["check"]) != _check(slot):
            return None
        poses = np.array(slot["poses"][: int(slot["count"])])
        return State(float(slot["time"]), int(slot["version"]), np.array(slot["q"]), poses)


def scene_file(folder: Path, version: int) -> Path:
    """The file of a run folder that describes heap number `version`."""
    return folder / f"scene_{version}.json"


def read_scene(folder: Path, version: int) -> SceneFile:
    """Read the description of heap number `version` of a run.

    Raises:
        BadInput: the run folder has no such file.
    """
    path = scene_file(folder, version)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return SceneFile(
            stored["seed"], stored["style"], stored["heap"], stored.get("stage", {}), stored.get("hidden", {})
        )
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"Scene {path} cannot be read ({error}); name the folder of a run of `gpnet sim`.") from error


def _only_writer(folder: Path) -> IO[bytes]:
    """The lock of a run folder; it is free again when its file is closed or its process has ended."""
    lock = (folder / _LOCK_FILE).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise BadInput(
            f"Another simulated cell writes to {folder} ({error.strerror}); end it first, or choose another "
            "folder: --run-dir, or run_dir:= of the launch."
        ) from error
    return lock


def _map(path: Path, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Header (a record) and slots of a ring file."""
    header = np.memmap(path, dtype=_HEADER, mode=mode, shape=())  # type: ignore[call-overload]
    slots = np.memmap(path, dtype=_SLOT, mode=mode, offset=_HEADER.itemsize, shape=(_SLOTS,))  # type: ignore[call-overload]
    return header, slots


def _check(slot: np.ndarray) -> int:
    """CRC of a slot's content, of the number of bodies on."""
    return zlib.crc32(slot.tobytes()[_SLOT.fields["count"][1] :])  # type: ignore[index]
