"""Folders of shards: written whole or not at all, the same bytes after any interruption, read without trust."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pickle
import signal
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from support.fake_scenes import fake_members, fake_plan, fake_samples, scene_name

from gpnet_ros.data.sample import Sample, samples
from gpnet_ros.data.shards import files as shard_files
from gpnet_ros.data.shards.generated import Generated
from gpnet_ros.data.shards.index import read_index
from gpnet_ros.data.shards.writer import ShardPlan, ShardWriter, member_name, scene_members
from gpnet_ros.data.splits import split_scenes
from gpnet_ros.errors import BadInput
from gpnet_ros.file_sum import file_sha256

SCENES = 7  # in shards of 3: two whole ones and a rest


def fill(folder: Path, resume: bool = False, numbers: Callable[[list[int]], list[int]] = list) -> None:
    """Write what is missing of the fake scenes, in the order that `numbers` makes of them."""
    with ShardWriter(folder, fake_plan(SCENES), resume) as writer:
        for number in numbers(list(writer.missing())):
            writer.add(number, fake_members(number))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    fill(folder)
    return folder


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    for name, data in content(whole).items():
        (folder / name).write_bytes(data)
    return folder


def edit_index(folder: Path, change: Callable[[dict], None]) -> None:
    about = json.loads((folder / "index.json").read_text())
    change(about)
    (folder / "index.json").write_text(json.dumps(about))


def test_what_was_written_is_read(whole: Path) -> None:
    data = Generated(whole)
    assert data.index.complete
    assert len(data) == 2 * SCENES
    assert data.names[:3] == (f"{scene_name(0)}/view_0", f"{scene_name(0)}/view_1", f"{scene_name(1)}/view_0")
    assert data.scenes[:3] == (scene_name(0), scene_name(0), scene_name(1))
    assert [s.name for s in samples(data)] == list(data.names)
    sample, truth = data[9], fake_samples(4)[1]
    assert sample.frame.intrinsics == truth.frame.intrinsics
    assert np.array_equal(sample.ids, truth.ids)  # type: ignore[arg-type]
    assert sample.rectangles is not None
    assert sample.rectangles.center[0, 0] == 4.0
    assert data.scene(scene_name(5)) == {"number": 5}
    assert set(data.scene_files(scene_name(5))) == {"scene.json", "object_1.ply"}
    with pytest.raises(BadInput, match="no scene 'x'"):
        data.scene("x")


def test_the_index_tells_the_truth(whole: Path) -> None:
    index = read_index(whole)
    assert [s.file for s in index.shards] == ["shard_00000.zip", "shard_00001.zip", "shard_00002.zip"]
    assert [(s.scenes, s.views) for s in index.shards] == [(3, 6), (3, 6), (1, 2)]
    for shard in index.shards:
        assert (shard.bytes, shard.sha256) == ((whole / shard.file).stat().st_size, file_sha256(whole / shard.file))
    assert set(content(whole)) == {"index.json", *(s.file for s in index.shards)}


def test_shards_are_plain_zips_without_time_or_compression(whole: Path) -> None:
    with zipfile.ZipFile(whole / "shard_00000.zip") as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.filename.rsplit(".", 1)[1] for info in infos} == {"json", "ply", "jpg", "png"}


def test_order_of_scenes_does_not_show(whole: Path, tmp_path: Path) -> None:
    fill(tmp_path / "a", numbers=lambda n: n[::-1])
    fill(tmp_path / "b", numbers=lambda n: [5, 0, 3, 6, 2, 1, 4])
    assert content(tmp_path / "a") == content(tmp_path / "b") == content(whole)


def steps(monkeypatch: pytest.MonkeyPatch, at: Callable[[int], None]) -> None:
    """Calls `at` with 0, 1, 2, ... before and after each change that the writer makes to the disk."""
    count = iter(range(10**6))

    def watched(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def call(*args: object, **kwargs: object) -> object:
            at(next(count))
            result = original(*args, **kwargs)
            at(next(count))
            return result

        monkeypatch.setattr(owner, name, call)

    watched(Path, "replace")
    watched(Path, "unlink")
    watched(Path, "mkdir")
    watched(shard_files, "_synced")
    watched(zipfile.ZipFile, "close")


def died_at(folder: Path, step: int, resume: bool) -> bool:
    """Fill a folder in a process that is killed at a step; False if it came to its end."""
    child = os.fork()
    if child == 0:
        patch = pytest.MonkeyPatch()
        steps(patch, lambda n: os.kill(os.getpid(), signal.SIGKILL) if n == step else None)
        try:
            fill(folder, resume)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def test_killed_anywhere_and_resumed_gives_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    """Between any two changes of the disk, and again while it resumes."""
    expected = content(whole)
    for step in range(0, 10**6, 7):  # every kind of step is met, since kinds do not come in sevens
        folder = tmp_path / str(step)
        if not died_at(folder, step, resume=False):
            break
        if (folder / "index.json").exists() and read_index(folder).scenes:
            assert all(isinstance(sample, Sample) for sample in samples(Generated(folder)))
        died_at(folder, step // 2, resume=True)
        fill(folder, resume=True)
        assert content(folder) == expected
    assert step > 60


def told(folder: Path) -> str | None:
    """The sentence with which filling ends, None if it comes to its end."""
    try:
        fill(folder)
    except BadInput as error:
        return str(error)
    return None


def test_a_full_disk_is_one_sentence_and_leaves_what_is_finished(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = content(whole)

    def full(at: int) -> Callable[[int], None]:
        def check(n: int) -> None:
            if n >= at:  # a full disk stays full
                raise OSError(errno.ENOSPC, "No space left on device")

        return check

    seen = 0
    for step in range(0, 10**6, 7):
        folder = tmp_path / str(step)
        with monkeypatch.context() as patch:
            steps(patch, full(step))
            sentence = told(folder)
        if sentence is None:
            break
        assert "No space left on device" in sentence
        assert str(folder) in sentence
        if (folder / "index.json").exists() and read_index(folder).scenes:
            seen += 1
            assert all(isinstance(sample, Sample) for sample in samples(Generated(folder)))
        fill(folder, resume=True)
        assert content(folder) == expected
    assert seen > 5


def test_files_are_exchanged_not_overwritten(tmp_path: Path) -> None:
    """Who has the old file open goes on reading the old one; a failure in the middle changes nothing."""
    path = tmp_path / "index.json"
    shard_files.write_whole(path, lambda file: file.write(b"old") and None)
    with path.open("rb") as reader:
        shard_files.write_whole(path, lambda file: file.write(b"new, longer") and None)
        assert reader.read() == b"old"

    def broken(file: IO[bytes]) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shard_files.write_whole(path, broken)
    assert content(tmp_path) == {"index.json": b"new, longer"}


def test_resume_makes_again_what_was_lost(copied: Path, whole: Path) -> None:
    (copied / "shard_00001.zip").unlink()
    with (copied / "shard_00002.zip").open("r+b") as file:
        file.truncate(100)
    with ShardWriter(copied, fake_plan(SCENES), resume=True) as writer:
        assert list(writer.missing()) == [3, 4, 5, 6]
        for number in (3, 4, 5, 6):
            writer.add(number, fake_members(number))
    assert content(copied) == content(whole)


def test_a_torn_part_is_made_again(whole: Path, tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a", fake_plan(SCENES), resume=False) as writer:
        for number in (0, 1):
            writer.add(number, fake_members(number))
    part = tmp_path / "a" / ".parts" / "0000001.zip"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    with ShardWriter(tmp_path / "a", fake_plan(SCENES), resume=True) as writer:
        assert list(writer.missing()) == [1, 2, 3, 4, 5, 6]
    fill(tmp_path / "a", resume=True)
    assert content(tmp_path / "a") == content(whole)


def test_a_folder_is_never_taken_over(copied: Path, tmp_path: Path) -> None:
    before = content(copied)
    with pytest.raises(BadInput, match="add --resume"):
        fill(copied)
    with pytest.raises(BadInput, match=r"seed is 0 there and 5 now") as caught:
        ShardWriter(copied, fake_plan(SCENES, seed=5), resume=True)
    assert "scenes" not in str(caught.value)
    for plan in (fake_plan(SCENES + 1), ShardPlan("fake 2", *list(vars(fake_plan(SCENES)).values())[1:])):
        with pytest.raises(BadInput, match="other arguments"):
            ShardWriter(copied, plan, resume=True)
    assert content(copied) == before
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.tex").write_text("years of work")
    for resume in (False, True):
        with pytest.raises(BadInput, match=r"thesis\.tex"):
            ShardWriter(tmp_path / "notes", fake_plan(1), resume)
        with pytest.raises(BadInput, match="is a file"):
            ShardWriter(tmp_path / "notes" / "thesis.tex", fake_plan(1), resume)


def test_two_writers_do_not_share_a_folder(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a", fake_plan(SCENES), resume=False) as writer:
        writer.add(0, fake_members(0))
        with pytest.raises(BadInput, match="another process"):
            ShardWriter(tmp_path / "a", fake_plan(SCENES), resume=True)


def test_a_run_that_made_nothing_leaves_nothing(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a", fake_plan(SCENES), resume=False):
        pass
    assert content(tmp_path / "a") == {}
    fill(tmp_path / "a")


def test_a_scene_handed_in_under_another_name_is_refused(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "a", fake_plan(1), resume=False)
    with writer, pytest.raises(BadInput, match="was handed in as"):
        writer.add(0, fake_members(1))


def test_an_unfinished_folder_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, fake_plan(SCENES), resume=False) as writer:
        writer.add(0, fake_members(0))
        with pytest.raises(BadInput, match="finished yet"):
            Generated(tmp_path)
        for number in (1, 2, 3):
            writer.add(number, fake_members(number))
        data = Generated(tmp_path)
        assert not data.index.complete
        assert set(data.scenes) == {scene_name(n) for n in range(3)}


def test_names_of_other_data_sets_are_kept(tmp_path: Path) -> None:
    """Slashes, dots, spaces and letters of all kinds, in names that must not become paths."""
    scenes = ["ARID20/table/seq 05", "..", ".", "a", "Größe", "C:\\x"]
    assert len({member_name(scene) for scene in scenes}) == len(scenes)
    assert all("/" not in member_name(s) and member_name(s).strip(".") for s in scenes)
    plan = ShardPlan("fake 1", {}, scenes, 2)
    with ShardWriter(tmp_path, plan, resume=False) as writer:
        for number, scene in enumerate(scenes):
            pictures = [replace(s, name=f"{scene}/{k}/../x", scene=scene) for k, s in enumerate(fake_samples(number))]
            writer.add(number, scene_members(pictures))
    data = Generated(tmp_path)
    assert list(dict.fromkeys(data.scenes)) == scenes
    assert data[4].name == "./0/../x"
    assert data.scene("..") == {}
    twice = fake_samples(0, views=1) * 2
    with pytest.raises(BadInput, match="its own name"):
        scene_members(twice)


def test_a_split_keeps_scenes_whole(whole: Path, tmp_path: Path) -> None:
    first, second = split_scenes(Generated(whole).scenes, 0.3)
    (tmp_path / "val.txt").write_text("\n".join(second))
    data = Generated(whole, tmp_path / "val.txt")
    assert set(data.scenes) == set(second)
    assert len(data) == 2 * len(second)
    (tmp_path / "val.txt").write_text("another")
    with pytest.raises(BadInput, match="'another'"):
        Generated(whole, tmp_path / "val.txt")


def read_name(data: Generated, index: int) -> str:
    return data[index].name


def test_threads_and_processes_read_at_once(whole: Path) -> None:
    data = Generated(whole)
    assert read_name(pickle.loads(pickle.dumps(data)), 3) == data.names[3]
    order = [*range(len(data))] * 5
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda k: data[k].name, order)) == [data.names[k] for k in order]
    # Forked after the parent has read; they end by themselves: a forked worker does not always die of SIGTERM.
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as processes:
        assert list(processes.map(read_name, [data] * 4, range(4))) == list(data.names[:4])


def test_one_sample_does_not_read_the_shard(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = shard_files._member

    def counted(file: object, path: Path, name: str, listed: shard_files.Directory) -> bytes:
        read.append(name)
        return original(file, path, name, listed)  # type: ignore[arg-type]

    monkeypatch.setattr(shard_files, "_member", counted)
    assert Generated(whole)[3].name == f"{scene_name(1)}/view_1"
    assert {name.rsplit("/", 1)[0] for name in read} == {f"{scene_name(1)}/view_1"}


def rewritten(
    path: Path, members: Iterator[tuple[str | zipfile.ZipInfo, bytes]], kind: int = zipfile.ZIP_STORED
) -> None:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in members:
            archive.writestr(name, data)


@pytest.mark.parametrize("bad", ["../../x", "/etc/x", "a\\..\\x", "a//x", "a/./x"])
def test_members_that_lead_out_are_refused(copied: Path, bad: str) -> None:
    path = copied / "shard_00000.zip"
    old = shard_files.read_all(path)
    rewritten(path, iter([*old.items(), (bad, b"x")]))
    edit_index(copied, lambda about: about["shards"][0].update(bytes=path.stat().st_size))
    with pytest.raises(BadInput, match=r"shard_00000\.zip has a member .* leads out"):
        Generated(copied)[0]


def test_bombs_and_doubles_are_refused(copied: Path) -> None:
    path = copied / "shard_00000.zip"
    old = shard_files.read_all(path)
    first = next(iter(old))
    for members, kind, words in (
        ([(first, b"\0" * 10**7)], zipfile.ZIP_DEFLATED, "compressed"),
        ([(first, b""), (first, b"x")], zipfile.ZIP_STORED, "comes twice"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile warns of doubles, and that is what is wanted
            rewritten(path, iter(members), kind)
        edit_index(copied, lambda about: about["shards"][0].update(bytes=path.stat().st_size))
        with pytest.raises(BadInput, match=words):
            Generated(copied)[0]


def test_a_member_that_claims_more_than_there_is_is_refused(copied: Path) -> None:
    path = copied / "shard_00000.zip"
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    for size in (2**31, 2000):  # absurd; larger than the member, smaller than the shard
        struct.pack_into("<II", data, entry + 20, size, size)
        path.write_bytes(data)
        with pytest.raises(BadInput, match=r"shard_00000\.zip"):
            Generated(copied).scene(scene_name(0))


def test_a_flipped_bit_is_found_and_named(copied: Path) -> None:
    path = copied / "shard_00000.zip"
    data = bytearray(path.read_bytes())
    data[data.index(b"\x89PNG") + 40] ^= 4
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"shard_00000\.zip has a damaged member 000000000000/view_0/depth\.png"):
        Generated(copied)[0]
    assert Generated(copied)[1].name.endswith("view_1")


def test_cut_off_swapped_or_missing_shards_are_refused(copied: Path) -> None:
    path = copied / "shard_00001.zip"
    data = path.read_bytes()
    path.write_bytes(data[:-30])
    with pytest.raises(BadInput, match=r"shard_00001\.zip has \d+ bytes, the index says"):
        Generated(copied)
    path.write_bytes(data[:-30] + b"\0" * 30)
    with pytest.raises(BadInput, match=r"shard_00001\.zip is not a whole zip"):
        Generated(copied)[6]
    path.unlink()
    with pytest.raises(BadInput, match=r"shard_00001\.zip is missing"):
        Generated(copied)
    path.write_bytes((copied / "shard_00000.zip").read_bytes())
    edit_index(copied, lambda about: about["shards"][1].update(bytes=path.stat().st_size))
    with pytest.raises(BadInput, match=r"000000000003/view_0/sample\.json is missing"):
        Generated(copied)[6]


def test_a_picture_under_anothers_name_is_refused(copied: Path) -> None:
    def swap(about: dict) -> None:
        entry = about["scenes"][scene_name(0)]
        entry["samples"] = {f"{scene_name(0)}/view_0": entry["samples"][f"{scene_name(0)}/view_1"]}

    edit_index(copied, swap)
    with pytest.raises(BadInput, match="belong to different data"):
        Generated(copied)[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.update(version=1), "version 1"),
        (lambda a: a.update(format="other"), "'other'"),
        (lambda a: a.pop("shards"), "shards"),
        (lambda a: a["shards"][0].update(file="../shard_00000.zip"), "no name of a shard"),
        (lambda a: a["shards"][0].update(file="/etc/passwd"), "no name of a shard"),
        (lambda a: a["shards"].pop(), "not listed"),
        (lambda a: a["shards"].append(a["shards"][0]), "twice"),
        (lambda a: a["scenes"].update({scene_name(0): 5}), "damaged"),
        (lambda a: a.update(planned="many"), "damaged"),
    ],
)
def test_an_edited_index_is_one_sentence(copied: Path, change: Callable[[dict], None], words: str) -> None:
    edit_index(copied, change)
    with pytest.raises(BadInput, match=words) as caught:
        Generated(copied)
    assert "index.json" in str(caught.value)


def document(mark: str) -> str:
    """The first block of code of a language in the description of the format."""
    text = (Path(__file__).parents[3] / "docs" / "data_format.md").read_text("utf-8")
    return text.split(f"```{mark}\n", 1)[1].split("```", 1)[0]


def test_the_reader_in_the_document_reads(whole: Path) -> None:
    code = document("python")
    assert len(code.strip().splitlines()) <= 18
    assert "gpnet" not in code
    space: dict[str, Any] = {}
    exec(code, space)
    data = Generated(whole)
    color, depth, about = space["read"](whole, data.names[9])
    assert np.array_equal(color[..., ::-1], data[9].frame.color)  # type: ignore[arg-type]
    assert np.allclose(depth, data[9].frame.depth, equal_nan=True)  # type: ignore[arg-type]
    assert about["rectangles"]["center"] == [[4.0, 3.0]]
    assert about["camera"]["fx"] == 40.0


def test_another_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    for folder, words in ((tmp_path, r"photo\.jpg"), (tmp_path / "nowhere", "does not exist")):
        with pytest.raises(BadInput, match=words):
            Generated(folder)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(BadInput, match=r"index\.json is not JSON"):
        Generated(tmp_path)
