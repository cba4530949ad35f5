"""What a killed process left in shared memory is taken away; what a living one holds, and what is new, stays."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

from gpnet_ros.nodes.processes import shared_memory
from gpnet_ros.nodes.processes.shared_memory import remove_dead_memory

NAME = "fastrtps_0123456789abcdef"


def made(folder: Path, name: str) -> list[Path]:
    files = [folder / name, folder / f"{name}_el"]
    for file in files:
        file.write_bytes(b"x")
    return files


@pytest.mark.parametrize("name", [NAME, NAME.replace("rtps", "dds")])
def test_a_segment_whose_owner_is_gone_is_removed(tmp_path: Path, name: str) -> None:
    made(tmp_path, name)
    assert remove_dead_memory(tmp_path) == [name]
    assert not list(tmp_path.iterdir())


def test_a_segment_whose_owner_lives_stays(tmp_path: Path) -> None:
    _, lock = made(tmp_path, NAME)
    with lock.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert remove_dead_memory(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 2
    assert remove_dead_memory(tmp_path) == [NAME]


def test_a_port_goes_with_its_mutex_once_nobody_sends_to_it(tmp_path: Path) -> None:
    port, _ = made(tmp_path, "fastrtps_port7410")
    (tmp_path / "sem.fastrtps_port7410_mutex").write_bytes(b"x")
    with port.open("rb"):
        assert remove_dead_memory(tmp_path) == []
    assert remove_dead_memory(tmp_path) == ["fastrtps_port7410"]
    assert not list(tmp_path.iterdir())


def test_a_segment_that_is_locked_a_moment_after_it_was_made_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lock = made(tmp_path, NAME)
    with lock.open("rb+") as file:

        class Moment:
            def wait(self, seconds: float) -> None:
                fcntl.flock(file, fcntl.LOCK_EX)

        monkeypatch.setattr(shared_memory.threading, "Event", Moment)
        assert remove_dead_memory(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: made(folder, "fastrtps_mine"),
        lambda folder: made(folder, f"{NAME}0"),
        lambda folder: (folder / f"{NAME}_el").symlink_to(folder / "nothing"),
    ],
)
def test_what_may_be_somebodys_stays(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert remove_dead_memory(tmp_path) == []
    assert sorted(tmp_path.iterdir()) == before
