"""Finding a data set's folders below whatever the user names."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpnet_ros.data.loaders.tree import by_number, files_in, find_folders, folders_in, name_of


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)


def is_scene(folder: Path) -> bool:
    return folder.name.startswith("scene")


def test_folders_are_found_at_any_level_and_not_inside_one_another(tmp_path: Path) -> None:
    make(tmp_path, "scene1", "a/scene2/scene3", "a/b/c/scene4", "a/b/c/d/scene5", ".hidden/scene6")
    found = [folder.relative_to(tmp_path).as_posix() for folder in find_folders(tmp_path, is_scene)]
    assert found == ["a/b/c/scene4", "a/scene2", "scene1"]  # scene5 lies five levels below
    assert find_folders(tmp_path / "scene1", is_scene) == [tmp_path / "scene1"]
    assert find_folders(tmp_path / "a", is_scene, depth=1) == [tmp_path / "a" / "scene2"]


def test_folders_that_are_not_to_be_entered_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path, "a/scene1", "b/scene2", "scene3")
    found = find_folders(tmp_path, is_scene, enter=lambda folder: folder.name == "b")
    assert [folder.name for folder in found] == ["scene2", "scene3"]


def test_what_is_not_there_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        assert find_folders(path, is_scene) == [] and folders_in(path) == [] and files_in(path) == []


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    make(tmp_path, "a")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert find_folders(tmp_path, is_scene) == []


def test_a_link_is_known_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "elsewhere/big")
    (tmp_path / "scene7").symlink_to(tmp_path / "elsewhere" / "big")
    assert [name_of(folder) for folder in find_folders(tmp_path, is_scene)] == ["scene7"]
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert name_of(Path(".")) == "elsewhere" and name_of(Path("big/..")) == "elsewhere"


def test_numbers_are_sorted_by_value(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "9_1.png", "b.png", "a.png"):
        (tmp_path / name).touch()
    make(tmp_path, "10", "9", "x")
    assert files_in(tmp_path) == ["9.png", "9_1.png", "10.png", "a.png", "b.png"]
    assert [folder.name for folder in folders_in(tmp_path)] == ["9", "10", "x"]
    assert by_number("9" * 5000)[0] == 1  # too long for a number: a name like any other
