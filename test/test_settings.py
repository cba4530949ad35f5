"""Settings: overrides only, unknown keys and wrong values refused by name."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from gpnet_ros import settings
from gpnet_ros.errors import SettingsError
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.settings import GripperGeometry, Workspace


def test_file_overrides_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "gripper.yaml"
    path.write_text("stroke: 0.14\n")
    loaded = settings.load_settings(GripperGeometry, path)
    assert loaded.stroke == 0.14
    assert loaded.pad_width == GripperGeometry().pad_width


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strok: 0.14", r"unknown setting 'strok'; known: .*stroke"),
        ("stroke: 3.0", r"stroke is 3.0; allowed: 0.01 to 0.3 m"),
        ("stroke: .nan", r"stroke is nan"),
        ("stroke: .inf", r"stroke is inf"),
        ("stroke: wide", r"must be of type float"),
        ("stroke: true", r"must be of type float"),
        ("palm: [0.1]", r"must have 2 entries"),
        ("palm: 0.1", r"must be a list"),
        ("[1, 2]", r"needs a mapping"),
        ("stroke: [", r"cannot be read"),
    ],
)
def test_wrong_files_are_refused_with_the_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "gripper.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        settings.load_settings(GripperGeometry, path)


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml cannot be read"):
        settings.load_settings(Workspace, tmp_path / "nowhere.yaml")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Workspace().side = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("cls", [GripperGeometry, Workspace, SelectSettings])
def test_every_setting_is_documented_and_bounded(cls: type) -> None:
    for f in fields(cls):
        assert f.metadata["doc"].endswith(".")
        assert f.metadata["choices"] or f.metadata["low"] is not None, f.name


def test_an_integer_is_a_float_where_a_float_is_wanted() -> None:
    assert settings.from_dict(Workspace, {"side": 1}).side == 1.0


def test_config_folder_is_found() -> None:
    assert settings.config_dir().name == "config"
