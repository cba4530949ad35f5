"""The sum over a data set's files: equal for copies, another one after any change, and it misses no file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from support.public_sets import SETS

from gpnet_ros.data.loaders import reading
from gpnet_ros.data.loaders.content import content_sum
from gpnet_ros.data.loaders.sets import open_data
from gpnet_ros.data.sample import samples


@pytest.mark.parametrize("name", SETS)
def test_copies_have_one_sum_and_any_changed_file_another(name: str, tmp_path: Path) -> None:
    """Even one of the same size and time, which is all that a look into the folder would tell."""
    SETS[name](tmp_path / "a")
    first = content_sum(open_data(name, tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    data = open_data(name, tmp_path / "b")
    assert content_sum(data) == first
    assert content_sum(data, 0) != first == content_sum(data, len(data))
    for path in {path for index in range(len(data)) for path in data.files(index) if path.is_file()}:
        whole, about = path.read_bytes(), path.stat()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        assert content_sum(data) != first, path
        path.unlink()
        assert content_sum(data) != first, path
        path.write_bytes(whole)
    assert content_sum(data) == first


@pytest.mark.parametrize("name", SETS)
def test_no_file_is_read_that_the_sum_does_not_cover(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SETS[name](tmp_path)
    data = open_data(name, tmp_path)
    read: set[Path] = set()
    opened, hdf5 = reading.opened, h5py.File

    def noted(opener: Callable) -> Callable:
        def run(path: Path, *args: object, **kwargs: object) -> object:
            read.add(Path(path))
            return opener(path, *args, **kwargs)

        return run

    monkeypatch.setattr(reading, "opened", noted(opened))
    monkeypatch.setattr(h5py, "File", noted(hdf5))
    assert all(sample.frame.shape for sample in samples(data))
    covered = {path for index in range(len(data)) for path in data.files(index)}
    assert read and read <= covered
