"""What must be on file before a real robot goes down to the heap."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gpnet_ros.errors import BadInput, SettingsError
from gpnet_ros.picking.mode_gate import GRIPPING, MODES, require_mode

TODAY = date(2026, 5, 20)


def check_file(folder: Path, text: str) -> str:
    path = folder / "check.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("mode", MODES)
def test_simulation_may_do_anything(mode: str) -> None:
    require_mode(mode, True, "", "", 30, TODAY)


@pytest.mark.parametrize("mode", MODES)
def test_without_a_check_hardware_ends_at_hover(mode: str) -> None:
    if mode in GRIPPING:
        with pytest.raises(BadInput, match="hover"):
            require_mode(mode, False, "", "", 30, TODAY)
    else:
        require_mode(mode, False, "", "", 30, TODAY)


def test_a_fresh_check_of_this_camera_opens_the_gate(tmp_path: Path) -> None:
    file = check_file(tmp_path, "date: 2026-05-01\ncamera_serial: '123'\n")
    for mode in GRIPPING:
        require_mode(mode, False, file, "123", 30, TODAY)
        require_mode(mode, False, file, "", 30, TODAY)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("date: 2026-04-01\ncamera_serial: '123'\n", "49 days old"),
        ("date: 2026-06-01\ncamera_serial: '123'\n", "days old"),
        ("date: 2026-05-01\ncamera_serial: '124'\n", "124"),
        ("date: 2026-05-01\n", "camera_serial"),
        ("date: yesterday\ncamera_serial: '123'\n", "no date"),
        ("", "no date"),
        ("{", "no date"),
    ],
)
def test_any_other_check_keeps_it_shut(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        require_mode("run", False, check_file(tmp_path, text), "123", 30, TODAY)


def test_an_unknown_mode_is_refused_even_in_simulation() -> None:
    with pytest.raises(SettingsError, match="dry_run"):
        require_mode("fly", True, "", "", 30, TODAY)
